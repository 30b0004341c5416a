"""The mean loss of an epoch, read from a GPU no more often than need be."""

from __future__ import annotations

from collections.abc import Callable

import torch

# To read a number from a GPU is to wait for all that it was asked before.
READ_AT_ONCE = 256


class MeanLoss:
    """Add up the losses of batches, each weighted by its rows.

    Parameters
    ----------
    device : torch.device
        Of the losses.
    check : callable or None, default=None
        Called with the loss and the number of each batch, in order; it may raise.
    """

    def __init__(
        self, device: torch.device, check: Callable[[float, int], None] | None = None
    ) -> None:
        self._check = check
        # On a CPU a loss is there already.
        self._at_once = 1 if device.type == "cpu" else READ_AT_ONCE
        self._waiting: list[torch.Tensor] = []
        self._sizes: list[int] = []
        self._n_batches = 0
        self._total = 0.0
        self._n_rows = 0

    def add(self, loss: torch.Tensor, n_rows: int) -> None:
        """Add a batch."""
        if self._at_once == 1:
            self._count(loss.item(), n_rows)
            return
        self._waiting.append(loss.detach())
        self._sizes.append(n_rows)
        if len(self._waiting) >= self._at_once:
            self._read()

    def mean(self) -> float:
        """Return the mean over all rows."""
        if self._waiting:
            self._read()
        return self._total / self._n_rows

    def _read(self) -> None:
        values = torch.stack(self._waiting).flatten().tolist()
        for value, n_rows in zip(values, self._sizes, strict=True):
            self._count(value, n_rows)
        self._waiting.clear()
        self._sizes.clear()

    def _count(self, value: float, n_rows: int) -> None:
        self._n_batches += 1
        if self._check is not None:
            self._check(value, self._n_batches)
        self._total += value * n_rows
        self._n_rows += n_rows
