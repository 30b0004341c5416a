"""Image classifiers without their heads, by name, with or without learnt weights."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from skdeep._seeding import isolated_global_rng
from skdeep.exceptions import WeightsError
from skdeep.networks._backbone_heads import (
    adapt_first_convolution_,
    find_head,
    remove_head_,
    use_generators_,
)
from skdeep.networks._backbone_loading import load_weights
from skdeep.networks._backbone_stages import backbone_stages, family_of, is_under
from skdeep.networks._weights import TIMM, check_backbone_name, import_timm

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
        return _pooled(self.body(x), channels_last=False)

    @property
    def maps_channels_last(self) -> bool:
        """Whether maps inside have the channels as their last axis."""
        return family_of(self.body).channels_last

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
        family = family_of(self.body)
        reached: list[Tensor] = []

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
        return _pooled(reached[0], channels_last=family.channels_last)

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
        for prefixes in family_of(self.body).prefixes(self.body):
            if is_under(last, prefixes):
                return modules[[name for name in prefixes if name in modules][-1]]
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


def _pooled(output: Tensor, *, channels_last: bool) -> Tensor:
    if output.ndim == 4:
        return output.mean((1, 2) if channels_last else (2, 3))
    # A sequence of tokens, the first of which stands for all.
    return output[:, 0] if output.ndim == 3 else output


def build_backbone(
    backbone: str | Callable[[], nn.Module],
    *,
    weights: Weights | None,
    n_channels: int,
    image_size: tuple[int, int],
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
    owner: str,
) -> Backbone:
    """Return an image classifier without its head.

    Parameters
    ----------
    backbone : str or callable
        Name of a classifier of torchvision, "timm/" and a name of timm, or a function
        without arguments that makes a network.
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

    Returns
    -------
    backbone : Backbone
        On the CPU, in evaluation mode; all of it trainable.

    Raises
    ------
    ValueError
        If there is no such network, or the images are too small for it.
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
    seed = int(torch.randint(2**62, (), generator=generator))
    with isolated_global_rng(seed, _CPU):
        body, head = bare_body(backbone, weights, image_size, owner)
    # Networks of timm come without a head, and say what it would be given.
    n_features = remove_head_(body, head) if head else int(body.num_features)  # type: ignore[arg-type]
    if weights is not None and weights.state is not None:
        body = load_weights(body, head, weights, image_size)
    name = backbone if isinstance(backbone, str) else body_name(backbone)
    if n_channels != 3:
        adapt_first_convolution_(body, n_channels)
    _check_size(body, image_size, name, owner)
    use_generators_(body)
    named = isinstance(backbone, str)
    return Backbone(body.to(dtype), name, n_features, has_name=named).eval()


def body_name(backbone: Any) -> str:
    """Return the name of a function that makes networks."""
    return str(getattr(backbone, "__qualname__", type(backbone).__name__))


def bare_body(
    backbone: Any, weights: Weights | None, image_size: tuple[int, int], owner: str
) -> tuple[nn.Module, str | None]:
    """Return a network and the name of its head; None where it has none."""
    if not isinstance(backbone, str):
        body = backbone()
        if not isinstance(body, nn.Module):
            raise TypeError(
                f"The 'backbone' parameter of {owner} must be a function that returns "
                f"an nn.Module. Got a {type(body).__name__} from it."
            )
        return body, find_head(body)
    if backbone.startswith(TIMM):
        return _of_timm(backbone, weights, owner), None
    check_backbone_name(backbone, owner)
    from torchvision.models import get_model

    arguments = _arguments(backbone, weights, image_size, owner)
    # Numbers that are to be replaced need not be drawn, nor memory taken for them.
    loaded = weights is not None and weights.state is not None
    with torch.device("meta" if loaded else "cpu"):
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


def _of_timm(backbone: str, weights: Weights | None, owner: str) -> nn.Module:
    timm = import_timm(backbone, owner)
    name = backbone.removeprefix(TIMM)
    if not timm.is_model(name):
        raise ValueError(
            f"The 'backbone' parameter of {owner} must name a model of timm after "
            f"'timm/'. Got {backbone!r}. See timm.list_models()."
        )
    download = weights is not None and weights.state is None
    try:
        body: nn.Module = timm.create_model(name, pretrained=download, num_classes=0)
    # Of the hub, of the network, of the file: whatever kind, there are no weights.
    except Exception as error:
        if not download:
            raise
        raise WeightsError(
            f"The weights of {backbone} could not be had by timm: {error}. Pass the "
            "path of a file as weights, or weights=None to start from random numbers."
        ) from error
    return body


def _check_size(
    body: nn.Module, image_size: tuple[int, int], name: str, owner: str
) -> None:
    smallest = family_of(body).min_image_size
    if min(image_size) < smallest:
        raise ValueError(
            f"{owner} needs images of at least {smallest} by {smallest} pixels for "
            f"{name}. Got {image_size[0]} by {image_size[1]}. Set image_size."
        )
