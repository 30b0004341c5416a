"""Images in any of the forms that they come in, read into one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import scipy.sparse as sp

from skdeep._atomic_files import is_file
from skdeep.data._image_files import (
    UNREADABLE,
    FilePath,
    UnreadableImageError,
    pillow_pixels,
    read_bytes,
    read_file,
)
from skdeep.data._image_layout import (
    ChannelAxis,
    ImageLayout,
    find_channel_axis,
    flat_shape,
)
from skdeep.data._tables import MappedSubset, is_streamed_map, take

if TYPE_CHECKING:
    from skdeep._typing import Array

BYTES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.bool_))
# Images looked at in one go.
BLOCK_IMAGES = 256
# Threads that decode files.
MAX_READERS = 8
# Files that are looked at, and listed, once one of them could not be read.
MOST_LOOKED_AT = 10_000
MOST_LISTED = 10


class ImageTable:
    """Images in memory or in files, a row each; subsets share their pixels.

    Parameters
    ----------
    pixels : ndarray
        Images of one size, of shape (n_samples, height, width), with an axis of
        channels or without; or, of shape (n_samples,), objects: an array of shape
        (height, width) or (height, width, n_channels), or the path of a file.
    layout : ImageLayout
        Where what stands.
    owner : str
        Name of the estimator that reads them, for errors.
    files : ndarray of object of shape (n_files,) or None, default=None
        All that stood in X beside those of this table, which an error looks at.
    """

    def __init__(
        self,
        pixels: Array | MappedSubset,
        layout: ImageLayout,
        owner: str,
        files: Array | None = None,
    ) -> None:
        self.pixels = pixels
        self.layout = layout
        self.owner = owner
        self.files = files

    @property
    def is_dense(self) -> bool:
        """Whether the images are one array."""
        return self.layout.size is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_samples, n_channels, height, width); (n_samples,) without one size."""
        if self.layout.size is None:
            return (len(self),)
        return (len(self), self.layout.n_channels, *self.layout.size)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The floating type that holds every pixel exactly, float32 or float64."""
        return np.dtype(np.float64 if self.layout.wide else np.float32)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.pixels)

    def __getitem__(self, rows: Any) -> ImageTable:
        """Return the images at some positions, in that order, or of a slice."""
        pixels: Any = self.pixels
        mapped = is_streamed_map(pixels) and not isinstance(rows, slice)
        if mapped or isinstance(pixels, MappedSubset):
            return ImageTable(take(pixels, rows), self.layout, self.owner)
        return ImageTable(pixels[rows], self.layout, self.owner, self.files)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the files that are not of this table."""
        return {**vars(self), "files": None}

    def block(self) -> Array:
        """Return all images as one array.

        Of shape (n_samples, n_channels, height, width), in the dtype that they came
        in, and a view where they are in memory. Only where `is_dense`.
        """
        pixels = self.pixels
        block = np.asarray(pixels[:] if isinstance(pixels, MappedSubset) else pixels)
        if block.ndim == 3:
            return block[:, np.newaxis]
        return block if self.layout.channel_axis == "first" else _to_front(block)

    def image(self, position: int) -> Array:
        """Return one image as an array of shape (n_channels, height, width).

        Of one channel where it is gray, even among those of RGB. Only where not
        `is_dense`. Files are read here, and not kept.
        """
        item = self.pixels[position]  # type: ignore[index]
        if isinstance(item, FilePath):
            try:
                pixels = read_file(item, self.owner)
            except UnreadableImageError as error:
                self._raise_of_all(error)
        else:
            pixels = item
        return pixels[np.newaxis] if pixels.ndim == 2 else _to_front(pixels)

    def _raise_of_all(self, first: UnreadableImageError) -> NoReturn:
        """Raise one error for all files that cannot be read, not for the first alone.

        Who has a folder of photographs is to hear of its broken files in one run.
        """
        rest = [] if self.files is None else list(self.files[:MOST_LOOKED_AT])
        broken = find_unreadable(rest, self.owner)
        others = [error for error in broken if error.what != first.what]
        if not others:
            raise first
        errors = sorted(
            [first, *others], key=lambda error: (len(error.what), error.what)
        )
        raise several_unreadable(errors, self.owner) from first


def find_unreadable(paths: Sequence[str], owner: str) -> list[UnreadableImageError]:
    """Return what is wrong with files that cannot be read, in their order.

    Parameters
    ----------
    paths : sequence of str
        Files.
    owner : str
        Whose they are, for the sentences.

    Returns
    -------
    errors : list of UnreadableImageError
        One for each such file; each file is decoded, by several threads.
    """

    def look(path: str) -> UnreadableImageError | None:
        try:
            read_file(path, owner)
        except UnreadableImageError as error:
            return error
        return None

    with ThreadPoolExecutor(min(MAX_READERS, os.cpu_count() or 1)) as pool:
        return [error for error in pool.map(look, paths) if error is not None]


