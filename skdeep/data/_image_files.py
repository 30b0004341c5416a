"""Pixels of Pillow's images and of files."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

    from skdeep._typing import Array

GRAY_MODES = ("1", "L", "LA", "La")
# What Pillow's decoders raise on files that are cut short or no images.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error)


def pillow_pixels(image: Image.Image) -> Array:
    """Return the pixels of one of Pillow's images.

    Parameters
    ----------
    image : PIL.Image.Image
        Of any mode but "F". Transparency is left out, palettes are looked up.

    Returns
    -------
    pixels : ndarray of shape (height, width) or (height, width, 3)
        uint8, or uint16 where a gray image has 16 bits.

    Raises
    ------
    ValueError
        If the pixels are floating-point numbers, which do not say what is white.
    """
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if image.mode.startswith("I"):
        wide: Array = np.clip(np.asarray(image), 0, 2**16 - 1).astype(np.uint16)
        return wide
    if image.mode in GRAY_MODES:
        return np.asarray(image.convert("L"))
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))


class FilePath(str):
    """The path of an image file that remembers which row of X it was.

    Parameters
    ----------
    path : str
        The path.
    row : int, default=0
        The row, from 0.

    Examples
    --------
    >>> from skdeep.data._image_files import FilePath
    >>> path = FilePath("cat.png", 3)
    >>> path, path.row
    ('cat.png', 3)
    """

    row: int

    def __new__(cls, path: str, row: int = 0) -> FilePath:
        """Return a path with its row."""
        self = super().__new__(cls, path)
        self.row = row
        return self


def read_file(path: str, owner: str) -> Array:
    """Return the pixels of an image file, turned upright as its camera noted.

    Parameters
    ----------
    path : str
        A file in any format that Pillow reads.

    Returns
    -------
    pixels : ndarray of shape (height, width) or (height, width, 3)
        uint8, or uint16 where a gray image has 16 bits.

    Raises
    ------
    ValueError
        If it cannot be read; the sentence names the file, and the row of a `FilePath`.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            return pillow_pixels(ImageOps.exif_transpose(image))
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        reason = str(error).rstrip(".")
        place = f" in row {path.row}" if isinstance(path, FilePath) else ""
        raise ValueError(
            f"{owner} reads image files by Pillow. Got {str(path)!r}{place}, "
            f"which it cannot read ({reason}). Repair the file, or leave it out."
        ) from error
