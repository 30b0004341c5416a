"""Tests of how one column is read by what it holds."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import pathlib
from typing import Any

import numpy as np
import pytest

from skdeep.data._columns import (
    Labels,
    Numbers,
    Place,
    as_labels,
    as_numbers,
    read_booleans,
    read_levels,
    read_objects,
)

pd = pytest.importorskip("pandas")

HERE = Place.of("Reader", "a")


def read(values: list[Any], *, declared: bool = False) -> Any:
    """Read a list of objects."""
    return read_objects(values, HERE, declared=declared)


def restored(labels: Labels) -> list[Any]:
    """Return the category of every row, None where it is missing."""
    return [None if code < 0 else labels.levels[code] for code in labels.codes]


@pytest.mark.parametrize("hole", [None, np.nan, float("nan"), pd.NA, pd.NaT])
def test_read_objects_takes_holes_for_missing(hole: Any) -> None:
    """Every sign of a hole is one, in categories and in numbers."""
    labels = read(["b", hole, "a", "b"])
    assert restored(labels) == ["b", None, "a", "b"]
    assert labels.kind == "strings"
    numbers = read([2, hole, 0.5, 2])
    np.testing.assert_array_equal(numbers.values, [2, np.nan, 0.5, 2])


@pytest.mark.parametrize(
    "numbers",
    [
        [1, 2, 1],
        [1.0, 2.0, 1.0],
        [np.int8(1), np.float32(2), 1],
        [decimal.Decimal("1.0"), decimal.Decimal(2), 1],
        [fractions.Fraction(1), 2.0, 1],
    ],
)
def test_read_objects_takes_any_real_numbers(numbers: list[Any]) -> None:
    """Objects that are numbers make a numeric column."""
    column = read(numbers)
    assert isinstance(column, Numbers)
    assert column.values.tolist() == [1.0, 2.0, 1.0]
    assert column.kind == "numbers"


def test_read_objects_keeps_numbers_that_are_declared_categories() -> None:
    """Integers beyond the digits of a float stay apart."""
    column = read([2**60, 2**60 + 1, None], declared=True)
    assert restored(column) == [2**60, 2**60 + 1, None]
    assert column.kind == "numbers"


def test_read_objects_knows_booleans() -> None:
    """Booleans are categories, NumPy's among them."""
    column = read([True, np.bool_(False), None])
    assert column.kind == "booleans"
    assert restored(column) == [True, False, None]
    assert all(type(level) is bool for level in column.levels)


def test_read_objects_turns_bytes_and_enums_into_strings() -> None:
    """What stands for a string is the string."""

    class Size(enum.StrEnum):
        SMALL = "small"

    class Shade(str, enum.Enum):  # noqa: UP042
        DARK = "dark"

    column = read([b"a", np.str_("b"), Size.SMALL, Shade.DARK, b"\xff"])
    assert column.levels == ["a", "b", "small", "dark", "\\xff"]
    assert all(type(level) is str for level in column.levels)


def test_read_objects_names_declared_objects_by_str() -> None:
    """Intervals and other objects with a name of their own can be categories."""
    interval = pd.Interval(0, 2)
    assert read([interval, interval], declared=True).levels == ["(0, 2]"]
    assert read([pathlib.PurePosixPath("x")], declared=True).levels == ["x"]
    with pytest.raises(TypeError, match=r"must be a string or a real number.*Interval"):
        read([interval])


def test_read_objects_refuses_objects_named_by_their_address() -> None:
    """A name that is another one in each process cannot be a category."""
    with pytest.raises(TypeError, match=r"Got <object object at .* in column 'a'"):
        read([object()], declared=True)


