"""Frozen networks made faster: convolutions that take their normalization in."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from skdeep.networks._backbone import Backbone


def fused(backbone: Backbone) -> Backbone:
    """Return a copy for prediction, its batch normalizations folded into convolutions.

    Parameters
    ----------
    backbone : Backbone
        Left as it is.

    Returns
    -------
    copy : Backbone
        In evaluation mode, with equal outputs up to rounding. Where torch.fx cannot
        follow the network, which control flow can prevent, nothing is folded.
    """
    twin = copy.deepcopy(backbone).eval()
    for parameter in twin.parameters():
        parameter.requires_grad_(False)
    try:
        graph = torch.fx.Tracer().trace(twin.body)
    # Of torch.fx, in as many kinds as there are ways to write what it cannot follow.
    except Exception:
        return twin
    modules = dict(twin.body.named_modules())
    for convolution, norm in _pairs(graph, modules):
        folded = fuse_conv_bn_eval(modules[convolution], modules[norm])
        _replace(twin.body, convolution, folded)
        _replace(twin.body, norm, nn.Identity())
    return twin


def _pairs(graph: Any, modules: dict[str, nn.Module]) -> list[tuple[str, str]]:
    """Return names of convolutions and of the norms that alone follow them."""
    calls = [node for node in graph.nodes if node.op == "call_module"]
    # A module that is called twice has one norm after one call of it at most.
    n_calls = Counter(node.target for node in calls)
    return [
        (str(node.args[0].target), str(node.target))
        for node in calls
        if isinstance(modules[node.target], nn.BatchNorm2d)
        and node.args[0].op == "call_module"
        and type(modules[node.args[0].target]) is nn.Conv2d
        and len(node.args[0].users) == 1
        and n_calls[node.target] == n_calls[node.args[0].target] == 1
    ]


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    path, _, last = name.rpartition(".")
    setattr(network.get_submodule(path), last, module)
