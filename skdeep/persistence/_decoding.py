"""From JSON and named arrays back to values: nothing that is not on the list."""

from __future__ import annotations

import array
import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skdeep._storable import find_storable
from skdeep.exceptions import PersistenceError
from skdeep.losses import instantiate
from skdeep.persistence._encoding import TAG, TORCH_ROOMS

if TYPE_CHECKING:
    from skdeep._typing import Array

Reader = Callable[["Decoder", Mapping[str, Any]], Any]

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
        self.arrays = arrays
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
    values = decoder.arrays[node["name"]].astype(np.dtype(node["dtype"]), copy=False)
    return np.asfortranarray(values) if node["columns"] else values


def _texts(decoder: Decoder, node: Mapping[str, Any]) -> Array:
    dtype = np.dtype(node["dtype"])
    if dtype.kind != "U":
        raise PersistenceError("The file holds texts of another kind.")
    return np.array(node["items"], dtype=dtype).reshape(node["shape"])


def _objects(decoder: Decoder, node: Mapping[str, Any]) -> Array:
    values = np.empty(len(node["items"]), dtype=object)
    for position, item in enumerate(node["items"]):
        values[position] = decoder.value(item)
    return values.reshape(node["shape"])


def _tensor(decoder: Decoder, node: Mapping[str, Any]) -> torch.Tensor:
    return torch.from_numpy(decoder.arrays[node["name"]])


def _numbers(decoder: Decoder, node: Mapping[str, Any]) -> array.array[Any]:
    return array.array(node["code"], decoder.arrays[node["name"]].tolist())


def _scalar(decoder: Decoder, node: Mapping[str, Any]) -> Any:
    return np.array(decoder.value(node["value"]), dtype=np.dtype(node["dtype"]))[()]


def _torch_dtype(decoder: Decoder, node: Mapping[str, Any]) -> torch.dtype:
    dtype = vars(torch).get(node["value"])
    if not isinstance(dtype, torch.dtype):
        raise PersistenceError(f"The file holds no dtype: {node['value']!r:.60}.")
    return dtype


def _torch_class(decoder: Decoder, node: Mapping[str, Any]) -> Any:
    room, _, name = node["name"].partition(".")
    module, base = TORCH_ROOMS[room]
    kind = vars(module).get(name)
    if not (isinstance(kind, type) and issubclass(kind, base)):
        raise refuse_class(node["name"])
    return kind


def _torch_loss(decoder: Decoder, node: Mapping[str, Any]) -> torch.nn.Module:
    return instantiate(decoder.value(node["loss"]), decoder.value(node["options"]))


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


def _items(make: Callable[[list[Any]], Any]) -> Reader:
    return lambda decoder, node: make(decoder.value(node["items"]))


def _named(make: Callable[[str], Any]) -> Reader:
    return lambda _decoder, node: make(node["value"])


_READERS: dict[str, Reader] = {
    "object": _object,
    "float": _named(float),
    "tuple": _items(tuple),
    "set": _items(set),
    "frozenset": _items(frozenset),
    "dict": _items(dict),
    "slice": _items(lambda ends: slice(*ends)),
    "array": _array,
    "texts": _texts,
    "objects": _objects,
    "tensor": _tensor,
    "numbers": _numbers,
    "scalar": _scalar,
    "dtype": _named(np.dtype),
    "torch dtype": _torch_dtype,
    "torch class": _torch_class,
    "torch loss": _torch_loss,
    "device": _named(torch.device),
    "path": _named(Path),
    "function": _function,
    "random state": _random_state,
    "generator": _generator,
}
