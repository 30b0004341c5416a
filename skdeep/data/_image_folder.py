"""Folders of photographs, a subfolder for each class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skdeep._typing import Array

EXTENSIONS = (
    ".bmp",
    ".gif",
    ".jpeg",
    ".jpg",
    ".png",
    ".ppm",
    ".pgm",
    ".tif",
    ".tiff",
    ".webp",
)


def load_images(
    folder: str | os.PathLike[str], *, extensions: Sequence[str] = EXTENSIONS
) -> tuple[Array, Array]:
    """Return the image files in a folder, and the names of the subfolders they are in.

    Files are listed, not read: the image estimators take paths, and decode each file
    when a batch needs it.

    Parameters
    ----------
    folder : str or path
        With a subfolder for each class, which may have subfolders of their own. Names
        that begin with a dot are left out.
    extensions : sequence of str, default=(".bmp", ".gif", ".jpeg", ".jpg", ".png", \
            ".ppm", ".pgm", ".tif", ".tiff", ".webp")
        What the names of image files end in, in small letters; others are left out.

    Returns
    -------
    X : ndarray of str of shape (n_samples,)
        Paths, as objects, sorted within a class.
    y : ndarray of str of shape (n_samples,)
        The name of the subfolder of each, classes sorted.

    Raises
    ------
    ValueError
        If there is no such folder, no subfolder in it, or a subfolder without images.

    See Also
    --------
    ImageClassifier : Learns from such files.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from skdeep import load_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("cats/tom.png", "dogs/rex.png"):
    ...         Path(folder, name).parent.mkdir()
    ...         Image.new("RGB", (8, 8)).save(Path(folder, name))
    ...     X, y = load_images(folder)
    >>> [Path(path).name for path in X], y.tolist()
    (['tom.png', 'rex.png'], ['cats', 'dogs'])
    """
    root = Path(folder)
    if not root.is_dir():
        raise ValueError(
            f"load_images reads a folder with a subfolder for each class. Got "
            f"{str(root)!r}, which is not a folder. Correct the path."
        )
    classes = sorted(
        entry.name
        for entry in root.iterdir()
        if entry.is_dir() and not entry.name.startswith(".")
    )
    if not classes:
        raise ValueError(
            f"load_images takes the classes from subfolders. Got {str(root)!r}, which "
            "has none. Move the images of each class into a subfolder of its name."
        )
    endings = tuple(extensions)
    paths: list[str] = []
    labels: list[str] = []
    for name in classes:
        found = sorted(_images_under(root / name, endings))
        if not found:
            raise ValueError(
                f"load_images needs an image of every class. Got {str(root / name)!r} "
                f"without a file that ends in {', '.join(endings)}. Remove the "
                "subfolder, or add images."
            )
        paths += found
        labels += [name] * len(found)
    X = np.empty(len(paths), dtype=object)
    X[:] = paths
    return X, np.array(labels)


def _images_under(folder: Path, endings: tuple[str, ...]) -> list[str]:
    found = []
    for parent, subfolders, names in os.walk(folder, followlinks=True):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [
            str(Path(parent, name))
            for name in names
            if name.lower().endswith(endings) and not name.startswith(".")
        ]
    return found
