"""Weights put into a network, or a sentence that says why they are not its own."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import torch
from torch import nn

from skdeep.exceptions import WeightsError
from skdeep.networks._timm import adapted_state, is_of_timm

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.networks._weights import Weights


def load_weights(
    body: nn.Module, head: str | None, weights: Weights, image_size: tuple[int, int]
) -> nn.Module:
    """Return the network with the weights in it, the head's left out.

    Parameters
    ----------
    body : nn.Module
        Without its head, in memory or on torch's meta device.
    head : str or None
        Name that the head had.
    weights : Weights
        With their tensors.
    image_size : tuple of int
        Height and width of images, to which a table of positions is interpolated.

    Returns
    -------
    body : nn.Module
        The same, in memory.

    Raises
    ------
    WeightsError
        If the weights belong to another network, or are not finite.
    """
    given = weights.state or OrderedDict()
    state = OrderedDict(
        (name, value)
        for name, value in given.items()
        if not name.lower().startswith("aux")
        and not (head and name.startswith(f"{head}."))
    )
    if hasattr(given, "_metadata"):
        state._metadata = given._metadata  # type: ignore[attr-defined]  # noqa: SLF001
    kind = type(body).__name__
    if kind == "VisionTransformer" and "encoder.pos_embedding" in state:
        from torchvision.models.vision_transformer import interpolate_embeddings

        patch = int(body.patch_size)  # type: ignore[arg-type]
        state = interpolate_embeddings(image_size[0], patch, state)
    if is_of_timm(body):
        versions = getattr(state, "_metadata", None)
        state = OrderedDict(adapted_state(body, state))
        if versions is not None:
            state._metadata = versions  # type: ignore[attr-defined]  # noqa: SLF001
    elif kind == "DenseNet":
        state = _renamed_densely(state)
    try:
        found = body.load_state_dict(state, strict=False, assign=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:4]]
        raise _mismatch(weights, kind, "; ".join(lines)) from error
    counted = "num_batches_tracked"
    missing = [name for name in found.missing_keys if not name.endswith(counted)]
    if missing or found.unexpected_keys:
        lacks = f"lacks {', '.join(missing[:3])}" if missing else ""
        extra = ", ".join(found.unexpected_keys[:3])
        both = [part for part in (lacks, f"has {extra}" if extra else "") if part]
        raise _mismatch(weights, kind, "it " + " and ".join(both))
    _check_finite(state, weights)
    return _without_meta(body)


def _mismatch(weights: Weights, kind: str, why: str) -> WeightsError:
    return WeightsError(
        f"The weights {weights.name} are not those of the {kind} that 'backbone' "
        f"names: {why}. Pass the backbone they were saved from, or other weights."
    )


def _check_finite(state: OrderedDict[str, Tensor], weights: Weights) -> None:
    for name, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise WeightsError(
                f"The weights {weights.name} must be finite numbers. Got NaN or "
                f"infinity in {name}. Pass other weights."
            )


def _renamed_densely(state: OrderedDict[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Return a state whose layers are called as torchvision calls them since 0.3."""
    renamed: OrderedDict[str, Tensor] = OrderedDict()
    for name, value in state.items():
        for part in ("norm", "relu", "conv"):
            name = name.replace(f".{part}.1.", f".{part}1.")  # noqa: PLW2901
            name = name.replace(f".{part}.2.", f".{part}2.")  # noqa: PLW2901
        renamed[name] = value
    return renamed


def _without_meta(body: nn.Module) -> nn.Module:
    """Return a network in memory: what files do not hold are counts, from zero."""
    for module in body.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if buffer.is_meta:
                setattr(module, name, torch.zeros_like(buffer, device="cpu"))
    return body
