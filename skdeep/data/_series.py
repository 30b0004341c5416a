"""Columns of pandas and polars frames, without importing either.

A frame of a library is only there where the library is loaded already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdeep.data._columns import (
    Column,
    Numbers,
    Place,
    read_booleans,
    read_levels,
    read_objects,
)

if TYPE_CHECKING:
    from skdeep._typing import Array


# Up to this many rows plain Python is faster than the machinery of the libraries.
FEW_ROWS = 1000


class Frame(NamedTuple):
    """The columns of a frame, and how one of them is read."""

    names: list[Any]
    series: list[Any]
    read: Callable[..., Column]


def open_frame(X: Any) -> Frame | None:
    """Return the columns of a pandas or polars frame; None for anything else.

    Parameters
    ----------
    X : object
        What may be a frame.

    Returns
    -------
    frame : Frame or None
        Its `read` takes a series, its `Place` and whether it is declared to hold
        categories, and returns Numbers or Labels.
    """
    if _is_frame(X, "pandas"):
        pairs = list(X.items())  # by position: two columns may have one name
        names = [name for name, _ in pairs]
        return Frame(names, [series for _, series in pairs], read_pandas)
    if _is_frame(X, "polars"):
        return Frame(list(X.columns), X.get_columns(), read_polars)
    return None


def _is_frame(X: Any, library: str) -> bool:
    frame = getattr(sys.modules.get(library), "DataFrame", None)
    return frame is not None and isinstance(X, frame)


def read_pandas(series: Any, place: Place, *, declared: bool) -> Column:
    """Read a pandas Series of numbers, booleans, strings, categories or objects.

    Parameters
    ----------
    series : pandas.Series
        With a NumPy, nullable, categorical or Arrow dtype.
    place : Place
        For errors.
    declared : bool
        Whether the user says that it holds categories.

    Returns
    -------
    column : Numbers or Labels
    """
    dtype = series.dtype
    _refuse_kind(dtype.kind, str(dtype), place)
    plain = isinstance(dtype, np.dtype)
    if dtype.kind in "iuf" and (plain or not declared):
        return Numbers(series.to_numpy() if plain else _pandas_floats(series))
    if dtype.kind == "b":
        missing = None if plain else series.isna().to_numpy(dtype=bool)
        return read_booleans(series.to_numpy(dtype=bool, na_value=False), missing)
    return _pandas_objects(series, place, declared=declared)


def _pandas_floats(series: Any) -> Array:
    single = getattr(series.dtype, "numpy_dtype", None) == np.float32
    dtype = np.float32 if single else np.float64
    values: Array = series.to_numpy(dtype=dtype, na_value=np.nan)
    return values


def _pandas_objects(series: Any, place: Place, *, declared: bool) -> Column:
    few = len(series) <= FEW_ROWS
    if series.dtype.name == "category":
        declared = True
        codes, levels = series.array.codes, series.array.categories
        # A few rows of a frame keep all the categories of the whole.
        if not few or len(levels) <= FEW_ROWS:
            return read_levels(codes, levels.tolist(), place, declared=declared)
    if few:
        return read_objects(series.tolist(), place, declared=declared)
    try:
        codes, levels = series.factorize()
    except (TypeError, NotImplementedError):  # lists and other cells without a hash
        return read_objects(series.tolist(), place, declared=declared)
    return read_levels(codes, levels.tolist(), place, declared=declared)


def read_polars(series: Any, place: Place, *, declared: bool) -> Column:
    """Read a polars Series of numbers, booleans, strings, categories or objects.

    Parameters
    ----------
    series : polars.Series
        Of any type.
    place : Place
        For errors.
    declared : bool
        Whether the user says that it holds categories.

    Returns
    -------
    column : Numbers or Labels
    """
    polars = sys.modules["polars"]
    dtype = series.dtype
    name = dtype.base_type().__name__
    _refuse_kind("M" if dtype.is_temporal() else "", str(dtype), place)
    if name == "Decimal":
        series = series.cast(polars.Float64)
    if series.dtype.is_numeric() and not (declared and series.null_count()):
        return Numbers(series.to_numpy())
    if name == "Boolean":
        missing = series.is_null().to_numpy()
        return read_booleans(series.fill_null(value=False).to_numpy(), missing)
    declared = declared or name in ("Categorical", "Enum")
    if name not in ("String", "Categorical", "Enum") or len(series) <= FEW_ROWS:
        return read_objects(series.to_list(), place, declared=declared)
    if name == "String":
        series = series.cast(polars.Categorical)
    physical = series.to_physical().cast(polars.Int64).fill_null(-1).to_numpy()
    codes, rows = _compact(physical)
    levels = series.gather(rows).cast(polars.String).to_list()
    return read_levels(codes, levels, place, declared=declared)


def _compact(physical: Array) -> tuple[Array, Array]:
    """Return codes without gaps, and for each of them a row that has it.

    The numbers behind polars' categories are shared by all columns of a process.
    """
    distinct, rows, codes = np.unique(physical, return_index=True, return_inverse=True)
    if distinct.size and distinct[0] < 0:
        return codes - 1, rows[1:]
    return codes, rows


def _refuse_kind(kind: str, dtype: str, place: Place) -> None:
    if kind in ("m", "M"):
        place.refuse_dates(dtype)
    if kind == "c":
        place.refuse_complex(dtype)
