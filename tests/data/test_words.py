"""A cell that is no number is shown with its column, by estimators of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skdeep import CNNClassifier, MLPClassifier, MLPRegressor

Y = np.arange(20) % 2
WORDS = ["red", "green"] * 10
ESTIMATORS = [MLPClassifier, MLPRegressor]


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize(
    "form",
    [
        pd.DataFrame,
        lambda columns: pd.DataFrame(columns, dtype=object),
        lambda columns: pd.DataFrame(columns).astype({"colour": "category"}),
        lambda columns: pd.DataFrame(columns).astype({"colour": "string"}),
        pl.DataFrame,
        lambda columns: pd.DataFrame(columns).to_numpy(),
        lambda columns: np.array([columns["a"], columns["colour"]]).T,
        lambda columns: [list(row) for row in zip(*columns.values(), strict=True)],
    ],
    ids=["pandas", "object", "category", "string", "polars", "array", "str", "lists"],
)
def test_words_are_shown_with_their_column(form: Any, kind: Any) -> None:
    """And so is the estimator that takes them."""
    table = form({"a": np.arange(20.0), "colour": WORDS})
    named = hasattr(table, "columns")
    model = kind(max_epochs=2)
    sentence = (
        rf"{kind.__name__} takes numbers in X\. Got 'red' in column "
        rf"{'.colour.' if named else 1}\. .* OneHotEncoder, or use "
        rf"Tabular{kind.__name__}, which takes categories\."
    )
    with pytest.raises(ValueError, match=sentence):
        model.fit(table, Y)
    model.fit(np.random.default_rng(0).normal(size=(20, 2)), Y)
    with pytest.raises(ValueError, match="takes numbers in X"):
        model.predict(form({"a": np.arange(20.0), "colour": WORDS}))


@pytest.mark.parametrize("kind", ESTIMATORS)
@pytest.mark.parametrize("cell", ["1,163.74", "$5", "12,5", "N/A", "12.3%"])
def test_number_that_is_not_written_as_one_is_shown(kind: Any, cell: str) -> None:
    """Among numbers, a word is what is to be replaced."""
    table = pd.DataFrame({"price": ["1.5", cell] * 10})
    with pytest.raises(ValueError, match=r"in column 'price'\. .* pandas\.to_numeric"):
        kind(max_epochs=2).fit(table, Y)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_texts_are_for_another_estimator(kind: Any) -> None:
    """One text a row is no table."""
    other = kind.__name__.replace("MLP", "Text")
    with pytest.raises(ValueError, match=f"Got 'red' in place of a row. Use {other} "):
        kind(max_epochs=2).fit(WORDS, Y)


def test_images_of_words_are_for_no_estimator() -> None:
    """Only perceptrons have one for categories."""
    with pytest.raises(ValueError, match="in column 0") as caught:
        CNNClassifier(image_shape=(2, 2)).fit(np.array([["a"] * 4] * 20, object), Y)
    assert "Tabular" not in str(caught.value)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_objects_with_missing_cells_are_shown(kind: Any) -> None:
    """NA is neither a number nor NaN."""
    table = pd.DataFrame({"a": pd.Series([1.0, pd.NA] * 10, dtype=object)})
    with pytest.raises(ValueError, match=r"no missing values\. Got NA in column 'a'"):
        kind(max_epochs=2).fit(table, Y)


@pytest.mark.parametrize(
    "column",
    [
        pd.array([1, 2] * 10, dtype="Int64"),
        pd.array([True, False] * 10, dtype="boolean"),
        pd.array(["1.5", "2"] * 10, dtype="string"),
        pd.Series(["1.5", "2"] * 10, dtype=object),
        pd.Series([1.5, 2] * 10, dtype=object),
        pd.Categorical([1, 2] * 10),
    ],
    ids=["Int64", "boolean", "string", "strings", "objects", "category"],
)
def test_columns_that_scikit_learn_makes_numbers_of_are_taken(column: Any) -> None:
    """Whatever dtype they came in."""
    table = pd.DataFrame({"a": np.arange(20.0), "b": column})
    numbers = table.astype(float)
    model = MLPRegressor((3,), max_epochs=3, random_state=0).fit(table, Y)
    np.testing.assert_array_equal(model.predict(table), model.predict(numbers))


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": pd.array([1, None] * 10, dtype="Int64")}),
        pd.DataFrame({"a": pd.array([True, None] * 10, dtype="boolean")}),
        pl.DataFrame({"a": [1, None] * 10}),
        pl.DataFrame({"a": [True, None] * 10}),
    ],
    ids=["Int64", "boolean", "polars integers", "polars booleans"],
)
def test_missing_numbers_of_a_frame_are_refused(table: Any) -> None:
    """As NaN is."""
    with pytest.raises(ValueError, match="Input X contains NaN"):
        MLPRegressor(max_epochs=2).fit(table, Y)
