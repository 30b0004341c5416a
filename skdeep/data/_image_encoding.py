"""Images as batches of numbers that a network can learn on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch

from skdeep._devices import send
from skdeep._storable import storable
from skdeep._told_once import warn
from skdeep.data._image_moments import (
    extremes,
    is_dim,
    moments_of_bytes,
    pixel_range,
    weighing,
)
from skdeep.data._image_resizing import Interpolation, ResizeMode, resize_images
from skdeep.data._images import BLOCK_IMAGES, MAX_READERS, ImageTable, read_ahead

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdeep._typing import Array, FloatArray

CPU = torch.device("cpu")

# How many images are looked at for their scale.
LOOKED_AT = 4 * BLOCK_IMAGES

Statistics: TypeAlias = "tuple[Sequence[float], Sequence[float]]"
Normalize: TypeAlias = "Literal['data'] | Statistics | None"


@storable()
class ImageEncoder:
    """Bring images to one size, one number of channels and one scale.

    Parameters
    ----------
    image_size : int or tuple of int or None, default=None
        Side of a square, or height and width. None keeps the size of the images of
        fit, which must be one.
    resize_mode : {"stretch", "crop", "pad"}, default="stretch"
        See `resize_images`.
    interpolation : {"bilinear", "bicubic"}, default="bilinear"
        See `resize_images`.
    margin : float, default=1.0
        See `resize_images`.
    n_channels : int or None, default=None
        Channels of a batch; gray images are repeated to it. None takes those of fit.
    normalize : {"data"}, pair of sequences or None, default="data"
        Per channel, "data" takes off the mean of the pixels of fit and divides by
        their standard deviation; a pair gives these numbers, for pixels in [0, 1].

    Attributes
    ----------
    size : tuple of int
        Height and width of a batch.
    n_channels : int or None
        As passed to the constructor, or those of fit.
    kind : {"bytes", "numbers"}
        What the pixels of fit were.
    low, high : float
        The numbers mapped to 0 and 1: the extremes of fit where pixels are numbers
        beyond [0, 1], else 0 and 1. Bytes are divided by their largest.
    mean, deviation, inverse : ndarray of float64 of shape (n_channels,)
        What is taken off each channel of pixels in [0, 1], its deviation, and what it
        is multiplied by: one over the deviation, or zero where there is none.
    given : tuple
        Height and width, number of channels and place of their axis of an image of
        fit; None for a size that is not one.
    dim : bool
        Whether the bytes of fit were all so small that black to white is another range.
    seen : float
        Total weight of the images learnt from.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.data._image_encoding import ImageEncoder
    >>> from skdeep.data._images import read_images
    >>> X = np.arange(5 * 6 * 6, dtype=np.uint8).reshape(5, 6, 6)
    >>> table = read_images(X, owner="CNNClassifier")
    >>> encoder = ImageEncoder(image_size=4, n_channels=3).fit(table)
    >>> encoder.transform(table[:2]).shape
    torch.Size([2, 3, 4, 4])
    """

    def __init__(
        self,
        *,
        image_size: int | tuple[int, int] | None = None,
        resize_mode: ResizeMode = "stretch",
        interpolation: Interpolation = "bilinear",
        margin: float = 1.0,
        n_channels: int | None = None,
        normalize: Normalize = "data",
    ) -> None:
        self.image_size = image_size
        self.resize_mode = resize_mode
        self.interpolation = interpolation
        self.margin = margin
        self.n_channels = n_channels
        self.normalize = normalize

    def fit(self, table: ImageTable, weight: Array | None = None) -> ImageEncoder:
        """Learn the scale from training images.

        Parameters
        ----------
        table : ImageTable
            Training images.
        weight : ndarray of shape (n_samples,) or None, default=None
            Their weights, none negative; images of weight zero count for nothing.

        Returns
        -------
        self : ImageEncoder
        """
        layout = table.layout
        self.size = self._target_size(table)
        self.n_channels = self.n_channels or layout.n_channels
        self.kind = layout.kind
        self.given = (layout.size, layout.n_channels, layout.channel_axis)
        self.dim = is_dim(table[:LOOKED_AT])
        if self.dim and isinstance(self.normalize, tuple):
            largest = pixel_range(table[:LOOKED_AT])[1]
            _warn_of_scale(table, f"are at most {largest:g} in {table.pixels.dtype}")
        table, weight = weighing(table, weight)
        self.seen = float(len(table) if weight is None else weight.sum())
        self.low, self.high = (0.0, 1.0) if self.kind == "bytes" else extremes(table)
        if self.normalize == "data":
            self.mean, deviation = self._moments(table, weight)
        elif self.normalize is None:
            self.mean = np.zeros(self.n_channels)
            deviation = np.ones(self.n_channels)
        else:
            self.mean = np.asarray(self.normalize[0], dtype=np.float64)
            deviation = np.asarray(self.normalize[1], dtype=np.float64)
        self._set_deviation(deviation)
        return self

    def update(self, table: ImageTable, weight: Array | None = None) -> ImageEncoder:
        """Learn from further images, or from the first ones.

        The mean and the deviation become those of all images so far; the size, the
        channels and the extremes of numbers stay those of the first call.

        Parameters
        ----------
        table : ImageTable
            Training images.
        weight : ndarray of shape (n_samples,) or None, default=None
            Their weights, none negative; images of weight zero count for nothing.

        Returns
        -------
        self : ImageEncoder
        """
        if not hasattr(self, "seen"):
            return self.fit(table, weight)
        table, weight = weighing(table, weight)
        more = float(len(table) if weight is None else weight.sum())
        if self.normalize == "data" and more:
            mean, deviation = self._moments(table, weight)
            share = more / (self.seen + more)
            variance = (1.0 - share) * self.deviation**2 + share * deviation**2
            apart = mean - self.mean
            variance += share * (1.0 - share) * apart**2
            self.mean = self.mean + share * apart
            self._set_deviation(np.sqrt(variance))
        self.seen += more
        return self

    def check_scale(self, table: ImageTable) -> None:
        """Warn of pixels that are surely not in the scale of those of fit.

        The first thousand images are looked at. Nothing is wrong with pixels that are
        a little beyond those of fit.

        Parameters
        ----------
        table : ImageTable
            Images that the network is to see.

        Warns
        -----
        SkdeepWarning
            With the ranges of both.
        """
        some = table[:LOOKED_AT]
        if table.layout.kind == "bytes":
            if is_dim(some) and not getattr(self, "dim", False):
                largest = pixel_range(some)[1]
                kind = getattr(table.pixels, "dtype", "bytes")
                _warn_of_scale(table, f"are at most {largest:g} in {kind}")
            return
        if self.kind == "bytes":
            # Numbers beyond [0, 1] are refused where they are put to scale.
            return
        low, high = pixel_range(some)
        span = self.high - self.low
        fitted = f"between {self.low:g} and {self.high:g}"
        beyond = high > self.high + span or low < self.low - span
        shares = self.low >= 0 and self.high > 2 and low >= 0 and 0 < high <= 1
        if beyond or (shares and _has_fractions(some)):
            _warn_of_scale(
                table, f"are between {low:g} and {high:g}, those of fit were {fitted}"
            )

    def described(self) -> dict[str, Any]:
        """Return what is done to images, as plain numbers and words."""
        return {
            "size": self.size,
            "n_channels": self.n_channels,
            "resize_mode": self.resize_mode,
            "interpolation": self.interpolation,
            "margin": self.margin,
            "low": self.low,
            "high": self.high,
            "mean": self.mean.tolist(),
            "std": self.deviation.tolist(),
        }

    def _set_deviation(self, deviation: FloatArray) -> None:
        self.deviation = deviation
        self.inverse = np.divide(
            1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0
        )

    def _target_size(self, table: ImageTable) -> tuple[int, int]:
        if self.image_size is None:
            if table.layout.size is None:
                raise ValueError(
                    f"{table.owner} expects images of one size where image_size=None. "
                    "Got images of different sizes, or files. Set image_size."
                )
            return table.layout.size
        if isinstance(self.image_size, tuple):
            return self.image_size
        return int(self.image_size), int(self.image_size)

    def _moments(
        self, table: ImageTable, weight: Array | None
    ) -> tuple[FloatArray, FloatArray]:
        means, variances = [], []
        for start in range(0, len(table), BLOCK_IMAGES):
            mean, variance = self._moments_of(table[start : start + BLOCK_IMAGES])
            means.append(mean)
            variances.append(variance)
        mean_of_image = np.concatenate(means)
        mean = np.average(mean_of_image, axis=0, weights=weight)
        spread = np.concatenate(variances) + (mean_of_image - mean) ** 2
        deviation = np.sqrt(np.average(spread, axis=0, weights=weight))
        # What rounding leaves of a channel that never varies.
        return mean, np.where(deviation > 1e-12, deviation, 0.0)

    def _moments_of(self, table: ImageTable) -> tuple[FloatArray, FloatArray]:
        """Return mean and variance of each channel of each image."""
        if table.is_dense and self.kind == "bytes":
            self._check(table)
            block = self._in_gray(table, table.block())
            images = self._resized(block, torch.float64)
            if images.dtype == torch.uint8:
                return moments_of_bytes(images, self.n_channels or 1)
        # NumPy adds up in one order, whatever the number of threads.
        pixels = self.pixels(table, torch.float64)
        rows = pixels.numpy().reshape(*pixels.shape[:2], -1)
        return rows.mean(axis=2), rows.var(axis=2)

    def transform(
        self,
        table: ImageTable,
        dtype: torch.dtype = torch.float32,
        device: torch.device = CPU,
    ) -> torch.Tensor:
        """Return images as a network takes them.

        Parameters
        ----------
        table : ImageTable
            A batch of images.
        dtype : torch.dtype, default=torch.float32
            Floating type of the batch.
        device : torch.device, default=CPU
            Of the batch.

        Returns
        -------
        batch : Tensor of shape (n_samples, n_channels, *size)
            In memory of its own.
        """
        return self.standardize(self.pixels(table, dtype, device))

    def standardize(self, pixels: torch.Tensor) -> torch.Tensor:
        """Put pixels to the scale of fit, in place.

        Parameters
        ----------
        pixels : Tensor of shape (n_samples, n_channels, *size)
            From `pixels`, on any device; overwritten.

        Returns
        -------
        batch : Tensor of the same shape
            The same tensor.
        """
        if self.normalize is None:
            return pixels
        # Copies: a file that is mapped into memory cannot be written to.
        shape = (1, -1, 1, 1)
        mean = torch.tensor(self.mean).to(pixels).view(shape)
        inverse = torch.tensor(self.inverse).to(pixels).view(shape)
        return pixels.sub_(mean).mul_(inverse)

    def pixels(
        self,
        table: ImageTable,
        dtype: torch.dtype = torch.float32,
        device: torch.device = CPU,
    ) -> torch.Tensor:
        """Return images in one size, with black at 0 and white at 1.

        Numbers may lie outside where they do in fit's scale. This is what augmentation
        works on; `standardize` follows it.

        Parameters
        ----------
        table : ImageTable
            A batch of images.
        dtype : torch.dtype, default=torch.float32
            Floating type of the batch.
        device : torch.device, default=CPU
            Of the batch. Where bytes are brought to size, whatever it is.

        Returns
        -------
        pixels : Tensor of shape (n_samples, n_channels, *size)
            In memory of its own.

        Raises
        ------
        ValueError
            If the images do not go with those of fit, or a file cannot be read.
        """
        self._check(table)
        if table.is_dense:
            return self._encode(self._in_gray(table, table.block()), dtype, device)
        shape = (len(table), self.n_channels or 1, *self.size)
        batch = torch.empty(shape, dtype=dtype)
        n_threads = min(MAX_READERS, torch.get_num_threads(), len(table))
        for row, image in enumerate(read_ahead(table, n_threads)):
            own = self._in_gray(table, image[np.newaxis], row)
            batch[row] = self._encode(own, dtype, CPU)[0]
        return send(batch, device)

    def _in_gray(self, table: ImageTable, block: Array, row: int = 0) -> Array:
        """Return images in gray where fit saw gray ones: the same in each channel.

        Palettes, and files of scanners, hold gray images as red, green and blue.
        """
        if self.n_channels != 1 or block.shape[1] == 1:
            return block
        if block.shape[1] == 3 and np.array_equal(block[:, 1:], block[:, :2]):
            return block[:, :1]
        item = None if table.is_dense else table.pixels[row]  # type: ignore[index]
        where = f" in {str(item)!r}" if isinstance(item, str) else ""
        raise ValueError(
            f"Images for this {table.owner} must be gray. Got {block.shape[1]} "
            f"channels{where}. Convert them first."
        )

    def _encode(
        self, block: Array, dtype: torch.dtype, device: torch.device
    ) -> torch.Tensor:
        images = self._resized(block, dtype)
        if device.type == "cpu":
            # Bytes are laid out anew three times as fast as the numbers made of them.
            images = images.contiguous()
        if images.dtype == torch.uint8:
            images = send(images, device).to(dtype).div_(255.0)
        else:
            images = send(images.to(dtype), device)
        if images.shape[1] != self.n_channels:
            images = images.expand(-1, self.n_channels or 1, -1, -1)
        return images.contiguous()

    def _resized(self, block: Array, dtype: torch.dtype) -> torch.Tensor:
        return resize_images(
            self._to_unit(block, dtype),
            self.size,
            self.resize_mode,
            interpolation=self.interpolation,
            margin=self.margin,
        )

    def _to_unit(self, block: Array, dtype: torch.dtype) -> torch.Tensor:
        """Return pixels in [0, 1], or bytes, which are resized faster."""
        if block.dtype == np.uint8:
            return _to_tensor(block)
        floating = np.float64 if dtype == torch.float64 else np.float32
        if block.dtype.kind == "b":
            return torch.from_numpy(block.astype(floating))
        if block.dtype == np.uint16:
            return torch.from_numpy(block.astype(floating)).div_(65535.0)
        if block.dtype.kind != "f" or block.dtype.itemsize > 4:
            floating = np.float64
        # A copy: the numbers are put to scale before digits are cut off.
        own = torch.from_numpy(block.astype(floating))
        if (self.low, self.high) == (0.0, 1.0):
            return own
        return own.sub_(self.low).div_(self.high - self.low)

    def _check(self, table: ImageTable) -> None:
        layout = table.layout
        # Whether three channels are gray ones is seen when they are put to scale.
        if layout.n_channels not in (1, self.n_channels) and (
            self.n_channels != 1 or layout.n_channels != 3
        ):
            wanted = f"have {self.n_channels} channels, or be gray"
            raise ValueError(
                f"Images for this {table.owner} must "
                f"{'be gray' if self.n_channels == 1 else wanted}. Got "
                f"{layout.n_channels} channels. Convert them first."
            )
        if self.image_size is None and layout.size != self.size:
            got = "different sizes, or files" if layout.size is None else layout.size
            raise ValueError(
                f"Images for this {table.owner} must have the height and width of "
                f"those in fit, {self.size}, where image_size=None. Got {got}. Set "
                "image_size."
            )
        if layout.kind != self.kind:
            self._check_numbers(table)

    def _check_numbers(self, table: ImageTable) -> None:
        """Refuse pixels in another scale than that of fit."""
        if self.kind == "numbers":
            if (self.low, self.high) != (0.0, 1.0):
                raise ValueError(
                    f"Pixels for this {table.owner} must be numbers in the scale of "
                    f"those in fit, between {self.low:g} and {self.high:g}. Got bytes, "
                    "whose scale is their own. Convert them to float."
                )
            return
        low, high = pixel_range(table)
        if low < 0 or high > 1:
            raise ValueError(
                f"Pixels for this {table.owner}, whose fit saw bytes, must be bytes, "
                f"or numbers in [0, 1]. Got numbers between {low:g} and {high:g}. "
                "Divide them by the largest byte, or convert them to the dtype of fit."
            )


def _to_tensor(block: Array) -> torch.Tensor:
    # torch refuses negative strides, and warns of memory it may not write to.
    if not block.flags.writeable or any(stride < 0 for stride in block.strides):
        block = block.copy()
    return torch.from_numpy(block)


def _has_fractions(table: ImageTable) -> bool:
    block = table.block() if table.is_dense else table.image(0)
    return bool((block != np.floor(block)).any())


def _warn_of_scale(table: ImageTable, what: str) -> None:
    warn(
        f"{table.owner}: the pixels of X {what}, which is hardly the same scale. "
        "Multiply or divide them, or convert them to the dtype that they were in."
    )
