"""One column of a table as it came: numbers, or categories by code."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from skdeep._typing import Array

Kind: TypeAlias = Literal["numbers", "strings", "booleans", "nothing"]

_DATES = (
    dt.date,
    dt.time,
    dt.timedelta,
    np.datetime64,
    np.timedelta64,
)


# The usual types, looked up rather than asked for one by one.
_NUMBERS_OR_NONE = {float, int, np.float64, np.float32, np.int64, type(None)}
_PLAIN: dict[type, Kind] = {str: "strings", int: "numbers", bool: "booleans"}


@dataclass(frozen=True)
class Place:
    """The column that an error speaks of, and the estimator that reads it."""

    owner: str
    column: str

    @classmethod
    def of(cls, owner: str, name: Any) -> Place:
        """Name a column by its label, or by its position where it has none."""
        return cls(owner, f"column {name!r}")

    def refuse_dates(self, got: str) -> NoReturn:
        """Raise on dates and times."""
        raise ValueError(
            f"{self.owner} takes numbers and categories, not dates or times. Got {got} "
            f"in {self.column}. Turn it into numbers first, e.g. the days since a date."
        )

    def refuse_complex(self, got: str) -> NoReturn:
        """Raise on complex numbers, in scikit-learn's words."""
        raise ValueError(
            f"Complex data not supported: {self.owner} takes real numbers. Got {got} "
            f"in {self.column}. Pass the real and the imaginary part as two columns."
        )

    def refuse_cell(self, value: Any) -> NoReturn:
        """Raise on what is neither a number nor a category."""
        raise TypeError(
            f"In a table of {self.owner} each argument must be a string or a real "
            f"number. Got {value!r:.60} in {self.column}. Spread it over several "
            "columns, or convert it with str."
        )

    def refuse_infinity(self) -> NoReturn:
        """Raise on numbers that are not finite."""
        raise ValueError(
            f"{self.owner} takes finite or missing numbers. Got infinity in "
            f"{self.column}. Clip it, or mark it as missing by NaN."
        )


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, of shape (n_samples,) and NaN where one is missing."""

    values: Array

    @property
    def kind(self) -> Kind:
        """What the column holds: "numbers", or "nothing" where all are missing."""
        if self.values.dtype.kind == "f" and np.isnan(self.values).all():
            return "nothing"
        return "numbers"

    def example(self) -> Any:
        """Return a number of the column, for an error."""
        return self.values[~np.isnan(self.values)][0].item()


@dataclass(frozen=True)
class Labels:
    """A column of categories.

    Parameters
    ----------
    codes : ndarray of int32 of shape (n_samples,)
        Position in `levels`; -1 where the category is missing.
    levels : list
        Categories in plain Python, all strings, all numbers or all booleans. Some may
        not occur, and one may stand there twice.
    kind : {"numbers", "strings", "booleans", "nothing"}
        What the levels are.
    declared : bool, default=False
        Whether the column is said to hold categories, by its dtype or by name.
    """

    codes: Array
    levels: list[Any]
    kind: Kind
    declared: bool = False

    def example(self) -> Any:
        """Return a category of the column, for an error."""
        return self.levels[0]


Column: TypeAlias = Numbers | Labels


def refuse_infinite(values: Array, place: Place) -> None:
    """Raise where numbers are not finite, unless they are missing."""
    if values.dtype.kind == "f" and np.isinf(values).any():
        place.refuse_infinity()


def as_numbers(column: Column, place: Place) -> Array:
    """Return the numbers of a column that holds no strings, NaN where missing.

    Parameters
    ----------
    column : Numbers or Labels
        Booleans count as 0 and 1.
    place : Place
        For the error.

    Returns
    -------
    values : ndarray of shape (n_samples,)
        Of any real dtype.

    Raises
    ------
    ValueError
        If a number is infinite.
    """
    if isinstance(column, Numbers):
        refuse_infinite(column.values, place)
        return column.values
    return _floats(column.levels, place)[column.codes]


def as_labels(column: Column, place: Place) -> Labels:
    """Return a column as categories, every distinct number being one.

    Parameters
    ----------
    column : Numbers or Labels
        The column.
    place : Place
        For the error.

    Returns
    -------
    labels : Labels

    Raises
    ------
    ValueError
        If a number is infinite.
    """
    if isinstance(column, Labels):
        return column
    refuse_infinite(column.values, place)
    codes = np.full(len(column.values), -1, dtype=np.int32)
    present = ~np.isnan(column.values)
    distinct, codes[present] = np.unique(column.values[present], return_inverse=True)
    return Labels(codes, distinct.tolist(), "numbers" if distinct.size else "nothing")


def read_booleans(values: Array, missing: Array | None = None) -> Labels:
    """Return booleans as categories; `missing` is a mask of the rows without one."""
    codes = values.astype(np.int32)
    if missing is not None:
        codes[missing] = -1
    return Labels(codes, [False, True], "booleans")


def read_objects(values: list[Any], place: Place, *, declared: bool) -> Column:
    """Read a column of Python objects by what it holds.

    Parameters
    ----------
    values : list of length n_samples
        Numbers, strings or booleans, all of one kind. None, NaN and pandas' NA and NaT
        are missing.
    place : Place
        For the error.
    declared : bool
        Whether the column is said to hold categories: then numbers are not read as
        such, and other hashable objects stand for what `str` makes of them.

    Returns
    -------
    column : Numbers or Labels

    Raises
    ------
    TypeError
        If a cell is a list, a dict or another object.
    ValueError
        If a column mixes several kinds, or holds dates or complex numbers.
    """
    if not declared and set(map(type, values)) <= _NUMBERS_OR_NONE:
        return Numbers(np.array(values, dtype=np.float64))
    try:
        codes, levels = _factorize(values)
    except TypeError:
        place.refuse_cell(next(value for value in values if not _is_hashable(value)))
    return read_levels(codes, levels, place, declared=declared)


def read_levels(
    codes: Array, levels: Iterable[Any], place: Place, *, declared: bool
) -> Column:
    """Read a column that came as codes of distinct values.

    Parameters
    ----------
    codes : ndarray of shape (n_samples,)
        Position in `levels`; -1 where the value is missing.
    levels : iterable
        The values, as `read_objects` takes them.
    place : Place
        For the error.
    declared : bool
        As in `read_objects`.

    Returns
    -------
    column : Numbers or Labels

    Raises
    ------
    TypeError
        If a level is no number and no category.
    ValueError
        If the levels are of several kinds, dates or complex numbers.
    """
    kept: list[Any] = []
    examples: dict[Kind, Any] = {}
    position: list[int] = []
    for level in levels:
        kind, value = _plain(level, place, declared=declared)
        position.append(-1 if kind == "nothing" else len(kept))
        if kind != "nothing":
            kept.append(value)
            examples.setdefault(kind, value)
    if len(examples) > 1:
        (one, first), (other, second) = list(examples.items())[:2]
        raise ValueError(
            f"{place.owner} takes columns of one kind. Got {one} and {other} in "
            f"{place.column}, e.g. {first!r} and {second!r}. Convert it, e.g. with "
            "astype(str)."
        )
    kind = next(iter(examples), "nothing")
    if len(kept) < len(position):
        codes = np.array([*position, -1])[codes]
    codes = codes.astype(np.int32, copy=False)
    if declared or kind in ("strings", "booleans"):
        return Labels(codes, kept, kind, declared)
    return Numbers(_floats(kept, place)[codes])


def _factorize(values: list[Any]) -> tuple[Array, list[Any]]:
    """Return codes in the order of first occurrence, and what they stand for."""
    seen: defaultdict[Any, int] = defaultdict()
    seen.default_factory = seen.__len__
    codes = np.fromiter(map(seen.__getitem__, values), np.int32, len(values))
    return codes, list(seen)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _floats(levels: list[Any], place: Place) -> Array:
    """Return numbers in float64, with NaN behind them for the code -1."""
    try:
        floats = np.array([*levels, np.nan], dtype=np.float64)
    except OverflowError:  # an int beyond the largest float
        place.refuse_infinity()
    return floats


def _plain(value: Any, place: Place, *, declared: bool) -> tuple[Kind, Any]:
    """Return a cell in plain Python, and what kind of category it is."""
    kind = _PLAIN.get(type(value))
    if kind is not None:
        return kind, value
    if _is_missing(value):
        return "nothing", None
    if isinstance(value, _DATES):
        place.refuse_dates(repr(value))
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "booleans", value
    if isinstance(value, (Real, Decimal)):
        return "numbers", _plain_number(value, place)
    return "strings", _plain_string(value, place, declared=declared)


def _plain_number(value: Real | Decimal, place: Place) -> int | float:
    if isinstance(value, int):
        return int(value)
    number = float(value)
    if np.isinf(number):
        place.refuse_infinity()
    return number


def _plain_string(value: Any, place: Place, *, declared: bool) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # which an Enum of strings has another one for
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, complex):
        place.refuse_complex(repr(value))
    if not declared or _is_nameless(value):
        place.refuse_cell(value)
    return str(value)


def _is_missing(value: Any) -> bool:
    if isinstance(value, (float, np.floating)):
        return bool(np.isnan(value))
    if isinstance(value, Decimal):
        return value.is_nan()
    # pandas' NA and NaT, by name: pandas need not be there.
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _is_nameless(value: Any) -> bool:
    """Tell whether `str` gives an address in memory, another one in each process."""
    owner: Any = type(value)
    return owner.__str__ is object.__str__ and owner.__repr__ is object.__repr__
