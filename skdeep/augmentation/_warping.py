"""Images turned, shifted, scaled, sheared, mirrored and cropped in one resampling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

PaddingMode: TypeAlias = Literal["reflection", "border", "zeros"]
PADDING_MODES: tuple[PaddingMode, ...] = ("reflection", "border", "zeros")


@dataclass(frozen=True)
class Warp:
    """What happens to each image of a batch, every field of shape (batch, ...).

    The image is cropped to its box, which is stretched to the full size, mirrored,
    sheared and scaled, turned, and shifted.

    Parameters
    ----------
    angle : Tensor of shape (batch,)
        Radians, clockwise as the image is looked at.
    shear : Tensor of shape (batch,)
        Radians that columns lean by.
    scale : Tensor of shape (batch,)
        Factor of the sides.
    shift : Tensor of shape (batch, 2)
        To the right and down, in shares of width and height.
    mirror : Tensor of shape (batch, 2)
        -1 where columns, or rows, are reversed, else 1.
    box_centre : Tensor of shape (batch, 2)
        Of the crop, from the left and from above, in shares of width and height.
    box_size : Tensor of shape (batch, 2)
        Width and height of the crop, in shares of the image's.
    """

    angle: Tensor
    shear: Tensor
    scale: Tensor
    shift: Tensor
    mirror: Tensor
    box_centre: Tensor
    box_size: Tensor

    def matrices(self, height: int, width: int) -> Tensor:
        """Return, for each image, the map from a place to where it is looked up.

        Parameters
        ----------
        height, width : int
            Size of the images in pixels.

        Returns
        -------
        theta : Tensor of shape (batch, 2, 3)
            As `torch.nn.functional.affine_grid` has it, which counts from -1 to 1
            along either axis.
        """
        cos, sin, lean = self.angle.cos(), self.angle.sin(), self.shear.tan()
        # The inverse of a turn times a shear of columns, on square pixels.
        rows = [cos + lean * sin, sin - lean * cos, -sin, cos]
        undone = torch.stack(rows, dim=-1).view(-1, 2, 2) / self.scale[:, None, None]
        undone = self.mirror[:, :, None] * undone
        # From halves of the sides to pixels, and back.
        sides = undone.new_tensor([width, height])
        undone = undone * sides[None, None, :] / sides[None, :, None]
        offset = -(undone @ (2.0 * self.shift)[:, :, None])[:, :, 0]
        linear = self.box_size[:, :, None] * undone
        moved = self.box_size * offset + (2.0 * self.box_centre - 1.0)
        return torch.cat([linear, moved[:, :, None]], dim=2)


def warp_images(images: Tensor, warp: Warp, padding_mode: PaddingMode) -> Tensor:
    """Resample every image of a batch by its own map, bilinearly.

    Parameters
    ----------
    images : Tensor of shape (batch, n_channels, height, width)
        Of a floating type.
    warp : Warp
        On the device of the images.
    padding_mode : {"reflection", "border", "zeros"}
        What stands beyond the edges.

    Returns
    -------
    warped : Tensor of the shape of `images`
        New images.
    """
    theta = warp.matrices(images.shape[2], images.shape[3]).to(images.dtype)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode=padding_mode, align_corners=False
    )


def mirror_images(images: Tensor, columns: Tensor, rows: Tensor) -> Tensor:
    """Reverse columns, rows or both of some images, to the bit.

    Parameters
    ----------
    images : Tensor of shape (batch, n_channels, height, width)
        Any images.
    columns, rows : Tensor of bool of shape (batch,)
        Whose columns, and rows, are reversed.

    Returns
    -------
    mirrored : Tensor of the shape of `images`
        New images.
    """
    mirrored = torch.where(columns.view(-1, 1, 1, 1), images.flip(3), images)
    return torch.where(rows.view(-1, 1, 1, 1), mirrored.flip(2), mirrored)


def crop_boxes(
    share: Tensor, shape: Tensor, place: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Return boxes that lie within an image.

    Parameters
    ----------
    share : Tensor of shape (batch,)
        Share of the area, in (0, 1].
    shape : Tensor of shape (batch,)
        In [0, 1]: from 3 : 4 over square to 4 : 3, in the logarithm. A box that would
        be wider or higher than the image is cut to it.
    place : Tensor of shape (batch, 2)
        In [0, 1]: from left to right and from above to below.
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    centre, size : Tensor of shape (batch, 2)
        In shares of width and height, as `Warp` has them.
    """
    # Width over height, relative to those of the image.
    ratio = torch.exp((2.0 * shape - 1.0) * math.log(4.0 / 3.0)) * (height / width)
    size = torch.stack([(share * ratio).sqrt(), (share / ratio).sqrt()], dim=1)
    # A share of one leaves the image whole.
    size = torch.where(share[:, None] < 1.0, size.clamp(max=1.0), 1.0)
    return size / 2 + place * (1.0 - size), size
