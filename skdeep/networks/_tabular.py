"""The network of the tabular estimators, assembled from its parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

from torch import nn

from skdeep.networks._activations import make_activation
from skdeep.networks._drawing import uniform_parameter
from skdeep.networks._dropout import GeneratorDropout
from skdeep.networks._ensembling import (
    EnsembleAdapter,
    EnsembleHead,
    MemberBatchNorm,
)
from skdeep.networks._gate import FeatureGate
from skdeep.networks._mlp import Linear, per_layer, resolve_layers
from skdeep.networks._ntk import BIAS_FACTOR, NTKLinear
from skdeep.networks._parametric import ParametricActivation

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from skdeep._typing import Activation
    from skdeep.networks._tabular_inputs import TabularInputs


class HiddenLayer(nn.Module):
    """Apply a linear map, normalization, activation and dropout.

    Parameters
    ----------
    linear : nn.Linear or NTKLinear
        The linear map.
    after : sequence of modules
        What follows it.
    residual : bool
        Whether to add the input to the output.
    """

    def __init__(
        self, linear: nn.Module, after: Sequence[nn.Module], *, residual: bool
    ) -> None:
        super().__init__()
        self.linear = linear
        self.after = nn.ModuleList(after)
        self.residual = residual

    def forward(self, x: Tensor, adapter: EnsembleAdapter | None = None) -> Tensor:
        """Map (rows, n_inputs) to (rows, width), by the adapter n_members times."""
        z: Tensor = (
            self.linear(x) if adapter is None else adapter.linear(x, self.linear)
        )
        for module in self.after:
            z = module(z)
        return x + z if self.residual else z


class TabularNetwork(nn.Module):
    """Perceptron for tables, or an ensemble of perceptrons that share their weights.

    Features (see `TabularInputs`) -> optional gate -> optional factors of the members
    -> hidden layers of linear map, normalization, activation and dropout -> linear
    outputs, of each member by itself. Dropout layers need a generator before they
    train, see `attach_generator`.

    Parameters
    ----------
    inputs : TabularInputs
        Makes features of columns. Its dtype is that of the network.
    hidden_layer_sizes : sequence of int
        Width of each hidden layer; empty for a linear model.
    n_outputs : int
        Number of outputs: logits or regression outputs.
    n_ensemble : int, default=1
        Number of members. Their factors of the inputs are random signs at first, or
        standard normal with a numeric embedding, one draw for each column of the table.
    gate_factor : float or None, default=None
        Rate factor of a `FeatureGate`; None is no gate.
    activation : str, nn.Module class or callable, or a sequence, default="relu"
        Activation of the hidden layers, or one for each, see `make_activation`.
    parametric_activation : bool, default=False
        Whether units learn how much of the activation they take, see
        `ParametricActivation`.
    normalization : {"batch", "layer"} or None, default=None
        Normalization of the hidden layers over the rows of a batch, for each member by
        itself, or over the units of a row.
    dropout : float or sequence of float, default=0.0
        Probability in [0, 1) of dropping a hidden unit, or one for each hidden layer.
    residual : bool, default=False
        Whether to add to the output of every hidden layer but the first its input,
        wherever both have the same width.
    parametrization : {"standard", "ntk"}, default="standard"
        "standard": weights and biases start uniform on +-1 / sqrt(n_inputs). "ntk":
        layers are `NTKLinear`, the last one zero at first; best drawn anew by
        `data_dependent_init_`.
    generator : torch.Generator
        Source of the initial parameters, on the CPU.

    Attributes
    ----------
    inputs : TabularInputs
        As given.
    gate : FeatureGate or None
        Factors of the features.
    adapter : EnsembleAdapter or None
        Factors of the members; None without an ensemble.
    hidden : nn.ModuleList of HiddenLayer
        From the input to the output.
    head : nn.Linear, NTKLinear or EnsembleHead
        The last layer.

    Raises
    ------
    ValueError
        If a parameter is not valid.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._tabular import TabularNetwork
    >>> from skdeep.networks._tabular_inputs import TabularInputs
    >>> generator = torch.Generator().manual_seed(0)
    >>> inputs = TabularInputs(4, cardinalities=[20], generator=generator)
    >>> network = TabularNetwork(inputs, (16, 16), 3, n_ensemble=8, generator=generator)
    >>> network(torch.zeros(5, 5)).shape
    torch.Size([5, 8, 3])
    """

    def __init__(
        self,
        inputs: TabularInputs,
        hidden_layer_sizes: Sequence[int],
        n_outputs: int,
        *,
        n_ensemble: int = 1,
        gate_factor: float | None = None,
        activation: Activation | Sequence[Activation] = "relu",
        parametric_activation: bool = False,
        normalization: Literal["batch", "layer"] | None = None,
        dropout: float | Sequence[float] = 0.0,
        residual: bool = False,
        parametrization: Literal["standard", "ntk"] = "standard",
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        _check_choice("normalization", normalization, (None, "batch", "layer"))
        _check_choice("parametrization", parametrization, ("standard", "ntk"))
        widths = resolve_layers(hidden_layer_sizes, None)
        activations = per_layer(activation, len(widths), "activation")
        dropouts = per_layer(dropout, len(widths), "dropout")
        ntk, dtype = parametrization == "ntk", inputs.dtype
        self.inputs = inputs
        self.gate = (
            None
            if gate_factor is None
            else FeatureGate(inputs.n_outputs, rate_factor=gate_factor, dtype=dtype)
        )
        self.adapter = (
            None
            if n_ensemble == 1
            else EnsembleAdapter(
                n_ensemble,
                inputs.group_sizes,
                distribution="signs" if inputs.numeric is None else "normal",
                dtype=dtype,
                generator=generator,
            )
        )
        self.hidden = nn.ModuleList()
        n_in = inputs.n_outputs
        for width, kind, p in zip(widths, activations, dropouts, strict=True):
            linear = _linear(n_in, width, ntk, dtype, generator)
            after: list[nn.Module] = []
            if normalization == "batch":
                after.append(MemberBatchNorm(n_ensemble, width, dtype=dtype))
            elif normalization == "layer":
                after.append(nn.LayerNorm(width, device="cpu", dtype=dtype))
            after.append(
                ParametricActivation(kind, width, dtype=dtype)
                if parametric_activation
                else make_activation(kind).to("cpu", dtype)
            )
            if p != 0.0:
                after.append(GeneratorDropout(p))
            skips = residual and len(self.hidden) > 0 and n_in == width
            self.hidden.append(HiddenLayer(linear, after, residual=skips))
            n_in = width
        self.head = _head(n_in, n_outputs, n_ensemble, ntk, dtype, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map rows to raw outputs.

        Parameters
        ----------
        x : Tensor of shape (batch, n_columns)
            What `TabularInputs` takes.

        Returns
        -------
        outputs : Tensor of shape (batch, n_outputs) or (batch, n_ensemble, n_outputs)
            Logits or regression outputs, with an axis of members if there are several.
        """
        z = self.encode(x)
        adapter, layers = self.adapter, self.hidden_layers()
        if adapter is not None:
            z = layers.pop(0)(z, adapter) if layers else adapter(z).flatten(0, 1)
        for layer in layers:
            z = layer(z)
        if adapter is not None:
            z = z.view(-1, adapter.n_members, z.shape[1])
        return cast("Tensor", self.head(z))

    def encode(self, x: Tensor) -> Tensor:
        """Map rows to gated features, which all members share.

        Parameters
        ----------
        x : Tensor of shape (batch, n_columns)
            What `TabularInputs` takes.

        Returns
        -------
        features : Tensor of shape (batch, inputs.n_outputs)
            What the first linear map takes, but for the factors of the members.
        """
        features: Tensor = self.inputs(x)
        return features if self.gate is None else self.gate(features)

    def hidden_layers(self) -> list[HiddenLayer]:
        """Return the hidden layers in order from input to output.

        Returns
        -------
        layers : list of HiddenLayer
            The modules themselves.
        """
        return cast("list[HiddenLayer]", list(self.hidden))


