"""What the pixels of images are like: range, mean and variance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skdeep.data._images import BLOCK_IMAGES, ImageTable, read_ahead

if TYPE_CHECKING:
    import torch

    from skdeep._typing import Array, FloatArray

# Pixels whose squares are held at once: they stay in the cache of a core.
AT_ONCE = 2**18


def moments_of_bytes(
    images: torch.Tensor, n_channels: int
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of each channel of each image, with white at 1.

    Sums of bytes and of their squares are whole numbers, and exact: this is as precise
    as two passes over floating point numbers, and twenty times as fast.

    Parameters
    ----------
    images : Tensor of uint8 of shape (n_samples, n_given, height, width)
        On the CPU.
    n_channels : int
        Channels wanted; those of gray images are alike.

    Returns
    -------
    means, variances : ndarray of float64 of shape (n_samples, n_channels)

    Examples
    --------
    >>> import torch
    >>> from skdeep.data._image_moments import moments_of_bytes
    >>> images = torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 1, 1, 2)
    >>> means, variances = moments_of_bytes(images, 1)
    >>> float(means[0, 0]), float(variances[0, 0])
    (0.5, 0.25)
    """
    n_pixels = images.shape[2] * images.shape[3]
    rows = images.contiguous().numpy().reshape(-1, n_pixels)
    totals = rows.sum(axis=1, dtype=np.uint64)
    squares = np.empty_like(totals)
    step = max(1, AT_ONCE // n_pixels)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        squared = np.multiply(some, some, dtype=np.uint16)
        squares[start : start + step] = squared.sum(axis=1, dtype=np.uint64)
    mean = totals / n_pixels
    variance = np.maximum(squares / n_pixels - mean**2, 0.0)
    shape = (len(images), n_channels)
    means = np.broadcast_to(mean.reshape(len(images), -1) / 255.0, shape)
    variances = np.broadcast_to(variance.reshape(len(images), -1) / 255.0**2, shape)
    return means, variances


def weighing(
    table: ImageTable, weight: Array | None
) -> tuple[ImageTable, Array | None]:
    """Return the images that weigh something, and their weights."""
    if weight is None or weight.all():
        return table, weight
    return table[np.flatnonzero(weight)], weight[weight > 0]


def is_dim(table: ImageTable) -> bool:
    """Tell whether bytes use so little of their dtype that they are in another scale.

    Nobody's brightest pixel is 1 of 255, or 255 of 65,535: such images are masks, or
    bytes in a wider dtype. Files are not looked at.
    """
    dtype = getattr(table.pixels, "dtype", None)
    if not table.is_dense or dtype not in (np.uint8, np.uint16):
        return False
    largest = pixel_range(table)[1]
    return 0 < largest <= (1 if dtype == np.uint8 else 255)


def pixel_range(table: ImageTable) -> tuple[float, float]:
    """Return the smallest and the largest pixel of images that are numbers."""
    if not table.is_dense:
        blocks = read_ahead(table, 1)
    else:
        starts = range(0, len(table), BLOCK_IMAGES)
        blocks = (table[start : start + BLOCK_IMAGES].block() for start in starts)
    of_blocks = [(float(block.min()), float(block.max())) for block in blocks]
    lows, highs = zip(*of_blocks, strict=True)
    return min(lows), max(highs)


def extremes(table: ImageTable) -> tuple[float, float]:
    """Return what is mapped to 0 and 1 for pixels that are numbers."""
    low, high = pixel_range(table)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if not np.isfinite(high - low):
        raise ValueError(
            f"{table.owner} puts pixels to scale by their smallest and largest, whose "
            f"difference must not overflow. Got {low:g} and {high:g}. Divide them by "
            "a constant first."
        )
    return (low, high) if low < high else (low, low + 1.0)
