"""Rows through a fitted network, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import scipy.sparse as sp
import torch

from skdeep._seeding import isolated_global_rng

if TYPE_CHECKING:
    from skdeep._typing import Array


# Enough rows to make light of what each block costs, few enough for the widths of a
# perceptron to stay in a core's cache, and for wide sparse rows to be made dense.
MAX_BLOCK_ROWS = 4096
BLOCK_BYTES = 2**25


def block_rows(n_columns: int) -> int:
    """Return how many rows of a table go through the network at once.

    Parameters
    ----------
    n_columns : int
        Columns of the table.

    Returns
    -------
    n_rows : int
        At least 1.
    """
    return max(1, min(MAX_BLOCK_ROWS, BLOCK_BYTES // (8 * max(1, n_columns))))


def forward_blocks(
    module: torch.nn.Module,
    X: Any,
    encode: Callable[[Any, torch.dtype, torch.device], torch.Tensor],
    pool: Callable[[torch.Tensor], torch.Tensor],
    answer: Callable[[torch.Tensor], Any],
    step: int,
    *,
    refuse: Callable[[int], NoReturn],
    foreign_seed: int | None = None,
) -> Any:
    """Return what is made of the network's outputs for all rows, block by block.

    Parameters
    ----------
    module : torch.nn.Module
        A fitted network.
    X : {ndarray, memmap, csr_array, MixedTable, ImageTable} of n_samples rows
        Validated inputs.
    encode : callable
        From a block of rows, the network's dtype and its device to inputs of the
        network, on any device.
    pool : callable
        From what the network puts out to one raw output a row.
    answer : callable
        From raw outputs to an answer for each row: an ndarray or a sparse matrix of as
        many rows, or a list.
    step : int
        How many rows go through the network at once, see `block_rows`.
    refuse : callable
        Raises, given the position of a row whose raw output is not finite.
    foreign_seed : int or None, default=None
        Of torch's own generator, lent to functions that may draw from it.

    Returns
    -------
    answers : ndarray, sparse matrix or list of length n_samples
    """
    if module.training:
        module.eval()
    parameter = next(module.parameters())
    dtype, device = parameter.dtype, parameter.device
    n_rows = X.shape[0]
    joined: _Joined | None = None
    lent = (
        nullcontext()
        if foreign_seed is None
        else isolated_global_rng(foreign_seed, device)
    )
    with lent, torch.inference_mode():
        for start in range(0, n_rows, step):
            rows = slice(start, start + step)
            inputs = encode(X[rows], dtype, device)
            output = pool(module(inputs.to(device)))
            # Before a link, which may take infinity for a probability of one.
            bad = first_not_finite(output)
            if bad is not None:
                refuse(start + bad)
            part = answer(output)
            if n_rows <= step:
                return part
            joined = joined or _Joined(part, n_rows)
            joined.add(part)
    return np.empty((0, 0)) if joined is None else joined.whole()


class _Joined:
    """Answers of blocks on their way to one answer, of the type of the first."""

    def __init__(self, first: Any, n_rows: int) -> None:
        self.parts: list[Any] = []
        self.filled = 0
        self.array: Array | None = None
        if isinstance(first, np.ndarray):
            # In place, since all parts and their copy may be too much for the memory.
            self.array = np.empty((n_rows, *first.shape[1:]), dtype=first.dtype)

    def add(self, part: Any) -> None:
        """Append a block."""
        if self.array is None:
            self.parts.append(part)
            return
        self.array[self.filled : self.filled + len(part)] = part
        self.filled += len(part)

    def whole(self) -> Any:
        """Return all of them."""
        if self.array is not None:
            return self.array
        if sp.issparse(self.parts[0]):
            return sp.vstack(self.parts, format=self.parts[0].format)
        return list(chain.from_iterable(self.parts))


def first_not_finite(outputs: torch.Tensor) -> int | None:
    """Return the position of the first row with a NaN or infinity, or None.

    Parameters
    ----------
    outputs : Tensor of shape (n_samples, ...)
        Floating point numbers.
    """
    # One number tells of all, unless a sum of finite numbers overflows.
    if math.isfinite(outputs.sum()):
        return None
    bad = ~torch.isfinite(outputs).flatten(1).all(dim=1)
    return int(bad.nonzero()[0]) if bool(bad.any()) else None
