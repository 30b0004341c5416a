"""Neural networks: plain `torch.nn.Module` classes that know nothing of training."""

from __future__ import annotations

from skdeep.networks._activations import (
    ACTIVATIONS,
    FunctionActivation,
    activation_name,
    make_activation,
)
from skdeep.networks._backbone import (
    Backbone,
    build_backbone,
    make_body,
    preset_of,
)
from skdeep.networks._backbone_rebuilding import rebuild_backbone
from skdeep.networks._convnet import ChannelDropout, ConvBlock, ConvNet, map_sizes
from skdeep.networks._dense_pass import DensePass
from skdeep.networks._dropout import (
    GeneratorDropout,
    attach_generator,
    detach_generators,
)
from skdeep.networks._ensembling import CombinationKind, combine
from skdeep.networks._fusion import fused
from skdeep.networks._initialization import initialize_linear_
from skdeep.networks._mlp import MLP, Residual, per_layer, resolve_layers
from skdeep.networks._ntk import data_dependent_init_
from skdeep.networks._numeric_embeddings import (
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
)
from skdeep.networks._parametric import ParametricActivation
from skdeep.networks._stacked import StackedMLP
from skdeep.networks._tabular import HiddenLayer, TabularNetwork
from skdeep.networks._tabular_inputs import TabularInputs
from skdeep.networks._text import TextNetwork, draw_vectors
from skdeep.networks._text_bag import BagEmbedding
from skdeep.networks._text_conv import ConvEmbedding
from skdeep.networks._timm import TIMM
from skdeep.networks._transfer import FeatureScale, TransferNet
from skdeep.networks._views import MOST_VIEWS, all_views, view_of
from skdeep.networks._weights import Weights, resolve_weights

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "MOST_VIEWS",
    "TIMM",
    "Backbone",
    "BagEmbedding",
    "ChannelDropout",
    "CombinationKind",
    "ConvBlock",
    "ConvEmbedding",
    "ConvNet",
    "DensePass",
    "FeatureScale",
    "FunctionActivation",
    "GeneratorDropout",
    "HiddenLayer",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "Residual",
    "StackedMLP",
    "TabularInputs",
    "TabularNetwork",
    "TextNetwork",
    "TransferNet",
    "Weights",
    "activation_name",
    "all_views",
    "attach_generator",
    "build_backbone",
    "combine",
    "data_dependent_init_",
    "detach_generators",
    "draw_vectors",
    "fused",
    "initialize_linear_",
    "make_activation",
    "make_body",
    "map_sizes",
    "per_layer",
    "preset_of",
    "rebuild_backbone",
    "resolve_layers",
    "resolve_weights",
    "view_of",
]
