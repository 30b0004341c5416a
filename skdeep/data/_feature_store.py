"""Where features of images are kept: in memory, or in a folder."""

from __future__ import annotations

import contextlib
import os
import re
import struct
import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep._atomic_files import sweep_folder, write_atomically
from skdeep.data._image_keys import KEY_BYTES
from skdeep.exceptions import PersistenceError

if TYPE_CHECKING:
    from skdeep._typing import Array

# Features of half a million images by ResNet-18.
MEMORY_BYTES = 2**30
_MAGIC = b"skdeepF1"
_HEADER = struct.Struct("<8sQQ4s")
_SUFFIX = ".features"
# Of what a header may say that the features are.
_DTYPES = {f"<f{size}".encode().ljust(4): np.dtype(f"<f{size}") for size in (2, 4, 8)}


class MemoryStore:
    """Keep features in memory, of those last asked for where there is no room for all.

    Parameters
    ----------
    max_bytes : int, default=2**30
        Room for features, in bytes.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.data import MemoryStore
    >>> store = MemoryStore()
    >>> store.put_many([b"a"], np.ones((1, 3), dtype=np.float32))
    >>> store.get_many([b"a", b"b"])
    [array([1., 1., 1.], dtype=float32), None]
    """

    def __init__(self, max_bytes: int = MEMORY_BYTES) -> None:
        self.max_bytes = max_bytes
        self.n_bytes = 0
        self._rows: OrderedDict[bytes, Array] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of images whose features are kept."""
        return len(self._rows)

    def get_many(self, keys: Sequence[bytes]) -> list[Array | None]:
        """Return the features kept under some keys, None where there are none."""
        with self._lock:
            found = []
            for key in keys:
                row = self._rows.get(key)
                if row is not None:
                    self._rows.move_to_end(key)
                found.append(row)
            return found

    def put_many(self, keys: Sequence[bytes], features: Array) -> None:
        """Keep features, a row for each key."""
        with self._lock:
            for key, row in zip(keys, features, strict=True):
                if key in self._rows:
                    continue
                # A copy: a view would keep the memory of all rows.
                kept = row.copy()
                kept.flags.writeable = False
                self._rows[key] = kept
                self.n_bytes += kept.nbytes
            while self.n_bytes > self.max_bytes:
                _, oldest = self._rows.popitem(last=False)
                self.n_bytes -= oldest.nbytes

    def clear(self) -> None:
        """Keep nothing any more."""
        with self._lock:
            self._rows.clear()
            self.n_bytes = 0


class DiskStore:
    """Keep features in a folder, which several processes may use at once.

    Every call of `put_many` writes a file of its own, under a temporary name first, so
    that a file is there whole or not at all. Each ends in a checksum: one that was
    damaged is deleted, and its features are found again.

    Parameters
    ----------
    folder : str or path
        Made where it is not there.

    Raises
    ------
    ValueError
        If the folder cannot be made or written to; a `PersistenceError`.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        # The working directory may change while the store is in use.
        self.folder = Path(os.path.abspath(folder))  # noqa: PTH100 - follows no link
        self._packs: dict[str, Array] = {}
        self._places: dict[bytes, tuple[str, int]] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refused(error) from error
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise self._refused(PermissionError(13, "Permission denied"))
        sweep_folder(self.folder, f"[0-9a-f]+{re.escape(_SUFFIX)}")

    def _refused(self, error: Exception) -> ValueError:
        cause = error.__cause__ or error
        reason = getattr(cause, "strerror", None) or cause
        return PersistenceError(
            "The 'cache_features' parameter must name a folder that can be written to. "
            f"Got {str(self.folder)!r}, of which the system says: {reason}. "
            "Pass another folder, or 'auto' to keep features in memory."
        )

    def get_many(self, keys: Sequence[bytes]) -> list[Array | None]:
        """Return the features kept under some keys, None where there are none."""
        if not all(key in self._places for key in keys):
            self._look()
        places = [self._places.get(key) for key in keys]
        return [None if at is None else self._packs[at[0]][at[1]] for at in places]

    def put_many(self, keys: Sequence[bytes], features: Array) -> None:
        """Keep features, a row for each key."""
        matrix = np.ascontiguousarray(features)
        little = matrix.dtype.newbyteorder("<")
        header = _HEADER.pack(_MAGIC, *matrix.shape, little.str.encode().ljust(4))
        content = header + b"".join(keys) + matrix.astype(little).tobytes()
        digest = blake2b(content, digest_size=KEY_BYTES).digest()
        target = self.folder / f"{digest.hex()}{_SUFFIX}"
        try:
            write_atomically(target, [content, digest])
        except PersistenceError as error:
            raise self._refused(error) from error
        self._take_in(target)

    def _look(self) -> None:
        """Take in the files that have come since the last look."""
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            if path.name not in self._packs:
                self._take_in(path)

    def _take_in(self, path: Path) -> None:
        try:
            keys, matrix = _read_pack(path)
        except OSError:
            # Another process found it damaged, and was faster; or it is another user's.
            return
        except ValueError:
            with contextlib.suppress(OSError):
                path.unlink()
            return
        self._packs[path.name] = matrix
        for row, key in enumerate(keys):
            self._places.setdefault(key, (path.name, row))


def _read_pack(path: Path) -> tuple[list[bytes], Array]:
    """Return the keys of a file and its features, mapped into memory.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    content = path.read_bytes()
    body, digest = content[:-KEY_BYTES], content[-KEY_BYTES:]
    intact = blake2b(body, digest_size=KEY_BYTES).digest() == digest
    if not intact or len(body) < _HEADER.size or not body.startswith(_MAGIC):
        msg = f"{path} is damaged"
        raise ValueError(msg)
    _, n_rows, n_features, kind = _HEADER.unpack_from(body)
    start = _HEADER.size
    dtype = _DTYPES.get(kind)
    if dtype is None or len(body) != start + n_rows * (
        KEY_BYTES + n_features * dtype.itemsize
    ):
        msg = f"{path} does not hold what its header says"
        raise ValueError(msg)
    edges = range(start, start + n_rows * KEY_BYTES, KEY_BYTES)
    keys = [body[edge : edge + KEY_BYTES] for edge in edges]
    matrix = np.memmap(
        path,
        dtype=dtype,
        mode="r",
        offset=start + n_rows * KEY_BYTES,
        shape=(n_rows, n_features),
    )
    return keys, matrix


_shared: dict[int, MemoryStore] = {}


def shared_store() -> MemoryStore:
    """Return the store in memory that all estimators of a process share."""
    # By process: the child of a fork must not wait for a lock of its parent's threads.
    return _shared.setdefault(os.getpid(), MemoryStore())


def open_store(cache: Any) -> MemoryStore | DiskStore | None:
    """Return the store that a parameter means.

    Parameters
    ----------
    cache : {"auto"}, str, path, bool or None
        "auto" and True are the memory of the process, any other str or path a folder;
        False and None are none.

    Returns
    -------
    store : MemoryStore, DiskStore or None
    """
    if cache is None or isinstance(cache, (bool, np.bool_)):
        return shared_store() if cache else None
    return shared_store() if cache == "auto" else DiskStore(cache)