def _check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse a value that is none of the choices."""
    if value not in choices:
        raise ValueError(
            f"The {name!r} parameter must be one of {choices}. Got {value!r} instead."
        )


def _linear(
    n_inputs: int,
    n_outputs: int,
    ntk: bool,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> nn.Module:
    """Return the linear map of a hidden layer."""
    if ntk:
        return NTKLinear(n_inputs, n_outputs, dtype=dtype, generator=generator)
    linear = Linear(n_inputs, n_outputs, device="cpu", dtype=dtype)
    bound = 1.0 / math.sqrt(n_inputs)
    linear.weight = uniform_parameter((n_outputs, n_inputs), bound, dtype, generator)
    linear.bias = uniform_parameter((n_outputs,), bound, dtype, generator)
    return linear


def _head(
    n_inputs: int,
    n_outputs: int,
    n_members: int,
    ntk: bool,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> nn.Module:
    """Return the last layer."""
    head: nn.Module
    if n_members == 1:
        head = _linear(n_inputs, n_outputs, ntk, dtype, generator)
    else:
        head = EnsembleHead(
            n_members,
            n_inputs,
            n_outputs,
            weight_factor=1.0 / math.sqrt(n_inputs) if ntk else 1.0,
            bias_factor=BIAS_FACTOR if ntk else 1.0,
            dtype=dtype,
            generator=generator,
        )
    if ntk:
        for parameter in head.parameters():
            nn.init.zeros_(parameter)
    return head
