"""Views of images that a prediction is averaged over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

# Share of the side that a crop at a corner keeps: 224 of 256 pixels, as in AlexNet.
CORNER = 0.875
# The mirror image, then each corner and its mirror image.
MOST_VIEWS = 9


def view_of(images: Tensor, view: int) -> Tensor:
    """Return one of the ten views of images: whole or a corner, mirrored or not [1]_.

    Parameters
    ----------
    images : Tensor of shape (n_images, n_channels, height, width)
        Left as they are.
    view : int
        0 for the images, 1 for their mirror images; 2, 4, 6 and 8 for the corners, a
        crop of 7/8 of each side brought to the full size; 3, 5, 7 and 9 for these
        mirrored.

    Returns
    -------
    seen : Tensor of the same shape

    References
    ----------
    .. [1] A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet Classification with Deep
       Convolutional Neural Networks", NeurIPS 2012.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import view_of
    >>> view_of(torch.tensor([[[[1.0, 2.0]]]]), 1)
    tensor([[[[2., 1.]]]])
    """
    corner, mirrored = divmod(view, 2)
    seen = _corner(images, corner) if corner else images
    return seen.flip(-1) if mirrored else seen


def _corner(images: Tensor, corner: int) -> Tensor:
    height, width = images.shape[-2:]
    rows, columns = max(1, round(CORNER * height)), max(1, round(CORNER * width))
    top = height - rows if corner > 2 else 0
    left = width - columns if corner % 2 == 0 else 0
    cut = images[..., top : top + rows, left : left + columns]
    return nn.functional.interpolate(cut, size=(height, width), mode="bilinear")


def all_views(images: Tensor, n_more: int) -> Tensor:
    """Return images and further views of them, view by view.

    Parameters
    ----------
    images : Tensor of shape (n_images, n_channels, height, width)
        The images.
    n_more : int
        How many views beside the first one.

    Returns
    -------
    views : Tensor of shape ((1 + n_more) * n_images, n_channels, height, width)
    """
    if not n_more:
        return images
    return torch.cat([view_of(images, view) for view in range(1 + n_more)])
