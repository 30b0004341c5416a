"""All parameters of a module in one buffer, so that a step is one operation each.

An optimizer pays its overhead once for each tensor; a perceptron has a handful of
small ones. While it trains, the parameters are views of one buffer and their gradients
views of another. `release` gives every parameter its own memory back: a pickled view
would take the whole buffer with it.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NO_FACTORS: Mapping[str, float] = MappingProxyType({})


class FlatParameters:
    """Lay the trainable parameters of a module end to end.

    Weights (matrices and higher) come first, since penalties and weight decay act on
    them and not on biases or on the scales of a normalization.

    Parameters
    ----------
    module : torch.nn.Module
        Its trainable parameters share one dtype and device.

    factors : mapping of str to float, default={}
        By name of a parameter, what its learning rate is multiplied by; 1 for others.

    Attributes
    ----------
    parameter : torch.nn.Parameter of shape (n_parameters,)
        All of them.
    pieces : list of tuple (torch.nn.Parameter, float)
        What the optimizer is given, with its factor: `parameter` itself, or the parts
        of it that share one factor, in its memory.
    weights, weight_grads : torch.Tensor of shape (n_weights,)
        The part that is penalised, and its gradient.
    gradients : dict of torch.nn.Parameter to torch.Tensor
        The part of `grad` that belongs to each parameter of the module, in its shape.
    """

    def __init__(
        self, module: torch.nn.Module, factors: Mapping[str, float] = _NO_FACTORS
    ) -> None:
        trainable = [
            (p, factors.get(name, 1.0))
            for name, p in module.named_parameters()
            if p.requires_grad
        ]
        # A stable sort: matrices first, each kind in the module's own order.
        trainable.sort(key=lambda entry: _is_vector(entry[0]))
        self.owners = [owner for owner, _ in trainable]
        with torch.no_grad():
            flat = torch.cat([p.reshape(-1) for p in self.owners])
        self.parameter = torch.nn.Parameter(flat)
        self.grad = torch.zeros_like(flat)
        self.parameter.grad = self.grad
        n_weights = sum(p.numel() for p in self.owners if not _is_vector(p))
        self.weights = flat[:n_weights]
        self.weight_grads = self.grad[:n_weights]
        self._point(flat, self.grad)
        self.gradients = {owner: owner.grad for owner in self.owners}
        self.pieces = self._cut([factor for _, factor in trainable])

    def _cut(self, factors: list[float]) -> list[tuple[torch.nn.Parameter, float]]:
        """Return neighbours of one factor as parameters in the same memory."""
        if set(factors) <= {1.0}:
            return [(self.parameter, 1.0)]
        pieces, start = [], 0
        sizes = zip(factors, (owner.numel() for owner in self.owners), strict=True)
        for factor, run in groupby(sizes, key=itemgetter(0)):
            end = start + sum(size for _, size in run)
            piece = torch.nn.Parameter(self.parameter.detach()[start:end])
            piece.grad = self.grad[start:end]
            pieces.append((piece, factor))
            start = end
        return pieces

    def decay(self, share: float) -> None:
        """Shrink the weights by a share, times the factor of each.

        Parameters
        ----------
        share : float
            Of a weight whose factor is 1.
        """
        with torch.no_grad():
            if len(self.pieces) == 1:
                self.weights.mul_(1.0 - share * self.pieces[0][1])
                return
            start = 0
            for piece, factor in self.pieces:
                self.weights[start : start + len(piece)].mul_(1.0 - share * factor)
                start += len(piece)

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
