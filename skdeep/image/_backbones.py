"""From parameters to a backbone, and to what puts images to its scale."""

from __future__ import annotations

import os
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch

from skdeep._compat import Options, StrOptions
from skdeep.data import ImageEncoder
from skdeep.exceptions import PersistenceError
from skdeep.image._inputs import IMAGE_CONSTRAINTS, both_sides
from skdeep.networks import (
    Backbone,
    Weights,
    build_backbone,
    make_body,
    preset_of,
    rebuild_backbone,
    resolve_weights,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class _Choice(Options):
    """A value that a function accepts."""

    def __init__(self, accepts: Any, sentence: str) -> None:
        super().__init__(object, set())
        self.accepts = accepts
        self.sentence = sentence

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is accepted."""
        return bool(self.accepts(val))

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        return self.sentence


def _is_stages(value: Any) -> bool:
    if isinstance(value, str):
        return value == "all"
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(pattern, str) for pattern in value)
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and int(value) >= 0


def _is_weights(value: Any) -> bool:
    member = hasattr(value, "url") and hasattr(value, "meta")
    return value is None or member or isinstance(value, (str, os.PathLike))


BACKBONE_CONSTRAINTS: dict[str, list[Any]] = {
    "backbone": [str, torch.nn.Module, callable],
    "weights": [
        _Choice(_is_weights, "a str, a path, a member of torchvision's weights or None")
    ],
    "channel_mode": [StrOptions({"repeat", "adapt"})],
    "cache_features": [StrOptions({"auto"}), str, os.PathLike, "boolean"],
    "channels_last": [StrOptions({"auto"}), "boolean"],
    "feature_scaling": [StrOptions({"weights", "standard"}), None],
    **{
        name: IMAGE_CONSTRAINTS[name]
        for name in ("image_shape", "image_size", "resize_mode", "channel_axis")
    },
}
STAGES = _Choice(_is_stages, "an int of at least 0, 'all', or a list of str patterns")


def find_weights(estimator: Any) -> Weights | None:
    """Return the weights an estimator asks for.

    Parameters
    ----------
    estimator : estimator instance
        Gives `backbone` and `weights`.

    Returns
    -------
    weights : Weights or None
        None for random ones.

    Raises
    ------
    WeightsError
        If there are none such, or their file is not what it should be.
    """
    backbone, weights = estimator.backbone, estimator.weights
    owner = type(estimator).__name__
    if weights == "DEFAULT" and not isinstance(backbone, str):
        # A function brings the weights it wants.
        return None
    return resolve_weights(backbone, weights, owner=owner)


def make_own_body(
    estimator: Any, weights: Weights | None, generator: torch.Generator
) -> tuple[torch.nn.Module | None, Weights | None]:
    """Return the network of a user's own, and the weights with what it says of images.

    Parameters
    ----------
    estimator : estimator instance
        Gives `backbone` and `weights`.
    weights : Weights or None
        From `find_weights`.
    generator : torch.Generator
        Of random numbers, on the CPU.

    Returns
    -------
    body : nn.Module or None
        None where the backbone has a name, and is built when the images are known.
    weights : Weights or None
        Those given, or, where the network came with weights and a configuration of
        timm, what the configuration tells.
    """
    if isinstance(estimator.backbone, str):
        return None, weights
    owner = type(estimator).__name__
    body = make_body(estimator.backbone, generator=generator, owner=owner)
    told = preset_of(body)
    if not told or estimator.weights is None:
        return body, weights
    return body, replace(weights or Weights("those that the backbone has"), **told)


def make_encoder(
    estimator: Any, weights: Weights | None, n_channels: int
) -> ImageEncoder:
    """Return an encoder that brings images to what the weights have been trained on.

    Parameters
    ----------
    estimator : estimator instance
        Gives `image_size`, `resize_mode`, `channel_mode` and `feature_scaling`.
    weights : Weights or None
        The weights.
    n_channels : int
        Of the images.

    Returns
    -------
    encoder : ImageEncoder
        Not fitted.
    """
    if n_channels == 1 and estimator.channel_mode == "repeat":
        n_channels = 3
    size = both_sides(estimator.image_size)
    margin = 1.0
    normalize: Any = None if estimator.feature_scaling is None else "data"
    interpolation: Any = "bilinear"
    if weights is not None:
        if weights.image_size is not None:
            size = size or (weights.image_size, weights.image_size)
            margin = (weights.resize_size or weights.image_size) / weights.image_size
        interpolation = weights.interpolation
    # Weights know red, green and blue, and gray as all three of them.
    by_weights = (
        estimator.feature_scaling == "weights" and estimator.weights is not None
    )
    if by_weights and n_channels == 3:
        usual = weights or Weights("those of ImageNet")
        normalize = (usual.mean, usual.std)
    return ImageEncoder(
        image_size=size,
        resize_mode=estimator.resize_mode,
        interpolation=interpolation,
        margin=margin,
        n_channels=n_channels,
        normalize=normalize,
    )


def make_backbone(
    estimator: Any,
    weights: Weights | None,
    encoder: ImageEncoder,
    generator: torch.Generator,
    dtype: torch.dtype,
    body: torch.nn.Module | None = None,
) -> Backbone:
    """Return the backbone of an estimator, wholly frozen.

    Parameters
    ----------
    estimator : estimator instance
        Gives `backbone`.
    weights : Weights or None
        What it starts with; None for random numbers.
    encoder : ImageEncoder
        Fitted: tells the size and the channels of images.
    generator : torch.Generator
        Of random numbers, on the CPU.
    dtype : torch.dtype
        Of the parameters.
    body : nn.Module or None, default=None
        From `make_own_body`.

    Returns
    -------
    backbone : Backbone
        On the CPU.
    """
    backbone = build_backbone(
        estimator.backbone,
        weights=weights,
        n_channels=encoder.n_channels or 3,
        image_size=encoder.size,
        generator=generator,
        dtype=dtype,
        owner=type(estimator).__name__,
        body=body,
    )
    return backbone.freeze_(0)


def describe_backbone(estimator: Any, backbone: Backbone) -> dict[str, Any]:
    """Return what `rebuild_described` needs, in words and numbers.

    Parameters
    ----------
    estimator : estimator instance
        Its name is for errors.
    backbone : Backbone
        Of a network that has a name.

    Returns
    -------
    described : dict

    Raises
    ------
    PersistenceError
        If a function made it, which a file without pickle cannot hold.
    """
    if not backbone.has_name:
        raise PersistenceError(
            f"{type(estimator).__name__} cannot be saved without pickle: its backbone "
            f"is {backbone.name}, a function or a module of your own, which a file "
            "cannot hold. Use joblib, or a backbone that has a name."
        )
    return {
        "name": backbone.name,
        "resting": backbone.resting,
        "n_features": backbone.n_features,
    }


def rebuild_described(
    described: Mapping[str, Any], encoder: ImageEncoder, weights: Weights | None
) -> Backbone:
    """Return the backbone that was described, with room for its weights.

    Parameters
    ----------
    described : mapping
        From `describe_backbone`.
    encoder : ImageEncoder
        Fitted: tells the size and the channels of images.
    weights : Weights or None
        What it once started with.

    Returns
    -------
    backbone : Backbone
        Its parameters take no memory until they are loaded.
    """
    backbone = rebuild_backbone(
        described["name"],
        weights=weights,
        n_channels=encoder.n_channels or 3,
        image_size=encoder.size,
        n_features=described.get("n_features"),
    )
    backbone.resting = described["resting"]
    return backbone


def lies_channels_last(estimator: Any, backbone: Backbone, *, trains: bool) -> bool:
    """Tell whether images are to lie with their channels last in memory.

    Parameters
    ----------
    estimator : estimator instance
        Gives `channels_last`.
    backbone : Backbone
        Its convolutions decide about "auto": without training all gain by it, in
        training those that treat each channel by itself.
    trains : bool
        Whether any of it is trained.

    Returns
    -------
    last : bool
    """
    if estimator.channels_last != "auto":
        return bool(estimator.channels_last)
    return not trains or any(_depthwise(backbone.modules()))


def _depthwise(parts: Iterable[torch.nn.Module]) -> Iterable[bool]:
    return (isinstance(part, torch.nn.Conv2d) and part.groups > 1 for part in parts)
