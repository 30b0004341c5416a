"""One row an epoch, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from skdeep._typing import Array

COLUMNS = {
    "epoch": np.int32,
    "train_loss": np.float64,
    "valid_loss": np.float64,
    "valid_score": np.float64,
    "learning_rate": np.float32,
    "duration": np.float32,
}


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
