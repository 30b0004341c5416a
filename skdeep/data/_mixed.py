"""A table of numbers and categories that has been read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep._storable import storable

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.data._columns import Kind


@storable()
@dataclass(frozen=True)
class TableSchema:
    """What the columns of a table held when an estimator was fitted.

    Parameters
    ----------
    categorical : tuple of bool
        Which columns hold categories.
    kinds : tuple of {"numbers", "strings", "booleans", "nothing"}
        What stood in each column; "nothing" where all was missing.
    """

    categorical: tuple[bool, ...]
    kinds: tuple[Kind, ...]

    @property
    def numeric_columns(self) -> list[int]:
        """Positions of the columns that hold numbers."""
        return [i for i, categorical in enumerate(self.categorical) if not categorical]

    @property
    def categorical_columns(self) -> list[int]:
        """Positions of the columns that hold categories."""
        return [i for i, categorical in enumerate(self.categorical) if categorical]


class MixedTable:
    """Rows of numbers and categories in memory; subsets share their categories.

    Parameters
    ----------
    numeric : ndarray of shape (n_samples, n_numeric)
        In float32 or float64, finite or NaN.
    codes : ndarray of int32 of shape (n_samples, n_categorical)
        Positions in the levels of the column; -1 where the category is missing.
    levels : tuple of n_categorical lists
        Categories of each column in plain Python.
    schema : TableSchema
        What the columns are.
    """

    def __init__(
        self,
        numeric: Array,
        codes: Array,
        levels: tuple[list[Any], ...],
        schema: TableSchema,
    ) -> None:
        self.numeric = numeric
        self.codes = codes
        self.levels = levels
        self.schema = schema

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows, and of columns as they came."""
        return len(self.numeric), len(self.schema.categorical)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the numbers, float32 or float64."""
        return self.numeric.dtype

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.numeric)

    def __getitem__(self, rows: Array | slice) -> MixedTable:
        """Return the rows at some positions, in that order, or of a slice."""
        return MixedTable(
            self.numeric[rows], self.codes[rows], self.levels, self.schema
        )
