"""Multilayer perceptron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, Final, Literal, TypeGuard, cast

import numpy as np
import torch
from torch import nn

from skdeep.networks._activations import activation_name, make_activation
from skdeep.networks._dense_pass import DensePass, has_rule, is_watched
from skdeep.networks._dropout import GeneratorDropout
from skdeep.networks._initialization import initialize_linear_

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep._typing import Activation


class Linear(nn.Linear):
    """Linear map that draws nothing from torch's global generator when it is made."""

    def reset_parameters(self) -> None:
        """Leave the weights to `initialize_linear_`."""


class _BatchNorm(nn.BatchNorm1d):
    """Batch normalization that takes one row by the running statistics.

    A single row has no variance, and torch refuses it in training mode.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (batch, width), one row by the running statistics."""
        if self.training and len(x) == 1:
            return nn.functional.batch_norm(
                x,
                self.running_mean,
                self.running_var,
                self.weight,
                self.bias,
                eps=self.eps,
            )
        return super().forward(x)


class Residual(nn.Sequential):
    """Sequence of modules that adds its input to its output."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, width) to (batch, width)."""
        residual = x
        for module in self:
            residual = module(residual)
        return x + residual


_NORMALIZATIONS: Final[dict[str, type[nn.Module]]] = {
    "batch": _BatchNorm,
    "layer": nn.LayerNorm,
}


