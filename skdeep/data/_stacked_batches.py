"""The batches of several trainings side by side, each in the order it has alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, cast

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.data._batches import Batches
    from skdeep.data._tables import TensorRows


class StackedBatch(NamedTuple):
    """One step's rows of every member, filled up to the same number.

    Where equally many members that follow one another have the same rows in the same
    order, `X` has these once: of n members, k at a time, it has n / k. `weight` is what
    each row counts for in the mean of its own batch: zero for those that fill up.
    """

    X: Tensor
    y: Tensor
    weight: Tensor
    n_rows: list[int]


class StackedBatches:
    """Give the batches of several members at once.

    Tables and orders that members have in common are held, and drawn, once.

    Parameters
    ----------
    members : sequence of Batches
        Their rows are `TensorRows` of one width, their generators fresh. Members with
        the same rows and targets hold the very same objects. Where a member has fewer
        batches than another, its later ones are empty.

    Attributes
    ----------
    n_rows : list of int
        Rows of each member in an epoch.
    """

    def __init__(self, members: Sequence[Batches]) -> None:
        self.members = list(members)
        tables: dict[tuple[int, int], int] = {}
        sources: dict[tuple[int, int], Batches] = {}
        self._offsets: list[int] = []
        # Whose generator draws the order of each member.
        self._sources: list[Batches] = []
        X, y, start = [], [], 0
        for member in self.members:
            rows = cast("TensorRows", member.rows)
            key = (id(rows.tensor), id(member.y))
            if key not in tables:
                tables[key] = start
                X.append(rows.tensor)
                y.append(member.y)
                start += member.n_rows
            offset, generator = tables[key], member.generator
            seed = -1 if generator is None else generator.initial_seed()
            self._offsets.append(offset)
            self._sources.append(sources.setdefault((offset, seed), member))
        self._X = X[0] if len(X) == 1 else torch.cat(X)
        self._y = y[0] if len(y) == 1 else torch.cat(y)
        self._weighted = any(member.weight is not None for member in self.members)
        self._starts = max((m.edges for m in self.members), key=len)[:-1]
        self._count()

    def _count(self) -> None:
        """Set what follows from the present members."""
        self.n_rows = [member.n_rows for member in self.members]
        self._sizes = [self._sizes_at(place) for place in range(len(self))]
        self._n_alike = _length_of_runs([id(source) for source in self._sources])
        self._shares: dict[tuple[int, ...], Tensor] = {}

    def _sizes_at(self, place: int) -> list[int]:
        low, last = self._starts[place], place + 1 == len(self)
        high = max(self.n_rows) if last else self._starts[place + 1]
        return [max(0, min(high, n) - low) for n in self.n_rows]

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self._starts)

    def sizes(self, place: int) -> list[int]:
        """Return the rows that each member has in one batch."""
        return self._sizes[place]

    def start_epoch(self) -> None:
        """Draw the orders of another epoch."""
        device, longest = self._y.device, max(self.n_rows)
        distinct = {id(source): source for source in self._sources}
        orders = {key: _order(source) for key, source in distinct.items()}
        index = torch.zeros(len(self.members), longest, dtype=torch.int64)
        weight = (
            torch.ones(index.shape, dtype=self._X.dtype) if self._weighted else None
        )
        for place, member in enumerate(self.members):
            order = orders[id(self._sources[place])]
            index[place, : len(order)] = order + self._offsets[place]
            if weight is not None and member.weight is not None:
                weight[place, : len(order)] = member.weight.cpu()[order]
        self._index = index.to(device)
        self._weight = None if weight is None else weight.to(device)

    def batch(self, place: int) -> StackedBatch:
        """Return a batch of the epoch begun last.

        Parameters
        ----------
        place : int
            From 0.
        """
        sizes = self._sizes[place]
        low, n_rows = self._starts[place], max(sizes)
        index = self._index[:, low : low + n_rows]
        once = index[:: self._n_alike]
        share = self._share(sizes)
        if self._weight is not None:
            share = share * self._weight[:, low : low + n_rows]
        return StackedBatch(
            self._X.index_select(0, once.reshape(-1)).view(*once.shape, -1),
            self._y.index_select(0, index.reshape(-1)).view(
                *index.shape, *self._y.shape[1:]
            ),
            share,
            sizes,
        )

    def _share(self, sizes: list[int]) -> Tensor:
        """Return one over the rows of a member's batch, and zero beyond them."""
        key = tuple(sizes)
        if key not in self._shares:
            like = {"dtype": self._X.dtype, "device": self._X.device}
            share = torch.zeros(len(sizes), max(sizes), **like)  # type: ignore[call-overload]  # of two kinds
            for row, size in zip(share, sizes, strict=True):
                row[:size] = 1.0 / max(1, size)
            self._shares[key] = share
        return self._shares[key]

    def keep(self, members: Sequence[int]) -> None:
        """Go on with some members only, also within an epoch, named by their places."""
        kept = list(members)
        self.members = [self.members[k] for k in kept]
        self._offsets = [self._offsets[k] for k in kept]
        self._sources = [self._sources[k] for k in kept]
        if hasattr(self, "_index"):
            self._index = self._index[kept]
            if self._weight is not None:
                self._weight = self._weight[kept]
        if self.members:
            self._count()


def _length_of_runs(keys: Sequence[int]) -> int:
    """Return how often each key comes in a row, or 1 where that is not the same."""
    lengths = {sum(1 for _ in run) for _, run in groupby(keys)}
    return lengths.pop() if len(lengths) == 1 else 1


def _order(source: Batches) -> Tensor:
    drawn = source.draw_order()
    return torch.arange(source.n_rows) if drawn is None else torch.from_numpy(drawn)
