"""Loss classes of torch, or written in its manner, made to take sample weights."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeGuard

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def is_loss_class(loss: object) -> TypeGuard[type[nn.Module]]:
    """Return whether `loss` is a subclass of `torch.nn.Module`, not an instance."""
    return isinstance(loss, type) and issubclass(loss, nn.Module)


def instantiate(loss: type[nn.Module], options: Mapping[str, float]) -> nn.Module:
    """Create a torch loss that returns one loss for each sample where it can.

    Parameters
    ----------
    loss : subclass of torch.nn.Module
        Called with `options`, and with ``reduction="none"`` where it takes that.
    options : mapping of str to float
        Values that the class must take.

    Returns
    -------
    criterion : torch.nn.Module

    Raises
    ------
    ValueError
        If the class does not take one of the options.
    TypeError
        If the class cannot be created from these arguments.
    """
    accepted = inspect.signature(loss).parameters
    for name, value in options.items():
        if name not in accepted:
            raise ValueError(
                f"The '{name}' parameter must be left out with loss={loss.__name__}, "
                f"which does not take it. Got {value!r}. Give it in the class itself."
            )
    arguments: dict[str, Any] = dict(options)
    if "reduction" in accepted:
        arguments["reduction"] = "none"
    try:
        return loss(**arguments)
    except TypeError as error:
        raise TypeError(
            "The 'loss' parameter must be a class that can be created without further "
            f"arguments. Got {loss!r}. Derive a class that supplies them."
        ) from error


def mean_over_samples(
    losses: Tensor, weight: Tensor | None, n_samples: int, name: str
) -> Tensor:
    """Return the weighted mean of what a torch loss returned.

    Parameters
    ----------
    losses : torch.Tensor of shape (n_samples, ...) or ()
        Further axes are averaged over; no axis means that the class has taken the
        mean itself.
    weight : torch.Tensor of shape (n_samples,) or None
        Sample weights.
    n_samples : int
        Number of rows of the batch.
    name : str
        Name of the loss class, for the error.

    Returns
    -------
    loss : torch.Tensor of shape ()

    Raises
    ------
    ValueError
        If there are weights but no losses per sample, or losses of other samples.
    """
    if losses.dim() == 0:
        if weight is None:
            return losses
        raise ValueError(
            f"loss={name} returns one number for the whole batch, so that sample "
            "weights and class weights cannot be applied. Give it a 'reduction' "
            'parameter that understands "none", or fit without weights.'
        )
    if losses.shape[0] != n_samples:
        raise ValueError(
            f"loss={name} must return a loss for each of the {n_samples} samples, or "
            f"a single number. Got losses of shape {tuple(losses.shape)}."
        )
    if weight is None:
        return losses.mean()
    return (losses.reshape(n_samples, -1).mean(dim=1) * weight).mean()
