"""Which rows are held out to watch the training by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skdeep._typing import Array


def holdout(
    n_rows: int,
    fraction: float,
    seed: int,
    strata: Array | None = None,
    *,
    owner: str,
) -> tuple[Array, Array]:
    """Split the positions of the rows in a training and a validation part.

    With strata every class gives its share to within one row, and a class of a single
    row stays in the training part: a class that was never trained cannot be predicted.
    What such classes cannot give the larger ones do, and where these run out fewer rows
    are held out.

    Parameters
    ----------
    n_rows : int
        At least 2.
    fraction : float
        Share of the rows to hold out, in (0, 1).
    seed : int
        Of the draw.
    strata : ndarray of shape (n_rows,) or None
        Class of every row, as integers from 0.
    owner : str
        Name of the estimator that stops early, for the error.

    Returns
    -------
    train, valid : ndarray of int64
        Sorted positions, disjoint, together all rows; neither is empty.

    Raises
    ------
    ValueError
        If there are fewer than two rows.
    """
    if n_rows < 2:
        raise ValueError(
            f"{owner} holds rows out to stop early, and needs at least 2 samples. Got "
            f"n_samples={n_rows}. Pass X_val and y_val, or set early_stopping=False."
        )
    rng = np.random.default_rng(seed)
    n_valid = min(n_rows - 1, max(1, round(fraction * n_rows)))
    order = rng.permutation(n_rows)
    if strata is not None:
        held = _held_by_class(strata[order], n_valid)
        if held.any():
            return np.sort(order[~held]), np.sort(order[held])
        # Every class has one row; the plain draw is all that is left.
    return np.sort(order[n_valid:]), np.sort(order[:n_valid])


def _held_by_class(strata: Array, n_valid: int) -> Array:
    """Mark the first rows of each class, as many as its share says."""
    counts = np.bincount(strata)
    spare = np.maximum(counts - 1, 0)
    wanted = counts * (n_valid / len(strata))
    quota = np.minimum(np.floor(wanted).astype(np.int64), spare)
    for label in np.argsort(quota - wanted, kind="stable"):
        if quota.sum() >= n_valid:
            break
        quota[label] += quota[label] < spare[label]
    # What classes of one row could not give, the larger ones give.
    while quota.sum() < n_valid and (quota < spare).any():
        quota[np.argmax(spare - quota)] += 1
    rank = np.empty(len(strata), dtype=np.int64)
    starts = np.cumsum(counts) - counts
    rank[np.argsort(strata, kind="stable")] = np.arange(len(strata)) - np.repeat(
        starts, counts
    )
    held: Array = rank < quota[strata]
    return held
