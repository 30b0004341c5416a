"""Augmented copies of images that any estimator can be fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skdeep.data import read_images

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.augmentation import ImageAugmenter


def augmented_images(
    augmenter: ImageAugmenter,
    X: Any,
    n_aug: int,
    generator: torch.Generator,
    owner: str,
) -> tuple[Array, Array]:
    """Return images, and new ones made of them, in the form that they came in.

    Parameters
    ----------
    augmenter : ImageAugmenter
        What changes them.
    X : ndarray
        Images of shape (n_samples, height, width), with an axis of channels or without,
        or flat rows of square ones, of shape (n_samples, n_pixels).
    n_aug : int
        New images for each one.
    generator : torch.Generator
        Of the changes.
    owner : str
        Whose `X` it is, for the sentence of an error.

    Returns
    -------
    X : ndarray
        All images as they were, then the first new one of each, the second, and so on,
        of the same dtype.
    origin : ndarray of int of shape ((1 + n_aug) * n_samples,)
        Which image each was made of.

    Raises
    ------
    ValueError
        If `X` is no array of images.
    """
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "uif":
        raise ValueError(
            f"{owner} augments images that are one array of numbers. Got a "
            f"{type(X).__name__}. Make an array of them, or pass the augmenter to an "
            "estimator of images, which takes all forms."
        )
    table = read_images(X, owner=owner)
    pixels = torch.from_numpy(table.block().astype(np.float32))
    low, high = _black_and_white(X)
    pixels = (pixels - low) / (high - low)
    rows = np.arange(len(X))
    parts = [X]
    for _ in range(n_aug):
        harder = augmenter.augment(pixels, generator).numpy() * (high - low) + low
        parts.append(_like(X, harder, table.layout.channel_axis))
    return np.concatenate(parts), np.tile(rows, 1 + n_aug)


def _black_and_white(X: Array) -> tuple[float, float]:
    """Return the numbers that stand for black and white."""
    if X.dtype.kind == "u":
        return 0.0, float(np.iinfo(X.dtype).max)
    low, high = float(X.min()), float(X.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (low, high) if low < high else (low, low + 1.0)


def _like(X: Array, pixels: Array, channel_axis: str | None) -> Array:
    """Return pixels of shape (n, n_channels, height, width) in the form of X."""
    if X.ndim == 4 and channel_axis != "first":
        pixels = np.moveaxis(pixels, 1, -1)
    if X.dtype.kind in "ui":
        pixels = np.rint(pixels)
    return pixels.reshape(X.shape).astype(X.dtype)
