"""Where the rows, columns and channels of images stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

ChannelAxis: TypeAlias = Literal["auto", "first", "last"]
FoundAxis: TypeAlias = Literal["first", "last"]
PixelKind: TypeAlias = Literal["bytes", "numbers"]

# Gray, RGB and RGBA: what tells an axis of channels from one of pixels.
CHANNEL_COUNTS = (1, 3, 4)


@dataclass(frozen=True)
class ImageLayout:
    """What images look like in memory.

    Parameters
    ----------
    n_channels : int
        Channels of an image; where gray ones stand among those of RGB, 3.
    size : tuple of int or None
        Height and width in pixels; None where they differ, or are in files.
    channel_axis : {"first", "last"}
        Where the channels stand in an image that has an axis of them.
    kind : {"bytes", "numbers"}
        "bytes" where the dtype tells black from white (uint8, uint16 and bool), and
        "numbers" where only the numbers do.
    wide : bool
        Whether the numbers have more digits than float32 holds.
    """

    n_channels: int
    size: tuple[int, int] | None
    channel_axis: FoundAxis = "last"
    kind: PixelKind = "bytes"
    wide: bool = False


def find_channel_axis(
    shapes: Iterable[tuple[int, ...]], channel_axis: ChannelAxis, owner: str
) -> FoundAxis:
    """Tell (height, width, channels) from (channels, height, width).

    Parameters
    ----------
    shapes : iterable of tuple of three int
        Shapes of images, all laid out alike.
    channel_axis : {"auto", "first", "last"}
        "auto" takes the axis of length 1, 3 or 4; the others are what is returned.
    owner : str
        Whose parameter it is, for the sentence of an error.

    Returns
    -------
    axis : {"first", "last"}
        Where the channels stand.

    Raises
    ------
    ValueError
        If "auto" finds no such axis, or two.

    Examples
    --------
    >>> from skdeep.data._image_layout import find_channel_axis
    >>> find_channel_axis([(3, 32, 32), (3, 20, 25)], "auto", "CNNClassifier")
    'first'
    """
    if channel_axis != "auto":
        return channel_axis
    known = sorted(set(shapes))
    first = all(shape[0] in CHANNEL_COUNTS for shape in known)
    last = all(shape[2] in CHANNEL_COUNTS for shape in known)
    if first != last:
        return "first" if first else "last"
    listing = ", ".join(map(str, known[:3])) + (", ..." if len(known) > 3 else "")
    found = "both the first and the last" if first else "neither the first nor the last"
    raise ValueError(
        f"{owner} takes the axis of length 1, 3 or 4 for the channels of an image. Got "
        f"images of shape {listing}, where {found} may be it. Set channel_axis to "
        "'first' or 'last'."
    )


def flat_shape(
    n_features: int, image_shape: tuple[int, ...] | None, owner: str
) -> tuple[int, ...]:
    """Return the shape of the image that a flat row holds.

    Parameters
    ----------
    n_features : int
        Numbers in a row.
    image_shape : tuple of two or three int or None
        Shape of an image, with or without channels. None makes a square of one channel
        where there is one, and a strip one pixel high elsewhere.
    owner : str
        Whose parameter it is, for the sentence of an error.

    Returns
    -------
    shape : tuple of int
        `image_shape`, or (height, width).

    Raises
    ------
    ValueError
        If a row has more or fewer numbers than the image.

    Examples
    --------
    >>> from skdeep.data._image_layout import flat_shape
    >>> flat_shape(64, None, "CNNClassifier"), flat_shape(20, None, "CNNClassifier")
    ((8, 8), (1, 20))
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        return (side, side) if side * side == n_features else (1, n_features)
    if len(image_shape) not in (2, 3) or math.prod(image_shape) != n_features:
        raise ValueError(
            f"The 'image_shape' parameter of {owner} must be a tuple of two or three "
            f"int, whose product is the number of columns of X, {n_features}. Got "
            f"{image_shape!r} instead."
        )
    return tuple(image_shape)
