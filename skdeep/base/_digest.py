"""Data as a short text: equal numbers make equal texts, however they lie in memory."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib.hashing import NumpyHasher

from skdeep.data import MixedTable

# An array that does not lie row by row is copied in pieces of about this size.
_PIECE_BYTES = 2**24


class _ValueHasher(NumpyHasher):
    """Hash as joblib does, but arrays by shape, dtype and values in the order of rows.

    joblib tells an array from its copy in Fortran's order, and from a memory map.
    """

    def save(self, obj: Any) -> None:
        """Write an object, or what stands for it."""
        if isinstance(obj, np.ndarray):
            obj = _of_array(obj)
        elif sp.issparse(obj):
            obj = _of_sparse(obj)
        elif isinstance(obj, MixedTable):
            obj = _of_mixed(obj)
        super().save(obj)


def digest(value: Any) -> str:
    """Return a text that is the same for the same values.

    Parameters
    ----------
    value : object
        Arrays, sparse matrices, validated tables and what they hold.

    Returns
    -------
    digest : str
        A sha1 in hexadecimal digits.
    """
    hasher = _ValueHasher(hash_name="sha1", coerce_mmap=True)
    return str(hasher.hash(value))


def _of_array(values: np.ndarray[Any, Any]) -> Any:
    if values.dtype.hasobject:
        return ("objects", values.shape, values.ravel(order="C").tolist())
    values = np.asarray(values)
    native = values.dtype.newbyteorder("=")
    hashed = hashlib.sha1(usedforsecurity=False)
    for piece in _pieces(values):
        plain = np.ascontiguousarray(piece, dtype=native)
        hashed.update(plain.reshape(-1).view(np.uint8).data)
    return ("array", native.str, values.shape, hashed.hexdigest())


def _pieces(values: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
    if not values.size or values.flags.c_contiguous:
        return [values]
    n_rows = len(values)
    step = max(1, _PIECE_BYTES * n_rows // values.nbytes)
    return [values[start : start + step] for start in range(0, n_rows, step)]


def _of_sparse(matrix: Any) -> Any:
    rows = sp.csr_array(matrix)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    indices = (rows.indices.astype(np.int64), rows.indptr.astype(np.int64))
    return ("sparse", rows.shape, rows.data, *indices)


def _of_mixed(table: MixedTable) -> Any:
    # In which order the levels stand depends on the form of the table alone.
    columns = []
    for column, levels in enumerate(table.levels):
        known = sorted(set(levels))
        place = {level: number for number, level in enumerate(known)}
        renamed = np.array([*(place[level] for level in levels), -1])
        columns.append((known, renamed[table.codes[:, column]]))
    return ("mixed", table.numeric, columns, table.schema.categorical)
