"""Which pretrained weights are meant, and what is known of them."""

from __future__ import annotations

import difflib
import importlib.util
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skdeep._atomic_files import is_file
from skdeep._storable import storable
from skdeep.exceptions import LicenseWarning, WeightsError
from skdeep.networks._timm import (
    TIMM,
    check_reachable,
    check_timm_name,
    import_timm,
    preprocessing_of,
)
from skdeep.networks._weights_files import (
    download_weights,
    file_sha256,
    hash_in_name,
    read_state_dict,
    verify_hash,
)

if TYPE_CHECKING:
    from skdeep.networks._weights_files import StateDict

SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@storable()
@dataclass(frozen=True)
class Weights:
    """Pretrained weights and the preprocessing that goes with them.

    Attributes
    ----------
    name : str
        As torchvision or timm name them, or the path of their file.
    state : OrderedDict of str to Tensor or None
        The tensors; None where timm is to find them, and once they are in a network.
    sha256 : str or None
        Of the file, in hexadecimal digits.
    license : str or None
        Where one is stated.
    image_size, resize_size : int or None
        Sides in pixels: images are scaled until the shorter one is `resize_size`, and
        a square of `image_size` is cut from the middle.
    mean, std : tuple of three float
        Of the channels of pixels in [0, 1].
    interpolation : {"bilinear", "bicubic"}
        Of the scaling.
    """

    name: str
    state: StateDict | None = None
    sha256: str | None = None
    license: str | None = None
    image_size: int | None = None
    resize_size: int | None = None
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


def resolve_weights(backbone: Any, weights: Any, *, owner: str) -> Weights | None:
    """Return the weights that a parameter means, read from their verified file.

    Parameters
    ----------
    backbone : str or callable
        Name of a classifier of torchvision, "timm/" and a name of timm, or a function
        that makes a network.
    weights : str, path, member of an enum of torchvision's weights, or None
        "DEFAULT", the name of a member, a member, or the path of a state dict, for
        which the preprocessing of the published ones is taken whose file it is, or of
        the default ones. None is none.
    owner : str
        Name of the estimator, for errors.

    Returns
    -------
    weights : Weights or None

    Raises
    ------
    ValueError
        If there are no such weights; the message lists those there are.
    WeightsError
        If their file cannot be had, or is not what it should be.

    Warns
    -----
    LicenseWarning
        If they must not be used commercially.

    Examples
    --------
    >>> from skdeep.networks import resolve_weights
    >>> resolve_weights("resnet18", "IMAGENET1K_V3", owner="ImageClassifier")
    Traceback (most recent call last):
        ...
    ValueError: The 'weights' parameter of ImageClassifier must be None, a path, \
'DEFAULT' or one of resnet18's: 'IMAGENET1K_V1'. Got 'IMAGENET1K_V3' instead.
    """
    if weights is None:
        return None
    path = _as_path(weights)
    if isinstance(backbone, str) and backbone.startswith(TIMM):
        found = _of_timm(backbone, weights, path, owner)
    elif isinstance(backbone, str):
        found = _of_torchvision(backbone, weights, path, owner)
    elif path is None:
        raise ValueError(
            f"The 'weights' parameter of {owner} must be a path or None where "
            f"'backbone' is a function. Got {weights!r} instead. Let the function load "
            "other weights."
        )
    else:
        found = _of_file(path, Weights(str(path)))
    _warn_of_license(found, owner)
    return found


def check_backbone_name(name: str, owner: str) -> None:
    """Refuse a name that is not one of torchvision's classifiers.

    Parameters
    ----------
    name : str
        As `torchvision.models.get_model` takes it.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        With the names that come close.
    """
    known = classifier_names()
    if name in known:
        return
    close = difflib.get_close_matches(name.lower(), known, n=3)
    guess = " or ".join(map(repr, close or known[:3]))
    if not close or name.lower() not in close:
        guess = _known_to_timm(name) or guess
    raise ValueError(
        f"The 'backbone' parameter of {owner} must be one of torchvision's "
        f"{len(known)} classifiers, 'timm/' and a name of timm, or a function that "
        f"makes a network. Got {name!r} instead. Did you mean {guess}?"
    )


def _known_to_timm(name: str) -> str | None:
    """Return a name as one of timm, where timm is installed and has it."""
    if importlib.util.find_spec("timm") is None:
        return None
    import timm

    return repr(f"{TIMM}{name}") if timm.is_model(name) else None


