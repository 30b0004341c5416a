"""Shape rules of the losses, cheap enough to be asked at every step.

Broadcasting (n, 1) against (n,) gives n x n differences and a network that learns the
mean; it must never happen silently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_MATRIX = 2


def check_indices(output: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Refuse all but one row of logits for each class index.

    Parameters
    ----------
    output : torch.Tensor of shape (n_samples, n_classes)
        Logits.
    target : torch.Tensor of shape (n_samples,)
        Class indices.
    weight : torch.Tensor of shape (n_samples,) or None
        Sample weights.

    Raises
    ------
    ValueError
        If a shape is another one.
    """
    if output.dim() != _MATRIX or target.shape != output.shape[:1]:
        raise ValueError(
            "The loss expects an output of shape (n_samples, n_classes) and a target "
            f"of shape (n_samples,). Got an output of shape {tuple(output.shape)} and "
            f"a target of shape {tuple(target.shape)}. Reshape one to fit the other."
        )
    if weight is not None:
        _check_weight(output, weight)


def check_columns(output: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Refuse all but an output and a target of one shape with two axes.

    Parameters
    ----------
    output : torch.Tensor of shape (n_samples, n_outputs)
        What the network put out.
    target : torch.Tensor of shape (n_samples, n_outputs)
        What it should have put out.
    weight : torch.Tensor of shape (n_samples,) or None
        Sample weights.

    Raises
    ------
    ValueError
        If a shape is another one.
    """
    if output.dim() != _MATRIX or target.shape != output.shape:
        raise ValueError(
            "The loss expects an output and a target of the same shape (n_samples, "
            f"n_outputs). Got an output of shape {tuple(output.shape)} and a target "
            f"of shape {tuple(target.shape)}. Reshape one to fit the other."
        )
    if weight is not None:
        _check_weight(output, weight)


def _check_weight(output: Tensor, weight: Tensor) -> None:
    if weight.shape != output.shape[:1]:
        raise ValueError(
            f"The loss expects one weight for each of the {output.shape[0]} samples. "
            f"Got weights of shape {tuple(weight.shape)} for an output of shape "
            f"{tuple(output.shape)}. Reshape them to (n_samples,)."
        )
