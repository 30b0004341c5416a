"""From JSON and named arrays back to values: nothing that is not on the list."""

from __future__ import annotations

import array
import dataclasses
import functools
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skdeep._storable import find_storable
from skdeep.exceptions import PersistenceError
from skdeep.losses import instantiate
from skdeep.persistence._encoding import TAG, TORCH_ROOMS, Budget, is_loss, is_small

if TYPE_CHECKING:
    from skdeep._typing import Array

Reader = Callable[["Decoder", Mapping[str, Any]], Any]

# Numbers of 64 bits have at most nine hashes in common.
_MOST_ALIKE = 32
_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


class Decoder:
    """Turn what JSON says back into values.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        By the names that nodes have for them.
    further : mapping of str to callable
        Readers of nodes that are not on the list here, by their tag.
    """

    def __init__(
        self, arrays: Mapping[str, Array], further: Mapping[str, Reader]
    ) -> None:
        self.arrays = dict(arrays)
        self.budget = Budget()
        self.readers = {**_READERS, **further}

    def value(self, node: Any) -> Any:
        """Return the value of a node.

        Parameters
        ----------
        node : None, bool, int, float, str, list or dict
            From an `Encoder`.

        Returns
        -------
        value : object

        Raises
        ------
        PersistenceError
            If the node is none, or names a class that is not on the list.
        """
        if isinstance(node, list):
            return [self.value(item) for item in node]
        if not isinstance(node, dict):
            return node
        if TAG not in node:
            return {key: self.value(item) for key, item in node.items()}
        reader = self.readers.get(node[TAG])
        if reader is None:
            raise PersistenceError(
                f"The file holds a {node[TAG]!r:.60}, which this version of skdeep "
                "does not know. Update skdeep, or take another copy."
            )
        return reader(self, node)

    def take(self, name: str) -> Array:
        """Return an array of the file, once: every node has arrays of its own."""
        values = self.arrays.pop(name, None)
        if values is None:
            raise PersistenceError(
                f"The file has no array {name!r:.60}, or names it twice."
            )
        return values

    def ask(self, n_bytes: int, n_stored: int) -> None:
        """Raise where a file asks for more memory than its size accounts for."""
        if not self.budget.allows(n_bytes, n_stored):
            raise PersistenceError(
                "The file asks for far more memory than its size accounts for. It was "
                "changed: do not load it."
            )


def refuse_class(name: object) -> PersistenceError:
    """Return the error on a class that is not on the list."""
    return PersistenceError(
        f"The file names the class {name!r:.60}, which is not one of skdeep's. It was "
        "changed, or written by a later version: do not load it."
    )


def _object(decoder: Decoder, node: Mapping[str, Any]) -> Any:
    marked = find_storable(node["class"])
    if marked is None or not isinstance(marked.kind, type):
        raise refuse_class(node["class"])
    kind: Any = marked.kind
    state = decoder.value(node["state"])
    by_constructor = (
        marked.fields
        or dataclasses.is_dataclass(kind)
        or issubclass(kind, (tuple, torch.nn.Module))
    )
    if hasattr(kind, "__skdeep_restore__"):
        value = kind.__new__(kind)
        value.__skdeep_restore__(state)
    elif by_constructor:
        value = kind(**state)
    else:
        value = kind.__new__(kind)
        if hasattr(value, "__setstate__"):
            value.__setstate__(state)
        else:
            vars(value).update(state)
    return value


def _array(decoder: Decoder, node: Mapping[str, Any]) -> Array:
    values = decoder.take(node["name"])
    dtype = np.dtype(node["dtype"])
    if dtype.newbyteorder("=") != values.dtype:
        raise PersistenceError(
            f"The file holds an array of {values.dtype} as one of {dtype!s:.60}."
        )
    values = values.astype(dtype, copy=False)
    return np.asfortranarray(values) if node["columns"] is True else values


def _texts(decoder: Decoder, node: Mapping[str, Any]) -> Array:
    items, dtype = node["items"], np.dtype(node["dtype"])
    if dtype.kind != "U" or not all(type(item) is str for item in items):
        raise PersistenceError("The file holds texts of another kind.")
    decoder.ask(dtype.itemsize * len(items), sum(map(len, items)) + len(items))
    return np.array(items, dtype=dtype).reshape(node["shape"])


def _objects(decoder: Decoder, node: Mapping[str, Any]) -> Array:
    values = np.empty(len(node["items"]), dtype=object)
    for position, item in enumerate(node["items"]):
        values[position] = decoder.value(item)
    return values.reshape(node["shape"])


def _tensor(decoder: Decoder, node: Mapping[str, Any]) -> torch.Tensor:
    return torch.from_numpy(decoder.take(node["name"]))


