"""Which rows are held out to watch the training by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    from skdeep._typing import Array

# Rare classes with more rows than this share of all are too many to be watched on
# rows that are trained on.
RARE_SHARE = 0.1
BLOCK_ROWS = 1024
MOST_PASSES = 10
ROUNDING = 1e-9


def holdout(
    n_rows: int,
    fraction: float,
    seed: int,
    strata: Array | None = None,
    *,
    targets: Array | None = None,
    owner: str,
) -> tuple[Array, Array]:
    """Split the positions of the rows in a training and a validation part.

    With strata every class gives its share to within one row, and a class of at least
    two rows is in both parts: where its share is no row, one is held out all the same,
    in place of a row of a class that has its share, or in addition. A class of a single
    row stays in the training part: a class that was never trained cannot be predicted.
    What such classes cannot give the larger ones do, and where these run out fewer rows
    are held out.

    With targets rows are drawn plainly. A column that has several values, but a single
    one in one of the parts, gets a row with another value there, as far as there are
    enough rows.

    Parameters
    ----------
    n_rows : int
        At least 2.
    fraction : float
        Share of the rows to hold out, in (0, 1).
    seed : int
        Of the draw.
    strata : ndarray of shape (n_rows,) or None, default=None
        Class of every row, as integers from 0.
    targets : ndarray of shape (n_rows, n_columns) or None, default=None
        An indicator, or numbers; not along with `strata`.
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
    n_valid, order = _draw(n_rows, fraction, seed)
    held = np.zeros(n_rows, dtype=bool)
    if strata is not None:
        counts = np.bincount(strata)
        quota = _complete_quota(counts, n_valid)
        held[order] = _first_of_class(strata[order], counts, quota)
    if not held.any():
        # There are no classes, or each has one row.
        held[order[:n_valid]] = True
    # Of one number alone there is no saying that it does not vary.
    if targets is not None and (n_valid > 1 or targets.dtype.kind != "f"):
        _vary(held, targets, order)
    return np.flatnonzero(~held), np.flatnonzero(held)


def rare_rows(
    n_rows: int,
    fraction: float,
    seed: int,
    strata: Array | None = None,
    *,
    targets: Array | None = None,
) -> Array:
    """Return the rows of classes too rare to be judged by what is held out of them.

    These are the classes, or values of a column, of which `holdout` holds out a row
    although their share is none.

    Parameters
    ----------
    n_rows, fraction, seed, strata, targets
        As for `holdout`.

    Returns
    -------
    rare : ndarray of int64
        Sorted positions; empty where such classes have more than a tenth of the rows.
    """
    n_valid, order = _draw(n_rows, fraction, seed)
    rare = np.empty(0, dtype=np.int64)
    if strata is not None:
        counts = np.bincount(strata)
        lacking = (_quota(counts, n_valid) == 0) & (counts > 1)
        if lacking.any():
            rare = np.flatnonzero(lacking[strata])
    elif targets is not None:
        held = np.zeros(n_rows, dtype=bool)
        held[order[:n_valid]] = True
        found = [rows for rows in _other_values(held, targets) if len(rows) > 1]
        if found:
            rare = np.unique(np.concatenate(found))
    return rare if len(rare) <= RARE_SHARE * n_rows else rare[:0]


def share_rare(train: Array, valid: Array, rare: Array) -> tuple[Array, Array, Array]:
    """Put rare rows into both parts.

    One row of a class tells little of the others, and training can hardly spare it.

    Parameters
    ----------
    train, valid : ndarray of int64
        From `holdout`.
    rare : ndarray of int64
        From `rare_rows`.

    Returns
    -------
    train, valid : ndarray of int64
        Sorted positions.
    factor : ndarray of shape (n_valid,)
        What to multiply the weights of the validation rows by, so that rare rows weigh
        as much among them as among all rows.
    """
    usual = np.setdiff1d(valid, rare)
    n_rows = len(train) + len(valid)
    share = max(1, len(usual)) / (n_rows - len(rare))
    train, valid = np.union1d(train, rare), np.union1d(valid, rare)
    return train, valid, np.where(np.isin(valid, rare), share, 1.0)


def _draw(n_rows: int, fraction: float, seed: int) -> tuple[int, Array]:
    """Return how many rows to hold out, and all rows in random order."""
    order = np.random.default_rng(seed).permutation(n_rows)
    return min(n_rows - 1, max(1, round(fraction * n_rows))), order


def _quota(counts: Array, n_valid: int) -> Array:
    """Return how many rows of each class make its share."""
    spare = np.maximum(counts - 1, 0)
    wanted = counts * (n_valid / counts.sum())
    quota: Array = np.minimum(np.floor(wanted).astype(np.int64), spare)
    for label in np.argsort(quota - wanted, kind="stable"):
        if quota.sum() >= n_valid:
            break
        quota[label] += quota[label] < spare[label]
    # What classes of one row could not give, the larger ones give.
    while quota.sum() < n_valid and (quota < spare).any():
        quota[np.argmax(spare - quota)] += 1
    return quota


def _complete_quota(counts: Array, n_valid: int) -> Array:
    """Return a quota that leaves no class out that can spare a row.

    Classes that have no less than their share give a row for it, if one is left to
    them; where that is not enough, more rows are held out.
    """
    while True:
        quota = _quota(counts, n_valid)
        lacking = (quota == 0) & (counts > 1)
        beyond = quota - counts * (n_valid / counts.sum())
        quota[lacking] = 1
        givers = np.argsort(-beyond, kind="stable")
        givers = givers[(beyond[givers] > -ROUNDING) & (quota[givers] > 1)]
        owed = max(0, min(lacking.sum(), quota.sum() - n_valid))
        if owed <= len(givers):
            quota[givers[:owed]] -= 1
            return quota
        n_valid += owed - len(givers)


def _first_of_class(strata: Array, counts: Array, quota: Array) -> Array:
    """Mark the first rows of each class, as many as its quota says."""
    rank = np.empty(len(strata), dtype=np.int64)
    starts = np.cumsum(counts) - counts
    rank[np.argsort(strata, kind="stable")] = np.arange(len(strata)) - np.repeat(
        starts, counts
    )
    first: Array = rank < quota[strata]
    return first


def _other_values(part: Array, targets: Array) -> list[Array]:
    """Return, for each column with one value in a part, the rows with another one."""
    rows = np.flatnonzero(part)
    value = targets[rows[0]]
    constant = np.arange(targets.shape[1])
    # Most columns vary within the first rows.
    for start in range(0, len(rows), BLOCK_ROWS):
        block = targets[rows[start : start + BLOCK_ROWS]][:, constant]
        constant = constant[(block == value[constant]).all(axis=0)]
        if not constant.size:
            return []
    differs = sp.csc_array(targets[:, constant] != value[constant])
    found: list[Array] = np.split(differs.indices, differs.indptr[1:-1])
    return found


def _vary(held: Array, targets: Array, order: Array) -> None:
    """Move rows to the other part, so that columns vary in both of them."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    # A row that one column needs here may be the last of another one there.
    for turn in range(MOST_PASSES):
        before = held.copy()
        for rows in _other_values(~held, targets):
            if rows.size and held[rows].all() and held.sum() > 1:
                held[rows[np.argsort(-rank[rows])[turn % len(rows)]]] = False
        for rows in _other_values(held, targets):
            if len(rows) > 1 and not held[rows].any():
                held[rows[np.argsort(rank[rows])[turn % len(rows)]]] = True
        if np.array_equal(held, before):
            break
