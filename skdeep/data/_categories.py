"""Categories as zeros and ones where they are few, as integer codes where many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skdeep._storable import storable
from skdeep.data._numeric import Distribution, robust_scale, smooth_clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdeep._typing import Array


@storable()
class CategoryColumn(NamedTuple):
    """What was learnt of one column.

    Parameters
    ----------
    codes : dict
        From the categories of the training rows, sorted, to 1, 2, ...; a category that
        is missing or was never seen has the code 0.
    vectors : ndarray of shape (n_categories + 1, n_onehot) or None
        What each code is encoded as; None where it is encoded as itself.
    """

    codes: dict[Any, int]
    vectors: Array | None

    @property
    def width(self) -> int:
        """Number of columns that it is encoded as."""
        return 1 if self.vectors is None else self.vectors.shape[1]

    def lookup(self, levels: Sequence[Any]) -> Array:
        """Return what each level is encoded as, and behind them a missing one."""
        codes = np.array([*(self.codes.get(level, 0) for level in levels), 0])
        return codes[:, np.newaxis] if self.vectors is None else self.vectors[codes]


@storable()
class CategoryEncoder:
    """Encode categories; missing and unseen ones are all zero.

    A column of at most `max_onehot` categories becomes one column a category, except
    that two categories become one column of -1 and 1. A column of one category says
    something only where it was missing in some training rows, and is a column of
    zeros otherwise. A column of more categories becomes a column of codes from 1.

    Parameters
    ----------
    max_onehot : int, default=8
        The most categories for zeros and ones; at least 0.
    robust_clip : bool, default=False
        Put the zeros and ones to the robust scale of numeric columns, as RealMLP does.

    Attributes
    ----------
    columns : list of CategoryColumn
        One for each column.

    References
    ----------
    Holzmüller, Grinsztajn & Steinwart (2024), :arxiv:`2407.04491`.
    """

    def __init__(self, max_onehot: int = 8, *, robust_clip: bool = False) -> None:
        self.max_onehot = max_onehot
        self.robust_clip = robust_clip

    def fit(
        self,
        codes: Array,
        levels: Sequence[Sequence[Any]],
        weight: Array | None = None,
    ) -> CategoryEncoder:
        """Learn from the training rows.

        Parameters
        ----------
        codes : ndarray of int of shape (n_samples, n_columns)
            Position of each row's category in the levels of the column; -1 is missing.
        levels : sequence of n_columns sequences
            Categories of one kind, in any order; some may not occur.
        weight : ndarray of shape (n_samples,) or None
            Non-negative weights; a row of weight zero does not count.

        Returns
        -------
        self : CategoryEncoder
        """
        self.columns = [
            self._fit_column(codes[:, column], of_column, weight)
            for column, of_column in enumerate(levels)
        ]
        return self

    def _fit_column(
        self, codes: Array, levels: Sequence[Any], weight: Array | None
    ) -> CategoryColumn:
        mass = np.bincount(codes + 1, weight, minlength=len(levels) + 1)
        of_level: dict[Any, float] = {}
        for level, level_mass in zip(levels, mass[1:].tolist(), strict=True):
            if level_mass > 0:
                of_level[level] = of_level.get(level, 0.0) + level_mass
        categories = sorted(of_level)
        known = {category: code for code, category in enumerate(categories, start=1)}
        if len(categories) > self.max_onehot:
            return CategoryColumn(known, None)
        of_code = np.array([mass[0], *(of_level[name] for name in categories)])
        vectors = _onehot(of_code)
        return CategoryColumn(
            known, _robust(vectors, of_code) if self.robust_clip else vectors
        )

    def lookups(self, levels: Sequence[Sequence[Any]]) -> list[Array]:
        """Return for each column what its codes are encoded as.

        Parameters
        ----------
        levels : sequence of n_columns sequences
            Categories in the order that their codes count them.

        Returns
        -------
        lookups : list of ndarray of shape (n_levels + 1, width)
            To be indexed by the codes; the code -1 finds the last row.
        """
        pairs = zip(self.columns, levels, strict=True)
        return [column.lookup(of_column) for column, of_column in pairs]


def _onehot(mass: Array) -> Array:
    """Return the vectors of all codes, given the weight that each has in training."""
    n_categories = len(mass) - 1
    if n_categories == 2:
        return np.array([[0.0], [-1.0], [1.0]])
    if n_categories > 2:
        return np.eye(n_categories + 1)[:, 1:]
    vectors = np.zeros((n_categories + 1, 1))
    if mass[0] > 0:
        vectors[1:] = 1.0
    return vectors


def _robust(vectors: Array, mass: Array) -> Array:
    """Put each column of vectors to the robust scale of the training rows."""
    scaled = np.zeros_like(vectors)
    occurs = mass > 0
    for column, values in enumerate(vectors.T):
        distinct, group = np.unique(values[occurs], return_inverse=True)
        center, inverse = robust_scale(
            Distribution(distinct, np.bincount(group, mass[occurs]))
        )
        scaled[:, column] = (values - center) * inverse
    return smooth_clip(scaled)
