"""The stages of known image classifiers, from the input on, and the sizes they take.

A stage is what is frozen or trained as one. It is written as names of parameters, not
as modules: some parameters, such as the class token of a vision transformer, belong to
no module of their own, and others are used without their module ever being called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

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
    prefixes = stage_prefixes(body)
    stages: list[list[str]] = [[] for _ in prefixes]
    rest: list[str] = []
    for name, _ in body.named_parameters():
        found = [i for i, stage in enumerate(prefixes) if is_under(name, stage)]
        (stages[found[0]] if found else rest).append(name)
    # What no table names is next to the input, where position tables and tokens are.
    first, *others = [stage for stage in stages if stage] or [[]]
    return tuple(tuple(stage) for stage in ([*rest, *first], *others) if stage)


def stage_prefixes(body: nn.Module) -> Prefixes:
    """Return the names of modules and parameters that make each stage.

    Parameters
    ----------
    body : nn.Module
        An image classifier whose head was taken off.

    Returns
    -------
    prefixes : list of list of str
        Those next to the input first. What holds no weights but those of a
        normalization, or loose parameters, belongs to the stage before it.
    """
    stages: Prefixes = []
    for prefixes in family_of(body).prefixes(body):
        if stages and not _has_weights(body, prefixes):
            stages[-1].extend(prefixes)
        elif stages and not _has_weights(body, stages[0]):
            stages[0].extend(prefixes)
        else:
            stages.append(list(prefixes))
    return stages


def _has_weights(body: nn.Module, prefixes: list[str]) -> bool:
    """Tell whether there is a matrix or a kernel that belongs to a layer."""
    for name, parameter in body.named_parameters():
        if is_under(name, prefixes) and parameter.ndim > 1:
            owner = name.rpartition(".")[0]
            if owner and "Norm" not in type(body.get_submodule(owner)).__name__:
                return True
    return False


def family_of(body: nn.Module) -> Family:
    """Return the family of a network, a general one where no table knows it.

    Parameters
    ----------
    body : nn.Module
        An image classifier.

    Returns
    -------
    family : Family
        Of a table below; of timm's other networks, the stages that timm names; of all
        others, the network's direct parts.
    """
    kind = type(body)
    if kind.__module__.startswith("torchvision.models."):
        return FAMILIES.get(kind.__name__, GENERAL)
    if kind.__module__.startswith("timm.models."):
        return TIMM_FAMILIES.get(kind.__name__, MATCHED)
    return GENERAL


def maps_are_channels_last(body: nn.Module) -> bool:
    """Tell whether maps inside a network have the channels as their last axis.

    Parameters
    ----------
    body : nn.Module
        An image classifier.

    Returns
    -------
    last : bool
    """
    if type(body).__module__.startswith("timm.models."):
        return str(getattr(body, "output_fmt", "")) == "NHWC"
    return family_of(body).channels_last


def token_of(body: nn.Module, tokens: Tensor) -> Tensor:
    """Return what stands for a whole sequence of tokens.

    Parameters
    ----------
    body : nn.Module
        An image classifier.
    tokens : Tensor of shape (n_images, n_tokens, n_channels)
        From inside of it.

    Returns
    -------
    vector : Tensor of shape (n_images, n_channels)
        The class token, or the mean where a network of timm has none.
    """
    of_timm = type(body).__module__.startswith("timm.models.")
    if of_timm and getattr(body, "cls_token", None) is None:
        return tokens.mean(1)
    return tokens[:, 0]


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


def _is_norm(module: nn.Module) -> bool:
    """Tell a norm by itself from a block of them, whose children have parameters."""
    inside = [p for child in module.children() for p in child.parameters()]
    return "Norm" in type(module).__name__ and not inside


def _units(body: nn.Module, path: str = "") -> Prefixes:
    """Return the children of a container, a bare norm joining the one before it."""
    units: Prefixes = []
    for name, child in _children(body, path):
        if next(child.parameters(), None) is None:
            continue
        if units and _is_norm(child):
            units[-1].append(name)
        else:
            units.append([name])
    return units


def _with(path: str, *tail: str) -> Callable[[nn.Module], Prefixes]:
    """Return the children of a container, then stages written down."""
    return lambda body: [*_units(body, path), *([name] for name in tail)]


def _between_pools(body: nn.Module, dense: str = "classifier") -> Prefixes:
    """Return what stands between two poolings, then the dense layers."""
    stages: Prefixes = [[]]
    for name, child in _children(body, "features"):
        stages[-1].append(name)
        if isinstance(child, nn.MaxPool2d):
            stages.append([])
    return [*stages, [dense]]


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


def _matched(body: nn.Module) -> Prefixes:
    """Return the groups that a network of timm says it has."""
    from timm.models import group_parameters

    try:
        groups = group_parameters(body, body.group_matcher(coarse=True))  # type: ignore[operator]
    # Some networks have no groups, or no coarse ones.
    except (AssertionError, AttributeError, NotImplementedError, TypeError):
        return _general(body)
    group_of = {name: place for place, names in groups.items() for name in names}
    stages: Prefixes = [[] for _ in range(max(groups, default=-1) + 1)]
    _gather(body, "", group_of, stages)
    return [stage for stage in stages if stage]


def _gather(
    module: nn.Module, path: str, group_of: dict[str, int], stages: Prefixes
) -> None:
    """Add the largest modules whose parameters are all of one group to that group."""
    for name, _ in module.named_parameters(path, recurse=False):
        if name in group_of:
            stages[group_of[name]].append(name)
    for name, child in module.named_children():
        inside = f"{path}.{name}" if path else name
        groups = {group_of.get(n) for n, _ in child.named_parameters(inside)}
        # A list is never called, so that nothing can be heard from it.
        single = len(groups) == 1 and not isinstance(child, nn.ModuleList)
        place = next(iter(groups)) if single else None
        if place is not None:
            stages[place].append(inside)
        else:
            _gather(child, inside, group_of, stages)


def _architecture(body: nn.Module) -> str:
    """Return what timm calls the architecture of a network, without "tf_"."""
    config: Any = getattr(body, "pretrained_cfg", None) or {}
    return str(config.get("architecture") or "").removeprefix("tf_")


def _mobile(body: nn.Module) -> Prefixes:
    """Return the stages that torchvision's networks of the same names have."""
    name = _architecture(body)
    first, *groups = [path for path, _ in _children(body, "blocks")]
    ends = [["conv_stem", "bn1"], ["conv_head", "bn2"]]
    if name.startswith(("mobilenetv2", "mobilenetv3")):
        return [
            ends[0],
            *(u for group in (first, *groups) for u in _units(body, group)),
            ends[1],
        ]
    if name.startswith("mnasnet"):
        block = f"{first}.0"
        halves = [
            [f"{block}.conv_dw", f"{block}.bn1"],
            [f"{block}.conv_pw", f"{block}.bn2"],
        ]
        return [ends[0], *halves, *([group] for group in groups), ends[1]]
    return [ends[0], *([group] for group in (first, *groups)), ends[1]]


_RESNET = _listed("conv1 bn1", "layer1", "layer2", "layer3", "layer4")
_REGNET = _listed("stem", *(f"trunk_output.block{i}" for i in range(1, 5)))
_DENSENET = _listed(
    "features.conv0 features.norm0",
    *(f"features.denseblock{i} features.transition{i}" for i in range(1, 4)),
    "features.denseblock4 features.norm5",
)

GENERAL = Family(_general)
MATCHED = Family(_matched)
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
# Of timm, where it has a network of torchvision's under names of its own: the same
# network has the same stages wherever it comes from.
TIMM_FAMILIES = {
    "DenseNet": Family(_DENSENET),
    "EfficientNet": Family(_mobile),
    "InceptionV3": Family(_units),
    "MobileNetV3": Family(_mobile),
    "ResNet": Family(_RESNET),
    "VGG": Family(lambda body: _between_pools(body, "pre_logits")),
}
