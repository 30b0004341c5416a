"""Edits of the JSON and the arrays in a file, of the kinds that a bad copy may have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from skdeep.persistence._container import pack, unpack

OTHERS: list[Any] = [
    None,
    True,
    0,
    -1,
    3,
    10**9,
    10**30,
    0.5,
    -1e300,
    "",
    "x",
    "relu",
    [],
    [1],
    {},
    {"a": 1},
    {"!": "float", "value": "nan"},
    {"!": "tuple", "items": [1, 2]},
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a nest of lists and dicts."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from places(value[key])


def edited(data: bytes, rng: np.random.Generator, part: str = "content") -> bytes:
    """Return a file with one edit, under a seal that is true."""
    payload, arrays = unpack(data, "file")
    payload.pop("seal")
    kinds = (_exchange, _replace, _replace, _leave_out, _reshape, _recast, _revalue)
    kinds[rng.integers(len(kinds))](payload[part], arrays, rng)
    return pack(payload, arrays)


def _exchange(content: Any, arrays: Any, rng: np.random.Generator) -> None:
    """Exchange two values."""
    all_places = list(places(content))
    (one, a), (two, b) = (all_places[rng.integers(len(all_places))] for _ in range(2))
    one[a], two[b] = json.loads(json.dumps([two[b], one[a]]))


def _replace(content: Any, arrays: Any, rng: np.random.Generator) -> None:
    """Put another kind of value in the place of one."""
    all_places = list(places(content))
    one, key = all_places[rng.integers(len(all_places))]
    one[key] = json.loads(json.dumps(OTHERS[rng.integers(len(OTHERS))]))


def _leave_out(content: Any, arrays: Any, rng: np.random.Generator) -> None:
    """Leave a value out."""
    all_places = list(places(content))
    one, key = all_places[rng.integers(len(all_places))]
    del one[key]


def _reshape(content: Any, arrays: Any, rng: np.random.Generator) -> None:
    """Give an array another shape, or other rows."""
    if not arrays:
        return
    name = sorted(arrays)[rng.integers(len(arrays))]
    array = arrays[name]
    changes = (
        lambda a: a.ravel(),
        lambda a: a[None],
        lambda a: a[:-1] if a.ndim else a[None],
        lambda a: np.concatenate([a, a]) if a.ndim else np.array([a, a]),
        lambda a: a[:0] if a.ndim else a[None][:0],
        lambda a: a.T,
    )
    arrays[name] = np.ascontiguousarray(changes[rng.integers(len(changes))](array))


def _recast(content: Any, arrays: Any, rng: np.random.Generator) -> None:
    """Give an array another dtype, and say so."""
    if not arrays:
        return
    name = sorted(arrays)[rng.integers(len(arrays))]
    kinds = ("f4", "f8", "i4", "i8", "u1", "?", "f2")
    dtype = np.dtype(kinds[rng.integers(len(kinds))])
    with np.errstate(all="ignore"):
        arrays[name] = arrays[name].astype(dtype)
    for one, key in places(content):
        node = one[key]
        if isinstance(node, dict) and node.get("name") == name and "dtype" in node:
            node["dtype"] = dtype.str


def _revalue(content: Any, arrays: Any, rng: np.random.Generator) -> None:
    """Change one number of an array."""
    if not arrays:
        return
    name = sorted(arrays)[rng.integers(len(arrays))]
    array = arrays[name].copy()
    if array.size:
        low = np.array([-1, 0, 1, 100, 2**31 - 1])
        with np.errstate(all="ignore"):
            array.reshape(-1)[rng.integers(array.size)] = low[
                rng.integers(len(low))
            ].astype(array.dtype)
    arrays[name] = array