def classifier_names() -> list[str]:
    """Return the names of torchvision's image classifiers."""
    import torchvision

    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return names


def _as_path(weights: Any) -> Path | None:
    if isinstance(weights, os.PathLike):
        return Path(weights)
    if not isinstance(weights, str):
        return None
    like_a_file = weights.endswith(SUFFIXES) or os.sep in weights
    return Path(weights) if like_a_file or is_file(weights) else None


def _of_torchvision(
    backbone: str, weights: Any, path: Path | None, owner: str
) -> Weights:
    from torchvision.models import get_model_weights

    check_backbone_name(backbone, owner)
    enum: Any = get_model_weights(backbone)
    if path is not None:
        found = _of_file(path, Weights(str(path)))
        published = _published(enum, found.sha256 or "")
        license_ = None if published is None else published.meta.get("license")
        preset = _preset(enum.DEFAULT if published is None else published)
        return replace(found, license=license_, **preset)
    member = _member(enum, weights, backbone, owner)
    file = download_weights(member.url, name=str(member))
    return Weights(
        str(member),
        state=read_state_dict(file, name=str(member)),
        sha256=file_sha256(file),
        license=member.meta.get("license"),
        **_preset(member),
    )


def _published(enum: Any, digest: str) -> Any:
    """Return the member whose file has a digest; None if there is none.

    Members differ in the sizes that images are brought to.
    """
    for member in enum:
        if digest.startswith(hash_in_name(member.url) or "none"):
            return member
    return None


def _of_file(path: Path, preset: Weights) -> Weights:
    if not is_file(path):
        raise WeightsError(
            f"There is no weights file {path}. Pass the path of a state dict, the name "
            "of published weights, or weights=None to start from random numbers."
        )
    verify_hash(path, name=str(path))
    fields = {**vars(preset), "state": read_state_dict(path, name=path.name)}
    return Weights(**{**fields, "sha256": file_sha256(path)})


def _member(enum: Any, weights: Any, backbone: str, owner: str) -> Any:
    if isinstance(weights, enum):
        return weights
    if isinstance(weights, str):
        name = weights.removeprefix(f"{enum.__name__}.")
        if name in (*enum.__members__, "DEFAULT"):
            return enum.DEFAULT if name == "DEFAULT" else enum[name]
    names = ", ".join(repr(member.name) for member in enum)
    raise ValueError(
        f"The 'weights' parameter of {owner} must be None, a path, 'DEFAULT' or one of "
        f"{backbone}'s: {names}. Got {weights!r} instead."
    )


def _preset(member: Any) -> dict[str, Any]:
    preset = member.transforms()
    return {
        "image_size": int(preset.crop_size[0]),
        "resize_size": int(preset.resize_size[0]),
        "mean": tuple(preset.mean),
        "std": tuple(preset.std),
        "interpolation": "bicubic"
        if preset.interpolation.value == "bicubic"
        else "bilinear",
    }


def _of_timm(backbone: str, weights: Any, path: Path | None, owner: str) -> Weights:
    timm = import_timm(backbone, owner)
    name = check_timm_name(backbone, owner)
    if path is None and weights != "DEFAULT":
        raise ValueError(
            f"The 'weights' parameter of {owner} must be 'DEFAULT', a path or None for "
            f"a backbone of timm, whose name says which weights. Got {weights!r} "
            "instead."
        )
    config = timm.get_pretrained_cfg(name)
    if path is not None:
        return _of_file(path, Weights(str(path), **preprocessing_of(config)))
    if config is None:
        raise ValueError(
            f"The 'weights' parameter of {owner} must be a path or None, since timm "
            f"has no weights for {name!r}. Got {weights!r} instead."
        )
    check_reachable(config, backbone, owner)
    return Weights(backbone, license=config.license, **preprocessing_of(config))


def _warn_of_license(weights: Weights, owner: str) -> None:
    stated = (weights.license or "").lower()
    # SWAG's is CC-BY-NC 4.0, which its link does not say.
    if "-nc" in stated or "noncommercial" in stated or "swag" in stated:
        warnings.warn(
            f"{owner}: the weights {weights.name} must not be used commercially. Their "
            f"license is {weights.license}. Choose others for commercial use.",
            LicenseWarning,
            stacklevel=2,
        )
