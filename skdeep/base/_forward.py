"""Rows through a fitted network, block by block."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
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
    encode: Callable[[Any, torch.dtype], torch.Tensor],
    pool: Callable[[torch.Tensor], torch.Tensor],
    link: Callable[[torch.Tensor], torch.Tensor] | None,
    step: int,
    *,
    refuse: Callable[[int], NoReturn],
    foreign_seed: int | None = None,
) -> Array:
    """Return what the network says of every row, after the link.

    Parameters
    ----------
    module : torch.nn.Module
        A fitted network.
    X : {ndarray, memmap, csr_array, MixedTable, ImageTable} of n_samples rows
        Validated inputs.
    encode : callable
        From a block of rows and a dtype to inputs of the network, on any device.
    pool : callable
        From what the network puts out to one raw output a row.
    link : callable or None
        From raw outputs to what is returned; None returns them as they are.
    step : int
        How many rows go through the network at once, see `block_rows`.
    refuse : callable
        Raises, given the position of a row whose raw output is not finite.
    foreign_seed : int or None, default=None
        Of torch's own generator, lent to functions that may draw from it.

    Returns
    -------
    outputs : ndarray of shape (n_samples, n_outputs)
    """
    if module.training:
        module.eval()
    parameter = next(module.parameters())
    n_rows = X.shape[0]
    outputs: Array | None = None
    lent = (
        nullcontext()
        if foreign_seed is None
        else isolated_global_rng(foreign_seed, parameter.device)
    )
    with lent, torch.inference_mode():
        for start in range(0, n_rows, step):
            rows = slice(start, start + step)
            inputs = encode(X[rows], parameter.dtype)
            block_out = pool(module(inputs.to(parameter.device)))
            # Before the link, which may take infinity for a probability of one.
            bad = first_not_finite(block_out)
            if bad is not None:
                refuse(start + bad)
            if link is not None:
                block_out = link(block_out)
            part = block_out.cpu().numpy()
            if n_rows <= step:
                return part
            if outputs is None:
                outputs = np.empty((n_rows, part.shape[1]), dtype=part.dtype)
            outputs[rows] = part
    return outputs if outputs is not None else np.empty((0, 0))


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