def several_unreadable(
    errors: Sequence[UnreadableImageError], owner: str
) -> UnreadableImageError:
    """Return one error that says what is wrong with several files."""
    listing = "; ".join(f"{error.what} ({error.why})" for error in errors[:MOST_LISTED])
    more = len(errors) - MOST_LISTED
    told = f"{listing}; and {more} more" if more > 0 else listing
    return UnreadableImageError(
        f"{owner} reads image files by Pillow. Got {len(errors)} which it cannot read: "
        f"{told}. Repair the files, or leave them out, as load_images does with "
        "on_error='skip'."
    )


def _to_front(pixels: Array) -> Array:
    return np.moveaxis(pixels, -1, -3)


def read_ahead(table: ImageTable, n_threads: int) -> Iterator[Array]:
    """Yield images in order, files decoded by several threads.

    Parameters
    ----------
    table : ImageTable
        Images that are not one array.
    n_threads : int
        At least 1. Pillow lets other threads work while it decodes.

    Yields
    ------
    image : ndarray of shape (n_channels, height, width)
        See `ImageTable.image`.
    """
    if n_threads == 1:
        yield from (table.image(row) for row in range(len(table)))
        return
    with ThreadPoolExecutor(n_threads) as pool:
        yield from pool.map(table.image, range(len(table)))


def read_images(
    X: Any,
    *,
    owner: str,
    image_shape: tuple[int, ...] | None = None,
    channel_axis: ChannelAxis = "auto",
) -> ImageTable:
    """Read images from an array, or a list of arrays, Pillow's images and paths.

    Parameters
    ----------
    X : array-like or list of n_samples images
        An array of shape (n_samples, height, width), (n_samples, height, width,
        n_channels) or (n_samples, n_channels, height, width), or of flat rows
        (n_samples, n_pixels); or a list, array, Series or frame of one column whose
        items are arrays of shape (height, width) or with channels, of any size,
        `PIL.Image.Image` instances, contents of files as bytes, open files, or paths.
        Files are read as RGB, when needed. Other sequences of these are listed.
    owner : str
        Whose `X` it is, for the sentence of an error.
    image_shape : tuple of two or three int or None, default=None
        Shape of the image in a flat row. None: a square where there is one, else a
        strip one pixel high.
    channel_axis : {"auto", "first", "last"}, default="auto"
        Where the channels stand; "auto" takes the axis of length 1, 3 or 4.

    Returns
    -------
    table : ImageTable
        Pixels are shared with `X` where they can be.

    Raises
    ------
    TypeError
        If `X` is sparse or an item no image.
    ValueError
        If there are no images, an axis of channels cannot be told, a number is not
        finite, a file is not there, or images do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.data._images import read_images
    >>> read_images(np.zeros((5, 64)), owner="CNNClassifier").shape
    (5, 1, 8, 8)
    >>> sizes = [(20, 30, 3), (25, 25, 3)]
    >>> read_images([np.zeros(size) for size in sizes], owner="CNNClassifier").shape
    (2,)
    """
    if isinstance(X, ImageTable):
        return X
    if sp.issparse(X):
        raise TypeError(
            f"{owner} expects images as dense arrays. Got a sparse matrix. Use "
            "X.toarray()."
        )
    items = _as_items(X, owner)
    if items is not None:
        return _read_items(items, channel_axis, owner)
    return _read_array(_as_numbers(X, owner), image_shape, channel_axis, owner)


def holds_images(X: Any, *, owner: str) -> bool:
    """Tell images that stand by themselves from a table of flat ones.

    Parameters
    ----------
    X : object
        What was given for images.
    owner : str
        Whose `X` it is, for the sentence of an error.

    Returns
    -------
    alone : bool
        Whether `read_images` is to look at it first; otherwise it is a table of
        numbers, or nothing of either.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.data import holds_images
    >>> holds_images(np.zeros((5, 8, 8)), owner="CNNClassifier")
    True
    >>> holds_images(np.zeros((5, 64)), owner="CNNClassifier")
    False
    """
    if isinstance(X, (ImageTable, str, os.PathLike)) or sp.issparse(X):
        return True
    return getattr(X, "ndim", 0) > 2 or _as_items(X, owner) is not None


def as_list(X: Any) -> Any:
    """Return a sequence of some other library as a list, and all else as it is.

    Parameters
    ----------
    X : object
        What was given for images; a column of Hugging Face datasets, which decodes an
        image whenever it is asked for it, is such a sequence.

    Returns
    -------
    X : list or object
    """
    plain = isinstance(X, (list, tuple, str, bytes, bytearray, memoryview))
    return list(X) if isinstance(X, Sequence) and not plain else X


