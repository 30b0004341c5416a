"""Tensors of torch as arrays of NumPy."""

from __future__ import annotations

from typing import Any

import torch

_OF_NUMPY = (torch.float16, torch.float32, torch.float64)


def from_torch(X: Any, owner: str) -> Any:
    """Return a tensor as an array, and anything else as it is.

    Parameters
    ----------
    X : object
        What may be a tensor: on any device, with or without a gradient.
    owner : str
        Whose `X` it is, for the sentence of an error.

    Returns
    -------
    X : object
        A floating type that NumPy does not have, such as bfloat16, becomes float32,
        which holds all of its numbers.

    Raises
    ------
    TypeError
        If the tensor is sparse.
    """
    if not isinstance(X, torch.Tensor):
        return X
    if X.layout != torch.strided:
        raise TypeError(
            f"{owner} takes dense tensors. Got one of layout {X.layout}. Call "
            "to_dense() on it, or pass a sparse matrix of SciPy where those are taken."
        )
    if X.is_floating_point() and X.dtype not in _OF_NUMPY:
        X = X.float()
    return X.numpy(force=True)
