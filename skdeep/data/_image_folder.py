"""Folders of photographs, a subfolder for each class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from skdeep._atomic_files import is_folder, path_text
from skdeep.data._image_files import UnreadableImageError
from skdeep.data._images import find_unreadable, several_unreadable
from skdeep.exceptions import SkdeepWarning

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
    folder: str | os.PathLike[str],
    *,
    extensions: str | Sequence[str] = EXTENSIONS,
    on_error: Literal["raise", "skip"] | None = None,
) -> tuple[Array, Array]:
    """Return the image files in a folder, and the names of the subfolders they are in.

    Files are listed, not read: the image estimators take paths, and decode each file
    when a batch needs it. `on_error` has each of them decoded once beforehand.

    Parameters
    ----------
    folder : str or path
        With a subfolder for each class, which may have subfolders of their own. Names
        that begin with a dot are left out. A link to a folder is followed once, and
        not into `folder` itself.
    extensions : str or sequence of str, default=(".bmp", ".gif", ".jpeg", ".jpg", \
            ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
        What the names of image files end in, in small or capital letters; others are
        left out.
    on_error : {"raise", "skip"} or None, default=None
        What is done about files that cannot be read: "raise" names them all in one
        error, "skip" leaves them out and warns. None does not look into any file.

    Returns
    -------
    X : ndarray of str of shape (n_samples,)
        Paths, as objects, sorted within a class.
    y : ndarray of str of shape (n_samples,)
        The name of the subfolder of each, classes sorted.

    Raises
    ------
    ValueError
        If there is no such folder, no subfolder in it, a subfolder without images, or
        a folder that is linked to by two classes; with ``on_error="raise"``, if a file
        cannot be read.

    Warns
    -----
    SkdeepWarning
        With ``on_error="skip"``, of how many files were left out, and of which.

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
    if on_error not in (None, "raise", "skip"):
        raise ValueError(
            "The 'on_error' parameter of load_images must be 'raise', 'skip' or None. "
            f"Got {on_error!r} instead."
        )
    root = Path(path_text(folder, "load_images", "folder"))
    if not is_folder(root):
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
    several = [extensions] if isinstance(extensions, str) else extensions
    endings = tuple(ending.lower() for ending in several)
    walk = _Walk([root, *(root / name for name in classes)], endings)
    broken = _Broken(on_error)
    paths: list[str] = []
    labels: list[str] = []
    for name in classes:
        found = broken.without(sorted(walk.images_under(root / name)))
        if not found:
            raise ValueError(
                f"load_images needs an image of every class. Got {str(root / name)!r} "
                f"without a file that ends in {', '.join(endings)}"
                f"{' and can be read' if broken.errors else ''}. Remove the subfolder, "
                "or add images."
            )
        paths += found
        labels += [name] * len(found)
    broken.tell()
    X = np.empty(len(paths), dtype=object)
    X[:] = paths
    return X, np.array(labels)


class _Broken:
    """Files that cannot be read, and what is done about them."""

    def __init__(self, on_error: str | None) -> None:
        self.on_error = on_error
        self.errors: list[UnreadableImageError] = []

    def without(self, paths: list[str]) -> list[str]:
        """Return the files that can be read, or all where nobody asked."""
        if self.on_error is None:
            return paths
        errors = find_unreadable(paths, "load_images")
        self.errors += errors
        if self.on_error == "raise":
            return paths
        bad = {error.what for error in errors}
        return [path for path in paths if repr(path) not in bad]

    def tell(self) -> None:
        """Raise, or warn, once for all files."""
        if not self.errors:
            return
        if self.on_error == "raise":
            raise several_unreadable(self.errors, "load_images")
        first = self.errors[0]
        n = len(self.errors)
        warnings.warn(
            f"load_images left out {n} {'file' if n == 1 else 'files'} that cannot be "
            f"read, such as {first.what} ({first.why}). Repair or remove them.",
            SkdeepWarning,
            stacklevel=3,
        )


class _Walk:
    """Finds files under folders, each real folder once.

    Parameters
    ----------
    taken : list of Path
        Folders whose files have their place already: no link leads into them.
    endings : tuple of str
        Of the names of files, in small letters.
    """

    def __init__(self, taken: list[Path], endings: tuple[str, ...]) -> None:
        self.taken = {Path(os.path.realpath(path)) for path in taken}
        self.endings = endings
        self.seen: dict[Path, Path] = {}
        self.walked: dict[Path, Path] = {}

    def images_under(self, folder: Path) -> list[str]:
        """Return the paths of the image files of a class."""
        found = []
        self._enter(folder, folder)
        for parent, subfolders, names in os.walk(folder, followlinks=True):
            subfolders[:] = sorted(
                name
                for name in subfolders
                if not name.startswith(".") and self._enter(Path(parent, name), folder)
            )
            found += [
                str(Path(parent, name))
                for name in names
                if name.lower().endswith(self.endings) and not name.startswith(".")
            ]
        return found

    def _enter(self, path: Path, label: Path) -> bool:
        """Tell whether a folder is to be walked through, and note that it was."""
        real = Path(os.path.realpath(path))
        if path != label and path.is_symlink() and self._has_place(real):
            return False
        before = self.seen.setdefault(real, label)
        if before is not label and before != label:
            raise ValueError(
                f"load_images needs each folder in one class. Got {str(real)!r} in "
                f"{str(before)!r} and in {str(label)!r}. Remove one of the links."
            )
        if path == label:
            return True
        first = self.walked.setdefault(real, path)
        return first == path

    def _has_place(self, real: Path) -> bool:
        """Tell whether a folder is one of those taken, in one, or around one."""
        return any(
            real == taken or taken in real.parents or real in taken.parents
            for taken in self.taken
        )
