"""Data and estimators as a short text: what is equal makes equal texts.

It does not matter how numbers lie in memory, which objects are shared, and how long an
epoch took. `joblib.hash` comes here with the estimators of skdeep.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from joblib.hashing import Hasher, NumpyHasher

from skdeep.base._pickled import Pickled
from skdeep.data import MixedTable
from skdeep.training import Durations, LeanNet

# An array that does not lie row by row is copied in pieces of about this size.
_PIECE_BYTES = 2**24


# Not looked up in the table, since there may be a million of them.
_AS_THEY_ARE = frozenset({bool, dict, float, int, list, str, tuple, type(None)})
# What every module has, hooks among it.
_OF_ALL_MODULES = frozenset(vars(torch.nn.Module()))


class _ValueHasher(NumpyHasher):
    """Hash as joblib does, but by values alone.

    joblib tells an array from its copy in Fortran's order, and a list that holds one
    object twice from a list of two equal objects.
    """

    def __init__(self) -> None:
        super().__init__(hash_name="sha1", coerce_mmap=True)
        # Of pickle: no object is remembered, and none written as "the same again".
        self.fast = True

    def save(self, obj: Any) -> None:
        """Write an object, or what stands for it."""
        if type(obj) not in _AS_THEY_ARE:
            for kind, plain in _PLAIN.items():
                if isinstance(obj, kind):
                    self.save(plain(obj))
                    return
        super().save(obj)


def hash_by_value(kind: type) -> None:
    """Let `joblib.hash` look at the values of a class, not at how they are held.

    Parameters
    ----------
    kind : type
        Of skdeep; classes derived from it are not meant.
    """
    # The table by which a pickler finds how to write a type; `Hasher` has its own.
    Hasher.dispatch[kind] = _write_digest


def _write_digest(hasher: Any, value: Any) -> None:
    if not isinstance(hasher, _ValueHasher):
        hasher.save(digest(value))
        return
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    hasher.save((kind, value.__getstate__()))


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
    return str(_ValueHasher().hash(value))


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


def _of_tensor(tensor: torch.Tensor) -> Any:
    plain = tensor.detach().cpu().contiguous()
    values = plain.reshape(-1).view(torch.uint8).numpy()
    return ("tensor", str(tensor.dtype), tuple(tensor.shape), _of_array(values))


def _of_module(module: torch.nn.Module) -> Any:
    kind = f"{type(module).__module__}.{type(module).__qualname__}"
    known = vars(module)
    own = {n: value for n, value in known.items() if n not in _OF_ALL_MODULES}
    weights = [
        (name, weight is not None and weight.requires_grad, weight)
        for name, weight in known["_parameters"].items()
    ]
    buffers = list(known["_buffers"].items())
    return (kind, own, weights, buffers, list(known["_modules"].items()))


def _of_net(net: LeanNet) -> Any:
    columns = {name: v for name, v in net.parts()["columns"].items() if name != "dur"}
    callbacks = [callback for _, callback in net.callbacks_]
    return (
        "net",
        net._plan,
        net._penalty,
        net.criterion_,
        net.module_,
        columns,
        callbacks,
    )


_PLAIN: dict[type, Any] = {
    np.ndarray: _of_array,
    torch.Tensor: _of_tensor,
    torch.nn.Module: _of_module,
    torch.Generator: lambda generator: ("generator", generator.get_state()),
    Pickled: lambda pickled: pickled.value,
    LeanNet: _of_net,
    Durations: lambda _durations: None,
    MixedTable: _of_mixed,
    sp.sparray: _of_sparse,
    sp.spmatrix: _of_sparse,
}
hash_by_value(LeanNet)
hash_by_value(Durations)
hash_by_value(Pickled)
