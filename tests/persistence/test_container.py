"""The bytes of a file: sealed, the same for the same contents, written at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load
from safetensors.numpy import save as dump

from skdeep._atomic_files import write_atomically
from skdeep.exceptions import PersistenceError
from skdeep.persistence._container import (
    STORED_DTYPES,
    pack,
    read_bytes,
    read_sealed,
    unpack,
)
from tests.resealed import resealed

ARRAYS: dict[str, Any] = {
    "b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a.0": np.array(True),
    "none": np.empty((0, 4), dtype=np.int16),
}


def test_contents_come_back() -> None:
    """Texts, numbers and arrays of all kinds, which can be written to."""
    arrays = {str(dtype): np.ones(3, dtype) for dtype in STORED_DTYPES}
    payload, back = unpack(pack({"é": [1, 2.5, None]}, arrays | ARRAYS), "file")
    assert payload["é"] == [1, 2.5, None]
    assert back.keys() == (arrays | ARRAYS).keys()
    for name, values in (arrays | ARRAYS).items():
        assert back[name].dtype == values.dtype
        np.testing.assert_array_equal(back[name], values)
    back["b"][0, 0] = 7.0


def test_same_contents_make_the_same_bytes() -> None:
    """Whatever the order of the arrays, since safetensors has one of its own."""
    turned = dict(reversed(ARRAYS.items()))
    assert pack({"x": 1}, ARRAYS) == pack({"x": 1}, turned)


def test_file_is_one_of_safetensors() -> None:
    """Any tool of that format reads the arrays."""
    found = load(pack({}, ARRAYS))
    np.testing.assert_array_equal(found["b"], ARRAYS["b"])


def test_number_that_json_has_not_is_refused() -> None:
    """Neither written nor read."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack({"x": float("nan")}, {})
    data = pack({"x": 12345}, {}).replace(b"12345", b"  NaN")
    with pytest.raises(PersistenceError, match="ValueError: NaN is no number"):
        unpack(resealed(data), "file")


@pytest.mark.parametrize("place", [9, 40, 150, -1])
def test_changed_byte_breaks_the_seal(place: int) -> None:
    """In the header as in an array."""
    data = bytearray(pack({"x": "y" * 40}, ARRAYS))
    data[place] ^= 1
    with pytest.raises(PersistenceError, match=r"damaged or was ch|not written by"):
        unpack(bytes(data), "file")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("7", "it holds no object"),
        ("{", "JSONDecodeError: Expecting property name"),
        ("[" * 100_000, "RecursionError: maximum recursion depth"),
    ],
    ids=["number", "cut off", "nest"],
)
def test_text_that_is_no_object_is_refused(text: str, sentence: str) -> None:
    """Under a seal that is taken for true, too."""
    with pytest.raises(PersistenceError, match=f"file odd cannot be read: {sentence}"):
        read_sealed(dump({}, metadata={"skdeep": text}), "odd")


def test_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no rest of its own."""
    path = tmp_path / "file"
    write_atomically(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PersistenceError, match=r"No space left on device\. Whatever"):
        write_atomically(path, b"new")
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("file", b"old")]


def test_interrupted_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes out as it went in."""

    def stop(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="links need rights of their own there")
def test_link_stays_a_link(tmp_path: Path) -> None:
    """What it points to is replaced."""
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_bytes() == b"new"


def test_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder, or nothing at all."""
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(
            PersistenceError, match=r"cannot be read: .* Check the path"
        ):
            read_bytes(path)
