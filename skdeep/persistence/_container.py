"""The file: one JSON text and named arrays, as safetensors lay them out, sealed.

A file of `skdeep.save` is a file of safetensors [1]_: the length of a header, the
header, the bytes of the arrays. The header holds, as any may, a text; ours is a JSON
object that begins with the sha256 of the whole file, taken with zeros in its place.
Nothing in it is code, and reading it runs none.

.. [1] https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep._atomic_files import sweep, write_atomically
from skdeep.exceptions import PersistenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdeep._typing import Array

# The name of our text in the header.
KEY = "skdeep"
_BLANK = "0" * 64
_SEAL = re.compile(rb"sha256:([0-9a-f]{64})")
_LENGTH_BYTES = 8
_DTYPES = {
    "BOOL": np.bool_,
    "I8": np.int8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "U64": np.uint64,
    "F16": np.float16,
    "F32": np.float32,
    "F64": np.float64,
}
STORED_DTYPES = frozenset(np.dtype(kind) for kind in _DTYPES.values())


def pack(payload: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Return the bytes of a file, the same for the same contents.

    Parameters
    ----------
    payload : mapping
        What JSON can say, finite numbers alone.
    arrays : mapping of str to ndarray
        Contiguous, of one of the `STORED_DTYPES`.

    Returns
    -------
    data : bytes
        Sealed by their sha256.
    """
    from safetensors.numpy import save

    sealed = {"seal": f"sha256:{_BLANK}", **payload}
    text = json.dumps(sealed, allow_nan=False, separators=(",", ":"))
    data = save(dict(arrays), metadata={KEY: text})
    # Ours is the first text in the header, and the seal the first word in it.
    start, end = _find_seal(data)
    digest = hashlib.sha256(data).hexdigest().encode()
    return data[:start] + digest + data[end:]


def unpack(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what was packed.

    Parameters
    ----------
    data : bytes
        Of a file.
    name : str
        Of the file, for errors.

    Returns
    -------
    payload : dict
        As JSON says it.
    arrays : dict of str to ndarray
        Writable, each in memory of its own.

    Raises
    ------
    PersistenceError
        If the bytes are no such file, or not those that were packed.
    """
    start, end = _find_seal(data, name)
    hasher = hashlib.sha256()
    whole = memoryview(data)
    for part in (whole[:start], _BLANK.encode(), whole[end:]):
        hasher.update(part)
    if hasher.hexdigest().encode() != data[start:end]:
        raise PersistenceError(
            f"The file {name} is damaged or was changed: its sha256 is not the one it "
            "was saved with. Take another copy."
        )
    return read_sealed(data, name)


def read_sealed(data: bytes, name: str) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return what was packed, the seal taken for granted."""
    from safetensors import SafetensorError, deserialize

    try:
        text = _header(data)["__metadata__"][KEY]
        payload = json.loads(text, parse_constant=_refuse_constant)
        views = deserialize(data)  # type: ignore[no-untyped-call]
        arrays = {key: _as_array(view) for key, view in views}
    except (SafetensorError, ValueError, LookupError, TypeError, RecursionError) as e:
        raise PersistenceError(
            f"The file {name} cannot be read: {in_a_line(e)}. Take another copy."
        ) from e
    if not isinstance(payload, dict):
        raise PersistenceError(f"The file {name} cannot be read: it holds no object.")
    return payload, arrays


def _find_seal(data: bytes, name: str = "") -> tuple[int, int]:
    n_header = int.from_bytes(data[:_LENGTH_BYTES], "little")
    end = _LENGTH_BYTES + n_header
    found = _SEAL.search(data, _LENGTH_BYTES, min(end, len(data)))
    if len(data) < end or found is None:
        raise PersistenceError(
            f"The file {name} was not written by skdeep.save, or is cut off. Files of "
            "joblib and pickle are read by joblib.load and pickle.load."
        )
    return found.span(1)


def _header(data: bytes) -> Any:
    n_header = int.from_bytes(data[:_LENGTH_BYTES], "little")
    return json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + n_header])


def _as_array(view: Mapping[str, Any]) -> Array:
    dtype = np.dtype(_DTYPES[view["dtype"]])
    if not len(view["data"]):
        return np.empty(view["shape"], dtype)
    return np.frombuffer(view["data"], dtype).reshape(view["shape"])


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def in_a_line(error: BaseException) -> str:
    """Return what an error says, in one line of bounded length."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")[:300]


def write_packed(
    path: str | os.PathLike[str],
    payload: Mapping[str, Any],
    arrays: Mapping[str, Array],
) -> None:
    """Pack and write a file, at once.

    Parameters
    ----------
    path : str or path
        Of the file, in a folder that is there.
    payload, arrays : mapping
        See `pack`.

    Raises
    ------
    PersistenceError
        If it cannot be written; what was there is still there.
    """
    data = pack(payload, arrays)
    sweep(path)
    write_atomically(path, data)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    path : Path
        Of the file.

    Returns
    -------
    data : bytes

    Raises
    ------
    PersistenceError
        If it cannot be read.
    """
    try:
        _refuse_devices(path)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PersistenceError(
            f"The file {path} cannot be read: {reason}. Check the path."
        ) from error


def _refuse_devices(path: Path) -> None:
    """Raise on what may never end, or never begin."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(0, "it is a device or a pipe")
