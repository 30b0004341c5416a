"""Activation functions by name, class, factory, module or plain function."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep._typing import Activation

ACTIVATIONS: Final[Mapping[str, type[nn.Module]]] = MappingProxyType(
    {
        "relu": nn.ReLU,
        "sigmoid": nn.Sigmoid,
        "logistic": nn.Sigmoid,
        "tanh": nn.Tanh,
        "identity": nn.Identity,
        "leaky_relu": nn.LeakyReLU,
        "elu": nn.ELU,
        "selu": nn.SELU,
        "gelu": nn.GELU,
        "silu": nn.SiLU,
        "mish": nn.Mish,
        "softplus": nn.Softplus,
        "hardswish": nn.Hardswish,
    }
)

_NAME_OF_CLASS: Final = {
    kind: name for name, kind in ACTIVATIONS.items() if name != "logistic"
}

_CHOICES: Final = (
    f"one of the names {sorted(ACTIVATIONS)}, an nn.Module class that needs no "
    "arguments, a factory without arguments that returns an nn.Module, an nn.Module, "
    "or a function from tensor to tensor"
)


class FunctionActivation(nn.Module):
    """Module around a plain function from tensor to tensor.

    It pickles if the function does: a function of a module, not a lambda.

    Parameters
    ----------
    function : callable
        Takes a tensor and returns one of the same shape.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import FunctionActivation
    >>> FunctionActivation(torch.square)(torch.tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 4.0, 9.0]
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """Apply the function.

        Parameters
        ----------
        x : Tensor of any shape
            What the function takes.

        Returns
        -------
        activated : Tensor of the shape of `x`
            What the function returns.
        """
        return self.function(x)

    def extra_repr(self) -> str:
        """Name the function in the module's repr.

        Returns
        -------
        text : str
            Its short name.
        """
        return activation_name(self.function)


def make_activation(activation: Activation) -> nn.Module:
    """Return a new activation module.

    Parameters
    ----------
    activation : str, nn.Module class, nn.Module or callable
        A name in `ACTIVATIONS`; a class, instantiated without arguments; a module,
        deep-copied, so that layers never share one; a callable. A callable whose
        signature asks for no argument is a factory and is called, any other is a
        function from tensor to tensor and is wrapped in a `FunctionActivation`.

    Returns
    -------
    module : nn.Module
        Never shared with another call, never in-place.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `activation` is none of the above.

    Examples
    --------
    >>> import functools
    >>> import torch
    >>> from skdeep.networks import make_activation
    >>> make_activation("tanh")
    Tanh()
    >>> make_activation(functools.partial(torch.nn.LeakyReLU, 0.2))
    LeakyReLU(negative_slope=0.2)
    >>> make_activation(torch.sin)
    FunctionActivation(sin)
    """
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise ValueError(_complaint(activation))
        return ACTIVATIONS[activation]()
    if isinstance(activation, nn.Module):
        return copy.deepcopy(activation)
    if isinstance(activation, type):
        if not issubclass(activation, nn.Module) or not _needs_nothing(activation):
            raise TypeError(_complaint(activation))
        return activation()
    if not callable(activation):
        raise TypeError(_complaint(activation))
    if not _needs_nothing(activation):
        return FunctionActivation(activation)
    module = activation()
    if not isinstance(module, nn.Module):
        raise TypeError(_complaint(activation, f", which returned {module!r}"))
    return module


def activation_name(activation: Activation) -> str:
    """Return a short name of an activation, for reprs and initialisation.

    Parameters
    ----------
    activation : str, nn.Module class, nn.Module or callable
        Anything that `make_activation` takes or returns.

    Returns
    -------
    name : str
        The name in `ACTIVATIONS` where there is one, else the name of the class or
        function.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import activation_name
    >>> activation_name(torch.nn.SELU()), activation_name(torch.sin)
    ('selu', 'sin')
    """
    if isinstance(activation, str):
        return activation
    if isinstance(activation, FunctionActivation):
        return activation_name(activation.function)
    if isinstance(activation, functools.partial):
        return activation_name(activation.func)
    if isinstance(activation, nn.Module):
        activation = type(activation)
    if isinstance(activation, type):
        return _NAME_OF_CLASS.get(activation, activation.__name__)
    return str(getattr(activation, "__name__", type(activation).__name__))


def _needs_nothing(function: Callable[..., Any]) -> bool:
    """Tell from its signature whether a callable can be called with no argument."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # torch's builtins show no signature, and all need a tensor
        return False
    try:
        signature.bind()
    except TypeError:
        return False
    return True


def _complaint(activation: object, detail: str = "") -> str:
    """Word the error on an `activation` that is none."""
    return (
        f"The 'activation' parameter must be {_CHOICES}. Got {activation!r}{detail} "
        "instead."
    )
