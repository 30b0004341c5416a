"""Rows in the order of an epoch, a batch at a time, without a loader process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, pairwise, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.data._tables import Rows

# Rows are gathered into pieces of about this many bytes and the batches cut from
# them: one indexing call serves many batches, and a piece stays in the cache.
PIECE_BYTES = 2**21


class Batch(NamedTuple):
    """One step's rows."""

    X: torch.Tensor
    y: Any
    weight: torch.Tensor | None


class Batches:
    """Iterate over rows in batches; every iteration is one epoch.

    A last batch of a single row joins the batch before it, since batch normalization
    cannot take the variance of one row.

    Parameters
    ----------
    rows : Rows
        The inputs.
    y : torch.Tensor of shape (n_samples, ...)
        The encoded targets, on the device of the rows.
    weight : torch.Tensor of shape (n_samples,) or None
        Weights of mean one.
    batch_size : int
        Rows in a batch.
    generator : torch.Generator or None
        Draws the order of each epoch; None keeps the order given. A single batch is
        never reordered, because its sum would only change in the last bits.
    mix : callable or None, default=None
        From a batch to the batch to learn on.

    Attributes
    ----------
    edges : list of int
        Where in the order of an epoch each batch begins, and where the last one ends.
    """

    def __init__(
        self,
        rows: Rows,
        y: torch.Tensor,
        weight: torch.Tensor | None = None,
        *,
        batch_size: int,
        generator: torch.Generator | None = None,
        mix: Callable[[Batch], Batch] | None = None,
    ) -> None:
        self.rows = rows
        self.y = y
        self.weight = weight
        self.batch_size = min(batch_size, rows.n_rows)
        self.generator = generator
        self.mix = mix
        self.edges = _batch_edges(rows.n_rows, self.batch_size)

    def draw_order(self) -> Array | None:
        """Return the order of another epoch, or None for the order given."""
        if self.generator is None or len(self) == 1:
            return None
        return torch.randperm(self.n_rows, generator=self.generator).numpy()

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.edges) - 1

    @property
    def n_rows(self) -> int:
        """The number of rows in an epoch."""
        return self.rows.n_rows

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        order = self.draw_order()
        per_piece = self._batches_per_piece()
        for first in range(0, len(self), per_piece):
            edges = self.edges[first : first + per_piece + 1]
            piece = self._piece(edges[0], edges[-1], order)
            for batch in _cut(piece, [high - low for low, high in pairwise(edges)]):
                yield batch if self.mix is None else self.mix(batch)

    def _batches_per_piece(self) -> int:
        row_bytes = 8 * self.rows.n_columns
        return max(1, PIECE_BYTES // (row_bytes * self.batch_size))

    def _piece(self, low: int, high: int, order: Array | None) -> Batch:
        if order is None:
            rows = slice(low, high)
            weight = None if self.weight is None else self.weight[rows]
            return Batch(self.rows.gather(rows), self.y[rows], weight)
        index = order[low:high]
        positions = torch.from_numpy(index).to(self.y.device)
        return Batch(
            self.rows.gather(index),
            self.y.index_select(0, positions),
            None if self.weight is None else self.weight.index_select(0, positions),
        )


def _cut(piece: Batch, sizes: list[int]) -> Iterator[Batch]:
    """Yield the batches of a piece, which have these numbers of rows."""
    X, y, weight = (None if part is None else _parts(part, sizes) for part in piece)
    return map(Batch, X or (), y or (), weight or repeat(None))


def _parts(rows: Any, sizes: list[int]) -> Iterable[Any]:
    """Return neighbouring rows of a tensor, or of an object like one, as views."""
    if isinstance(rows, torch.Tensor):
        # A single call into torch; it costs less than a slice for each batch.
        return torch.split(rows, sizes)
    edges = pairwise(accumulate(sizes, initial=0))
    return [rows[low:high] for low, high in edges]


def _batch_edges(n_rows: int, batch_size: int) -> list[int]:
    edges = [*range(0, n_rows, batch_size), n_rows]
    if len(edges) > 2 and batch_size > 1 and edges[-1] - edges[-2] == 1:
        del edges[-2]
    return edges


def resolve_batch_size(
    batch_size: int | str, n_rows: int, *, full: bool, auto: int
) -> int:
    """Return the rows in a batch.

    Parameters
    ----------
    batch_size : int or "auto"
        The parameter.
    n_rows : int
        Rows to train on.
    full : bool
        Whether all rows are wanted at once, as L-BFGS does, whatever the parameter.
    auto : int
        What "auto" stands for.

    Returns
    -------
    batch_size : int
        Between 1 and `n_rows`.
    """
    if full:
        return n_rows
    if isinstance(batch_size, str):
        return auto
    return int(np.clip(batch_size, 1, n_rows))
