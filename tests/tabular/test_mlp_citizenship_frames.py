"""Data frames of pandas and polars as inputs, targets and weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from skdeep import MLPClassifier, MLPRegressor

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pytest.importorskip("pyarrow")

N_ROWS = 60
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N_ROWS, 4))
CODES = np.arange(N_ROWS) % 3
NAMES = np.array(["ant", "beetle", "cat"])[CODES]
X[:, 0] += 2 * CODES
VALUES = X @ [1.0, 2.0, 3.0, 4.0]
COLUMNS = ["a", "b", "c", "d"]
PANDAS = pd.DataFrame(X, columns=COLUMNS)
POLARS = pl.DataFrame(X, schema=COLUMNS, orient="row")

FRAMES: dict[str, Any] = {
    "pandas": PANDAS,
    "pandas with another index": PANDAS.set_index(pd.Index(range(500, 440, -1))),
    "pandas nullable": PANDAS.astype("Float64"),
    "pandas arrow": PANDAS.astype("double[pyarrow]"),
    "pandas sparse": PANDAS.astype(pd.SparseDtype(float, 0.0)),
    "pandas objects": PANDAS.astype(object),
    "polars": POLARS,
}
LABELS: dict[str, Callable[[], Any]] = {
    "pandas category": lambda: pd.Series(NAMES, dtype="category"),
    "pandas str": lambda: pd.Series(NAMES, dtype="str"),
    "pandas object": lambda: pd.Series(NAMES, dtype=object),
    "pandas nullable": lambda: pd.Series(NAMES, dtype="string"),
    "pandas with another index": lambda: pd.Series(NAMES, index=range(N_ROWS, 0, -1)),
    "polars": lambda: pl.Series("label", NAMES.tolist()),
    "polars category": lambda: pl.Series(NAMES.tolist(), dtype=pl.Categorical),
    "polars enumeration": lambda: pl.Series(
        NAMES.tolist(), dtype=pl.Enum(["cat", "ant", "beetle"])
    ),
}


@pytest.fixture
def classifier() -> MLPClassifier:
    """Return a small classifier."""
    return MLPClassifier(hidden_layer_sizes=(8,), max_epochs=5, random_state=0)


@pytest.fixture
def regressor() -> MLPRegressor:
    """Return a small regressor."""
    return MLPRegressor(hidden_layer_sizes=(8,), max_epochs=5, random_state=0)


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_frame_trains_the_network_of_its_values(
    frame: Any, classifier: MLPClassifier
) -> None:
    """A frame is its numbers and their names, and nothing else."""
    expected = clone(classifier).fit(X, NAMES).predict_proba(X)
    classifier.fit(frame, NAMES)
    assert classifier.feature_names_in_.tolist() == COLUMNS
    assert classifier.feature_names_in_.dtype == object
    assert classifier.n_features_in_ == 4
    np.testing.assert_allclose(classifier.predict_proba(frame), expected, rtol=1e-12)


@pytest.mark.parametrize(("first", "later"), [(PANDAS, POLARS), (POLARS, PANDAS)])
def test_one_library_trains_and_the_other_asks(
    first: Any, later: Any, regressor: MLPRegressor
) -> None:
    """Names are compared, not the libraries."""
    regressor.fit(first, VALUES)
    np.testing.assert_array_equal(regressor.predict(later), regressor.predict(first))


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (["d", "c", "b", "a"], "must be in the same order as they were in fit"),
        (["a", "b", "c"], "yet now missing:\n- d"),
        (["a", "b", "c", "d", "e"], "unseen at fit time:\n- e"),
        (["a", "b", "c", "z"], "unseen at fit time:\n- z"),
    ],
    ids=["reordered", "missing", "extra", "renamed"],
)
@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "partial_fit"])
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_other_columns_raise_the_error_of_scikit_learn(
    library: str,
    method: str,
    columns: list[str],
    sentence: str,
    classifier: MLPClassifier,
) -> None:
    """Columns that moved are an error and never silently another feature."""
    classifier.fit(PANDAS, NAMES)
    wide = PANDAS.assign(e=1.0, z=2.0)[columns]
    asked = wide if library == "pandas" else pl.from_pandas(wide)
    extra = (NAMES,) if method in ("score", "partial_fit") else ()
    before = classifier.coefs_[0].copy()
    with pytest.raises(ValueError, match=sentence):
        getattr(classifier, method)(asked, *extra)
    np.testing.assert_array_equal(classifier.coefs_[0], before)


def test_names_on_one_side_only_warn_as_in_scikit_learn(
    classifier: MLPClassifier,
) -> None:
    """Arrays are taken by position, with scikit-learn's warning."""
    classifier.fit(PANDAS, NAMES)
    with pytest.warns(
        UserWarning, match="X does not have valid feature names, but MLP"
    ):
        classifier.predict(X)
    classifier.fit(X, NAMES)
    with pytest.warns(UserWarning, match="X has feature names, but MLPClassifier was"):
        classifier.predict(PANDAS)


def test_names_go_when_the_next_fit_has_none(classifier: MLPClassifier) -> None:
    """A refit on an array forgets the frame before."""
    classifier.fit(PANDAS, NAMES)
    classifier.fit(X[:, :2], NAMES)
    assert not hasattr(classifier, "feature_names_in_")
    assert classifier.n_features_in_ == 2


