"""The stages of known image classifiers, from the input on, and the sizes they take.

A stage is what is frozen or trained as one. It is written as names of parameters, not
as modules: some parameters, such as the class token of a vision transformer, belong to
no module of their own, and others are used without their module ever being called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from torch import nn

Prefixes: TypeAlias = list[list[str]]


@dataclass(frozen=True)
class Family:
    """What one family of image classifiers is like.

    Attributes
    ----------
    prefixes : callable
        From a network to a list of stages, each a list of names of modules or
        parameters.
    min_image_size : int
        Smallest height and width in pixels that run, in evaluation mode.
    channels_last : bool
        Whether its maps have the shape (n_images, height, width, n_channels).
    """

    prefixes: Callable[[nn.Module], Prefixes]
    min_image_size: int = 1
    channels_last: bool = False


def backbone_stages(body: nn.Module) -> tuple[tuple[str, ...], ...]:
    """Return the parameters of a network by stage, those next to the input first.

    Parameters
    ----------
    body : nn.Module
        An image classifier whose head was taken off.

    Returns
    -------
    stages : tuple of tuple of str
        Names of parameters. Each parameter is in one stage, and no stage is empty.

    Examples
    --------
    >>> from torch import nn
    >>> from skdeep.networks._backbone_stages import backbone_stages
    >>> body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3))
    >>> backbone_stages(body)
    (('0.weight', '0.bias', '1.weight', '1.bias'), ('2.weight', '2.bias'))
    """
    prefixes = family_of(body).prefixes(body)
    stages: list[list[str]] = [[] for _ in prefixes]
    rest: list[str] = []
    for name, _ in body.named_parameters():
        found = [i for i, stage in enumerate(prefixes) if is_under(name, stage)]
        (stages[found[0]] if found else rest).append(name)
    # What no table names is next to the input, where position tables and tokens are.
    first, *others = [stage for stage in stages if stage] or [[]]
    return tuple(tuple(stage) for stage in ([*rest, *first], *others) if stage)


def family_of(body: nn.Module) -> Family:
    """Return the family of a network, a general one where it is not of torchvision.

    Parameters
    ----------
    body : nn.Module
        An image classifier.

    Returns
    -------
    family : Family
        Of the table below, or one whose stages are the network's direct parts.
    """
    kind = type(body)
    known = kind.__module__.startswith("torchvision.models.")
    return FAMILIES.get(kind.__name__, GENERAL) if known else GENERAL


def is_under(name: str, prefixes: list[str]) -> bool:
    """Tell whether a name is one of some prefixes, or inside of one.

    Parameters
    ----------
    name : str
        Of a parameter.
    prefixes : list of str
        Names of modules or parameters.

    Returns
    -------
    under : bool
    """
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _listed(*stages: str) -> Callable[[nn.Module], Prefixes]:
    """Return stages written down, the names in one separated by blanks."""
    prefixes = [stage.split() for stage in stages]
    return lambda body: prefixes


def _children(body: nn.Module, path: str = "") -> Iterator[tuple[str, nn.Module]]:
    container = body.get_submodule(path)
    for name, child in container.named_children():
        yield (f"{path}.{name}" if path else name), child


def _units(body: nn.Module, path: str = "") -> Prefixes:
    """Return the children of a container, a bare norm joining the one before it."""
    units: Prefixes = []
    for name, child in _children(body, path):
        if next(child.parameters(), None) is None:
            continue
        # A norm by itself, not a block of them: it has no children.
        is_norm = "Norm" in type(child).__name__ and not [*child.children()]
        if is_norm and units:
            units[-1].append(name)
        else:
            units.append([name])
    return units


def _with(path: str, *tail: str) -> Callable[[nn.Module], Prefixes]:
    """Return the children of a container, then stages written down."""
    return lambda body: [*_units(body, path), *([name] for name in tail)]


def _between_pools(body: nn.Module) -> Prefixes:
    """Return what stands between two poolings, then the dense layers."""
    stages: Prefixes = [[]]
    for name, child in _children(body, "features"):
        stages[-1].append(name)
        if isinstance(child, nn.MaxPool2d):
            stages.append([])
    return [*stages, ["classifier"]]


def _pairs(body: nn.Module) -> Prefixes:
    """Return the stem, the first stage, then each reduction with its stage."""
    names = [name for name, _ in _children(body, "features")]
    pairs = [names[start : start + 2] for start in range(2, len(names), 2)]
    last = [*pairs.pop(), "norm", "classifier"]
    return [names[:1], names[1:2], *pairs, last]


def _transformer(body: nn.Module) -> Prefixes:
    """Return patches with their positions, then each encoder layer."""
    layers = _units(body, "encoder.layers")
    layers[-1].append("encoder.ln")
    return [["conv_proj", "class_token", "encoder.pos_embedding"], *layers]


def _maxvit(body: nn.Module) -> Prefixes:
    return [["stem"], *_units(body, "blocks"), ["classifier"]]


def _general(body: nn.Module) -> Prefixes:
    """Return the direct parts of a network, those of a Sequential one by one."""
    stages: Prefixes = []
    for unit in _units(body):
        inside = body.get_submodule(unit[0])
        expand = isinstance(inside, nn.Sequential | nn.ModuleList) and len(unit) == 1
        stages.extend(_units(body, unit[0]) if expand else [unit])
    return stages


_RESNET = _listed("conv1 bn1", "layer1", "layer2", "layer3", "layer4")
_REGNET = _listed("stem", *(f"trunk_output.block{i}" for i in range(1, 5)))
_DENSENET = _listed(
    "features.conv0 features.norm0",
    *(f"features.denseblock{i} features.transition{i}" for i in range(1, 4)),
    "features.denseblock4 features.norm5",
)

GENERAL = Family(_general)
# By name of the class, since importing torchvision takes a second.
FAMILIES = {
    "AlexNet": Family(_between_pools, 63),
    "ConvNeXt": Family(_pairs, 32),
    "DenseNet": Family(_DENSENET, 29),
    "EfficientNet": Family(_with("features")),
    "GoogLeNet": Family(_units, 15),
    "Inception3": Family(_units, 75),
    "MNASNet": Family(_with("layers")),
    "MaxVit": Family(_maxvit, 224),
    "MobileNetV2": Family(_with("features")),
    "MobileNetV3": Family(_with("features", "classifier")),
    "RegNet": Family(_REGNET),
    "ResNet": Family(_RESNET),
    "ShuffleNetV2": Family(_listed("conv1", "stage2", "stage3", "stage4", "conv5")),
    "SqueezeNet": Family(_with("features"), 21),
    "SwinTransformer": Family(_pairs, 32, channels_last=True),
    "VGG": Family(_between_pools, 32),
    "VisionTransformer": Family(_transformer),
}
