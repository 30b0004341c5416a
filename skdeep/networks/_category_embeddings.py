"""Learned vectors in place of categories."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import nn

from skdeep.networks._drawing import normal_parameter

if TYPE_CHECKING:
    from torch import Tensor


class CategoryEmbedding(nn.Module):
    """Embed columns of category codes.

    Every category of every column has a vector; all lie in one table. A further vector
    for each column stands for what is missing or was not seen in training. All are
    N(0, 1) at first [1]_.

    Parameters
    ----------
    cardinalities : sequence of int
        Number of categories of each column.
    dim : int, default=8
        Length of the vectors.
    dtype : torch.dtype, default=torch.float32
        Floating type of the vectors.
    generator : torch.Generator
        Source of the initial vectors, on the CPU.

    Attributes
    ----------
    n_outputs : int
        ``n_columns * dim``.
    weight : nn.Parameter of shape (sum(cardinalities) + n_columns, dim)
        The table: for each column the vector of code 0, then those of its categories.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong
       Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024,
       arXiv:2407.04491.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._category_embeddings import CategoryEmbedding
    >>> generator = torch.Generator().manual_seed(0)
    >>> embedding = CategoryEmbedding([3, 20], generator=generator)
    >>> embedding(torch.tensor([[3.0, 20.0], [0.0, 1.0]])).shape
    torch.Size([2, 16])
    """

    decaying_parameters = ("weight",)

    offset: Tensor
    last: Tensor

    def __init__(
        self,
        cardinalities: Sequence[int],
        dim: int = 8,
        *,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        sizes = [int(cardinality) + 1 for cardinality in cardinalities]
        starts = list(accumulate(sizes, initial=0))
        self.n_outputs = len(sizes) * dim
        self.weight = normal_parameter((starts[-1], dim), 1.0, dtype, generator)
        self.register_buffer("offset", torch.tensor(starts[:-1]))
        self.register_buffer("last", torch.tensor(sizes) - 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Look the vectors up.

        Parameters
        ----------
        codes : Tensor of shape (batch, n_columns)
            Whole numbers in any dtype: 1 to the column's cardinality for a category;
            any other counts as missing or unseen, as 0 does.

        Returns
        -------
        embedded : Tensor of shape (batch, n_columns * dim)
            The vectors of the first column come first.
        """
        # A code beyond its column must never find a vector of the next one.
        known = (codes >= 0) & (codes <= self.last)
        rows = torch.where(known, codes, 0).long() + self.offset
        vectors = nn.functional.embedding(rows, self.weight)
        return vectors.reshape(codes.shape[0], self.n_outputs)

    def extra_repr(self) -> str:
        """Show the sizes in the module's repr.

        Returns
        -------
        text : str
            As in "n_columns=3, n_vectors=50, dim=8".
        """
        n_vectors, dim = self.weight.shape
        return f"n_columns={len(self.offset)}, n_vectors={n_vectors}, dim={dim}"
