"""The parts of a network in the order of a forward pass, called as people call them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import torch
from torch import nn

from skdeep.networks import (
    ACTIVATIONS,
    MLP,
    Backbone,
    BagEmbedding,
    ConvBlock,
    ConvEmbedding,
    ConvNet,
    FeatureScale,
    FunctionActivation,
    HiddenLayer,
    ParametricActivation,
    Residual,
    TabularInputs,
    TabularNetwork,
    TextNetwork,
    TransferNet,
    activation_name,
)

INSIDE: Final = "hidden layer"
LAST: Final = "output layer"


@dataclass(frozen=True)
class Part:
    """One thing that a network does.

    Attributes
    ----------
    group : str
        The layer, block or stage it belongs to, as in "hidden layer 1".
    role : str
        What comes out: "weighted sums", "activations", "normalized" and so on.
    path : str
        Name of its module in the network.
    kind : str
        What does it, as in "Linear(4, 8)".
    hook : nn.Module
        Where its numbers are seen.
    before : bool
        Whether they are what goes into that module, not what comes out.
    parameters : tuple of Tensor
        What it learns, or was given.
    n_members : int
        How many networks its rows belong to, member by member.
    """

    group: str
    role: str
    path: str
    kind: str
    hook: nn.Module
    before: bool = False
    parameters: tuple[torch.Tensor, ...] = ()
    n_members: int = 1

    @property
    def name(self) -> str:
        """The layer and what comes out of it."""
        return f"{self.group}: {self.role}" if self.group else self.role


Walk: TypeAlias = Iterator[Part]


def parts_of(module: nn.Module) -> list[Part]:
    """Return the parts of a network, the one next to the input first.

    Parameters
    ----------
    module : nn.Module
        One of our own networks, or any other, whose innermost modules are listed.

    Returns
    -------
    parts : list of Part
        Every parameter is in one of them.
    """
    return list(_walk(module, "", ""))


def _walk(module: nn.Module, path: str, group: str) -> Walk:
    for kind, walk in _WALKS.items():
        if isinstance(module, kind):
            yield from walk(module, path, group)
            return
    if not [*module.children()]:
        yield _part(module, path, group)
        return
    own = tuple(module.parameters(recurse=False))
    if own:
        yield Part(
            group, "own parameters", path, _class_name(module), module, True, own
        )
    for name, child in module.named_children():
        yield from _walk(child, _join(path, name), group or name)


def _part(module: nn.Module, path: str, group: str) -> Part:
    return Part(
        group,
        _role(module),
        path,
        describe(module),
        module,
        parameters=tuple(module.parameters()),
    )


def _mlp(module: Any, path: str, _group: str) -> Walk:
    last, number = module.linear_layers()[-1], 0
    for name, layer in module.layers.named_children():
        inside = f"{path}.layers.{name}".removeprefix(".")
        first = layer[0] if isinstance(layer, Residual) else layer
        number += isinstance(first, nn.Linear)
        group = LAST if first is last else f"{INSIDE} {number}"
        if not isinstance(layer, Residual):
            yield _part(layer, inside, group)
            continue
        for child_name, child in layer.named_children():
            yield _part(child, _join(inside, child_name), group)
        yield _sum(layer, inside, group)


def _convnet(module: Any, path: str, _group: str) -> Walk:
    for number, (name, block) in enumerate(module.blocks.named_children(), 1):
        yield from _block(block, _join(path, f"blocks.{name}"), f"block {number}")
    pooling = module.global_pooling
    kind = "Flatten()" if pooling is None else f"GlobalPooling({pooling})"
    role = "flattened" if pooling is None else "pooled over the map"
    yield Part("features", role, path, kind, module.head, before=True)
    yield from _mlp(module.head, _join(path, "head"), "")


def _block(block: ConvBlock, path: str, group: str) -> Walk:
    for name, layer in block.layers.named_children():
        yield _part(layer, _join(path, f"layers.{name}"), group)
    if block.skips:
        yield replace(_sum(block.after, path, group), before=True)
    for name, layer in block.after.named_children():
        yield _part(layer, _join(path, f"after.{name}"), group)


def _tabular(module: Any, path: str, _group: str) -> Walk:
    yield from _inputs(module.inputs, _join(path, "inputs"), "features")
    if module.gate is not None:
        gate = _part(module.gate, _join(path, "gate"), "features")
        yield replace(gate, role="gated")
    n_members = 1
    if module.adapter is not None:
        # Its product is never made: the factors go into the weights that follow.
        adapter = _part(module.adapter, _join(path, "adapter"), "members")
        n_members = module.adapter.n_members
        yield replace(adapter, role="factors of the inputs")
    for number, layer in enumerate(module.hidden, 1):
        inside = _join(path, f"hidden.{number - 1}")
        for part in _hidden(layer, inside, f"{INSIDE} {number}"):
            yield replace(part, n_members=n_members)
    head = _part(module.head, _join(path, "head"), LAST)
    yield replace(head, role="weighted sums")


def _hidden(layer: HiddenLayer, path: str, group: str) -> Walk:
    linear = _part(layer.linear, _join(path, "linear"), group)
    # The first layer of an ensemble calls another function on the weights.
    yield replace(linear, role="weighted sums", hook=layer.after[0], before=True)
    for name, module in layer.after.named_children():
        yield _part(module, _join(path, f"after.{name}"), group)
    if layer.residual:
        yield _sum(layer, path, group)


def _inputs(module: TabularInputs, path: str, group: str) -> Walk:
    embedded = module.numeric is not None or module.categories is not None
    role = "embedded columns" if embedded else "columns"
    what = zip(module.sizes, ("numbers", "one-hot", "categories"), strict=True)
    kind = ", ".join(f"{count} {name}" for count, name in what if count)
    parameters = tuple(module.parameters())
    yield Part(group, role, path, kind, module, parameters=parameters)


def _transfer(module: Any, path: str, group: str) -> Walk:
    yield from _backbone(module.backbone, _join(path, "backbone"), group)
    yield from _walk(module.scale, _join(path, "scale"), "features")
    yield from _walk(module.head, _join(path, "head"), "")


def _backbone(module: Backbone, path: str, _group: str) -> Walk:
    learnt = dict(module.body.named_parameters())
    names = {inner: name for name, inner in module.body.named_modules()}
    for number, stage in enumerate(module.stages):
        end = module.stage_end(number)
        tops = dict.fromkeys(name.rpartition(".")[0] or name for name in stage)
        yield Part(
            f"stage {number + 1}",
            "maps",
            _join(path, f"body.{names[end]}"),
            _stage_kind(tops, names[end]),
            end,
            parameters=tuple(learnt[name] for name in stage),
        )
    yield Part("features", "found", path, module.name, module)


def _stage_kind(modules: dict[str, None], end: str) -> str:
    """Name what a stage consists of: its modules, as far out as they say it."""
    depth = end.count(".") + 1
    tops = dict.fromkeys(".".join(name.split(".")[:depth]) for name in modules)
    names = list(tops)
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} ... {names[-1]}"


def _text(module: TextNetwork, path: str, group: str) -> Walk:
    yield from _walk(module.embedding, _join(path, "embedding"), group)
    if module.dropout.p:
        convolved = isinstance(module.embedding, ConvEmbedding)
        last = "convolutions" if convolved else "embedding"
        yield _part(module.dropout, _join(path, "dropout"), last)
    yield from _mlp(module.head, _join(path, "head"), "")


def _bags(module: BagEmbedding, path: str, _group: str) -> Walk:
    vectors = _vectors(module)
    role = "largest of the vectors" if module.pooling == "max" else "sums of vectors"
    kind = f"Bags({_size(vectors)}, {module.pooling})"
    yield Part("embedding", role, path, kind, module, parameters=vectors)


def _windows(module: ConvEmbedding, path: str, _group: str) -> Walk:
    vectors, words = _vectors(module), module.words
    kind = f"Embedding({_size(vectors)})"
    yield Part(
        "embedding", "words", _join(path, "words"), kind, words, parameters=vectors
    )
    for name, convolution in module.convolutions.named_children():
        part = _part(convolution, _join(path, f"convolutions.{name}"), "convolutions")
        window = int(convolution.kernel_size[0])  # type: ignore[index]  # of Conv1d
        yield replace(part, role=f"sums over windows of {window}")
    yield Part("convolutions", "largest", path, "ReLU, MaxOverText", module)


def _vectors(module: BagEmbedding | ConvEmbedding) -> tuple[torch.Tensor, ...]:
    """Return the vectors that are trained, and those of a file that are not."""
    return (module.table,) if module.known is None else (module.table, module.known)


def _size(vectors: tuple[torch.Tensor, ...]) -> str:
    return f"{sum(map(len, vectors))}, {vectors[0].shape[1]}"


def _scale(module: FeatureScale, path: str, group: str) -> Walk:
    yield Part(group, "standardised", path, f"FeatureScale({len(module.mean)})", module)


def _sum(module: nn.Module, path: str, group: str) -> Part:
    return Part(group, "sums with the input", path, "Add", module)


_WALKS: Final[dict[type[nn.Module], Callable[..., Walk]]] = {
    MLP: _mlp,
    ConvNet: _convnet,
    TabularNetwork: _tabular,
    TextNetwork: _text,
    BagEmbedding: _bags,
    ConvEmbedding: _windows,
    TransferNet: _transfer,
    Backbone: _backbone,
    FeatureScale: _scale,
    ParametricActivation: lambda *given: iter([_part(*given)]),
}

_ACTIVATIONS = (*set(ACTIVATIONS.values()), FunctionActivation, ParametricActivation)
# The beginning of the name of a class, and what comes out of it.
_ROLES: Final = {
    "Linear": "weighted sums",
    "NTKLinear": "weighted sums",
    "Conv": "weighted sums",
    "BatchNorm": "normalized",
    "MemberBatchNorm": "normalized",
    "LayerNorm": "normalized",
    "GroupNorm": "normalized",
    "MaxPool": "pooled",
    "AvgPool": "pooled",
    "Adaptive": "pooled",
    "GeneratorDropout": "dropped out",
    "ChannelDropout": "dropped out",
    "Dropout": "dropped out",
    "Embedding": "embedded",
    "Flatten": "flattened",
}


def _role(module: nn.Module) -> str:
    if isinstance(module, _ACTIVATIONS):
        return "activations"
    name = _class_name(module)
    return next(
        (role for start, role in _ROLES.items() if name.startswith(start)), name
    )


def describe(module: nn.Module) -> str:
    """Return what a module is in a few words.

    Parameters
    ----------
    module : nn.Module
        Of any kind.

    Returns
    -------
    kind : str
        As in "Linear(4, 8)" or "Conv2d(1, 16, 3x3)".
    """
    name = _class_name(module)
    weight = getattr(module, "weight", None)
    if isinstance(module, ParametricActivation):
        sizes = activation_name(module.activation)
    elif isinstance(module, FunctionActivation):
        return activation_name(module)
    elif isinstance(module, nn.Conv1d | nn.Conv2d):
        kernel = "x".join(map(str, module.kernel_size))
        sizes = f"{module.in_channels}, {module.out_channels}, {kernel}"
    elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        sides = module.kernel_size
        window = sides if isinstance(sides, tuple) else (sides, sides)
        sizes = "x".join(map(str, window))
    elif hasattr(module, "p"):
        name, sizes = name.removeprefix("Generator"), f"{module.p:g}"
    elif weight is not None:
        sizes = ", ".join(map(str, reversed(weight.shape)))
    else:
        return name
    return f"{name}({sizes})"


def _class_name(module: nn.Module) -> str:
    """Return the public name of what a module is, ours or torch's."""
    names = (kind.__name__ for kind in type(module).__mro__)
    return next(name for name in names if not name.startswith("_"))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