def _as_items(X: Any, owner: str) -> list[Any] | None:
    """Return `X` as a list of images, or None where it is an array of numbers."""
    if isinstance(X, (str, os.PathLike)):
        raise TypeError(
            f"{owner} expects a list of images. Got the single path {os.fspath(X)!r}. "
            "Put it in a list."
        )
    if _is_pillow(X) or _is_encoded(X):
        raise TypeError(
            f"{owner} expects a list of images. Got a single {type(X).__name__}. Put "
            "it in a list."
        )
    if isinstance(X, (Set, Mapping, Iterator)):
        raise TypeError(
            f"{owner} expects images as an array or a list, whose order is that of y. "
            f"Got a {type(X).__name__}. Convert it first, e.g. with list()."
        )
    if hasattr(X, "to_numpy"):
        X = X.to_numpy()
    X = as_list(X)
    if isinstance(X, (list, tuple)) and X and not any(map(_is_image, X)):
        X = _as_array(X, owner)
    if not isinstance(X, np.ndarray):
        return list(X) if isinstance(X, (list, tuple)) else None
    if X.dtype.kind in "OUT" and X.ndim == 2 and X.shape[1] == 1 and X.size:
        X = X[:, 0] if _is_image(X[0, 0]) else X
    return list(X) if X.ndim == 1 and X.dtype.kind in "OUT" else None


def _is_image(item: Any) -> bool:
    if isinstance(item, (str, os.PathLike)) or _is_pillow(item) or _is_encoded(item):
        return True
    return getattr(item, "ndim", 0) >= 2


def _is_encoded(item: Any) -> bool:
    """Tell the content of an image file, or an open one, from all else."""
    if isinstance(item, dict):
        # A row of a table of Hugging Face datasets that has not been decoded.
        return "bytes" in item and "path" in item
    if isinstance(item, memoryview):
        return item.ndim == 1
    # A frame has an attribute for each of its columns, whatever they are called.
    opened = callable(getattr(item, "read", None)) and not hasattr(item, "shape")
    return opened or isinstance(item, (bytes, bytearray))


def _is_pillow(item: Any) -> bool:
    # A class of Pillow has been imported by whoever made an instance of it.
    return any(base.__module__ == "PIL.Image" for base in type(item).__mro__)


def _as_array(X: Any, owner: str) -> Array:
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(
            f"{owner} expects images as arrays. Got nested lists of different lengths. "
            "Make an array of each image first."
        ) from error


def _as_numbers(X: Any, owner: str) -> Array:
    # A memory map stays one.
    pixels: Array = X if isinstance(X, np.ndarray) else _as_array(X, owner)
    if pixels.dtype.kind == "c":
        raise ValueError(f"Complex data not supported by {owner}: {pixels.dtype}.")
    if pixels.dtype.kind == "O":
        pixels = pixels.astype(np.float64)
    if pixels.dtype.kind not in "biuf":
        raise ValueError(
            f"{owner} expects pixels that are numbers. Got dtype {pixels.dtype}. "
            "Convert them first."
        )
    n_checked = len(pixels) if pixels.ndim and pixels.dtype.kind == "f" else 0
    for start in range(0, n_checked, BLOCK_IMAGES):
        if not np.isfinite(pixels[start : start + BLOCK_IMAGES]).all():
            raise ValueError(
                f"Input X contains NaN or infinity. {owner} does not accept missing "
                "pixels. Replace them first."
            )
    return pixels


def _read_array(
    X: Array,
    image_shape: tuple[int, ...] | None,
    channel_axis: ChannelAxis,
    owner: str,
) -> ImageTable:
    if X.ndim not in (2, 3, 4):
        raise ValueError(
            f"Expected 2D array of flat images, 3D array of gray ones or 4D array, got "
            f"{X.ndim}D array instead: {owner} cannot read X of shape {X.shape}. "
            "Reshape it."
        )
    if 0 in X.shape:
        raise ValueError(
            f"Found array with 0 sample(s) or 0 feature(s) (shape={X.shape}) while a "
            f"minimum of 1 is required by {owner}."
        )
    if X.ndim == 2:
        X = X.reshape(len(X), *flat_shape(X.shape[1], image_shape, owner))
    kind: Any = "bytes" if X.dtype in BYTES else "numbers"
    wide = kind == "numbers" and X.dtype not in (np.float32, np.float16)
    if X.ndim == 3:
        return ImageTable(X, ImageLayout(1, X.shape[1:], kind=kind, wide=wide), owner)
    axis = find_channel_axis([X.shape[1:]], channel_axis, owner)
    n_channels = X.shape[1] if axis == "first" else X.shape[3]
    size = X.shape[2:] if axis == "first" else X.shape[1:3]
    return ImageTable(X, ImageLayout(n_channels, size, axis, kind, wide), owner)


