"""All parameters of a module in one buffer, so that a step is one operation each.

An optimizer pays its overhead once for each tensor; a perceptron has a handful of
small ones. While it trains, the parameters are views of one buffer and their gradients
views of another. `release` gives every parameter its own memory back: a pickled view
would take the whole buffer with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable


class FlatParameters:
    """Lay the trainable parameters of a module end to end.

    Weights (matrices and higher) come first, since penalties and weight decay act on
    them and not on biases or on the scales of a normalization.

    Parameters
    ----------
    module : torch.nn.Module
        Its trainable parameters share one dtype and device.

    Attributes
    ----------
    parameter : torch.nn.Parameter of shape (n_parameters,)
        What the optimizer is given.
    weights, weight_grads : torch.Tensor of shape (n_weights,)
        The part that is penalised, and its gradient.
    """

    def __init__(self, module: torch.nn.Module) -> None:
        trainable = [p for p in module.parameters() if p.requires_grad]
        # A stable sort: matrices first, each kind in the module's own order.
        self.owners = sorted(trainable, key=_is_vector)
        with torch.no_grad():
            flat = torch.cat([p.reshape(-1) for p in self.owners])
        self.parameter = torch.nn.Parameter(flat)
        self.grad = torch.zeros_like(flat)
        self.parameter.grad = self.grad
        n_weights = sum(p.numel() for p in self.owners if not _is_vector(p))
        self.weights = flat[:n_weights]
        self.weight_grads = self.grad[:n_weights]
        self._point(flat, self.grad)

    def _point(self, flat: torch.Tensor, grad: torch.Tensor | None) -> None:
        start = 0
        for owner in self.owners:
            end = start + owner.numel()
            owner.data = flat[start:end].view(owner.shape)
            owner.grad = None if grad is None else grad[start:end].view(owner.shape)
            start = end

    def zero_grad(self) -> None:
        """Set all gradients to zero, in place."""
        self.grad.zero_()

    def snapshot(self) -> torch.Tensor:
        """Return a copy of all parameters."""
        return self.parameter.detach().clone()

    def restore(self, values: torch.Tensor) -> None:
        """Copy a snapshot back."""
        with torch.no_grad():
            self.parameter.copy_(values)

    def release(self) -> None:
        """Give every parameter memory of its own and drop the gradients."""
        for owner in self.owners:
            owner.data = owner.data.clone()
            owner.grad = None


def _is_vector(parameter: torch.Tensor) -> bool:
    return parameter.ndim < 2


def float_buffers(module: torch.nn.Module) -> list[torch.Tensor]:
    """Return the floating point buffers: what batch normalization keeps count of."""
    return [b for b in module.buffers() if b.is_floating_point()]


def copy_all(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Return a detached copy of every tensor."""
    return [tensor.detach().clone() for tensor in tensors]


def write_all(targets: Iterable[torch.Tensor], values: Iterable[torch.Tensor]) -> None:
    """Copy values into tensors in place."""
    with torch.no_grad():
        for target, value in zip(targets, values, strict=True):
            target.copy_(value)
