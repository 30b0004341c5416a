"""Pixels of Pillow's images and of files."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

    from skdeep._typing import Array

GRAY_MODES = ("1", "L", "LA", "La")
# What files may be, as Pillow calls it: other decoders are never started.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# What Pillow's decoders raise on files that are cut short or no images.
UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error)
WHITE = 2**16 - 1
ORIENTATION = 0x0112


class UnscaledPixelsError(ValueError):
    """The pixels of an image do not say what is white."""


def pillow_pixels(image: Image.Image) -> Array:
    """Return the pixels of one of Pillow's images, upright as its camera noted.

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
        If the pixels are floating-point numbers, or whole ones beyond 16 bits, which
        do not say what is white.
    """
    if image.getexif().get(ORIENTATION, 1) != 1:
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise UnscaledPixelsError(
            "its pixels are floating-point numbers, which do not say what is white"
        )
    if image.mode.startswith("I"):
        whole: Array = np.asarray(image)
        if whole.min() < 0 or whole.max() > WHITE:
            raise UnscaledPixelsError(
                f"its pixels are whole numbers beyond [0, {WHITE}], which do not say "
                "what is white"
            )
        return whole.astype(np.uint16)
    if image.mode in GRAY_MODES:
        return np.asarray(_without_premultiplied(image).convert("L"))
    if "transparency" in image.info:
        image = image.convert("RGBA")
    return np.asarray(_without_premultiplied(image).convert("RGB"))


def _without_premultiplied(image: Image.Image) -> Image.Image:
    """Return an image whose colours are not multiplied by their transparency."""
    plain = {"La": "LA", "RGBa": "RGBA"}
    return image.convert(plain[image.mode]) if image.mode in plain else image


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
        A file in one of `FORMATS`.
    owner : str
        Name of the estimator, for the sentence of an error.

    Returns
    -------
    pixels : ndarray of shape (height, width) or (height, width, 3)
        uint8, or uint16 where a gray image has 16 bits.

    Raises
    ------
    UnreadableImageError
        If it cannot be read; the sentence names the file, and the row of a `FilePath`.
    """
    place = f" in row {path.row}" if isinstance(path, FilePath) else ""
    return _decoded(path, f"{str(path)!r}{place}", owner, "Repair the file, or leave ")


def read_bytes(content: bytes, row: int, owner: str) -> Array:
    """Return the pixels of an image file that is in memory, as `read_file` does.

    Parameters
    ----------
    content : bytes
        Of a file in one of `FORMATS`.
    row : int
        The row, for the sentence of an error.
    owner : str
        Name of the estimator, likewise.

    Returns
    -------
    pixels : ndarray of shape (height, width) or (height, width, 3)
        uint8, or uint16 where a gray image has 16 bits.

    Raises
    ------
    UnreadableImageError
        If it cannot be read.
    """
    what = f"{len(content)} bytes in row {row}"
    return _decoded(io.BytesIO(content), what, owner, "Repair them, or leave ")


class UnreadableImageError(ValueError):
    """An image file that cannot be read; `what` names it, `why` says the reason."""

    what = ""
    why = ""


def _decoded(source: Any, what: str, owner: str, remedy: str) -> Array:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(source, formats=FORMATS) as image:
            return pillow_pixels(image)
    except UnscaledPixelsError as error:
        raise _unreadable(
            what, str(error), owner, "Pass arrays, such as np.asarray(image)."
        ) from error
    except (*UNREADABLE, Image.DecompressionBombError) as error:
        reason = str(error).rstrip(".")
        if isinstance(error, UnidentifiedImageError):
            reason = f"it is none of {', '.join(FORMATS)}"
        raise _unreadable(what, reason, owner, f"{remedy}it out.") from error


def _unreadable(what: str, why: str, owner: str, remedy: str) -> UnreadableImageError:
    error = UnreadableImageError(
        f"{owner} reads image files by Pillow. Got {what}, which it cannot read "
        f"({why}). {remedy}"
    )
    error.what, error.why = what, why
    return error
