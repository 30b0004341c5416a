"""Images made brighter, flatter, grayer, or blind in one spot."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Shares of red, green and blue in how bright a colour looks (ITU-R BT.601).
LUMA = (0.299, 0.587, 0.114)
# Random erasing as published: share of the area, and height over width.
ERASED_AREA = (0.02, 0.33)
ERASED_RATIO = 3.3


def change_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply every image by its factor and cut to [0, 1], in place.

    Parameters
    ----------
    images : Tensor of shape (batch, n_channels, height, width)
        In [0, 1]; overwritten.
    factor : Tensor of shape (batch,)
        Above 0.

    Returns
    -------
    images : Tensor of the same shape
        The same tensor.
    """
    return images.mul_(factor.view(-1, 1, 1, 1)).clamp_(0.0, 1.0)


def change_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply each image's distances to its mean gray and cut to [0, 1], in place.

    Parameters
    ----------
    images : Tensor of shape (batch, n_channels, height, width)
        In [0, 1]; overwritten.
    factor : Tensor of shape (batch,)
        0 makes an image one gray, 1 leaves it.

    Returns
    -------
    images : Tensor of the same shape
        The same tensor.
    """
    return _blend(images, _gray(images).mean(dim=(2, 3), keepdim=True), factor)


def change_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply each pixel's distance to its gray and cut to [0, 1], in place.

    Parameters
    ----------
    images : Tensor of shape (batch, n_channels, height, width)
        In [0, 1]; overwritten where there are three channels, the only ones that are
        known to be colours.
    factor : Tensor of shape (batch,)
        0 makes an image gray, 1 leaves it.

    Returns
    -------
    images : Tensor of the same shape
        The same tensor.
    """
    return images if images.shape[1] != 3 else _blend(images, _gray(images), factor)


def _gray(images: Tensor) -> Tensor:
    if images.shape[1] != 3:
        return images.mean(dim=1, keepdim=True)
    share = images.new_tensor(LUMA).view(1, 3, 1, 1)
    return (images * share).sum(dim=1, keepdim=True)


def _blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    factor = factor.view(-1, 1, 1, 1)
    return images.mul_(factor).add_((1.0 - factor) * other).clamp_(0.0, 1.0)


def erase_rectangles(images: Tensor, chosen: Tensor, draws: Tensor) -> Tensor:
    """Fill a rectangle of some images with the image's mean colour [1]_.

    Parameters
    ----------
    images : Tensor of shape (batch, n_channels, height, width)
        Left as they are.
    chosen : Tensor of bool of shape (batch,)
        Which images lose a rectangle.
    draws : Tensor of shape (batch, 4)
        In [0, 1): its area, shape, and place from left to right and from above to
        below. The area is 2 to 33 % of the image's, unless the rectangle is cut to
        the image, and its shape between 3.3 : 1 and 1 : 3.3.

    Returns
    -------
    erased : Tensor of the shape of `images`
        New images.

    References
    ----------
    .. [1] Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, "Random Erasing Data
       Augmentation", AAAI 2020, arXiv:1708.04896.
    """
    height, width = images.shape[2:]
    low, high = ERASED_AREA
    area = (low + (high - low) * draws[:, 0]) * (height * width)
    ratio = torch.exp((2.0 * draws[:, 1] - 1.0) * math.log(ERASED_RATIO))
    tall = (area * ratio).sqrt().round().clamp(1, height)
    wide = (area / ratio).sqrt().round().clamp(1, width)
    left = (draws[:, 2] * (width - wide + 1)).floor()
    top = (draws[:, 3] * (height - tall + 1)).floor()
    inside = box_masks(left, top, left + wide, top + tall, height, width)
    inside = inside & chosen.view(-1, 1, 1)
    mean = images.mean(dim=(2, 3), keepdim=True)
    return torch.where(inside[:, None], mean, images)


def box_masks(
    left: Tensor, top: Tensor, right: Tensor, bottom: Tensor, height: int, width: int
) -> Tensor:
    """Return which pixels lie in a box of each image.

    Parameters
    ----------
    left, top, right, bottom : Tensor of shape (batch,)
        Edges in pixels; the pixels at `right` and `bottom` lie outside.
    height, width : int
        Size of the images in pixels.

    Returns
    -------
    inside : Tensor of bool of shape (batch, height, width)
        True inside.
    """
    x = torch.arange(width, device=left.device)
    y = torch.arange(height, device=left.device)
    across = (x >= left[:, None]) & (x < right[:, None])
    down = (y >= top[:, None]) & (y < bottom[:, None])
    return down[:, :, None] & across[:, None, :]
