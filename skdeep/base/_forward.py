"""Rows through a fitted network, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch

from skdeep.data import to_tensor

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.data import ColumnScaler


# Small enough for the widths of a perceptron to stay in a core's cache.
BLOCK_ROWS = 1024


def forward_blocks(
    module: torch.nn.Module,
    X: Any,
    scaler: ColumnScaler | None,
    link: Callable[[torch.Tensor], torch.Tensor],
) -> Array:
    """Return what the network says of every row, after the link.

    Parameters
    ----------
    module : torch.nn.Module
        A fitted network.
    X : {ndarray, memmap, csr_array} of shape (n_samples, n_features)
        A validated table.
    scaler : ColumnScaler or None
        Applied to each row.
    link : callable
        From outputs to what is returned.

    Returns
    -------
    outputs : ndarray of shape (n_samples, n_outputs)
    """
    if module.training:
        module.eval()
    parameter = next(module.parameters())
    n_rows = X.shape[0]
    outputs: Array | None = None
    with torch.inference_mode():
        for start in range(0, n_rows, BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            block = X[rows]
            block = block.toarray() if sp.issparse(block) else np.asarray(block)
            inputs = to_tensor(block, scaler, parameter.dtype)
            block_out = link(module(inputs.to(parameter.device)))
            part = block_out.cpu().numpy()
            if n_rows <= BLOCK_ROWS:
                return part
            if outputs is None:
                outputs = np.empty((n_rows, part.shape[1]), dtype=part.dtype)
            outputs[rows] = part
    return outputs if outputs is not None else np.empty((0, 0))
