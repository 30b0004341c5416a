"""Neural networks: plain `torch.nn.Module` classes that know nothing of training."""

from __future__ import annotations

from skdeep.networks._activations import (
    ACTIVATIONS,
    FunctionActivation,
    activation_name,
    make_activation,
)
from skdeep.networks._dropout import (
    GeneratorDropout,
    attach_generator,
    detach_generators,
)
from skdeep.networks._initialization import initialize_linear_
from skdeep.networks._mlp import MLP, per_layer, resolve_layers

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "FunctionActivation",
    "GeneratorDropout",
    "activation_name",
    "attach_generator",
    "detach_generators",
    "initialize_linear_",
    "make_activation",
    "per_layer",
    "resolve_layers",
]
