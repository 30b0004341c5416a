"""Image classifiers without their heads, by name, with or without learnt weights."""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from skdeep._seeding import isolated_global_rng
from skdeep.networks._backbone_heads import (
    adapt_first_convolution_,
    find_head,
    remove_head_,
    use_generators_,
)
from skdeep.networks._backbone_loading import load_weights
from skdeep.networks._backbone_stages import (
    backbone_stages,
    family_of,
    is_under,
    maps_are_channels_last,
    stage_prefixes,
    token_of,
)
from skdeep.networks._timm import (
    TIMM,
    headless_timm,
    is_of_timm,
    preprocessing_of,
    size_error,
)
from skdeep.networks._weights import check_backbone_name

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.networks._weights import Weights

_CPU = torch.device("cpu")
_WITH_AUXILIARY = ("googlenet", "inception_v3")


class _Reached(Exception):  # noqa: N818 - a signal between our own lines, no error
    """The stage asked for has been computed; the rest need not be."""


class Backbone(nn.Module):
    """An image classifier whose head was taken off, of which stages can be frozen.

    Parameters
    ----------
    body : nn.Module
        From images to features or maps.
    name : str
        What it is called.
    n_features : int
        How many features it finds.

    Attributes
    ----------
    stages : tuple of tuple of str
        Names of parameters of `body`, next to the input first.
    has_name : bool
        Whether torchvision or timm knows it by its name.
    resting : list of str
        Modules of `body` that stay as in prediction while others are trained.
    """

    def __init__(
        self, body: nn.Module, name: str, n_features: int, *, has_name: bool = False
    ) -> None:
        super().__init__()
        self.body = body
        self.name = name
        self.has_name = has_name
        self.n_features = n_features
        self.stages = backbone_stages(body)
        self.resting: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        """Return the features of images.

        Parameters
        ----------
        x : Tensor of shape (n_images, n_channels, height, width)
            Images.

        Returns
        -------
        features : Tensor of shape (n_images, n_features)
        """
        return self._pooled(self.body(x), channels_last=False)

    def _pooled(self, output: Tensor, *, channels_last: bool) -> Tensor:
        if output.ndim == 4:
            return output.mean((1, 2) if channels_last else (2, 3))
        return token_of(self.body, output) if output.ndim == 3 else output

    @property
    def maps_channels_last(self) -> bool:
        """Whether maps inside have the channels as their last axis."""
        return maps_are_channels_last(self.body)

    def stage_features(self, x: Tensor, stage: int) -> Tensor:
        """Return the mean over space of what a stage puts out.

        Parameters
        ----------
        x : Tensor of shape (n_images, n_channels, height, width)
            Images.
        stage : int
            0 is next to the input, -1 next to the head.

        Returns
        -------
        features : Tensor of shape (n_images, n_channels_of_the_stage)
            Of transformers with a class token, what stands in its place.
        """
        reached: list[Any] = []

        def stop(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
            reached.append(output)
            raise _Reached

        handle = self.stage_end(stage).register_forward_hook(stop)
        try:
            self.body(x)
        except _Reached:
            pass
        finally:
            handle.remove()
        output = reached[0] if reached else None
        if not isinstance(output, torch.Tensor) or output.ndim not in (2, 3, 4):
            raise ValueError(
                f"Stage {stage} of {self.name} must put out one map or one sequence of "
                f"tokens to be averaged. Got {type(output).__name__}. Choose another "
                "stage, or stage=None."
            )
        return self._pooled(output, channels_last=self.maps_channels_last)

    def stage_end(self, stage: int) -> nn.Module:
        """Return the last module of a stage.

        Parameters
        ----------
        stage : int
            0 is next to the input, -1 next to the head.

        Returns
        -------
        module : nn.Module
            Of `body`.
        """
        if not -len(self.stages) <= stage < len(self.stages):
            raise ValueError(
                f"The stage of {self.name} must be in the range [-{len(self.stages)}, "
                f"{len(self.stages) - 1}]. Got {stage}."
            )
        # The last parameter: the first stage begins with what no table names.
        last = self.stages[stage][-1]
        modules: dict[str, nn.Module] = dict(self.body.named_modules())
        for prefixes in stage_prefixes(self.body):
            called = [name for name in prefixes if name in modules]
            if called and is_under(last, prefixes):
                return modules[called[-1]]
        return modules[last.rpartition(".")[0]]

    def freeze_(
        self, trainable_layers: int | str | Sequence[str], *, norms: bool = True
    ) -> Self:
        """Choose what is trained; the rest is frozen, with what it counts and drops.

        Parameters
        ----------
        trainable_layers : int, "all" or sequence of str
            The last so many stages, all, or the parameters whose names match one of
            the patterns, as in ``"layer4.*"``.
        norms : bool, default=True
            Whether batch normalizations among them take the statistics of batches.

        Returns
        -------
        self : Backbone

        Raises
        ------
        ValueError
            If there are fewer stages, or nothing of such a name.
        """
        chosen = self._chosen(trainable_layers)
        for name, parameter in self.body.named_parameters():
            parameter.requires_grad_(name in chosen)
        self.resting = []
        for name, module in self.body.named_modules():
            frozen = not any(p.requires_grad for p in self._owner_of(name).parameters())
            is_norm = isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001 - their common base
            if frozen or (is_norm and not norms):
                self.resting.append(name)
        self.train(self.training)
        return self

    def _owner_of(self, name: str) -> nn.Module:
        """Return a module, or the nearest one around it that has parameters."""
        module = self.body.get_submodule(name)
        while name and next(module.parameters(), None) is None:
            name = name.rpartition(".")[0]
            module = self.body.get_submodule(name)
        return module

    def _chosen(self, trainable_layers: int | str | Sequence[str]) -> set[str]:
        names = [name for stage in self.stages for name in stage]
        if trainable_layers == "all":
            return set(names)
        if isinstance(trainable_layers, int):
            if trainable_layers > len(self.stages):
                raise ValueError(
                    f"The 'trainable_layers' parameter must be at most "
                    f"{len(self.stages)}, the stages of {self.name}. Got "
                    f"{trainable_layers}. Pass 'all' for all of them."
                )
            first = len(self.stages) - trainable_layers
            return {name for stage in self.stages[first:] for name in stage}
        chosen: set[str] = set()
        for pattern in trainable_layers:
            matching = fnmatch.filter(names, pattern)
            if not matching:
                raise ValueError(
                    f"The 'trainable_layers' parameter must name parameters of "
                    f"{self.name}, such as {names[0]!r} or {names[-1]!r}. Got "
                    f"{pattern!r}, which matches none."
                )
            chosen.update(matching)
        return chosen

    def train(self, mode: bool = True) -> Self:
        """Set the mode of what is trained; the rest stays as in prediction."""
        super().train(mode)
        if mode:
            for name in self.resting:
                self.body.get_submodule(name).training = False
        return self


def build_backbone(
    backbone: str | nn.Module | Callable[[], nn.Module],
    *,
    weights: Weights | None,
    n_channels: int,
    image_size: tuple[int, int],
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    owner: str,
    body: nn.Module | None = None,
) -> Backbone:
    """Return an image classifier without its head.

    Parameters
    ----------
    backbone : str, callable or nn.Module
        Name of a classifier of torchvision, "timm/" and a name of timm, a function
        without arguments that makes a network, or a network, which is copied.
    weights : Weights or None
        What it starts with; None for random numbers.
    n_channels : int
        Of the images. A network for three is adapted to any other number.
    image_size : tuple of int
        Height and width of the images.
    generator : torch.Generator
        Of random numbers, on the CPU; torch's global generator is left as it is.
    dtype : torch.dtype, default=torch.float32
        Of the parameters.
    owner : str
        Name of the estimator, for errors.
    body : nn.Module or None, default=None
        What `make_body` has made of `backbone` already; it is taken over.

    Returns
    -------
    backbone : Backbone
        On the CPU, in evaluation mode; all of it trainable.

    Raises
    ------
    ValueError
        If there is no such network, or it does not take images of this size.
    WeightsError
        If the weights belong to another network.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import build_backbone
    >>> network = build_backbone(
    ...     "resnet18",
    ...     weights=None,
    ...     n_channels=3,
    ...     image_size=(32, 32),
    ...     generator=torch.Generator(),
    ...     owner="ImageClassifier",
    ... )  # doctest: +SKIP
    """
    seed = _drawn(generator) if body is None else 0
    head = None
    if body is not None:
        body, head = _beheadable(body)
    elif isinstance(backbone, str):
        with isolated_global_rng(seed, _CPU):
            body, head = bare_body(backbone, weights, image_size, owner)
    else:
        body, head = _beheadable(_made(backbone, seed, owner))
    of_timm = is_of_timm(body)
    n_features = remove_head_(body, head) if head else 0
    if weights is not None and weights.state is not None:
        body = load_weights(body, head, weights, image_size)
    name = backbone if isinstance(backbone, str) else body_name(backbone)
    if n_channels != 3:
        adapt_first_convolution_(body, n_channels)
    _check_size(body, image_size, name, owner)
    use_generators_(body)
    network = Backbone(
        body.to(dtype), name, n_features, has_name=name == backbone
    ).eval()
    if of_timm:
        # What is called num_features is not what all of them put out.
        network.n_features = _count_features(network, n_channels, image_size, owner)
    return network


def make_body(backbone: Any, *, generator: torch.Generator, owner: str) -> nn.Module:
    """Return the network that a function makes, or a copy of one that is there.

    Parameters
    ----------
    backbone : callable or nn.Module
        A function without arguments that makes a network, or a network.
    generator : torch.Generator
        Of random numbers, on the CPU; torch's global generator is left as it is.
    owner : str
        Name of the estimator, for errors.

    Returns
    -------
    body : nn.Module
        With its head, for `build_backbone`.

    Raises
    ------
    TypeError
        If the function returns something else.
    """
    return _made(backbone, _drawn(generator), owner)


def preset_of(body: nn.Module) -> dict[str, Any]:
    """Return what a network says of the images it was trained on.

    Parameters
    ----------
    body : nn.Module
        One of timm has a configuration.

    Returns
    -------
    fields : dict
        Of `Weights`; empty where it says nothing.
    """
    config = getattr(body, "pretrained_cfg", None)
    return preprocessing_of(config) if isinstance(config, Mapping) else {}


def _drawn(generator: torch.Generator) -> int:
    return int(torch.randint(2**62, (), generator=generator))


def _made(backbone: Any, seed: int, owner: str) -> nn.Module:
    if isinstance(backbone, nn.Module):
        return copy.deepcopy(backbone)
    with isolated_global_rng(seed, _CPU):
        body = backbone()
    if not isinstance(body, nn.Module):
        raise TypeError(
            f"The 'backbone' parameter of {owner} must be a function that returns "
            f"an nn.Module. Got a {type(body).__name__} from it."
        )
    return body


def _beheadable(body: nn.Module) -> tuple[nn.Module, str | None]:
    """Return a network and its head's name; those of timm lose theirs here."""
    if not is_of_timm(body):
        return body, find_head(body)
    body.reset_classifier(0)  # type: ignore[operator]
    return body, None


def _count_features(
    network: Backbone, n_channels: int, image_size: tuple[int, int], owner: str
) -> int:
    """Return how many features come out, which only an image tells for certain."""
    like = next(network.parameters())
    image = torch.zeros(1, n_channels, *image_size, dtype=like.dtype)
    try:
        # Not in inference mode: some networks keep what they compute for a size.
        with torch.no_grad():
            shape = network(image).shape
    # Of layers that do not fit each other: whatever kind, the size is not one of its.
    except Exception as error:
        usual = preset_of(network.body).get("image_size")
        reason = " ".join(str(error).split()) or type(error).__name__
        hint = (usual, usual) if usual else None
        raise size_error(network.name, image_size, reason, hint, owner) from error
    return int(shape[1])


def body_name(backbone: Any) -> str:
    """Return the name of a function that makes networks."""
    return str(getattr(backbone, "__qualname__", type(backbone).__name__))


def bare_body(
    backbone: str, weights: Weights | None, image_size: tuple[int, int], owner: str
) -> tuple[nn.Module, str | None]:
    """Return a network and the name of its head; None where it has none."""
    if backbone.startswith(TIMM):
        download = weights is not None and weights.state is None
        body = headless_timm(backbone, image_size, owner, pretrained=download)
        return body, None
    check_backbone_name(backbone, owner)
    from torchvision.models import get_model

    arguments = _arguments(backbone, weights, image_size, owner)
    # Numbers that are to be replaced need not be drawn, nor memory taken for them.
    loaded = weights is not None and weights.state is not None
    try:
        with torch.device("meta" if loaded else "cpu"):
            body = get_model(backbone, weights=None, **arguments)
    except NotImplementedError:
        # RegNets compute their widths by tensors, which need memory.
        body = get_model(backbone, weights=None, **arguments)
    return body, find_head(body)


def _arguments(
    backbone: str, weights: Weights | None, image_size: tuple[int, int], owner: str
) -> dict[str, Any]:
    height, width = image_size
    if backbone in _WITH_AUXILIARY:
        # torchvision's own weights want images put to another scale inside.
        inside = weights is not None and "_Weights." in weights.name
        initial = weights is None or weights.state is None
        return {
            "aux_logits": False,
            "transform_input": inside,
            "init_weights": initial,
        }
    if backbone.startswith("vit_"):
        patch = int(backbone.rpartition("_")[2])
        if height != width or height % patch:
            raise ValueError(
                f"{owner} needs square images for {backbone}, of a multiple of {patch} "
                f"pixels. Got {height} by {width}. Set image_size."
            )
        return {"image_size": height}
    if backbone.startswith("maxvit"):
        if height % 224 or width % 224:
            raise ValueError(
                f"{owner} needs images of multiples of 224 pixels for {backbone}. Got "
                f"{height} by {width}. Set image_size."
            )
        return {"input_size": (height, width)}
    return {}


def _check_size(
    body: nn.Module, image_size: tuple[int, int], name: str, owner: str
) -> None:
    smallest = family_of(body).min_image_size
    if min(image_size) < smallest:
        raise ValueError(
            f"{owner} needs images of at least {smallest} by {smallest} pixels for "
            f"{name}. Got {image_size[0]} by {image_size[1]}. Set image_size."
        )
