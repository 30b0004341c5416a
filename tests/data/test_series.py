"""Tests of reading columns of pandas and polars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from skdeep.data._columns import Column, Labels, Numbers, Place
from skdeep.data._series import FEW_ROWS, open_frame, read_pandas, read_polars

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")

HERE = Place.of("Reader", "a")

# Small series are read in plain Python, large ones by their library.
LENGTHS = pytest.mark.parametrize("times", [1, FEW_ROWS])


def read(series: Any, *, times: int = 1, declared: bool = False) -> Column:
    """Read a series, repeated, by the library it is of."""
    if isinstance(series, pl.Series):
        return read_polars(pl.concat([series] * times), HERE, declared=declared)
    longer = pd.concat([series] * times, ignore_index=True)
    return read_pandas(longer, HERE, declared=declared)


def restored(column: Any) -> list[Any]:
    """Return the category of every row, None where it is missing."""
    assert isinstance(column, Labels)
    return [None if code < 0 else column.levels[code] for code in column.codes]


def arrow(values: list[Any], kind: Any) -> Any:
    """Return a pandas series with an Arrow dtype."""
    return pd.Series(values, dtype=pd.ArrowDtype(kind))


NAMES = ["b", None, "a", "b"]
SERIES_OF_NAMES = {
    "object": pd.Series(NAMES, dtype=object),
    "str": pd.Series(NAMES, dtype="str"),
    "string": pd.Series(NAMES, dtype="string[python]"),
    "string[pyarrow]": pd.Series(NAMES, dtype="string[pyarrow]"),
    "category": pd.Series(NAMES, dtype="category"),
    "arrow": arrow(NAMES, pa.string()),
    "arrow dictionary": arrow(NAMES, pa.dictionary(pa.int32(), pa.string())),
    "polars": pl.Series(NAMES),
    "polars category": pl.Series(NAMES, dtype=pl.Categorical),
    "polars enum": pl.Series(NAMES, dtype=pl.Enum(["z", "a", "b"])),
}


@LENGTHS
@pytest.mark.parametrize("dtype", SERIES_OF_NAMES)
def test_strings_are_categories_in_every_dtype(dtype: str, times: int) -> None:
    """Strings come out the same whatever library and dtype they came in."""
    column = read(SERIES_OF_NAMES[dtype], times=times)
    assert restored(column) == NAMES * times
    assert column.kind == "strings"


@LENGTHS
@pytest.mark.parametrize("series", [pd.Series(["b", "a"]), pl.Series(["b", "a"])])
def test_strings_without_holes_are_categories(series: Any, times: int) -> None:
    """No row is missing where nothing is."""
    assert restored(read(series, times=times)) == ["b", "a"] * times


@LENGTHS
@pytest.mark.parametrize(
    "series",
    [
        pd.Series([True, False, None], dtype="boolean"),
        pd.Series([True, False, None], dtype=object),
        arrow([True, False, None], pa.bool_()),
        pl.Series([True, False, None]),
    ],
)
def test_booleans_are_categories(series: Any, times: int) -> None:
    """Booleans with a hole come out the same in every dtype."""
    column = read(series, times=times)
    assert restored(column) == [True, False, None] * times
    assert column.kind == "booleans"


def test_booleans_without_holes_are_categories() -> None:
    """The plain dtypes of booleans are read too."""
    assert restored(read(pd.Series([True, False]))) == [True, False]


@pytest.mark.parametrize(
    ("series", "dtype"),
    [
        (pd.Series([1, 2], dtype="int8"), np.int8),
        (pd.Series([1, 2], dtype="uint64"), np.uint64),
        (pd.Series([1, 2], dtype="float32"), np.float32),
        (pd.Series([1, 2], dtype="Int64"), np.float64),
        (pd.Series([1, 2], dtype="Float32"), np.float32),
        (pd.Series([1, 2], dtype=pd.SparseDtype(float)), np.float64),
        (arrow([1, 2], pa.int16()), np.float64),
        (arrow([1, 2], pa.float32()), np.float32),
        (arrow([1, 2], pa.decimal128(5, 2)), np.float64),
        (pl.Series([1, 2], dtype=pl.Int32), np.int32),
        (pl.Series([1, 2], dtype=pl.Float32), np.float32),
        (pl.Series([1, 2], dtype=pl.Decimal(10, 2)), np.float64),
    ],
)
def test_numbers_are_read_from_every_dtype(series: Any, dtype: Any) -> None:
    """Numbers keep their value, and single precision where they have it."""
    column = read(series)
    assert isinstance(column, Numbers)
    assert column.values.tolist() == [1, 2]
    assert column.values.dtype == dtype


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1.5, np.nan]),
        pd.Series([1.5, None], dtype="Float64"),
        pd.Series([1.5, pd.NA], dtype=object),
        arrow([1.5, None], pa.float64()),
        pl.Series([1.5, None]),
        pl.Series([1.5, float("nan")]),
    ],
)
def test_holes_in_numbers_are_nan(series: Any) -> None:
    """Null, NA and NaN are one."""
    column = read(series)
    assert isinstance(column, Numbers)
    np.testing.assert_array_equal(column.values, [1.5, np.nan])


@pytest.mark.parametrize(
    "series", [pd.Series([2**60, None], dtype="Int64"), pl.Series([2**60, None])]
)
def test_declared_integers_with_holes_keep_all_digits(series: Any) -> None:
    """Large identifiers do not pass through floats on their way to categories."""
    assert restored(read(series, declared=True)) == [2**60, None]


@LENGTHS
def test_categories_of_numbers_and_intervals_are_categories(times: int) -> None:
    """A categorical dtype makes numbers categories, and intervals their names."""
    numbers = pd.Series([3, 1, None] * times, dtype="category")
    assert restored(read(numbers)) == [3, 1, None] * times
    cut = pd.Series(pd.cut([1, 3] * times, [0, 2, 4]))
    assert restored(read(cut)) == (["(0, 2]", "(2, 4]"] * times)


def test_few_rows_of_many_categories_are_read() -> None:
    """A slice that keeps all the categories of its frame is read by its own rows."""
    names = [f"name {i}" for i in range(2 * FEW_ROWS)]
    few = pd.Series(names, dtype="category").iloc[[5, 3, 5]]
    column = read(few)
    assert restored(column) == ["name 5", "name 3", "name 5"]
    assert isinstance(column, Labels)
    assert len(column.levels) == 2


DATES = {
    "datetime64": pd.Series(pd.to_datetime(["2020-01-01"])),
    "time zone": pd.Series(pd.to_datetime(["2020-01-01"])).dt.tz_localize("UTC"),
    "timedelta64": pd.Series(pd.to_timedelta([1], unit="s")),
    "arrow date": arrow([dt.date(2020, 1, 1)], pa.date32()),
    "arrow timestamp": arrow([dt.datetime(2020, 1, 1)], pa.timestamp("us")),
    "arrow time": arrow([dt.time(1)], pa.time32("s")),
    "category": pd.Series(pd.to_datetime(["2020-01-01"]), dtype="category"),
    "objects": pd.Series([dt.date(2020, 1, 1)], dtype=object),
    "polars date": pl.Series([dt.date(2020, 1, 1)]),
    "polars datetime": pl.Series([dt.datetime(2020, 1, 1)]),
    "polars duration": pl.Series([dt.timedelta(1)]),
    "polars time": pl.Series([dt.time(1)]),
}


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("dtype", DATES)
def test_dates_are_refused_in_every_dtype(dtype: str, *, declared: bool) -> None:
    """Dates and times are refused with the name of their column."""
    with pytest.raises(ValueError, match=r"not dates or times.*column 'a'"):
        read(DATES[dtype], declared=declared)


@LENGTHS
@pytest.mark.parametrize(
    "series",
    [
        pd.Series([[1], [2]]),
        arrow([[1], [2]], pa.list_(pa.int64())),
        pl.Series([[1], [2]]),
        pl.Series([{"x": 1}, {"x": 2}]),
    ],
)
def test_nested_columns_are_refused(series: Any, times: int) -> None:
    """Lists and structs in cells are refused with the name of their column."""
    with pytest.raises(TypeError, match=r"must be a string or a real.*column 'a'"):
        read(series, times=times)


def test_complex_series_are_refused() -> None:
    """Complex numbers have a sentence of their own."""
    with pytest.raises(ValueError, match=r"Complex data not supported.*complex128"):
        read(pd.Series([1j]))


@pytest.mark.parametrize(
    "series", [pl.Series([None, None]), pd.Series([None, None], dtype=object)]
)
def test_series_of_nothing_holds_nothing(series: Any) -> None:
    """A column of holes without a type is numeric and empty."""
    assert read(series).kind == "nothing"


def test_open_frame_takes_columns_by_position() -> None:
    """Two columns of one name are two columns."""
    frame = open_frame(pd.DataFrame([[1, 2]], columns=["x", "x"]))
    assert frame is not None
    assert frame.names == ["x", "x"]
    assert [series.tolist() for series in frame.series] == [[1], [2]]


@pytest.mark.parametrize("thing", [np.zeros((2, 2)), [[1]], pd.Series([1])])
def test_open_frame_leaves_the_rest_alone(thing: Any) -> None:
    """Only frames are frames."""
    assert open_frame(thing) is None


def test_open_frame_needs_no_library(hide_module: Callable[[str], None]) -> None:
    """Where neither library can be imported nothing is a frame."""
    frame = pd.DataFrame({"a": [1]})
    hide_module("pandas")
    hide_module("polars")
    assert open_frame(frame) is None
