"""Tables that cannot be taken: one sentence, and nothing is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from skdeep import TabularMLPClassifier, TabularMLPRegressor

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "n_ensemble": 2,
    "embedding_dim": 3,
    "n_bins": 4,
    "max_epochs": 2,
    "early_stopping": False,
    "batch_size": 1000,
    "random_state": 0,
}
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "size": RNG.standard_normal(30),
        "city": RNG.choice(["Rome", "Oslo", "Lima"], 30),
        "open": RNG.random(30) < 0.5,
    }
)
Y = np.arange(30) % 2


def with_column(name: str, values: Any) -> Any:
    """Return the table with another column in the place of one."""
    return FRAME.assign(**{name: values})


def objects(value: Any) -> list[Any]:
    """Return a column of words with one other thing in it."""
    return ["word"] * 29 + [value]


# What is wrong whatever was fitted: the table and a part of the sentence.
ALWAYS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "dates": (
        lambda: with_column("size", pd.date_range("2020-01-01", periods=30)),
        ValueError,
        "takes numbers and categories, not dates or times. Got .* in column 'size'",
    ),
    "durations": (
        lambda: with_column("size", pd.to_timedelta(range(30), unit="h")),
        ValueError,
        "not dates or times. Got timedelta.* in column 'size'",
    ),
    "dates in objects": (
        lambda: with_column("city", [dt.date(2020, 1, 1)] * 30),
        ValueError,
        "not dates or times.* in column 'city'",
    ),
    "polars dates": (
        lambda: pl.DataFrame(with_column("city", "Rome").to_dict("list")).with_columns(
            pl.lit(dt.date(2020, 1, 1)).alias("city")
        ),
        ValueError,
        "not dates or times.* in column 'city'",
    ),
    "infinity": (
        lambda: with_column("size", [np.inf, *range(29)]),
        ValueError,
        "takes finite or missing numbers. Got infinity in column 'size'",
    ),
    "words and numbers": (
        lambda: with_column("city", objects(3.5)),
        ValueError,
        "takes columns of one kind. Got strings and numbers in column 'city'",
    ),
    "words and truth": (
        lambda: with_column("city", objects(True)),
        ValueError,
        "takes columns of one kind. Got strings and booleans in column 'city'",
    ),
    "complex": (
        lambda: with_column("city", [1j] * 30),
        ValueError,
        "Complex data not supported: Tabular",
    ),
    "lists in cells": (
        lambda: with_column("city", [[1, 2]] * 30),
        TypeError,
        "must be a string or a real number. Got .* in column 'city'",
    ),
    "no rows": (lambda: FRAME.iloc[:0], ValueError, "0 sample"),
}
# What is wrong for a model that was fitted on FRAME.
LATER: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "column missing": (
        lambda: FRAME.drop(columns="open"),
        ValueError,
        "(?s)feature names should match.*missing.*open",
    ),
    "column more": (
        lambda: FRAME.assign(colour="red"),
        ValueError,
        "(?s)feature names should match.*unseen.*colour",
    ),
    "renamed": (
        lambda: FRAME.rename(columns={"city": "town"}),
        ValueError,
        "(?s)feature names should match.*town.*city",
    ),
    "another order": (
        lambda: FRAME[["city", "size", "open"]],
        ValueError,
        "must be in the same order",
    ),
    "numbers for words": (
        lambda: with_column("city", 3),
        ValueError,
        "was fitted with strings in column 'city'. Got numbers, e.g. 3",
    ),
    "words for numbers": (
        lambda: with_column("size", "big"),
        ValueError,
        "was fitted with numbers in column 'size'. Got strings, e.g. 'big'",
    ),
    "words for truth": (
        lambda: with_column("open", "yes"),
        ValueError,
        "was fitted with booleans in column 'open'. Got strings, e.g. 'yes'",
    ),
}


@pytest.mark.parametrize("how", ALWAYS)
@pytest.mark.parametrize("kind", BOTH)
def test_table_is_refused_and_the_estimator_left_alone(kind: Any, how: str) -> None:
    """By fit, refit, partial_fit, predict, and as validation rows: nothing is lost."""
    make, error, sentence = ALWAYS[how]
    bad = make()
    fresh = kind(**SMALL)
    before = dict(vars(fresh))
    with pytest.raises(error, match=sentence):
        fresh.fit(bad, Y[: len(bad)])
    assert vars(fresh) == before
    net = kind(**SMALL).fit(FRAME, Y)
    before, expected = dict(vars(net)), net.predict(FRAME)
    with pytest.raises(error, match=sentence):
        net.fit(bad, Y[: len(bad)])
    with pytest.raises(error, match=sentence):
        net.partial_fit(bad, Y[: len(bad)])
    with pytest.raises(error, match=sentence):
        net.fit(FRAME, Y, X_val=bad, y_val=Y[: len(bad)])
    with pytest.raises(error, match=sentence):
        net.predict(bad)
    assert vars(net) == before
    np.testing.assert_array_equal(net.predict(FRAME), expected)


@pytest.mark.parametrize("how", LATER)
@pytest.mark.parametrize("kind", BOTH)
def test_other_columns_than_in_fit_are_refused(kind: Any, how: str) -> None:
    """By predict, partial_fit and as validation rows; the estimator predicts on."""
    make, error, sentence = LATER[how]
    bad = make()
    net = kind(**SMALL).fit(FRAME, Y)
    before, expected = dict(vars(net)), net.predict(FRAME)
    with pytest.raises(error, match=sentence):
        net.predict(bad)
    with pytest.raises(error, match=sentence):
        net.partial_fit(bad, Y)
    with pytest.raises(error, match=sentence):
        net.fit(FRAME, Y, X_val=bad, y_val=Y)
    assert vars(net) == before
    np.testing.assert_array_equal(net.predict(FRAME), expected)


@pytest.mark.parametrize("form", [sp.csr_array, sp.csr_matrix, sp.coo_array])
@pytest.mark.parametrize("kind", BOTH)
def test_sparse_table_is_refused(kind: Any, form: Any) -> None:
    """The sentence says what to do instead, before and after a fit."""
    X = RNG.standard_normal((30, 3))
    net = kind(**SMALL)
    with pytest.raises(TypeError, match=r"takes dense tables.*X\.toarray\(\) first"):
        net.fit(form(X), Y)
    expected = net.fit(X, Y).predict(X)
    with pytest.raises(TypeError, match=f"takes dense tables.*Got a {form.__name__}"):
        net.predict(form(X))
    np.testing.assert_array_equal(net.predict(X), expected)


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (["citty"], "must name columns of X. Got 'citty', but the columns are"),
        (["city", "Open"], "must name columns of X. Got 'Open'"),
        ([3], "must hold names of columns, positions from 0, or a bool for each"),
        ([-1], "must hold names of columns, positions from 0"),
        ([True, False], r"Got \[True, False\] for 3 columns"),
        ([1.5], "must hold names of columns"),
        ("from_dtypes", "Got 'from_dtypes'"),
        (3, "The 'categorical_features' parameter of TabularMLPClassifier must be"),
    ],
)
def test_typing_error_in_categorical_features_is_refused(
    features: Any, sentence: str
) -> None:
    """With the names that there are, where names were given."""
    net = TabularMLPClassifier(**SMALL, categorical_features=features)
    with pytest.raises(ValueError, match=sentence):
        net.fit(FRAME, Y)
    assert not hasattr(net, "module_")


def test_one_name_alone_is_a_categorical_feature() -> None:
    """It needs no list around it."""
    frame = FRAME.assign(level=np.arange(30) % 5)[["size", "level"]]
    net = TabularMLPClassifier(**SMALL, categorical_features="level").fit(frame, Y)
    assert net._state.scaler.onehot_sizes == (5,)


@pytest.mark.parametrize("features", [None, ["open"], [False, False, True]])
def test_words_declared_numbers_are_refused(features: Any) -> None:
    """A column of words that is not named as categories cannot be numbers."""
    net = TabularMLPClassifier(**SMALL, categorical_features=features)
    sentence = "takes column 'city' for numbers.*Got strings, e.g. '(Rome|Oslo|Lima)'"
    with pytest.raises(ValueError, match=sentence):
        net.fit(FRAME, Y)


def test_categories_of_numbers_may_be_declared_numbers() -> None:
    """A category dtype of numbers with categorical_features=None is read as numbers."""
    codes = np.arange(30) % 5
    frame = pd.DataFrame({"level": pd.Categorical(codes), "size": FRAME["size"]})
    plain = frame.assign(level=codes.astype(np.float64))
    by_dtype = TabularMLPRegressor(**SMALL).fit(frame, Y)
    assert by_dtype._state.scaler.n_numeric == 1
    net = TabularMLPRegressor(**SMALL, categorical_features=None).fit(frame, Y)
    expected = TabularMLPRegressor(**SMALL, categorical_features=None).fit(plain, Y)
    assert net._state.scaler.n_numeric == 2
    np.testing.assert_array_equal(net.predict(frame), expected.predict(plain))
