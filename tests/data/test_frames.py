"""Tests of reading and validating whole tables."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator

from skdeep.data._frames import check_target, read_table
from skdeep.data._mixed import MixedTable

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

COLUMNS: dict[str, list[Any]] = {
    "size": [1.5, None, -2.0, 4.0],
    "count": [3, 1, 2, 2],
    "city": ["Rome", None, "Oslo", "Rome"],
    "open": [True, False, True, True],
}


class Reader(BaseEstimator):
    """Stand in for an estimator."""


def as_objects(columns: dict[str, list[Any]]) -> np.ndarray:
    """Return columns as an array of objects."""
    array = np.empty((4, len(columns)), dtype=object)
    for position, values in enumerate(columns.values()):
        array[:, position] = values
    return array


MAKERS: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas nullable": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "pandas arrow": lambda columns: pd.DataFrame(columns).convert_dtypes(
        dtype_backend="pyarrow"
    ),
    "polars": pl.DataFrame,
    "objects": as_objects,
    "lists": lambda columns: as_objects(columns).tolist(),
}


def read(X: Any, **options: Any) -> MixedTable:
    """Read a table for a fresh estimator."""
    return read_table(Reader(), X, **options)


def read_later(fitted: Any, later: Any) -> tuple[MixedTable, MixedTable]:
    """Read one table for a fit, and another one as it was read then."""
    estimator = Reader()
    table = read_table(estimator, fitted)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X (has|does not have valid) feature")
        return table, read_table(estimator, later, schema=table.schema)


def contents(table: MixedTable, column: int) -> list[Any]:
    """Return a categorical column as it was, None where it is missing."""
    levels = table.levels[column]
    return [None if code < 0 else levels[code] for code in table.codes[:, column]]


@pytest.mark.parametrize("maker", MAKERS)
def test_every_container_gives_the_same_table(maker: str) -> None:
    """Numbers, categories and holes come out the same from frames and arrays."""
    table = read(MAKERS[maker](COLUMNS))
    assert table.shape == (4, 4)
    np.testing.assert_array_equal(
        table.numeric, [[1.5, 3], [np.nan, 1], [-2, 2], [4, 2]]
    )
    assert contents(table, 0) == COLUMNS["city"]
    assert contents(table, 1) == COLUMNS["open"]
    assert table.schema.categorical == (False, False, True, True)
    assert table.schema.kinds == ("numbers", "numbers", "strings", "booleans")


@pytest.mark.parametrize("fitted", MAKERS)
@pytest.mark.parametrize("later", MAKERS)
def test_schema_holds_in_every_container(fitted: str, later: str) -> None:
    """A table can be read by the schema of another container."""
    columns = {**COLUMNS, "open": [None, False, None, True], "city": [None] * 4}
    before, table = read_later(MAKERS[fitted](COLUMNS), MAKERS[later](columns))
    assert contents(table, 0) == [None] * 4
    assert contents(table, 1) == columns["open"]
    assert table.schema is before.schema


@pytest.mark.parametrize(
    "features", [["city", "count"], [2, 1], [False, True, True, False]]
)
def test_categorical_features_by_name_position_and_mask(features: Any) -> None:
    """All three ways name the same columns, and the rest is numeric."""
    table = read(pd.DataFrame(COLUMNS), categorical_features=features)
    assert table.schema.categorical == (False, True, True, False)
    np.testing.assert_array_equal(table.numeric[:, 1], [1, 0, 1, 1])
    assert contents(table, 0) == [3, 1, 2, 2]
    as_array = read(
        pd.DataFrame(COLUMNS), categorical_features=np.array(features)
    ).schema
    assert as_array == table.schema


def test_categorical_features_of_a_numeric_array() -> None:
    """Columns of a plain array can be said to be categories."""
    X = np.array([[1.0, 7.0], [2.0, np.nan], [3.0, 5.0]])
    table = read(X, categorical_features=[1])
    assert contents(table, 0) == [7.0, None, 5.0]
    assert table.numeric[:, 0].tolist() == [1.0, 2.0, 3.0]
    again = read_table(Reader(), np.array([[1, 5]]), schema=table.schema)
    assert contents(again, 0) == [5]


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (["town"], r"must name columns of X. Got 'town', but the columns are \['size'"),
        ([4], r"positions from 0.*Got \[4\] for 4 columns"),
        ([-1], r"Got \[-1\] for 4 columns"),
        ([True], r"a bool for each column. Got \[True\] for 4 columns"),
        ([1.5], r"Got \[1.5\]"),
        ("town", r"must name columns of X. Got 'town'"),
        ([["city"]], r"must hold names of columns"),
    ],
)
def test_wrong_categorical_features_are_refused(features: Any, sentence: str) -> None:
    """What names no column of the table gets one sentence."""
    with pytest.raises(ValueError, match=f"'categorical_features'.*Reader.*{sentence}"):
        read(pd.DataFrame(COLUMNS), categorical_features=features)


def test_names_are_refused_where_columns_have_none() -> None:
    """An array has no names to give."""
    with pytest.raises(ValueError, match="for 2 columns without names"):
        read(np.zeros((3, 2)), categorical_features=["a"])


def test_strings_among_numbers_are_refused() -> None:
    """A column that is taken for numbers must not hold strings."""
    sentence = r"takes column 'city' for numbers.*Got strings, e.g. 'Rome'. Name it"
    for features in (None, ["size"]):
        with pytest.raises(ValueError, match=sentence):
            read(pd.DataFrame(COLUMNS), categorical_features=features)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": ["1.5", "2", "3", "4"]}, "numbers in column 'size'. Got strings"),
        ({"city": [1, 2, 3, 4]}, "strings in column 'city'. Got numbers, e.g. 1"),
        ({"open": ["yes", "no", "no", "no"]}, "booleans in column 'open'. Got strings"),
        ({"open": [1.0, 0.0, 0.0, None]}, "booleans in column 'open'. Got numbers"),
    ],
)
@pytest.mark.parametrize("maker", ["pandas", "polars", "pandas nullable"])
def test_changed_kind_is_refused(
    change: dict[str, list[Any]], sentence: str, maker: str
) -> None:
    """Another kind of value than in fit is named along with its column."""
    make = MAKERS[maker]
    with pytest.raises(ValueError, match=f"Reader was fitted with {sentence}"):
        read_later(make(COLUMNS), make({**COLUMNS, **change}))


def test_booleans_pass_for_numbers() -> None:
    """Where numbers were, truth counts as zero and one."""
    _, table = read_later(np.array([[0.0], [2.0]]), np.array([[True], [False]]))
    assert table.numeric.ravel().tolist() == [1.0, 0.0]


@pytest.mark.parametrize("later", [["a", "b"], [1.0, 2.0], [None, None]])
def test_column_that_held_nothing_accepts_anything(later: list[Any]) -> None:
    """What was missing in all rows of fit is not listened to later."""
    empty = pd.DataFrame({"x": [None, None], "y": [1.0, 2.0]})
    before, table = read_later(empty, empty.assign(x=later))
    assert before.schema.kinds == ("nothing", "numbers")
    assert np.isnan(table.numeric[:, 0]).all()


def test_arrays_know_columns_that_held_nothing() -> None:
    """The same holds for a column of NaN in an array of numbers."""
    assert read(np.array([[np.nan, 1.0]])).schema.kinds == ("nothing", "numbers")


def test_infinity_is_refused_with_its_column() -> None:
    """An infinite number is named by column, in frames and in arrays."""
    with pytest.raises(ValueError, match=r"Got infinity in column 'x'\. Clip it"):
        read(pd.DataFrame({"a": ["u", "v"], "x": [1.0, -np.inf]}))
    X = np.zeros((9000, 3))
    X[8500, 2] = np.inf
    with pytest.raises(ValueError, match="Got infinity in column 2"):
        read(X)


@pytest.mark.parametrize(
    ("X", "error", "sentence"),
    [
        (sp.csr_array(np.eye(3)), TypeError, "sparse one. Got a csr_array"),
        (np.zeros(3), ValueError, "Expected 2D array, got 1D array"),
        (np.zeros((2, 2, 2)), ValueError, "Found array with dim 3"),
        (np.zeros((0, 2)), ValueError, "Found array with 0 sample"),
        (np.zeros((2, 0)), ValueError, "Found array with 0 feature"),
        (pd.DataFrame({"a": []}), ValueError, "Found array with 0 sample"),
        (pd.DataFrame(index=[1, 2]), ValueError, r"0 feature\(s\) \(shape=\(2, 0\)\)"),
        (np.array([["2020-01-01"]], "datetime64[D]"), ValueError, "not dates or times"),
        (np.array([[1j]]), ValueError, "Complex data not supported"),
        (pa.table({"a": [1]}), TypeError, "Got a pyarrow Table. Convert it"),
        (pl.LazyFrame({"a": [1]}), TypeError, "Got a polars LazyFrame. Convert it"),
        ([[1, 2], [3]], ValueError, "inhomogeneous"),
        (np.array([[1, {"a": 1}]]), TypeError, "a real number. Got {'a': 1} in col"),
    ],
)
def test_what_is_no_table_is_refused(X: Any, error: Any, sentence: str) -> None:
    """Each wrong container has its sentence."""
    with pytest.raises(error, match=sentence):
        read(X)


def test_number_and_names_of_features_are_set_and_compared() -> None:
    """The estimator learns the columns in fit and insists on them later."""
    estimator, frame = Reader(), pd.DataFrame(COLUMNS)
    schema = read_table(estimator, frame).schema
    assert estimator.n_features_in_ == 4
    assert estimator.feature_names_in_.tolist() == list(COLUMNS)
    with pytest.raises(ValueError, match=r"yet now missing:\n- city"):
        read_table(estimator, frame.drop(columns="city"), schema=schema)
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- extra"):
        read_table(estimator, frame.assign(extra=1), schema=schema)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        read_table(estimator, as_objects(COLUMNS), schema=schema)
    with pytest.raises(ValueError, match="X has 3 features, but Reader is expecting 4"):
        read_later(as_objects(COLUMNS), np.zeros((2, 3)))


def test_new_fit_forgets_old_names() -> None:
    """Reading an array for a fit drops the names of the frame before."""
    estimator = Reader()
    read_table(estimator, pd.DataFrame(COLUMNS))
    read_table(estimator, np.zeros((2, 3)))
    assert estimator.n_features_in_ == 3
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        (["float32", "float32"], np.float32),
        (["float32", "int8"], np.float32),
        (["float32", "float64"], np.float64),
        (["int8", "int8"], np.float64),
        (["float16", "float16"], np.float64),
    ],
)
def test_dtype_follows_scikit_learn(dtypes: list[str], expected: Any) -> None:
    """Single precision stays, all else becomes double."""
    frame = pd.DataFrame({str(i): np.zeros(2, dtype) for i, dtype in enumerate(dtypes)})
    assert read(frame).dtype == expected
    assert read(frame.to_numpy()).dtype == np.result_type(expected, *dtypes)


def test_lists_keep_numbers_beside_strings() -> None:
    """NumPy alone would turn the numbers into strings."""
    table = read([["a", 1.5], ["b", 2]])
    assert table.schema.kinds == ("strings", "numbers")
    assert table.numeric.ravel().tolist() == [1.5, 2.0]


def test_numeric_arrays_are_read_by_the_schema_of_another() -> None:
    """Later rows of a plain array keep the schema, holes or none."""
    before, later = read_later(np.zeros((3, 2)), np.array([[1.0, np.nan]]))
    assert later.schema is before.schema
    np.testing.assert_array_equal(later.numeric, [[1.0, np.nan]])


def test_table_of_categories_only_is_read() -> None:
    """Without a number there are zero numeric columns."""
    table = read(np.array([["a"], ["b"]]))
    assert table.numeric.shape == (2, 0)
    assert table.dtype == np.float64
    assert contents(table, 0) == ["a", "b"]


def test_boolean_array_holds_categories() -> None:
    """An array of booleans is read as a frame of them."""
    table = read(np.array([[True, False], [False, False]]))
    assert table.schema.kinds == ("booleans", "booleans")


def test_numeric_array_is_not_copied() -> None:
    """Reading numbers costs no second copy of them."""
    X = np.asfortranarray(np.arange(6.0).reshape(3, 2))
    assert np.shares_memory(read(X).numeric, X)


def test_table_that_was_read_passes() -> None:
    """What has been read by a schema need not be read again."""
    table = read(pd.DataFrame(COLUMNS))
    assert read_table(Reader(), table, schema=table.schema) is table
    other = read(pd.DataFrame({"a": [1]}))
    with pytest.raises(ValueError, match="Got one of another schema"):
        read_table(Reader(), other, schema=table.schema)


def test_arrays_need_no_frame_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither pandas nor polars is loaded neither is, and arrays are read."""
    expected = read(pd.DataFrame(COLUMNS))
    monkeypatch.delitem(sys.modules, "pandas")
    monkeypatch.delitem(sys.modules, "polars")
    table = read(as_objects(COLUMNS))
    np.testing.assert_array_equal(table.numeric, expected.numeric)
    assert contents(table, 0) == COLUMNS["city"]
    assert not {"pandas", "polars"} & sys.modules.keys()


def test_check_target_validates_as_scikit_learn() -> None:
    """Targets are raveled, counted and checked for holes along with a table."""
    table = read(pd.DataFrame(COLUMNS))
    assert check_target(Reader(), table, ["a", "b", "a", "b"]).tolist() == list("abab")
    pairs = np.zeros((4, 2))
    assert check_target(Reader(), table, pairs, multi_output=True).shape == (4, 2)
    as_number = np.array([1, 2, 3, 4], dtype=object)
    assert check_target(Reader(), table, as_number, y_numeric=True).dtype == float
    for y, sentence in [
        ([1, 2, 3], "inconsistent numbers of samples: .4, 3."),
        ([1.0, np.nan, 1.0, 1.0], "Input y contains NaN"),
        (pairs, "y should be a 1d array"),
        (None, "requires y to be passed, but the target y is None"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            check_target(Reader(), table, y)
