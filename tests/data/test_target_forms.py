"""Tests of targets that cannot be read, and of what is said of them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from skdeep import (
    AugmentedClassifier,
    CNNClassifier,
    CNNRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    TextAugmenter,
    TextClassifier,
    TextRegressor,
)
from skdeep.data import check_target_form

N = 20
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(N, 2))
TEXTS = ["good film", "bad film"] * (N // 2)
PIXELS = RNG.integers(0, 255, (N, 8, 8, 1), dtype=np.uint8)
CLASSIFIERS = pytest.mark.parametrize(
    ("kind", "X"),
    [
        (MLPClassifier, ROWS),
        (TabularMLPClassifier, ROWS),
        (TextClassifier, TEXTS),
        (CNNClassifier, PIXELS),
    ],
)
REGRESSORS = pytest.mark.parametrize(
    ("kind", "X"),
    [
        (MLPRegressor, ROWS),
        (TabularMLPRegressor, ROWS),
        (TextRegressor, TEXTS),
        (CNNRegressor, PIXELS),
    ],
)


def objects(values: list[Any]) -> np.ndarray:
    """Return values as an array of objects, whatever they are."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


COLLECTIONS = [
    [["a", "b"], ["a"]] * 10,
    [("a", "b"), ("a",)] * 10,
    [{"a"}, {"b", "a"}] * 10,
    [frozenset("a"), frozenset("b")] * 10,
    [{"a": 1}, {"b": 1}] * 10,
    [["a"], []] * 10,
    [[1, 2], [1]] * 10,
    [[], []] * 10,
    ["a", ["a", "b"]] * 10,
    objects([["a", "b"], ["a"]] * 10),
    objects([np.array([1, 2]), np.array([1])] * 10),
]


@CLASSIFIERS
@pytest.mark.parametrize("y", COLLECTIONS, ids=range(len(COLLECTIONS)))
def test_collections_of_labels_need_an_indicator(kind: Any, X: Any, y: Any) -> None:
    """The sentence says what makes one."""
    match = rf"{kind.__name__} learns one label a row.*MultiLabelBinarizer"
    with pytest.raises(ValueError, match=match):
        kind(max_epochs=1).fit(X, y)


def test_pairs_of_labels_are_several_classes_a_row() -> None:
    """Rows that happen to be equally long make a table, which is none of ours."""
    with pytest.raises(ValueError, match=r"one class a row.*MultiLabelBinarizer"):
        MLPClassifier().fit(ROWS, [["a", "b"], ["a", "c"]] * 10)
    Y = [[0, 1], [1, 1]] * 10
    assert MLPClassifier((2,), max_epochs=1).fit(ROWS, Y).predict(ROWS).shape == (N, 2)


@pytest.mark.parametrize("data", ["plain", "frames"])
@CLASSIFIERS
def test_missing_labels_are_found(kind: Any, X: Any, data: str) -> None:
    """None, NaN, NA and NaT in any container are no class; the row is named."""
    holes: list[Any] = [
        ["a", "b", None, "a"] * 5,
        ["a", "b", np.nan, "a"] * 5,
        objects(["a", "b", np.nan, "a"] * 5),
        objects([1, 2, None, 1] * 5),
        [True, False, None, True] * 5,
    ]
    if data == "frames":
        pandas = pytest.importorskip("pandas")
        values = ["a", "b", None, "a"] * 5
        holes = [
            pandas.Series(values, dtype="string"),
            pandas.Series(values, dtype="category"),
            pandas.Series(values),
            pandas.Categorical(values),
            pandas.Series(["a", "b", pandas.NA, "a"] * 5, dtype=object),
            pandas.Series([0, 1, None, 1] * 5, dtype="Int64"),
            pandas.Series([True, False, None, True] * 5, dtype="boolean"),
            pandas.DataFrame({"y": values}, dtype="string"),
            ["a", "b", pandas.NA, "a"] * 5,
            [pandas.NaT if v is None else v for v in values],
        ]
    match = rf"Input y contains NaN: {kind.__name__} needs a target .* in row 2\. Drop"
    for y in holes:
        with pytest.raises(ValueError, match=match):
            kind(max_epochs=1).fit(X, y)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_missing_targets_of_polars_are_found(kind: Any) -> None:
    """Nulls of every type, where NumPy would make objects or NaN of them."""
    polars = pytest.importorskip("polars")
    for values in (["a", "b", None], [0, 1, None], [True, False, None], [0.5, 1, None]):
        with pytest.raises(ValueError, match=r"Input y contains NaN: .* in row 2"):
            kind(max_epochs=1).fit(ROWS[:3], polars.Series(values, strict=False))
    if kind is MLPClassifier:
        y = polars.Series([["a", "b"], ["a"]])
        with pytest.raises(ValueError, match="MultiLabelBinarizer"):
            kind(max_epochs=1).fit(ROWS[:2], y)


