"""Tests of what tells one image from another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from skdeep.data import image_keys, read_images


def keys_of(X: Any) -> list[bytes]:
    """Return the keys of images in any form."""
    return image_keys(read_images(X, owner="Owner"))


@pytest.fixture
def colours(seed: int) -> np.ndarray:
    """Return six small images in three colours, channels last."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)


def test_keys_do_not_depend_on_the_form(colours: np.ndarray) -> None:
    """The same pixels have the same key however they are given or lie in memory."""
    keys = keys_of(colours)
    assert len(set(keys)) == 6
    assert {len(key) for key in keys} == {16}
    assert keys_of(np.ascontiguousarray(colours.transpose(0, 3, 1, 2))) == keys
    assert keys_of(colours.transpose(0, 3, 1, 2)) == keys
    assert keys_of([*colours]) == keys
    assert keys_of([Image.fromarray(image) for image in colours]) == keys
    assert keys_of(np.repeat(colours, 2, axis=0)[::2]) == keys
    # Of other sizes beside them, so that they are kept apart.
    assert keys_of([*colours, np.zeros((3, 3, 3), dtype=np.uint8)])[:6] == keys


def test_one_pixel_dtype_or_shape_makes_another_key(colours: np.ndarray) -> None:
    """What a network would see otherwise has another key."""
    key = keys_of(colours)[0]
    changed = colours.copy()
    changed[0, 4, 6, 2] ^= 1
    assert keys_of(changed)[0] != key
    assert keys_of(colours.astype(np.uint16))[0] != key
    assert keys_of(colours.transpose(0, 2, 1, 3).copy())[0] != key
    zeros = np.zeros((1, 4, 9), dtype=np.uint8)
    assert keys_of(zeros) != keys_of(zeros.reshape(1, 6, 6))


def test_file_is_told_by_its_last_change(tmp_path: Path) -> None:
    """A file written anew, or touched, has another key; the same path the same."""
    path = tmp_path / "bild_äöü.png"
    Image.new("L", (4, 4)).save(path)
    first = keys_of([str(path)])
    assert keys_of([path]) == first
    os.utime(path, ns=(1, 1))
    assert keys_of([path]) != first


def test_vanished_file_is_named_with_its_row(tmp_path: Path) -> None:
    """A file can go between validation and use."""
    paths = [tmp_path / f"{i}.png" for i in range(2)]
    for path in paths:
        Image.new("L", (4, 4)).save(path)
    table = read_images(paths, owner="Owner")
    paths[1].unlink()
    with pytest.raises(ValueError, match=r"1\.png' in row 1, of which the system says"):
        image_keys(table[np.array([1])])
