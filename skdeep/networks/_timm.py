"""Networks of timm: their names, configurations, weights and heads."""

from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlparse
from urllib.request import Request, urlopen

import torch
from torch import nn

from skdeep._seeding import isolated_global_rng
from skdeep.exceptions import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

TIMM = "timm/"
# Seconds to wait for the first answer of a server of weights.
PATIENCE = 10.0


def import_timm(backbone: str, owner: str) -> Any:
    """Return the timm package.

    Parameters
    ----------
    backbone : str
        That needs it.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise ImportError(
            f"{owner} needs timm for backbone={backbone!r}, and it is not installed. "
            'Install it with pip install "timm>=1.0.3".'
        ) from error
    return timm


def check_timm_name(backbone: str, owner: str) -> str:
    """Return the name after "timm/", if timm has such a network and such weights.

    Parameters
    ----------
    backbone : str
        "timm/" and a name of timm.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    ValueError
        With the names that come close.
    """
    timm = import_timm(backbone, owner)
    name = backbone.removeprefix(TIMM)
    if ":" in name or "/" in name:
        raise ValueError(
            f"The 'backbone' parameter of {owner} must name a model of timm after "
            f"'timm/'. Got {backbone!r}, an address. Download its weights, and pass "
            "the name of the model and weights='path/of/the.safetensors'."
        )
    if not timm.is_model(name):
        raise ValueError(
            f"The 'backbone' parameter of {owner} must name a model of timm after "
            f"'timm/'. Got {backbone!r}. Did you mean {close_timm_names(name)}? See "
            "timm.list_models()."
        )
    try:
        timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        known = timm.list_models(f"{name.partition('.')[0]}.*", pretrained=True)
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.0) or known[:3]
        raise ValueError(
            f"The 'backbone' parameter of {owner} must name weights that timm has "
            f"after the dot. Got {backbone!r}. Did you mean {_quoted(close)}?"
        ) from error
    return name


def close_timm_names(name: str) -> str:
    """Return the names of timm that come closest, quoted, with "timm/" before each."""
    import timm

    known = timm.list_models()
    bare = name.lower().partition(".")[0]
    close = difflib.get_close_matches(bare, known, n=3)
    return _quoted(close or difflib.get_close_matches(bare, known, n=3, cutoff=0.0))


def _quoted(names: Iterable[str]) -> str:
    return " or ".join(repr(f"{TIMM}{name}") for name in names)


def preprocessing_of(config: Any) -> dict[str, Any]:
    """Return what a configuration of timm says of images, as fields of `Weights`.

    Parameters
    ----------
    config : PretrainedCfg, mapping or None
        As ``timm.get_pretrained_cfg`` returns it, or a network has it as its attribute
        `pretrained_cfg`.

    Returns
    -------
    fields : dict
        Empty where it says nothing.
    """
    if config is None:
        return {}
    told = config if isinstance(config, Mapping) else vars(config)
    fields: dict[str, Any] = {}
    if told.get("input_size"):
        size = int(told["input_size"][-1])
        # Rounded down, as timm does.
        margin = int(size / (told.get("crop_pct") or 1.0))
        fields.update(image_size=size, resize_size=margin)
    for name in ("mean", "std"):
        if told.get(name) is not None:
            fields[name] = tuple(float(value) for value in told[name])
    if told.get("interpolation"):
        bicubic = told["interpolation"] == "bicubic"
        fields["interpolation"] = "bicubic" if bicubic else "bilinear"
    return fields


def is_of_timm(body: nn.Module) -> bool:
    """Tell whether a network is one that timm has made, head and configuration."""
    return (
        isinstance(getattr(body, "pretrained_cfg", None), Mapping)
        and hasattr(body, "reset_classifier")
        and hasattr(body, "num_features")
    )


def headless_timm(
    backbone: str, image_size: tuple[int, int], owner: str, *, pretrained: bool
) -> nn.Module:
    """Return a network of timm without its head.

    Parameters
    ----------
    backbone : str
        "timm/" and a name of timm.
    image_size : tuple of int
        Height and width, handed on to networks that are made for one size.
    owner : str
        Name of the estimator, for errors.
    pretrained : bool
        Whether timm is to find its weights.

    Returns
    -------
    body : nn.Module

    Raises
    ------
    ValueError
        If there is no such network, or it cannot be built for such images.
    WeightsError
        If timm cannot have the weights.
    """
    timm = import_timm(backbone, owner)
    name = check_timm_name(backbone, owner)
    config = timm.get_pretrained_cfg(name)
    arguments: dict[str, Any] = {"num_classes": 0}
    if pretrained:
        found = cached_file(config)
        arguments["pretrained"] = True
        if found is not None:
            arguments["pretrained_cfg_overlay"] = {"file": str(found)}
    usual = None if config is None else tuple(config.input_size[-2:])
    try:
        if image_size != usual:
            try:
                return _created(timm, name, {**arguments, "img_size": image_size})
            except TypeError as error:
                # Convolutions take any size, and no such argument.
                if "img_size" not in str(error):
                    raise
        return _created(timm, name, arguments)
    # Of the hub, of the network, of the file, of the layers: dozens of classes.
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        if pretrained:
            raise WeightsError(
                f"The weights of {backbone} could not be had by timm: {reason}. Pass "
                "the path of a file as weights, or weights=None to start from random "
                "numbers."
            ) from error
        raise size_error(backbone, image_size, reason, usual, owner) from error


def _created(timm: Any, name: str, arguments: dict[str, Any]) -> nn.Module:
    body: nn.Module = timm.create_model(name, **arguments)
    return body


def size_error(
    name: str,
    image_size: tuple[int, int],
    reason: str,
    usual: Any,
    owner: str,
) -> ValueError:
    """Return the sentence for a network that does not take images of some size."""
    hint = f", such as {usual[0]}" if usual else ""
    return ValueError(
        f"{owner} cannot use {name} on images of {image_size[0]} by {image_size[1]} "
        f"pixels: {reason[:200]}. Set image_size to a size that it takes{hint}."
    )


def cached_file(config: Any) -> Path | None:
    """Return the file of a configuration's weights that the hub's cache holds.

    Parameters
    ----------
    config : PretrainedCfg or None
        Of timm.

    Returns
    -------
    path : Path or None
        Of a safetensors file that timm can load as it is.
    """
    hub = getattr(config, "hf_hub_id", None)
    if not hub or getattr(config, "hf_hub_filename", None) or config.custom_load:
        return None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    name, _, revision = hub.partition("@")
    found = try_to_load_from_cache(name, "model.safetensors", revision=revision or None)
    return Path(found) if isinstance(found, str) else None


def check_reachable(config: Any, backbone: str, owner: str) -> None:
    """Refuse weights that are neither on this machine nor within reach.

    timm's own download asks a dozen times, over most of a minute, for a server that
    cannot be found.

    Parameters
    ----------
    config : PretrainedCfg
        Of timm.
    backbone : str
        "timm/" and a name of timm.
    owner : str
        Name of the estimator, for errors.

    Raises
    ------
    WeightsError
        If there are no weights, or no server answers.
    """
    if not (config.hf_hub_id or config.url or config.file or config.state_dict):
        raise WeightsError(
            f"{owner} finds no weights for {backbone}, since timm publishes none under "
            "this name. Pass the path of a file as weights, or weights=None to start "
            "from random numbers."
        )
    if config.file or config.state_dict or cached_file(config) is not None:
        return
    address = _server(config)
    if address is None:
        return
    try:
        with urlopen(Request(address, method="HEAD"), timeout=PATIENCE):
            return
    except HTTPError:
        # A server that refuses is there.
        return
    except (URLError, OSError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"The weights of {backbone} are not on this machine, and {address} cannot "
            f"be reached: {reason}. Pass the path of a file as weights, or "
            "weights=None to start from random numbers."
        ) from error


def _server(config: Any) -> str | None:
    """Return the server of weights; None where timm is to look by itself."""
    if config.hf_hub_id:
        from huggingface_hub import constants

        # Told to stay offline, the hub does not ask, and files of other names may lie
        # in its cache.
        return None if constants.HF_HUB_OFFLINE else str(constants.ENDPOINT)
    cached = Path(
        torch.hub.get_dir(), "checkpoints", Path(urlparse(config.url).path).name
    )
    parts = urlparse(config.url)
    return None if cached.exists() else f"{parts.scheme}://{parts.netloc}"


def head_names(body: nn.Module) -> tuple[str, ...]:
    """Return the names that the heads of a network of timm had.

    Parameters
    ----------
    body : nn.Module
        Of timm, without its head.

    Returns
    -------
    names : tuple of str
        By its configuration: one, or several where it was distilled.
    """
    config: Any = getattr(body, "pretrained_cfg", None) or {}
    named = config.get("classifier") or ()
    return (named,) if isinstance(named, str) else tuple(named)


def adapted_state(body: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a file as the network wants it, heads left out.

    Parameters
    ----------
    body : nn.Module
        Of timm, without its head.
    state : mapping of str to Tensor
        Of a file that timm, or who first published the weights, has saved.

    Returns
    -------
    state : dict of str to Tensor
        Where names or shapes differ from those of the network, such as those of a
        table of positions for another size, timm's own translation of them.
    """
    heads = head_names(body)
    kept = _without(state, heads)
    wanted = {name: value.shape for name, value in body.state_dict().items()}
    if _fits(kept, wanted):
        return kept
    translate = getattr(
        sys.modules[type(body).__module__], "checkpoint_filter_fn", None
    )
    if translate is not None:
        two = len(inspect.signature(translate).parameters) > 1
        try:
            translated = translate(dict(state), body) if two else translate(dict(state))
        # It expects names that a file of another network does not have.
        except (KeyError, IndexError, ValueError, RuntimeError, AttributeError):
            translated = state
        kept = _without(translated, heads)
    if not _fits(kept, wanted):
        # What goes with a head by another name than its own, such as its norm.
        of_head = _whole_names(body) - wanted.keys()
        kept = {name: value for name, value in kept.items() if name not in of_head}
    return kept


def _without(state: Mapping[str, Tensor], heads: tuple[str, ...]) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in state.items()
        if not name.startswith(tuple(f"{head}." for head in heads))
    }


def _fits(state: Mapping[str, Tensor], wanted: Mapping[str, torch.Size]) -> bool:
    return state.keys() == wanted.keys() and all(
        value.shape == wanted[name] for name, value in state.items()
    )


def _whole_names(body: nn.Module) -> set[str]:
    """Return the names of all tensors of a network, its head included."""
    config: Any = getattr(body, "pretrained_cfg", None) or {}
    name = config.get("architecture")
    if not name:
        return set()
    import timm

    n_classes = config.get("num_classes") or 1000
    with isolated_global_rng(0, torch.device("cpu")):
        return set(timm.create_model(name, num_classes=n_classes).state_dict())
