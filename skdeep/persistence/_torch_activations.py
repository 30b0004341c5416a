"""Activations of a network as modules of their own, each called once."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from skdeep.networks import Backbone

_FUNCTIONS: dict[Any, type[nn.Module]] = {
    functional.relu: nn.ReLU,
    functional.relu_: nn.ReLU,
    torch.relu: nn.ReLU,
    torch.relu_: nn.ReLU,
    functional.relu6: nn.ReLU6,
    functional.gelu: nn.GELU,
    functional.silu: nn.SiLU,
    functional.hardswish: nn.Hardswish,
    functional.hardsigmoid: nn.Hardsigmoid,
    functional.sigmoid: nn.Sigmoid,
    torch.sigmoid: nn.Sigmoid,
    functional.tanh: nn.Tanh,
    torch.tanh: nn.Tanh,
}
_METHODS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu_": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
}


def separate_activations(backbone: Backbone) -> Backbone:
    """Let every activation of a backbone be a module that is called once, in place.

    Tools that explain predictions hook modules, and keep one input for each: a module
    that is called twice, as the ReLU of a ResNet's block, makes them err.

    Parameters
    ----------
    backbone : Backbone
        In evaluation mode.

    Returns
    -------
    backbone : Backbone
        The same one. Its answers are what they were. Where torch.fx cannot follow the
        network it is left as it is.
    """
    for module in backbone.modules():
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]
    body: Any = backbone.body
    try:
        graph = torch.fx.Tracer().trace(body)
    # Of torch.fx, in as many kinds as there are ways to write what it cannot follow.
    except Exception:
        return backbone
    twin = torch.fx.GraphModule(body, graph)
    if _separate(twin):
        twin.recompile()
        backbone.body = twin
    return backbone


def _separate(network: torch.fx.GraphModule) -> bool:
    """Give each call of an activation a module; tell whether there was one to give."""
    modules = dict(network.named_modules())
    called: set[str] = set()
    changed = False
    for number, node in enumerate(list(network.graph.nodes)):
        module: nn.Module | None = None
        if node.op == "call_module":
            target = str(node.target)
            known = modules[target]
            if target in called and next(known.parameters(), None) is None:
                module = copy.deepcopy(known)
            called.add(target)
        elif node.op in ("call_function", "call_method") and _is_plain(node):
            table: dict[Any, type[nn.Module]] = (
                _FUNCTIONS if node.op == "call_function" else _METHODS
            )
            kind = table.get(node.target)
            module = None if kind is None else kind()
        if module is None:
            continue
        changed = True
        name = f"activation_{number}"
        network.add_submodule(name, module.eval())
        node.op, node.target = "call_module", name
        node.args, node.kwargs = node.args[:1], {}
    return changed


def _is_plain(node: Any) -> bool:
    """Tell whether a call has no argument but its input, and whether it may change it.

    Changing the input in place is a matter of memory only.
    """
    return len(node.args) == 1 and not set(node.kwargs) - {"inplace"}