def _numbers(decoder: Decoder, node: Mapping[str, Any]) -> array.array[Any]:
    numbers, values = array.array(node["code"]), decoder.take(node["name"])
    if values.ndim != 1 or values.dtype.itemsize != numbers.itemsize:
        raise PersistenceError("The file holds numbers of another kind.")
    numbers.frombytes(values.tobytes())
    return numbers


def _scalar(decoder: Decoder, node: Mapping[str, Any]) -> Any:
    dtype = _plain_dtype(node["dtype"])
    decoder.ask(dtype.itemsize, 1)
    value = decoder.value(node["value"])
    if not isinstance(value, (bool, int, float, str)):
        raise PersistenceError(f"The file holds no scalar: {value!r:.60}.")
    return np.array(value, dtype=dtype)[()]


def _plain_dtype(name: str) -> np.dtype[Any]:
    dtype = np.dtype(name)
    if dtype.kind not in "biufU":
        raise PersistenceError(f"The file holds no dtype: {name!r:.60}.")
    return dtype


def _torch_dtype(decoder: Decoder, node: Mapping[str, Any]) -> torch.dtype:
    dtype = vars(torch).get(node["value"])
    if not isinstance(dtype, torch.dtype):
        raise PersistenceError(f"The file holds no dtype: {node['value']!r:.60}.")
    return dtype


def _torch_class(decoder: Decoder, node: Mapping[str, Any]) -> Any:
    room, _, name = node["name"].partition(".")
    module, base = TORCH_ROOMS[room]
    kind = vars(module).get(name)
    if not (isinstance(kind, type) and issubclass(kind, base) and is_small(kind)):
        raise refuse_class(node["name"])
    return kind


def _torch_loss(decoder: Decoder, node: Mapping[str, Any]) -> torch.nn.Module:
    loss, options = decoder.value(node["loss"]), decoder.value(node["options"])
    if not is_loss(loss):
        raise refuse_class(node["loss"])
    smoothing = options.pop("label_smoothing", 0.0)
    if options or type(smoothing) not in (int, float) or not 0 <= smoothing <= 1:
        raise PersistenceError("The file holds a loss with other options than it has.")
    return instantiate(loss, {"label_smoothing": smoothing} if smoothing else {})


def _function(decoder: Decoder, node: Mapping[str, Any]) -> Any:
    marked = find_storable(node["name"])
    if marked is None or isinstance(marked.kind, type):
        raise refuse_class(node["name"])
    return functools.partial(marked.kind, **decoder.value(node["keywords"]))


def _random_state(decoder: Decoder, node: Mapping[str, Any]) -> np.random.RandomState:
    state = np.random.RandomState()
    state.set_state(decoder.value(node["state"]))
    return state


def _generator(decoder: Decoder, node: Mapping[str, Any]) -> np.random.Generator:
    state = decoder.value(node["state"])
    if state["bit_generator"] not in _BIT_GENERATORS:
        raise refuse_class(state["bit_generator"])
    bits = getattr(np.random, state["bit_generator"])()
    bits.state = state
    return np.random.Generator(bits)


def _hashed(make: Callable[[list[Any]], Any]) -> Reader:
    """Return a reader of what is found by its hash: too many alike take forever."""

    def reader(decoder: Decoder, node: Mapping[str, Any]) -> Any:
        items = decoder.value(node["items"])
        keys = [key for key, _ in items] if make is dict else items
        alike = Counter(hash(key) for key in keys).values()
        if max(alike, default=0) > _MOST_ALIKE:
            raise PersistenceError("The file holds keys that are made to collide.")
        return make(items)

    return reader


def _items(make: Callable[[list[Any]], Any]) -> Reader:
    return lambda decoder, node: make(decoder.value(node["items"]))


def _named(make: Callable[[str], Any]) -> Reader:
    return lambda _decoder, node: make(node["value"])


_READERS: dict[str, Reader] = {
    "object": _object,
    "float": _named(float),
    "tuple": _items(tuple),
    "set": _hashed(set),
    "frozenset": _hashed(frozenset),
    "dict": _hashed(dict),
    "slice": _items(lambda ends: slice(*ends)),
    "array": _array,
    "texts": _texts,
    "objects": _objects,
    "tensor": _tensor,
    "numbers": _numbers,
    "scalar": _scalar,
    "dtype": _named(_plain_dtype),
    "torch dtype": _torch_dtype,
    "torch class": _torch_class,
    "torch loss": _torch_loss,
    "device": _named(torch.device),
    "path": _named(Path),
    "function": _function,
    "random state": _random_state,
    "generator": _generator,
}
