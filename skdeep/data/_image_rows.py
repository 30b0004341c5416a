"""Images on their way to a network, augmented where they are learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from skdeep.data._images import BLOCK_IMAGES, ImageTable
from skdeep.data._tables import is_streamed_map

if TYPE_CHECKING:
    from collections.abc import Callable

    from skdeep._typing import Array
    from skdeep.data._image_encoding import ImageEncoder

# Encoded images of fewer bytes are kept through a training.
READY_BYTES = 2**28


class ImageRows:
    """Images that are encoded a batch at a time, on their way to a device.

    Images of an array in memory are brought to size once, where they take little room.

    Parameters
    ----------
    table : ImageTable
        The images.
    encoder : ImageEncoder
        Fitted.
    dtype : torch.dtype
        Of the tensors handed out.
    device : torch.device
        Of the tensors handed out.
    augment : callable or None, default=None
        From images with black at 0 and white at 1, on the device, to harder ones of
        the same shape; called anew whenever rows are gathered.
    """

    def __init__(
        self,
        table: ImageTable,
        encoder: ImageEncoder,
        dtype: torch.dtype,
        device: torch.device,
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        self.table = table
        self.encoder = encoder
        self.dtype = dtype
        self.device = device
        self.n_rows = len(table)
        height, width = encoder.size
        self.n_columns = (encoder.n_channels or 1) * height * width
        self.augment = augment
        self._ready: torch.Tensor | None = None
        n_bytes = self.n_rows * self.n_columns * dtype.itemsize
        in_memory = isinstance(table.pixels, np.ndarray)
        if in_memory and not is_streamed_map(table.pixels) and n_bytes <= READY_BYTES:
            self._ready = self._prepare()

    def _prepare(self) -> torch.Tensor | None:
        """Return all images as they are before they are augmented; None for files."""
        if not self.table.is_dense:
            return None
        shape = (self.n_rows, self.encoder.n_channels or 1, *self.encoder.size)
        ready = torch.empty(shape, dtype=self.dtype, device=self.device)
        for start in range(0, self.n_rows, BLOCK_IMAGES):
            rows = slice(start, start + BLOCK_IMAGES)
            pixels = self.encoder.pixels(self.table[rows], self.dtype, self.device)
            if self.augment is None:
                pixels = self.encoder.standardize(pixels)
            ready[rows] = pixels
        return ready

    def gather(self, index: Array | slice) -> torch.Tensor:
        """Return the images at `index`, augmented and encoded."""
        if self._ready is None:
            pixels = self.encoder.pixels(self.table[index], self.dtype, self.device)
        elif isinstance(index, slice):
            pixels = self._ready[index]
        else:
            order = torch.from_numpy(index).to(self.device)
            pixels = torch.index_select(self._ready, 0, order)
        if self.augment is not None:
            harder = self.augment(pixels)
            # Standardised in place, which what stands ready must not be.
            pixels = harder.clone() if harder is pixels else harder
        elif self._ready is not None:
            return pixels
        return self.encoder.standardize(pixels)
