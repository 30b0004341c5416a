"""Warnings of columns that are not what they seem."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdeep._told_once import warn
from skdeep.data._columns import Column, Labels, Place
from skdeep.data._written_numbers import (
    MANY_LEVELS,
    MIN_ROWS,
    Reading,
    example_of,
    misread,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from skdeep.data._mixed import MixedTable

# Of the categories that fit saw, so many are shown.
SHOWN = 3
# Below, every integer is a float of its own.
EXACT = 2**53


class Doubt(NamedTuple):
    """A column of strings that seem to be no categories."""

    column: str
    n_levels: int
    n_rows: int
    reading: Reading
    example: str


def doubts_about(column: Column, place: Place) -> Iterator[Doubt]:
    """Yield the doubt about a column of the training table, if there is one.

    Parameters
    ----------
    column : Numbers or Labels
        As it was read.
    place : Place
        Which one it is.

    Yields
    ------
    doubt : Doubt
        Where nobody has declared it to hold categories, and `misread` doubts it.
    """
    if not isinstance(column, Labels) or column.declared or column.kind != "strings":
        return
    n_rows = int(np.count_nonzero(column.codes >= 0))
    reading = misread(column.levels, n_rows)
    if reading is not None:
        example = example_of(column.levels, reading)
        yield Doubt(place.column, len(column.levels), n_rows, reading, example)


def warn_of_misreading(owner: str, doubts: Sequence[Doubt]) -> None:
    """Warn of all columns of a table that seem to be misread, in one sentence each.

    Parameters
    ----------
    owner : str
        Name of the estimator.
    doubts : sequence of Doubt
        At least one.
    """
    first, *others = doubts
    remedy = (
        "Convert them to numbers: remove signs and separators, then pandas.to_numeric"
        if first.reading == "numbers"
        else "Convert them to numbers, e.g. the days since one of them"
    )
    more = ""
    if others:
        names = ", ".join(doubt.column for doubt in others[:SHOWN])
        rest = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        more = f" The same holds for {names}{rest}."
    warn(
        f"{owner} takes each of the {first.n_levels} distinct strings in "
        f"{first.n_rows} rows of {first.column} for a category of its own, but they "
        f"read as {first.reading}, e.g. {first.example!r}. {remedy}; if they are "
        f"categories, name the column in categorical_features.{more}"
    )


def known_categories(table: MixedTable) -> list[dict[Any, None]]:
    """Return which categories occur in each column of categories.

    Parameters
    ----------
    table : MixedTable
        Rows.

    Returns
    -------
    known : list of n_categorical dicts
        Their keys are the categories, sorted.
    """
    known = []
    for levels, codes in zip(table.levels, table.codes.T, strict=True):
        occurring = np.unique(codes)
        present = [levels[code] for code in occurring[occurring >= 0].tolist()]
        known.append(dict.fromkeys(sorted(present)))
    return known


def warn_of_unknown(
    owner: str,
    table: MixedTable,
    known: Sequence[Collection[Any]],
    names: Sequence[Any],
) -> None:
    """Warn of columns of categories of which not one is known.

    Unseen categories are nothing unusual by themselves. A column is told of where no
    row of at least two has a known one; of at least 20 where fit saw more than 30; and
    whatever their number where the first category is a known one in another notation.

    Parameters
    ----------
    owner : str
        Name of the estimator.
    table : MixedTable
        New rows.
    known : sequence of n_categorical collections
        The categories that fit saw, in each column of categories.
    names : sequence of length n_features
        Names, or positions, of all columns.
    """
    positions = table.schema.categorical_columns
    found = []
    for i, (levels, of_fit) in enumerate(zip(table.levels, known, strict=True)):
        # Nearly always all are known.
        if not of_fit or all(level in of_fit for level in levels):
            continue
        example = _unknown(table, i, of_fit)
        if example is not None:
            found.append((names[positions[i]], example, of_fit))
    if not found:
        return
    (name, example, of_fit), *others = found
    seen = ", ".join(repr(level) for level in islice(of_fit, SHOWN))
    if len(of_fit) > SHOWN:
        seen += " and others"
    more = ""
    if others:
        columns = ", ".join(f"column {other[0]!r}" for other in others[:SHOWN])
        rest = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        more = f" The same holds for {columns}{rest}."
    warn(
        f"{owner} knows no value of column {name!r}, e.g. {example!r}, where fit saw "
        f"{seen}. All count as missing. Write them as in fit.{more}"
    )


def _unknown(table: MixedTable, i: int, known: Collection[Any]) -> Any:
    """Return a category of a column that is worth a warning, or None."""
    levels, codes = table.levels[i], table.codes[:, i]
    present = codes[codes >= 0]
    if not present.size:
        return None
    is_known = np.array([level in known for level in levels])
    if is_known[present].any():
        return None
    example = levels[present[0]]
    enough = 2 if len(known) <= MANY_LEVELS else MIN_ROWS
    if len(present) >= enough or any(other in known for other in _notations(example)):
        return example
    return None


def _notations(level: Any) -> set[Any]:
    """Return how else a category may have been written."""
    if not isinstance(level, str):
        return set()
    text = level.strip()
    found = {text, text.lower(), text.upper(), text.capitalize(), text.title()}
    try:
        number = float(text)
    except ValueError:
        return found
    found.add(str(number))
    if number.is_integer() and abs(number) < EXACT:
        found.add(str(int(number)))
    return found
