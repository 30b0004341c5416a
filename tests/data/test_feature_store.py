"""Tests of where features of images are kept."""

from __future__ import annotations

import multiprocessing
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from skdeep.data import DiskStore, MemoryStore, open_store


def rows(n: int, first: float = 0.0) -> np.ndarray:
    """Return features that tell their row."""
    return (
        np.arange(n, dtype=np.float32)[:, np.newaxis] + first + np.zeros(4, np.float32)
    )


def keys(n: int, first: int = 0) -> list[bytes]:
    """Return as many keys of 16 bytes."""
    return [i.to_bytes(16, "little") for i in range(first, first + n)]


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Return an empty store of each kind."""
    return MemoryStore() if request.param == "memory" else DiskStore(tmp_path / "a/b")


def test_features_come_back_bit_for_bit(store: Any) -> None:
    """What was put under a key is found under it, None where nothing was."""
    store.put_many(keys(3), rows(3))
    store.put_many(keys(2, first=7), rows(2, first=7).astype(np.float64))
    found = store.get_many([*keys(3), *keys(3, first=6)])
    assert found[3] is None
    assert [float(row[0]) for row in (*found[:3], *found[4:])] == [0, 1, 2, 7, 8]
    assert (found[0].dtype, found[4].dtype) == (np.float32, np.float64)
    assert not found[0].flags.writeable
    assert store.get_many([]) == []


def test_first_features_stay(store: Any) -> None:
    """A key that is there keeps what it has."""
    store.put_many(keys(1), rows(1))
    store.put_many(keys(1), rows(1, first=5))
    assert store.get_many(keys(1))[0][0] == 0


def test_memory_forgets_what_was_not_asked_for_longest() -> None:
    """Room for three rows holds the last three that were used."""
    store = MemoryStore(max_bytes=3 * 16)
    store.put_many(keys(3), rows(3))
    store.get_many(keys(1))
    store.put_many(keys(1, first=3), rows(1, first=3))
    assert [row is not None for row in store.get_many(keys(4))] == [
        True,
        False,
        True,
        True,
    ]
    assert (len(store), store.n_bytes) == (3, 48)
    store.clear()
    assert (len(store), store.n_bytes) == (0, 0)


def test_memory_keeps_copies() -> None:
    """Rows of a large matrix do not keep it alive, nor change along with it."""
    store, matrix = MemoryStore(), rows(2)
    store.put_many(keys(2), matrix)
    matrix[:] = -1
    found = store.get_many(keys(2))
    assert found[1] is not None
    assert found[1].tolist() == [1, 1, 1, 1]
    assert found[1].base is None


def test_memory_stands_many_threads() -> None:
    """Eight threads that put, get and push out leave the count right."""
    store = MemoryStore(max_bytes=50 * 16)

    def work(first: int) -> None:
        for i in range(100):
            store.put_many(keys(5, first=first + i), rows(5))
            store.get_many(keys(20, first=i))

    threads = [threading.Thread(target=work, args=(100 * i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(store), store.n_bytes) == (50, 50 * 16)


def test_folder_is_shared_by_stores(tmp_path: Path) -> None:
    """What one process wrote another one finds, also after it has looked before."""
    first, second = DiskStore(tmp_path), DiskStore(tmp_path)
    assert second.get_many(keys(1)) == [None]
    first.put_many(keys(2), rows(2))
    _, found = second.get_many(keys(2))
    assert found is not None
    assert found[0] == 1
    assert [path.suffix for path in tmp_path.iterdir()] == [".features"]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_damaged_file_is_dropped(damage: str, tmp_path: Path) -> None:
    """A file that is not what its checksum says is deleted; the others stay."""
    store = DiskStore(tmp_path)
    store.put_many(keys(2), rows(2))
    [path] = tmp_path.iterdir()
    store.put_many(keys(1, first=5), rows(1, first=5))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = {"cut": content[:-9], "flip": content, "empty": bytearray()}
    path.write_bytes(damaged[damage])
    again = DiskStore(tmp_path)
    assert [row is None for row in again.get_many([*keys(2), *keys(1, first=5)])] == [
        True,
        True,
        False,
    ]
    assert not path.exists()
    again.put_many(keys(2), rows(2))
    assert again.get_many(keys(2))[0] is not None


def test_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is there whole, or not at all."""
    store = DiskStore(tmp_path)

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.put_many(keys(1), rows(1))
    assert [*tmp_path.iterdir()] == []


def write(folder: str, first: int) -> None:
    """Put some rows into a folder, in a process of its own."""
    store = DiskStore(folder)
    for i in range(20):
        store.put_many(keys(2, first=first + 2 * i), rows(2, first=first + 2 * i))


def test_processes_write_at_once(tmp_path: Path) -> None:
    """Two processes that fill one folder lose nothing."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write, args=(tmp_path, 40 * i)) for i in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    found = DiskStore(tmp_path).get_many(keys(80))
    assert [float(row[0]) for row in found if row is not None] == [*range(80)]


def test_unusable_folder_is_refused(tmp_path: Path) -> None:
    """A file in the way of a folder is told."""
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(ValueError, match=r"must name a folder that can be written to"):
        DiskStore(path)


def test_parameter_opens_its_store(tmp_path: Path) -> None:
    """The word is one memory for the whole process, a path a folder, False nothing."""
    assert open_store("auto") is open_store(True)
    assert open_store(False) is open_store(None) is None
    opened = open_store(os.fspath(tmp_path))
    assert isinstance(opened, DiskStore)