class MLP(nn.Module):
    """Multilayer perceptron with raw outputs.

    Each hidden layer is linear map -> normalization -> activation -> dropout; a linear
    map to the outputs follows. Dropout layers need a generator before they train, see
    `attach_generator`.

    Parameters
    ----------
    n_inputs : int
        Number of input features.
    hidden_layer_sizes : sequence of int
        Width of each hidden layer; empty for a linear model.
    n_outputs : int
        Number of outputs: logits or regression outputs.
    activation : str, nn.Module class or callable, or a sequence, default="relu"
        Activation of the hidden layers, or one for each, see `make_activation`.
    normalization : {"batch", "layer"} or None, default=None
        Normalization of the hidden layers over the rows of a batch [2]_ or over the
        units of a row [3]_. A training batch of one row, which has no variance, is
        normalised by batch normalization's running statistics, and leaves them as
        they are.
    dropout : float or sequence of float, default=0.0
        Probability in [0, 1) of dropping a hidden unit, or one for each hidden layer.
    residual : bool, default=False
        Whether to add to the output of a hidden layer its input [1]_, wherever both
        have the same width.
    dtype : torch.dtype, default=torch.float32
        Floating type of the parameters.
    generator : torch.Generator or None, default=None
        Source of the initial weights, on the CPU. None is a new generator of seed 0;
        torch's global generator is never used.

    Attributes
    ----------
    layers : nn.Sequential
        The modules in order. A hidden layer with a residual connection is one item.

    Raises
    ------
    ValueError
        If a width, `normalization`, `dropout` or the name of an activation is not
        valid, or a sequence has not one item for each hidden layer.
    TypeError
        If an activation is of no type that `make_activation` takes.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image
       Recognition", CVPR 2016, arXiv:1512.03385.
    .. [2] S. Ioffe, C. Szegedy, "Batch Normalization: Accelerating Deep Network
       Training by Reducing Internal Covariate Shift", ICML 2015, arXiv:1502.03167.
    .. [3] J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer Normalization", 2016,
       arXiv:1607.06450.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import MLP
    >>> module = MLP(4, (16, 8), 3, activation="tanh")
    >>> module(torch.zeros(5, 4)).shape
    torch.Size([5, 3])
    >>> module.hidden(torch.zeros(5, 4), layer=0).shape
    torch.Size([5, 16])
    """

    def __init__(
        self,
        n_inputs: int,
        hidden_layer_sizes: Sequence[int],
        n_outputs: int,
        *,
        activation: Activation | Sequence[Activation] = "relu",
        normalization: Literal["batch", "layer"] | None = None,
        dropout: float | Sequence[float] = 0.0,
        residual: bool = False,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if normalization is not None and normalization not in _NORMALIZATIONS:
            msg = (
                "The 'normalization' parameter must be None or one of "
                f"{sorted(_NORMALIZATIONS)}. Got {normalization!r} instead."
            )
            raise ValueError(msg)
        widths = resolve_layers(hidden_layer_sizes, None)
        activations = per_layer(activation, len(widths), "activation")
        dropouts = per_layer(dropout, len(widths), "dropout")
        if generator is None:
            generator = torch.Generator().manual_seed(0)

        modules: list[nn.Module] = []
        ends = [0]
        n_in, name = n_inputs, "identity"
        for width, kind, p in zip(widths, activations, dropouts, strict=True):
            function = make_activation(kind).to("cpu", dtype)
            name = activation_name(function)
            layer: list[nn.Module] = [_linear(n_in, width, name, dtype, generator)]
            if normalization is not None:
                layer.append(
                    _NORMALIZATIONS[normalization](width, device="cpu", dtype=dtype)
                )
            layer.append(function)
            if p != 0.0:
                layer.append(GeneratorDropout(p))
            skips = residual and n_in == width
            modules += [Residual(*layer)] if skips else layer
            ends.append(len(modules))
            n_in = width
        # scikit-learn draws the output layer by the hidden activation as well.
        modules.append(_linear(n_in, n_outputs, name, dtype, generator))
        self.layers = nn.Sequential(*modules)
        self._ends = tuple(ends)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs to raw outputs.

        Parameters
        ----------
        x : Tensor of shape (batch, n_inputs)
            Of the dtype and on the device of the parameters.

        Returns
        -------
        outputs : Tensor of shape (batch, n_outputs)
            Logits or regression outputs.
        """
        for layer in self.layers:
            x = layer(x)
        return x

    def hidden(self, x: Tensor, layer: int = -1) -> Tensor:
        """Map inputs to the activations of a hidden layer.

        Dropout and batch normalization act by the mode of the module, as in `forward`.

        Parameters
        ----------
        x : Tensor of shape (batch, n_inputs)
            Of the dtype and on the device of the parameters.
        layer : int, default=-1
            Index of the hidden layer, from the input or, if negative, the output.

        Returns
        -------
        activations : Tensor of shape (batch, hidden_layer_sizes[layer])
            What the next layer takes.

        Raises
        ------
        IndexError
            If there is no such hidden layer.
        """
        ends = self._ends[1:]
        if not -len(ends) <= layer < len(ends):
            msg = (
                "The 'layer' parameter must be the index of a hidden layer, of which "
                f"there are {len(ends)}. Got {layer!r} instead."
            )
            raise IndexError(msg)
        for module in self.layers[: ends[layer]]:
            x = module(x)
        return x

    def hidden_layers(self) -> list[tuple[list[nn.Module], bool]]:
        """Return the modules of each hidden layer, in the order they are applied.

        Returns
        -------
        layers : list of tuple (list of nn.Module, bool)
            With each whether the input of the layer is added to its output.
        """
        layers = []
        for start, end in pairwise(self._ends):
            first = self.layers[start]
            skips = isinstance(first, Residual)
            every = [*self.layers]
            within = [*first] if isinstance(first, Residual) else every[start:end]
            layers.append((within, skips))
        return layers

    def dense_pass(self, gradients: Mapping[nn.Parameter, Tensor]) -> DensePass | None:
        """Return a forward and backward pass that does without autograd.

        Parameters
        ----------
        gradients : mapping of nn.Parameter to Tensor
            Where the gradient of each parameter is written, of its shape.

        Returns
        -------
        dense_pass : DensePass or None
            None where autograd is needed: for batch normalization, an activation that
            is not torch's, frozen parameters, or hooks on a part of the network.
        """
        output: list[nn.Module] = [self.linear_layers()[-1]]
        layers = [*self.hidden_layers(), (output, False)]
        known = all(has_rule(part) for parts, _ in layers for part in parts)
        if type(self) is not MLP or not known or any(map(is_watched, self.modules())):
            return None
        return DensePass(layers, gradients)

    def linear_layers(self) -> list[nn.Linear]:
        """Return the linear maps in order from input to output.

        Returns
        -------
        layers : list of nn.Linear of length n_hidden_layers + 1
            The modules themselves; linear maps inside activations are not among them.
        """
        firsts = (self.layers[start] for start in self._ends)
        return [
            cast("nn.Linear", first[0] if isinstance(first, Residual) else first)
            for first in firsts
        ]


def resolve_layers(
    hidden_layer_sizes: int | Sequence[int], n_hidden_layers: int | None
) -> tuple[int, ...]:
    """Return the width of each hidden layer.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int
        One width, or the width of each hidden layer; at least 1 each.
    n_hidden_layers : int or None
        How often to repeat a single width, at least 0. None takes
        `hidden_layer_sizes` as it is.

    Returns
    -------
    widths : tuple of int
        From the input to the output; empty without hidden layers.

    Raises
    ------
    ValueError
        If a width or count is not valid, or there is not one width to repeat.

    Examples
    --------
    >>> from skdeep.networks import resolve_layers
    >>> resolve_layers((64, 32), None), resolve_layers(64, 3), resolve_layers(64, 0)
    ((64, 32), (64, 64, 64), ())
    """
    given = hidden_layer_sizes
    widths: tuple[Any, ...] = tuple(given) if _is_sequence(given) else (given,)
    if not all(_is_integer(width, at_least=1) for width in widths):
        msg = (
            "The 'hidden_layer_sizes' parameter must be an int or a sequence of ints, "
            f"each at least 1. Got {given!r} instead."
        )
        raise ValueError(msg)
    if n_hidden_layers is None:
        return tuple(int(width) for width in widths)
    if not _is_integer(n_hidden_layers, at_least=0):
        msg = (
            "The 'n_hidden_layers' parameter must be None or an int of at least 0. Got "
            f"{n_hidden_layers!r} instead."
        )
        raise ValueError(msg)
    if len(widths) != 1:
        msg = (
            "The 'n_hidden_layers' parameter repeats a single width of "
            f"'hidden_layer_sizes'. Got {n_hidden_layers!r} and {given!r}; pass an int "
            "for hidden_layer_sizes, or n_hidden_layers=None."
        )
        raise ValueError(msg)
    return (int(widths[0]),) * int(n_hidden_layers)


def per_layer(value: object, n_layers: int, name: str) -> tuple[Any, ...]:
    """Return one value for each hidden layer.

    Parameters
    ----------
    value : object or sequence
        One value for all layers, or a sequence of one for each. A str is one value.
    n_layers : int
        Number of hidden layers.
    name : str
        Name of the parameter, for the error.

    Returns
    -------
    values : tuple of length n_layers
        From the input to the output.

    Raises
    ------
    ValueError
        If the sequence is of another length than `n_layers`.

    Examples
    --------
    >>> from skdeep.networks import per_layer
    >>> per_layer(0.5, 2, "dropout"), per_layer([0.1, 0.5], 2, "dropout")
    ((0.5, 0.5), (0.1, 0.5))
    """
    if not _is_sequence(value):
        return (value,) * n_layers
    values = tuple(value)
    if len(values) != n_layers:
        msg = (
            f"The {name!r} parameter must be one value, or one for each hidden layer: "
            f"expected {n_layers} values, got {len(values)} in {value!r}."
        )
        raise ValueError(msg)
    return values


def _is_sequence(value: object) -> TypeGuard[Sequence[Any]]:
    """Tell several values from one; a str is one."""
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)


def _is_integer(value: Any, at_least: int) -> bool:
    """Tell whether a value is an integer, NumPy's included, and not too small."""
    return isinstance(value, Integral) and int(value) >= at_least


def _linear(
    n_inputs: int,
    n_outputs: int,
    name: str,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> nn.Linear:
    """Return a linear map with weights drawn for the activation called `name`."""
    linear = Linear(n_inputs, n_outputs, device="cpu", dtype=dtype)
    initialize_linear_(linear, name, generator)
    return linear