@REGRESSORS
def test_missing_numbers_are_found(kind: Any, X: Any) -> None:
    """Also where None would become NaN."""
    pandas = pytest.importorskip("pandas")
    values = [1.0, 2.0, None, 1.0] * 5
    match = rf"Input y contains NaN: {kind.__name__} needs a target"
    for y in (
        values,
        objects(values),
        pandas.Series(values, dtype="Float64"),
        pandas.Series([1, 2, None, 1] * 5, dtype="category"),
        pandas.DataFrame({"a": values, "b": values}),
    ):
        with pytest.raises(ValueError, match=match):
            kind(max_epochs=1).fit(X, y)


@REGRESSORS
@pytest.mark.parametrize(
    "y",
    [[[1.0, 2.0], [1.0]] * 10, [[1.0], 2.0] * 10, [{1}, {2, 3}] * 10],
    ids=["ragged", "some in lists", "sets"],
)
def test_ragged_numbers_are_refused(kind: Any, X: Any, y: Any) -> None:
    """Every row has as many targets."""
    match = rf"{kind.__name__} predicts the same number of targets for every row"
    with pytest.raises(ValueError, match=match):
        kind(max_epochs=1).fit(X, y)


@REGRESSORS
@pytest.mark.parametrize(
    "value",
    ["a", dt.date(2020, 1, 1), object(), b"x"],
    ids=["text", "date", "object", "bytes"],
)
def test_what_is_no_number_is_shown(kind: Any, X: Any, value: Any) -> None:
    """With its type, and the error of `float` as the cause."""
    match = rf"{kind.__name__} expects y as .* real numbers\. Got .* of type"
    with pytest.raises(ValueError, match=match) as caught:
        kind(max_epochs=1).fit(X, [1.0, value] * 10)
    assert isinstance(caught.value.__cause__, (TypeError, ValueError))


def test_numbers_of_other_types_are_read() -> None:
    """What `float` takes is a number."""
    plain = MLPRegressor((2,), max_epochs=1, random_state=0).fit(ROWS, [1.5, 2] * 10)
    again = MLPRegressor((2,), max_epochs=1, random_state=0)
    again.fit(ROWS, [Decimal("1.5"), 2] * 10)
    np.testing.assert_array_equal(again.predict(ROWS), plain.predict(ROWS))


@CLASSIFIERS
@pytest.mark.parametrize(
    ("y", "match"),
    [
        ([1, "a"] * 10, "needs labels of one type"),
        (objects([1, "a"] * 10), "needs labels of one type"),
        (objects([True, "a"] * 10), "needs labels of one type"),
        ([Decimal(1), Decimal(2)] * 10, "Unknown label type: .* of type Decimal"),
        ([dt.date(2020, 1, d + 1) for d in range(N)], "of type date"),
        ([object()] * N, "of type object"),
    ],
    ids=["list", "objects", "bools", "decimals", "dates", "any"],
)
def test_labels_are_of_one_usual_type(kind: Any, X: Any, y: Any, match: str) -> None:
    """A list of numbers and strings is not silently one of strings."""
    with pytest.raises(ValueError, match=match):
        kind(max_epochs=1).fit(X, y)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize(
    "y", ["ab" * 10, set(range(N)), {"a": 1}, iter(range(N))], ids=type
)
def test_targets_are_a_sequence(kind: Any, y: Any) -> None:
    """What has no order, or one pass only, is no target."""
    with pytest.raises(TypeError, match="takes y as an array or a list"):
        kind().fit(ROWS, y)


def test_validation_targets_are_named() -> None:
    """The sentence is about y_val."""
    y = ["a", "b"] * 10
    with pytest.raises(ValueError, match="Input y_val contains NaN"):
        MLPClassifier().fit(ROWS, y, X_val=ROWS[:2], y_val=["a", None])


def test_partial_fit_and_wrapped_estimators_say_the_same() -> None:
    """All ways to a fit look at the targets."""
    lists = [["a", "b"], ["a"]] * 10
    for classes in (None, ["a", "b"]):
        with pytest.raises(ValueError, match="MultiLabelBinarizer"):
            MLPClassifier().partial_fit(ROWS, lists, classes=classes)
    augmented = AugmentedClassifier(TextClassifier(max_epochs=1), TextAugmenter())
    with pytest.raises(ValueError, match="MultiLabelBinarizer"):
        augmented.fit(TEXTS, lists)


@pytest.mark.parametrize(
    "y",
    [
        [0, 1] * 10,
        ["a", "b"] * 10,
        [True, False] * 10,
        [np.str_("a"), "b"] * 10,
        [np.int64(1), 2.0] * 10,
        objects(["a", "b"] * 10),
        [["a"], ["b"]] * 10,
        np.array(["a", "b"] * 10),
    ],
    ids=repr,
)
def test_usual_labels_pass(y: Any) -> None:
    """Whatever scikit-learn takes for labels of one type."""
    check_target_form(y, "Owner", labels=True)