@pytest.mark.parametrize("cell", [[1, 2], {"foo": "bar"}, np.zeros(2), {1}])
def test_read_objects_refuses_cells_with_many_values(cell: Any) -> None:
    """A list or dict in a cell is named along with its column."""
    with pytest.raises(
        TypeError, match=r"argument must be a string or a real number.*column 'a'"
    ):
        read([1, cell])


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize(
    "date",
    [
        dt.date(2020, 1, 1),
        dt.timedelta(1),
        dt.time(1),
        np.datetime64("2020-01-01", "ns"),
        np.timedelta64(1, "s"),
        pd.Timestamp("2020-01-01"),
    ],
)
def test_read_objects_refuses_dates(date: Any, *, declared: bool) -> None:
    """Dates and times are no numbers and no categories."""
    with pytest.raises(ValueError, match=r"not dates or times.*column 'a'"):
        read([None, date], declared=declared)


@pytest.mark.parametrize("value", [1 + 2j, np.complex64(3j)])
def test_read_objects_refuses_complex_numbers(value: complex) -> None:
    """The sentence begins as scikit-learn's does."""
    with pytest.raises(ValueError, match=r"Complex data not supported.*column 'a'"):
        read([1.0, value])


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        (["a", 1], "strings and numbers in column 'a', e.g. 'a' and 1"),
        ([2.5, None, "b"], "numbers and strings in column 'a', e.g. 2.5 and 'b'"),
        ([True, "b"], "booleans and strings"),
        ([True, 3], "booleans and numbers"),
    ],
)
def test_read_objects_refuses_mixtures(values: list[Any], kinds: str) -> None:
    """A column of two kinds is refused with an example of each."""
    with pytest.raises(ValueError, match=kinds):
        read(values)


@pytest.mark.parametrize("infinite", [float("inf"), -np.inf, decimal.Decimal("inf")])
def test_infinity_is_refused_in_numbers_and_categories(infinite: Any) -> None:
    """No reading of a column lets infinity through."""
    for declared in (False, True):
        with pytest.raises(ValueError, match="Got infinity in column 'a'"):
            as_numbers(read([1.0, infinite], declared=declared), HERE)
        with pytest.raises(ValueError, match="Got infinity in column 'a'"):
            as_labels(read([1.0, infinite], declared=declared), HERE)


def test_integer_beyond_all_floats_counts_as_infinity() -> None:
    """An overflow on the way to floats is reported like infinity."""
    with pytest.raises(ValueError, match="Got infinity in column 'a'"):
        read([decimal.Decimal(1), 10**400])


def test_column_without_values_holds_nothing() -> None:
    """A column of holes is numeric unless it is declared, and says it is empty."""
    column = read([None, np.nan])
    assert isinstance(column, Numbers)
    assert column.kind == "nothing"
    declared = read([None, np.nan], declared=True)
    assert (declared.kind, restored(declared)) == ("nothing", [None, None])
    assert as_labels(column, HERE).kind == "nothing"
    assert np.isnan(as_numbers(declared, HERE)).all()


def test_as_labels_makes_every_number_a_category() -> None:
    """Distinct numbers become levels, NaN a missing one."""
    labels = as_labels(Numbers(np.array([3.0, np.nan, 1.0, 3.0])), HERE)
    assert restored(labels) == [3.0, None, 1.0, 3.0]
    assert restored(as_labels(Numbers(np.array([7, 5], np.uint8)), HERE)) == [7, 5]


def test_as_numbers_counts_booleans_as_zero_and_one() -> None:
    """Truth can be a number where the user wants it."""
    labels = read_booleans(np.array([True, False, True]), np.array([0, 0, 1], bool))
    np.testing.assert_array_equal(as_numbers(labels, HERE), [1.0, 0.0, np.nan])


def test_read_levels_drops_missing_levels() -> None:
    """Codes of a level that is a hole become -1, the others move up."""
    column = read_levels(np.array([0, 1, 2, -1]), ["x", None, "y"], HERE, declared=True)
    assert isinstance(column, Labels)
    assert column.codes.tolist() == [0, -1, 1, -1]
    assert column.levels == ["x", "y"]
