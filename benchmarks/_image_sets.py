"""Sets of images kept as bytes of JPEG files in one .npz file each."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared/data/images"


@dataclass(frozen=True)
class ImageSet:
    """Training and test images of a set, of one size, with labels in words."""

    name: str
    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any


def read_set(name: str, folder: Path, *, size: int, n_train: int = 10**9) -> ImageSet:
    """Decode a set of images.

    Parameters
    ----------
    name : str
        Of the set: its file is ``<folder>/<name>.npz``.
    folder : Path
        With the files, and with a ``datasets.json`` that names the classes.
    size : int
        Images are scaled to this side in pixels, and the middle square is kept.
    n_train : int, default=10**9
        So many training images at most, the first ones.

    Returns
    -------
    images : ImageSet
        Images of shape (n, size, size, 3) and dtype uint8.
    """
    described = json.loads((folder / "datasets.json").read_text(encoding="utf-8"))
    classes = next(entry["classes"] for entry in described if entry["name"] == name)
    with np.load(folder / f"{name}.npz") as file:
        blob, offsets = file["blob"], file["offsets"]
        split, labels = file["split"], np.array(classes)[file["label"]]
    parts: list[Any] = []
    for number in (0, 1):
        rows = np.flatnonzero(split == number)
        rows = rows[:n_train] if number == 0 else rows
        images = np.empty((len(rows), size, size, 3), dtype=np.uint8)
        for place, row in enumerate(rows):
            content = blob[offsets[row] : offsets[row + 1]].tobytes()
            images[place] = _square(content, size)
        parts += [images, labels[rows]]
    return ImageSet(name, *parts)


def _square(content: bytes, size: int) -> Any:
    with Image.open(io.BytesIO(content)) as opened:
        image = opened.convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    if side == size:
        return np.asarray(image.crop(box))
    kind = Image.Resampling.BICUBIC
    return np.asarray(image.resize((size, size), kind, box=box))
