"""One row an epoch, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from skdeep._typing import Array


class Durations:
    """Seconds that epochs took: kept in a pickle, and passed over by `joblib.hash`.

    Parameters
    ----------
    seconds : ndarray or list of float
        One for each epoch.
    """

    def __init__(self, seconds: Sequence[Any] | Array) -> None:
        self.seconds = seconds


COLUMNS = {
    "epoch": np.int32,
    "train_loss": np.float64,
    "valid_loss": np.float64,
    "valid_score": np.float64,
    "learning_rate": np.float32,
    "duration": np.float32,
}
# As the net and the estimator call it.
_OF_THE_CLOCK = ("dur", "duration")


def to_columns(rows: Iterable[Mapping[str, float]]) -> dict[str, Array]:
    """Return the rows of a history as one array for each column that has a value.

    Parameters
    ----------
    rows : iterable of mapping
        What the net recorded, one mapping an epoch.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_epochs,)
        "epoch" (from 1), "train_loss", "learning_rate", "duration" (seconds), and
        "valid_loss" and "valid_score" where there was a validation set.
    """
    listed = list(rows)
    return {
        name: np.array([row.get(name, np.nan) for row in listed], dtype=dtype)
        for name, dtype in COLUMNS.items()
        if any(name in row for row in listed)
    }


def join_columns(
    before: Mapping[str, Array], after: Mapping[str, Array]
) -> dict[str, Array]:
    """Append columns of a continued training, the epochs counted on."""
    n_before, n_after = len(before["epoch"]), len(after["epoch"])
    joined = {}
    for name, dtype in COLUMNS.items():
        if name in before or name in after:
            head = before.get(name, np.full(n_before, np.nan))
            tail = after.get(name, np.full(n_after, np.nan))
            joined[name] = np.concatenate([head, tail]).astype(dtype)
    joined["epoch"] = np.arange(1, n_before + n_after + 1, dtype=np.int32)
    return joined


def pack_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return rows of a history in a third of the room, with every type kept.

    Parameters
    ----------
    rows : sequence of mapping
        What the net recorded, one mapping an epoch. Batches are left out.

    Returns
    -------
    columns : dict of str to sequence of length n_epochs
        None where a row has no value.
    """
    names = dict.fromkeys(name for row in rows for name in row if name != "batches")
    return {name: _packed([row.get(name) for row in rows]) for name in names}


def unpack_rows(n_rows: int, columns: Mapping[str, Sequence[Any]]) -> Any:
    """Return the rows that were packed.

    Parameters
    ----------
    n_rows : int
        How many there were.
    columns : mapping of str to sequence of length n_rows
        From `pack_rows`.

    Returns
    -------
    rows : list of dict
        One for each epoch.
    """
    listed = {
        name: values.tolist() if isinstance(values, np.ndarray) else values
        for name, values in columns.items()
    }
    return [
        {
            name: values[row]
            for name, values in listed.items()
            if values[row] is not None
        }
        for row in range(n_rows)
    ]


def without_clock(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns with those that the clock has written marked as `Durations`.

    Parameters
    ----------
    columns : mapping of str to sequence
        From `pack_rows` or `to_columns`.

    Returns
    -------
    columns : dict
        For a pickle.
    """
    return {
        name: Durations(values) if name in _OF_THE_CLOCK else values
        for name, values in columns.items()
    }


def with_clock(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that `without_clock` was given."""
    return {
        name: values.seconds if isinstance(values, Durations) else values
        for name, values in columns.items()
    }


def _packed(values: list[Any]) -> Sequence[Any] | Array:
    """Return numbers of one kind, which most columns are, in the least room."""
    for kind, dtype in ((int, np.int64), (float, np.float64)):
        if all(type(value) is kind for value in values):
            # Not an array of Python's own, which only pickle takes.
            return np.array(values, dtype=dtype)
    return values
