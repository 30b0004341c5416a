"""Neural networks: plain `torch.nn.Module` classes that know nothing of training."""

from __future__ import annotations

from skdeep.networks._activations import (
    ACTIVATIONS,
    FunctionActivation,
    activation_name,
    make_activation,
)
from skdeep.networks._backbone import Backbone, build_backbone
from skdeep.networks._convnet import ChannelDropout, ConvNet, map_sizes
from skdeep.networks._dropout import (
    GeneratorDropout,
    attach_generator,
    detach_generators,
)
from skdeep.networks._ensembling import CombinationKind, combine
from skdeep.networks._fusion import fused
from skdeep.networks._initialization import initialize_linear_
from skdeep.networks._mlp import MLP, per_layer, resolve_layers
from skdeep.networks._ntk import data_dependent_init_
from skdeep.networks._numeric_embeddings import (
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from skdeep.networks._tabular import TabularNetwork
from skdeep.networks._tabular_inputs import TabularInputs
from skdeep.networks._text import TextNetwork, draw_vectors
from skdeep.networks._text_bag import BagEmbedding
from skdeep.networks._text_conv import ConvEmbedding
from skdeep.networks._transfer import FeatureScale, TransferNet
from skdeep.networks._weights import Weights, resolve_weights

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Backbone",
    "BagEmbedding",
    "ChannelDropout",
    "CombinationKind",
    "ConvEmbedding",
    "ConvNet",
    "FeatureScale",
    "FunctionActivation",
    "GeneratorDropout",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "TabularInputs",
    "TabularNetwork",
    "TextNetwork",
    "TransferNet",
    "Weights",
    "activation_name",
    "attach_generator",
    "build_backbone",
    "combine",
    "data_dependent_init_",
    "detach_generators",
    "draw_vectors",
    "fused",
    "initialize_linear_",
    "make_activation",
    "map_sizes",
    "per_layer",
    "resolve_layers",
    "resolve_weights",
]
