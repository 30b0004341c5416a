"""What tells one image from another: its pixels, or its file as it stands."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skdeep.data._image_files import FilePath
from skdeep.data._images import BLOCK_IMAGES

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.data._images import ImageTable

KEY_BYTES = 16


def image_keys(table: ImageTable) -> list[bytes]:
    """Return a key for each image, the same for the same image.

    Parameters
    ----------
    table : ImageTable
        Images. Those in memory are told by their pixels, dtype and shape, however they
        lie in memory; files by their path, size and time of last change.

    Returns
    -------
    keys : list of bytes
        16 bytes each, by BLAKE2b.

    Raises
    ------
    ValueError
        If a file is not there; the sentence names it and its row.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.data import image_keys, read_images
    >>> X = np.zeros((3, 4, 4), dtype=np.uint8)
    >>> X[2, 0, 0] = 1
    >>> first, second, third = image_keys(read_images(X, owner="CNNClassifier"))
    >>> first == second, first == third
    (True, False)
    """
    if table.is_dense:
        keys: list[bytes] = []
        for start in range(0, len(table), BLOCK_IMAGES):
            keys += map(_of_pixels, table[start : start + BLOCK_IMAGES].block())
        return keys
    return [
        _of_file(item, table.owner)
        if isinstance(item, FilePath)
        else _of_pixels(table.image(row))
        for row, item in enumerate(table.pixels)  # type: ignore[arg-type]
    ]


def _of_pixels(image: Array) -> bytes:
    hasher = blake2b(f"{image.dtype.str}{image.shape}".encode(), digest_size=KEY_BYTES)
    hasher.update(np.ascontiguousarray(image).data)
    return hasher.digest()


def _of_file(path: FilePath, owner: str) -> bytes:
    try:
        status = Path(path).stat()
    except OSError as error:
        raise ValueError(
            f"{owner} expects image files that are there. Got {str(path)!r} in row "
            f"{path.row}, of which the system says: {error.strerror}. Correct the "
            "path, or leave it out."
        ) from error
    told = f"{Path(path).absolute()}|{status.st_mtime_ns}|{status.st_size}"
    name = told.encode(errors="surrogateescape")
    return blake2b(name, digest_size=KEY_BYTES).digest()
