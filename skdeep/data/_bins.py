"""Edges of bins for single columns: at quantiles, or where a tree would split."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skdeep._typing import Array, FloatArray

# Sums of weights that differ by less than this share of the total are the same: the
# same weights on another scale, or summed in another order.
_SLACK = 1e-10


def quantile_edges(
    values: Array, n_bins: int, weights: Array | None = None
) -> FloatArray:
    """Return the edges of bins that hold equal shares of a column's weight.

    Every edge is a value of the column: the smallest one up to which at least the share
    0, 1 / n_bins, ... or 1 of the weight lies. (Interpolated quantiles would change
    when all weights are doubled.) A column of at most ``n_bins + 1`` distinct values
    has an edge at each.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Finite numbers.
    n_bins : int
        Largest number of bins, at least 1.
    weights : ndarray of shape (n_samples,) or None, default=None
        Non-negative weights, some of them positive. A row of weight 2 counts as two
        rows, one of weight 0 as none; multiplying all by a number changes nothing.

    Returns
    -------
    edges : ndarray of shape (n_edges,)
        Distinct, ascending, from the smallest value to the largest; a single one where
        the column is constant. In float64.

    Raises
    ------
    ValueError
        If a value is not finite, or no row has weight.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.data._bins import quantile_edges
    >>> quantile_edges(np.arange(101.0), 4).tolist()
    [0.0, 25.0, 50.0, 75.0, 100.0]
    >>> quantile_edges(np.array([3.0, 1.0, 3.0]), 4).tolist()
    [1.0, 3.0]
    """
    distinct, rank, rows = _distinct(values, weights)
    if len(distinct) <= n_bins + 1:
        return distinct
    weight = None if weights is None else weights[rows]
    reached = np.cumsum(np.bincount(rank, weights=weight))
    total = reached[-1]
    shares = np.arange(1, n_bins) * (total / n_bins)
    inner = np.searchsorted(reached, shares - _SLACK * total)
    edges: FloatArray = distinct[np.unique([0, *inner, len(distinct) - 1])]
    return edges


def tree_edges(
    values: Array,
    y: Array,
    n_bins: int,
    weights: Array | None = None,
    *,
    classification: bool,
    min_leaf_fraction: float = 0.01,
) -> FloatArray:
    """Return the edges of bins between which the target differs most.

    A decision tree predicts the target from the column alone; its thresholds, halfway
    between two values, are the inner edges.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Finite numbers.
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Classes or numbers.
    n_bins : int
        Largest number of bins, at least 1.
    weights : ndarray of shape (n_samples,) or None, default=None
        Non-negative weights, some of them positive. A row of weight 2 counts as two
        rows, one of weight 0 as none; multiplying all by a number changes nothing.
    classification : bool
        Whether `y` holds classes.
    min_leaf_fraction : float, default=0.01
        Smallest share of the weight in a bin, in [0, 0.5].

    Returns
    -------
    edges : ndarray of shape (n_edges,)
        Distinct, ascending, from the smallest value to the largest; a single one where
        the column is constant. In float64.

    Raises
    ------
    ValueError
        If a value is not finite, or no row has weight.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.data._bins import tree_edges
    >>> x = np.arange(101.0)
    >>> tree_edges(x, x > 30, 4, classification=True).tolist()
    [0.0, 30.5, 100.0]
    """
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    distinct, rank, rows = _distinct(values, weights)
    weight = None if weights is None else weights[rows]
    inner: list[float] = []
    if n_bins > 1 and len(distinct) > 1:
        make = DecisionTreeClassifier if classification else DecisionTreeRegressor
        tree = make(
            max_leaf_nodes=n_bins,
            min_weight_fraction_leaf=min_leaf_fraction,
            random_state=0,
        )
        # Ranks split as the values do, and survive the tree's cast to float32.
        tree = tree.fit(rank.reshape(-1, 1), y[rows], sample_weight=weight).tree_
        below = np.floor(tree.threshold[tree.feature >= 0]).astype(np.intp)
        inner = [*(0.5 * distinct[below] + 0.5 * distinct[below + 1])]
    edges: FloatArray = np.unique([distinct[0], *inner, distinct[-1]])
    return edges


def _distinct(
    values: Array, weights: Array | None
) -> tuple[FloatArray, Array, Array | slice]:
    """Return distinct values, the rank of each row with weight, and which these are."""
    values = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(values)
    if not finite.all():
        raise ValueError(
            "A column to be cut into bins must be finite. Got "
            f"{float(values[~finite][0])!r} in it. Impute it first."
        )
    rows = slice(None) if weights is None else weights > 0
    values = values[rows]
    if not values.size:
        raise ValueError(
            "A column to be cut into bins must have rows with a positive weight. Got "
            "none."
        )
    distinct, rank = np.unique(values, return_inverse=True)
    return distinct, rank, rows
