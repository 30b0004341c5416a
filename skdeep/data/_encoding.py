"""A table of numbers and categories as one array for a network."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep._storable import storable
from skdeep.data._categories import CategoryEncoder
from skdeep.data._numeric import NumericEncoder
from skdeep.data._scaling import BLOCK_ROWS

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.data._mixed import MixedTable
    from skdeep.data._numeric import NumericScaling


@storable()
class TableEncoder:
    """Turn numbers, categories and holes into columns that are always finite.

    The columns are, in this order: the scaled numeric ones; an indicator of zeros and
    ones for each that was missing in some training rows; zeros and ones of categories
    that are few; a code from 0 (missing or unseen) for categories that are many.

    Fitted on two rows or one of twice the weight, it is the same: exactly, but for the
    last digits under "standard" scaling.

    Parameters
    ----------
    numeric_scaling : {"quantile", "robust_clip", "standard"} or None, \
            default="quantile"
        What is done to numbers; see `NumericEncoder`.
    max_onehot : int, default=8
        The most categories that are encoded as zeros and ones.
    missing_indicators : bool, default=True
        Say which numbers were missing.
    scale_onehot : bool, default=False
        Put the zeros and ones to the robust scale too.

    Attributes
    ----------
    n_numeric : int
        Number of scaled numeric columns, the first of the encoded ones.
    n_indicators : int
        Number of indicators behind them.
    n_onehot : int
        Number of columns of zeros and ones of categories behind these.
    onehot_sizes : tuple of int
        For each column of the table that is encoded so, how many of them are its own.
    cardinalities : tuple of int
        For each column of codes, the last ones, the number of categories known: codes
        run from 0 to it, both included.
    n_outputs : int
        Number of encoded columns.
    groups : tuple of tuple of int
        For each column of the table the positions of the columns that encode it.
    """

    def __init__(
        self,
        numeric_scaling: NumericScaling = "quantile",
        *,
        max_onehot: int = 8,
        missing_indicators: bool = True,
        scale_onehot: bool = False,
    ) -> None:
        self.numbers = NumericEncoder(numeric_scaling, indicators=missing_indicators)
        self.categories = CategoryEncoder(max_onehot, robust_clip=scale_onehot)

    def fit(self, table: MixedTable, weight: Array | None = None) -> TableEncoder:
        """Learn from the training rows.

        Parameters
        ----------
        table : MixedTable
            At least one row.
        weight : ndarray of shape (n_samples,) or None
            Non-negative weights; a row of weight zero does not count.

        Returns
        -------
        self : TableEncoder
        """
        self.numbers.fit(table.numeric, weight)
        self.categories.fit(table.codes, table.levels, weight)
        self._lay_out(table)
        return self

    def update(self, table: MixedTable, weight: Array | None = None) -> TableEncoder:
        """Learn from the first rows; leave what later ones are encoded as unchanged.

        Other quantiles or codes would change what trained weights stand for.

        Parameters
        ----------
        table : MixedTable
            More rows.
        weight : ndarray of shape (n_samples,) or None
            As in `fit`.

        Returns
        -------
        self : TableEncoder
        """
        return self if hasattr(self, "groups") else self.fit(table, weight)

    def _lay_out(self, table: MixedTable) -> None:
        """Give every column its place."""
        columns = self.categories.columns
        few = [i for i, column in enumerate(columns) if column.vectors is not None]
        many = [i for i, column in enumerate(columns) if column.vectors is None]
        self.n_numeric = self.numbers.n_columns
        self.n_indicators = len(self.numbers.indicated)
        self.cardinalities = tuple(len(columns[i].codes) for i in many)
        self.onehot_sizes = tuple(columns[i].width for i in few)
        self.n_onehot = sum(self.onehot_sizes)
        start = self.n_numeric + self.n_indicators
        edges = start + np.cumsum([0, *(columns[i].width for i in (*few, *many))])
        self.n_outputs = int(edges[-1])
        # Of the categorical columns, in their order in the table.
        self._slots = [slice(0)] * len(columns)
        for i, (low, high) in zip((*few, *many), pairwise(edges.tolist()), strict=True):
            self._slots[i] = slice(low, high)
        self.groups = self._groups(table)

    def _groups(self, table: MixedTable) -> tuple[tuple[int, ...], ...]:
        groups: dict[int, list[int]] = {}
        for position, column in enumerate(table.schema.numeric_columns):
            groups[column] = [position]
        for position, numeric in enumerate(self.numbers.indicated.tolist()):
            column = table.schema.numeric_columns[numeric]
            groups[column].append(self.n_numeric + position)
        pairs = zip(table.schema.categorical_columns, self._slots, strict=True)
        for column, slot in pairs:
            groups[column] = list(range(slot.start, slot.stop))
        return tuple(tuple(groups[column]) for column in sorted(groups))

    def transform(self, table: MixedTable, dtype: Any = None) -> Array:
        """Return the rows of a table encoded.

        Parameters
        ----------
        table : MixedTable
            Read by the schema of the table that was fitted.
        dtype : dtype, default=None
            Of the result; None takes that of the table.

        Returns
        -------
        encoded : ndarray of shape (n_samples, n_outputs)
            Finite, whatever the table holds.
        """
        lookups = self.categories.lookups(table.levels)
        shape = (len(table), self.n_outputs)
        encoded = np.empty(shape, dtype=table.dtype if dtype is None else dtype)
        first = self.n_numeric + self.n_indicators
        for start in range(0, len(table), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            encoded[rows, :first] = self.numbers.transform(table.numeric[rows])
            codes = table.codes[rows]
            for column, (slot, lookup) in enumerate(
                zip(self._slots, lookups, strict=True)
            ):
                encoded[rows, slot] = lookup[codes[:, column]]
        return encoded
