"""Columns of a table as features of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from skdeep.networks._category_embeddings import CategoryEmbedding

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.networks._numeric_embeddings import (
        PeriodicEmbedding,
        PiecewiseLinearEmbedding,
    )


class TabularInputs(nn.Module):
    """Turn a row of numbers, one-hot columns and category codes into features.

    Parameters
    ----------
    n_numeric : int
        Number of numeric columns, which come first.
    onehot_sizes : sequence of int, default=()
        For each one-hot encoded column of the table its number of columns here.
    cardinalities : sequence of int, default=()
        For each column of category codes, which come last, its number of categories.
    category_dim : int, default=8
        Length of a category's vector.
    numeric_embedding : module or None, default=None
        A `PiecewiseLinearEmbedding` or `PeriodicEmbedding` of the numeric columns;
        None takes them as they are.
    dtype : torch.dtype, default=torch.float32
        Floating type of the parameters.
    generator : torch.Generator
        Source of the categories' initial vectors, on the CPU.

    Attributes
    ----------
    n_columns : int
        Number of columns that come in.
    n_outputs : int
        Number of features that go out.
    group_sizes : list of int
        How many neighbouring features stem from each column of the table.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._tabular_inputs import TabularInputs
    >>> generator = torch.Generator().manual_seed(0)
    >>> inputs = TabularInputs(
    ...     4, onehot_sizes=[3], cardinalities=[20], generator=generator
    ... )
    >>> inputs.n_columns, inputs.n_outputs, inputs.group_sizes
    (8, 15, [1, 1, 1, 1, 3, 8])
    """

    def __init__(
        self,
        n_numeric: int,
        *,
        onehot_sizes: Sequence[int] = (),
        cardinalities: Sequence[int] = (),
        category_dim: int = 8,
        numeric_embedding: PiecewiseLinearEmbedding | PeriodicEmbedding | None = None,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        n_onehot = sum(onehot_sizes)
        self.dtype = dtype
        self.sizes = [n_numeric, n_onehot, len(cardinalities)]
        self.numeric = numeric_embedding
        self.categories = (
            CategoryEmbedding(
                cardinalities, category_dim, dtype=dtype, generator=generator
            )
            if len(cardinalities)
            else None
        )
        n_from_numbers = (
            n_numeric if numeric_embedding is None else numeric_embedding.n_outputs
        )
        each = n_from_numbers // max(n_numeric, 1)
        self.n_columns = sum(self.sizes)
        self.n_outputs = n_from_numbers + n_onehot + len(cardinalities) * category_dim
        self.group_sizes = [
            *([each] * n_numeric),
            *onehot_sizes,
            *([category_dim] * len(cardinalities)),
        ]

    def forward(self, x: Tensor) -> Tensor:
        """Embed rows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_columns)
            Scaled numbers, missing indicators among them; one-hot columns; and
            category codes as whole numbers, see `CategoryEmbedding`.

        Returns
        -------
        features : Tensor of shape (batch, n_outputs)
            Embedded numbers, one-hot columns, embedded categories.

        Raises
        ------
        ValueError
            If `x` has not `n_columns` columns.
        """
        if x.dim() != 2 or x.shape[1] != self.n_columns:
            raise ValueError(
                f"The network expects rows of {self.n_columns} columns (numeric, "
                f"one-hot, codes: {self.sizes}). Got shape {tuple(x.shape)} instead."
            )
        if self.numeric is None and self.categories is None:
            return x
        numbers, onehot, codes = torch.split(x, self.sizes, dim=1)
        if self.numeric is not None:
            numbers = self.numeric(numbers)
        parts = [numbers, onehot]
        if self.categories is not None:
            parts.append(self.categories(codes))
        filled = [part for part in parts if part.shape[1]]
        return filled[0] if len(filled) == 1 else torch.cat(filled, dim=1)
