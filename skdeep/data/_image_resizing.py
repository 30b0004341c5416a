"""Images brought to one size."""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch.nn import functional

ResizeMode: TypeAlias = Literal["stretch", "crop", "pad"]
Interpolation: TypeAlias = Literal["bilinear", "bicubic"]
RESIZE_MODES: tuple[ResizeMode, ...] = ("stretch", "crop", "pad")


def resize_images(
    images: torch.Tensor,
    size: tuple[int, int],
    mode: ResizeMode = "stretch",
    *,
    interpolation: Interpolation = "bilinear",
    margin: float = 1.0,
) -> torch.Tensor:
    """Bring images to a size, smoothing what is made smaller (antialiasing).

    Parameters
    ----------
    images : Tensor of shape (batch, n_channels, height, width)
        Of uint8, whose results are rounded, or of a floating type.
    size : tuple of int
        Height and width that are wanted.
    mode : {"stretch", "crop", "pad"}, default="stretch"
        "stretch" changes the proportions, "crop" leaves out what does not fit, as much
        on either side, and "pad" puts black beside it.
    interpolation : {"bilinear", "bicubic"}, default="bilinear"
        How pixels are interpolated.
    margin : float, default=1.0
        In mode "crop" images are first made to cover `margin` times the size: with
        256 / 224, the usual preprocessing of pretrained networks.

    Returns
    -------
    resized : Tensor of shape (batch, n_channels, *size)
        Of the dtype of `images`; `images` itself where nothing changes.

    Examples
    --------
    >>> import torch
    >>> from skdeep.data._image_resizing import resize_images
    >>> images = torch.ones(1, 1, 2, 4)
    >>> resize_images(images, (2, 2), "crop").tolist()
    [[[[1.0, 1.0], [1.0, 1.0]]]]
    >>> resize_images(images, (4, 4), "pad")[0, 0, :, 0].tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    now = (images.shape[2], images.shape[3])
    if mode == "stretch":
        return _interpolate(images, size, interpolation)
    if mode == "crop":
        wanted = (round(margin * size[0]), round(margin * size[1]))
        covering = _interpolate(images, _fit(now, wanted, cover=True), interpolation)
        return _centre(covering, size)
    return _frame(
        _interpolate(images, _fit(now, size, cover=False), interpolation), size
    )


def _fit(
    now: tuple[int, int], size: tuple[int, int], *, cover: bool
) -> tuple[int, int]:
    """Return the size, in the proportions of `now`, that covers `size` or fits in it.

    One side is exact; the other is rounded down, as in torchvision.
    """
    (height, width), (high, wide) = now, size
    by_height = (high * width >= wide * height) == cover
    if by_height:
        other = high * width // height
        return high, max(other, wide if cover else 1)
    other = wide * height // width
    return max(other, high if cover else 1), wide


def _interpolate(
    images: torch.Tensor, size: tuple[int, int], interpolation: Interpolation
) -> torch.Tensor:
    if images.shape[2:] == size:
        return images
    # On bytes, torch rounds and cuts after each axis: bicubic weights, some of which
    # are negative, would be up to a tenth off.
    widened = images.dtype == torch.uint8 and interpolation == "bicubic"
    resized = functional.interpolate(
        images.float() if widened else images,
        size=size,
        mode=interpolation,
        align_corners=False,
        antialias=True,
    )
    return resized.round_().clamp_(0, 255).to(torch.uint8) if widened else resized


def _centre(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    top = round((images.shape[2] - size[0]) / 2)
    left = round((images.shape[3] - size[1]) / 2)
    return images[:, :, top : top + size[0], left : left + size[1]]


def _frame(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    if images.shape[2:] == size:
        return images
    framed = images.new_zeros((*images.shape[:2], *size))
    top = (size[0] - images.shape[2]) // 2
    left = (size[1] - images.shape[3]) // 2
    framed[:, :, top : top + images.shape[2], left : left + images.shape[3]] = images
    return framed
