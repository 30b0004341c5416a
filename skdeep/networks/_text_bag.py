"""Sums of the vectors of n-grams, at the price of those that a batch holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

_bag = nn.functional.embedding_bag
# torch.embedding_bag's number for the largest.
_MAX = 2


class _WeightedSum(torch.autograd.Function):
    """Weighted sum of rows of a table for each bag.

    torch's own backward pass walks through the whole table several times: on the CPU
    15 ms for 120,000 rows of 64 and a batch of 64 texts, where this takes 3 (torch
    2.15). The gradient of a row is itself a weighted sum, over the bags that hold it,
    and is added up in one order on a GPU, too.
    """

    @staticmethod
    def forward(
        ctx: Any,
        table: Tensor,
        ids: Tensor,
        starts: Tensor,
        weights: Tensor,
        sparse: bool,
    ) -> Tensor:
        ctx.save_for_backward(ids, starts, weights)
        ctx.shape, ctx.sparse = table.shape, sparse
        return _bag(
            ids,
            table,
            starts,
            mode="sum",
            per_sample_weights=weights,
            include_last_offset=True,
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        ids, starts, weights = ctx.saved_tensors
        ordered, order = torch.sort(ids, stable=True)
        rows, counts = torch.unique_consecutive(ordered, return_counts=True)
        bags = torch.arange(len(starts) - 1, device=ids.device, dtype=ids.dtype)
        bags = torch.repeat_interleave(bags, starts.diff())
        ends = counts.cumsum(0)
        gradient = _bag(
            bags[order],
            grads[0].contiguous(),
            (ends - counts).to(ids.dtype),
            mode="sum",
            per_sample_weights=weights[order],
        )
        if ctx.sparse:
            whole = torch.sparse_coo_tensor(
                rows.unsqueeze(0),
                gradient,
                ctx.shape,
                is_coalesced=True,
                check_invariants=False,
            )
        else:
            whole = gradient.new_zeros(ctx.shape).index_add_(0, rows, gradient)
        return whole, None, None, None, None


class _Largest(torch.autograd.Function):
    """The largest number of each column for each bag.

    torch's own backward pass adds up in any order on a GPU; `index_put_` sorts first.
    """

    @staticmethod
    def forward(ctx: Any, table: Tensor, ids: Tensor, starts: Tensor) -> Tensor:
        largest: Tensor
        largest, _, _, places = torch.embedding_bag(
            table, ids, starts, mode=_MAX, include_last_offset=True
        )
        ctx.save_for_backward(places, starts)
        ctx.shape = table.shape
        return largest

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        places, starts = ctx.saved_tensors
        filled = starts.diff() > 0
        gradient = grads[0].new_zeros(ctx.shape)
        columns = torch.arange(ctx.shape[1], device=places.device)
        places, found = places[filled].long(), grads[0][filled]
        columns = columns.expand_as(places)
        return gradient.index_put_((places, columns), found, True), None, None


def weighted_sums(
    table: Tensor, ids: Tensor, starts: Tensor, weights: Tensor, *, sparse: bool = False
) -> Tensor:
    """Return the weighted sum of rows of a table for each bag.

    Parameters
    ----------
    table : Tensor of shape (n_rows, width)
        The vectors.
    ids : Tensor of int of shape (n_items,)
        Which row each item of a bag is.
    starts : Tensor of int of shape (n_bags + 1,)
        Where the items of each bag begin, and where the last ones end.
    weights : Tensor of shape (n_items,)
        Of each item.
    sparse : bool, default=False
        Whether the gradient by the table is a sparse tensor, of the rows in the bags
        only. Autograd adds it in place to a gradient that is there; by a dense one it
        would first have to write a table full of zeros.

    Returns
    -------
    sums : Tensor of shape (n_bags, width)
        Zero for an empty bag. Only the table has a gradient.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._text_bag import weighted_sums
    >>> table = torch.eye(3)
    >>> ids, starts = torch.tensor([0, 2, 2]), torch.tensor([0, 2, 3, 3])
    >>> weighted_sums(table, ids, starts, torch.tensor([0.5, 2.0, 1.0])).tolist()
    [[0.5, 0.0, 2.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    sums: Tensor = _WeightedSum.apply(table, ids, starts, weights, sparse)
    return sums


class BagEmbedding(nn.Module):
    """One vector for each text: its n-grams' vectors, added up or the largest.

    The idea of fastText [1]_, but for the hashing, which is the encoder's affair.

    Parameters
    ----------
    table : Tensor of shape (n_grams, width)
        The first vectors.
    known : Tensor of shape (n_known, width) or None, default=None
        Vectors that are not to be trained, of n-grams with numbers before those of the
        table.
    pooling : {"sum", "max"}, default="sum"
        The weighted sum, or the largest number in each place, whatever the weights.

    Attributes
    ----------
    table : nn.Parameter of shape (n_grams, width)
        The vectors.
    sparse_gradient : bool
        Whether the gradient by the table is sparse, see `weighted_sums`. False but for
        the steps of `fit`, which add it to a dense one.

    References
    ----------
    .. [1] A. Joulin, E. Grave, P. Bojanowski, T. Mikolov, "Bag of Tricks for Efficient
       Text Classification", EACL 2017, arXiv:1607.01759.
    """

    decaying_parameters = ("table",)
    sparse_gradient = False

    known: Tensor | None

    def __init__(
        self,
        table: Tensor,
        known: Tensor | None = None,
        pooling: Literal["sum", "max"] = "sum",
    ) -> None:
        super().__init__()
        self.table = nn.Parameter(table)
        self.register_buffer("known", known)
        self.pooling = pooling
        self.width = table.shape[1]

    def forward(self, bags: Any) -> Tensor:
        """Map a batch of bags to vectors.

        Parameters
        ----------
        bags : object
            With `ids`, `starts` and `weights`, see `weighted_sums`.

        Returns
        -------
        vectors : Tensor of shape (n_bags, width)
        """
        ids, starts, weights = bags.ids, bags.starts, bags.weights
        known = self.known
        if known is None:
            if self.pooling == "sum":
                return self._sums(ids, starts, weights)
            return self._largest(self.table, ids, starts)
        if self.pooling == "max":
            return self._largest(torch.cat([known, self.table]), ids, starts)
        is_known = ids < len(known)
        trained = self._sums(
            (ids - len(known)).clamp_(min=0),
            starts,
            weights.masked_fill(is_known, 0.0),
        )
        fixed = weighted_sums(
            known,
            ids.clamp(max=len(known) - 1),
            starts,
            weights.masked_fill(~is_known, 0.0),
        )
        return trained + fixed

    def _sums(self, ids: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
        # What a parametrized table is computed from could not take a sparse gradient.
        sparse = self.sparse_gradient and self.table.is_leaf
        return weighted_sums(self.table, ids, starts, weights, sparse=sparse)

    @staticmethod
    def _largest(table: Tensor, ids: Tensor, starts: Tensor) -> Tensor:
        if table.device.type == "cpu":
            return _bag(ids, table, starts, mode="max", include_last_offset=True)
        largest: Tensor = _Largest.apply(table, ids, starts)
        return largest