def test_columns_without_string_names_have_no_names(classifier: MLPClassifier) -> None:
    """Whole numbers as column names are positions."""
    classifier.fit(pd.DataFrame(X), NAMES)
    assert not hasattr(classifier, "feature_names_in_")


def test_column_names_of_two_types_raise(classifier: MLPClassifier) -> None:
    """As in scikit-learn, names are strings or nothing."""
    mixed = pd.DataFrame(X, columns=["a", 1, "b", "c"])
    with pytest.raises(
        TypeError, match="only supported if all input features have str"
    ):
        classifier.fit(mixed, NAMES)


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "loss"])
def test_early_stopping_on_a_frame_is_silent(
    scoring: str, classifier: MLPClassifier
) -> None:
    """Scoring rows that validation has stripped of their names does not warn."""
    classifier.set_params(early_stopping=True, scoring=scoring)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.fit(PANDAS, NAMES)
    assert classifier.feature_names_in_.tolist() == COLUMNS


@pytest.mark.parametrize("validation", [PANDAS, POLARS], ids=["pandas", "polars"])
def test_validation_frame_is_held_to_the_names(
    validation: Any, classifier: MLPClassifier
) -> None:
    """X_val passes the checks that X passed."""
    classifier.fit(PANDAS, NAMES, X_val=validation, y_val=NAMES)
    assert len(classifier.history_["valid_loss"]) == 5
    with pytest.raises(ValueError, match="same order as they were in fit"):
        classifier.fit(PANDAS, NAMES, X_val=validation[COLUMNS[::-1]], y_val=NAMES)


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_in_a_series_are_the_labels(
    labels: Callable[[], Any], classifier: MLPClassifier
) -> None:
    """Classes are sorted as strings whatever order the categories have."""
    expected = clone(classifier).fit(X, NAMES).predict(X)
    classifier.fit(PANDAS, labels())
    assert classifier.classes_.tolist() == ["ant", "beetle", "cat"]
    assert classifier.predict(PANDAS).tolist() == expected.tolist()
    assert classifier.score(PANDAS, labels()) == np.mean(expected == NAMES)


@pytest.mark.parametrize(
    "weight",
    [pd.Series(1.0 + CODES, index=range(900, 960)), pl.Series(1.0 + CODES)],
    ids=["pandas", "polars"],
)
def test_weights_in_a_series_are_taken_by_position(
    weight: Any, classifier: MLPClassifier
) -> None:
    """The index of a series of weights is not looked at."""
    expected = clone(classifier).fit(X, NAMES, sample_weight=1.0 + CODES)
    classifier.fit(PANDAS, NAMES, sample_weight=weight)
    np.testing.assert_allclose(classifier.coefs_[0], expected.coefs_[0], rtol=1e-9)


@pytest.mark.parametrize(
    "targets",
    [
        pd.DataFrame({"u": VALUES, "v": -VALUES}),
        pl.DataFrame({"u": VALUES, "v": -VALUES}),
    ],
    ids=["pandas", "polars"],
)
def test_frame_of_targets_is_predicted_as_an_array(
    targets: Any, regressor: MLPRegressor
) -> None:
    """Several columns of y are several outputs."""
    expected = clone(regressor).fit(X, np.column_stack([VALUES, -VALUES])).predict(X)
    predicted = regressor.fit(PANDAS, targets).predict(PANDAS)
    assert type(predicted) is np.ndarray
    np.testing.assert_allclose(predicted, expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (PANDAS.astype("Float64").mask(PANDAS > 2), "Input X contains NaN"),
        (PANDAS.mask(PANDAS > 2), "Input X contains NaN"),
        (POLARS.with_columns(a=pl.lit(None, dtype=pl.Float64)), "Input X contains NaN"),
        (PANDAS.assign(a=np.inf), "Input X contains infinity"),
        (PANDAS.assign(a="red"), "takes numbers in X. Got 'red' in column 'a'"),
        (PANDAS.assign(a=pd.Timestamp("2020-01-01")), "datetime64"),
    ],
    ids=["nullable", "nan", "polars null", "inf", "strings", "dates"],
)
def test_frame_that_is_not_all_finite_numbers_raises(
    frame: Any, sentence: str, regressor: MLPRegressor
) -> None:
    """Missing values, words and dates are for the steps before."""
    with pytest.raises((TypeError, ValueError), match=sentence):
        regressor.fit(frame, VALUES)
    assert not hasattr(regressor, "n_features_in_")


def test_dtypes_of_a_frame_decide_as_those_of_an_array(regressor: MLPRegressor) -> None:
    """Single precision needs all columns to be of it; one wider column makes double."""
    single = PANDAS.astype("float32")
    values = VALUES.astype(np.float32)
    assert regressor.fit(single, values).predict(single).dtype == np.float32
    mixed = PANDAS.astype({"a": "float32", "b": "int8", "c": bool})
    assert regressor.fit(mixed, VALUES).predict(mixed).dtype == np.float64
    flags = PANDAS > 0
    assert regressor.fit(flags, VALUES).predict(flags).dtype == np.float64