def _read_items(
    items: Sequence[Any], channel_axis: ChannelAxis, owner: str
) -> ImageTable:
    if not items:
        raise ValueError(
            f"Found array with 0 sample(s) while a minimum of 1 is required by {owner}."
        )
    read = [_read_item(item, row, owner) for row, item in enumerate(items)]
    given = {
        row: pixels
        for row, pixels in enumerate(read)
        if isinstance(pixels, np.ndarray) and not _is_pillow(items[row])
    }
    if any(pixels.ndim == 3 for pixels in given.values()):
        shapes = [pixels.shape for pixels in given.values() if pixels.ndim == 3]
        if find_channel_axis(shapes, channel_axis, owner) == "first":
            for row, pixels in given.items():
                read[row] = np.moveaxis(pixels, 0, -1) if pixels.ndim == 3 else pixels
    arrays = [pixels for pixels in read if isinstance(pixels, np.ndarray)]
    alike = {(pixels.shape, pixels.dtype) for pixels in arrays}
    if len(alike) == 1 and len(arrays) == len(read):
        return _read_array(np.stack(arrays), None, "last", owner)
    objects = np.empty(len(read), dtype=object)
    for row, item in enumerate(read):
        objects[row] = item
    files = [item for item in read if isinstance(item, FilePath)]
    named = np.empty(len(files), dtype=object)
    named[:] = files
    return ImageTable(objects, _layout_of_items(read, owner), owner, named)


def _read_item(item: Any, row: int, owner: str) -> Array | FilePath:
    """Return the pixels of an item, or the path of its file."""
    if isinstance(item, (str, os.PathLike)):
        path = os.fspath(item)
        if not is_file(path):
            raise ValueError(
                f"{owner} reads images from files. Got {path!r} in row {row}, which is "
                "no file. Correct the path."
            )
        return FilePath(path, row)
    if _is_encoded(item):
        return _read_encoded(item, row, owner)
    if _is_pillow(item):
        try:
            return pillow_pixels(item)
        except UNREADABLE as error:
            raise ValueError(
                f"{owner} reads images of Pillow. Got one in row {row} that it cannot "
                f"read ({error}). Pass arrays, such as np.asarray(image)."
            ) from error
    pixels = _as_array(item, owner)
    if pixels.ndim not in (2, 3) or pixels.dtype.kind == "O" or 0 in pixels.shape:
        raise TypeError(
            f"{owner} expects each image as an array of two or three dimensions, an "
            f"image of Pillow or a path. Got {type(item).__name__} of shape "
            f"{pixels.shape} in row {row}."
        )
    return _as_numbers(pixels, owner)


def _read_encoded(item: Any, row: int, owner: str) -> Array | FilePath:
    """Return the pixels of a file that is in memory, or open."""
    if isinstance(item, dict):
        if item["bytes"] is None:
            return _read_item(item["path"], row, owner)
        item = item["bytes"]
    if hasattr(item, "read"):
        # Left where it stood, so that it can be read again.
        start = item.tell()
        content = item.read()
        item.seek(start)
        item = content
    if not isinstance(item, (bytes, bytearray, memoryview)):
        raise TypeError(
            f"{owner} reads image files that are open for bytes. Got "
            f"{type(item).__name__} in row {row}. Open them with mode 'rb'."
        )
    return read_bytes(bytes(item), row, owner)


def _layout_of_items(read: Sequence[Array | FilePath], owner: str) -> ImageLayout:
    arrays = [pixels for pixels in read if isinstance(pixels, np.ndarray)]
    counts = {1 if pixels.ndim == 2 else pixels.shape[2] for pixels in arrays}
    if len(arrays) < len(read):
        counts.add(3)
    if len(counts) > 1 and counts != {1, 3}:
        raise ValueError(
            f"{owner} expects images of the same number of channels, or gray and RGB "
            f"ones. Got {', '.join(map(str, sorted(counts)))}. Convert some of them."
        )
    from_files = len(arrays) < len(read)
    numbers = [pixels.dtype for pixels in arrays if pixels.dtype not in BYTES]
    if numbers and (from_files or len(numbers) < len(arrays)):
        raise ValueError(
            f"{owner} expects pixels in one scale. Got some images in bytes or files, "
            f"and some of dtype {numbers[0]}. Convert the latter to uint8."
        )
    wide = any(dtype not in (np.float32, np.float16) for dtype in numbers)
    kind: Any = "numbers" if numbers else "bytes"
    return ImageLayout(max(counts), None, "last", kind, wide)
