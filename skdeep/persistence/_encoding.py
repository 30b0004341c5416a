"""From values to JSON and named arrays: nothing that is not on the list.

A value that JSON has no word for is an object with the key "!", which says what it is.
"""

from __future__ import annotations

import array
import dataclasses
import enum
import functools
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skdeep._storable import find_storable, storable_name
from skdeep.exceptions import PersistenceError
from skdeep.persistence._container import STORED_DTYPES

if TYPE_CHECKING:
    from skdeep._typing import Array

TAG = "!"
# Where classes of torch may come from, and what they must derive from.
TORCH_ROOMS: dict[str, tuple[Any, type]] = {
    "nn": (torch.nn, torch.nn.Module),
    "optim": (torch.optim, torch.optim.Optimizer),
}
_TIMES_THE_FILE = 64
_SPARE_BYTES = 2**26
# Modules of torch that hold no weights, or few, whatever they are called with.
_SMALL_FILES = frozenset(
    f"torch.nn.modules.{name}"
    for name in ("activation", "dropout", "flatten", "loss", "pooling")
)
_SMALL = (torch.nn.Identity,)
_LARGE = (torch.nn.MultiheadAttention,)
_PLAIN = (type(None), bool, int, str)

# From a value that no rule here knows to a node; None where it knows it neither.
Rule = Callable[["Encoder", Any, str], Any]


class Budget:
    """How much memory a file may ask for that the bytes in it do not account for.

    Whoever saves keeps to it as whoever loads does, so that what is saved can be read.
    """

    def __init__(self) -> None:
        self.bytes_left = _SPARE_BYTES

    def allows(self, n_bytes: int, n_stored: int) -> bool:
        """Take what is asked for, and tell whether it was there.

        Parameters
        ----------
        n_bytes : int
            Of memory.
        n_stored : int
            Bytes of the file that it is made of.
        """
        self.bytes_left -= max(0, n_bytes - _TIMES_THE_FILE * n_stored)
        return self.bytes_left >= 0


class Encoder:
    """Turn values into what JSON can say, and gather their arrays.

    Parameters
    ----------
    owner : str
        What is being saved, for errors.
    further : sequence of callable
        Rules for objects that are not on the list here: each returns a node, or None
        where it is not its affair.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Those met so far, by the place where they were met.
    """

    def __init__(self, owner: str, further: tuple[Rule, ...] = ()) -> None:
        self.owner = owner
        self.further = further
        self.arrays: dict[str, Array] = {}
        self.budget = Budget()

    def node(self, value: Any, where: str) -> Any:
        """Return what JSON is to say of a value.

        Parameters
        ----------
        value : object
            Anything on the list.
        where : str
            Where it stands, as in "hidden_layer_sizes.0".

        Returns
        -------
        node : None, bool, int, float, str, list or dict

        Raises
        ------
        PersistenceError
            If the value, or one within it, is not on the list.
        """
        kind: Any = type(value)
        if kind in _PLAIN:
            return value
        rule = _BY_TYPE.get(kind)
        if rule is not None:
            return rule(self, value, where)
        for base, rule in _BY_BASE.items():
            if isinstance(value, base):
                return rule(self, value, where)
        name = storable_name(kind)
        if name is not None:
            state = self.node(storable_state(value), where)
            return {TAG: "object", "class": name, "state": state}
        for further in self.further:
            node = further(self, value, where)
            if node is not None:
                return node
        raise self.refusal(value, where)

    def keep(self, values: Array, where: str) -> str:
        """Keep an array, and return the name it goes by."""
        name = where
        while name in self.arrays:
            name += "'"
        self.arrays[name] = np.ascontiguousarray(values).reshape(values.shape)
        return name

    def refusal(self, value: Any, where: str, why: str = "") -> PersistenceError:
        """Return the error on a value that no file without pickle can hold."""
        called = getattr(value, "__name__", None) or type(value).__name__
        what = f"{'the class' if isinstance(value, type) else 'a'} {called}"
        if callable(value) and not isinstance(value, (type, torch.nn.Module)):
            what = f"the function {called}"
        reason = why or (
            "Only numbers, texts, arrays and the classes of skdeep, and classes of "
            "torch by name, can be. Replace it, or use joblib, whose files run code."
        )
        return PersistenceError(
            f"{self.owner} cannot be saved without pickle: {where or 'it'} holds "
            f"{what}. {reason}"
        )


def is_small(kind: type) -> bool:
    """Tell whether a class of torch is an optimizer, a loss or an activation.

    A file may name no other: a whole Transformer is built from a word as well.
    """
    if issubclass(kind, torch.optim.Optimizer):
        return True
    here = kind.__module__ in _SMALL_FILES or kind in _SMALL
    return here and kind not in _LARGE


def is_loss(kind: Any) -> bool:
    """Tell whether a class of torch is a loss."""
    return isinstance(kind, type) and kind.__module__ == "torch.nn.modules.loss"


def storable_state(value: Any) -> dict[str, Any]:
    """Return what is stored of an instance of a storable class."""
    marked = find_storable(type(value).__name__)
    if hasattr(value, "__skdeep_state__"):
        state: Any = value.__skdeep_state__()
    elif marked is not None and (marked.fields or isinstance(value, torch.nn.Module)):
        state = {name: getattr(value, name) for name in marked.fields}
    elif dataclasses.is_dataclass(value):
        state = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif isinstance(value, tuple):
        state = value._asdict()  # type: ignore[attr-defined]  # of a named tuple
    else:
        state = value.__getstate__()
    # In an order of their own: the same state makes the same file.
    return dict(sorted(state.items()))


def _float(encoder: Encoder, value: float, where: str) -> Any:
    return value if math.isfinite(value) else {TAG: "float", "value": repr(value)}


def _list(encoder: Encoder, value: list[Any], where: str) -> Any:
    return [encoder.node(item, f"{where}.{i}") for i, item in enumerate(value)]


def _several(tag: str) -> Rule:
    def rule(encoder: Encoder, value: Any, where: str) -> Any:
        return {TAG: tag, "items": _list(encoder, list(value), where)}

    return rule


def _dict(encoder: Encoder, value: Mapping[Any, Any], where: str) -> Any:
    def inside(key: Any) -> Any:
        return encoder.node(value[key], f"{where}.{key}" if where else str(key))

    if TAG not in value and all(type(key) is str for key in value):
        return {key: inside(key) for key in value}
    items = [[encoder.node(key, where), inside(key)] for key in value]
    return {TAG: "dict", "items": items}


def _array(encoder: Encoder, value: Array, where: str) -> Any:
    dtype = value.dtype
    if dtype.kind == "U":
        texts = value.ravel().tolist()
        if not encoder.budget.allows(value.nbytes, sum(map(len, texts)) + len(texts)):
            why = f"An array of {dtype} with such short texts cannot be. Shorten it."
            raise encoder.refusal(value, where, why)
        return {TAG: "texts", "dtype": dtype.str, "shape": value.shape, "items": texts}
    if dtype.kind == "O":
        items = _list(encoder, value.ravel().tolist(), where)
        return {TAG: "objects", "shape": value.shape, "items": items}
    native = dtype.newbyteorder("=")
    if native not in STORED_DTYPES:
        raise encoder.refusal(
            value, where, f"An array of {dtype} cannot be. Convert it."
        )
    name = encoder.keep(value.astype(native, copy=False), where)
    columns = value.flags.f_contiguous and not value.flags.c_contiguous
    return {TAG: "array", "name": name, "dtype": dtype.str, "columns": columns}


def _tensor(encoder: Encoder, value: torch.Tensor, where: str) -> Any:
    values = value.detach().cpu()
    if values.dtype in (torch.bfloat16, torch.complex64, torch.complex128):
        raise encoder.refusal(value, where, f"A tensor of {value.dtype} cannot be.")
    return {TAG: "tensor", "name": encoder.keep(values.numpy(), where)}


def _numbers(encoder: Encoder, value: array.array[Any], where: str) -> Any:
    name = encoder.keep(np.array(value), where)
    return {TAG: "numbers", "code": value.typecode, "name": name}


def _scalar(encoder: Encoder, value: np.generic, where: str) -> Any:
    if value.dtype.kind != "U" and value.dtype.newbyteorder("=") not in STORED_DTYPES:
        raise encoder.refusal(value, where)
    item = encoder.node(value.item(), where)
    return {TAG: "scalar", "dtype": value.dtype.str, "value": item}


def _enum(encoder: Encoder, value: enum.Enum, where: str) -> Any:
    # Members of torchvision's weights are known by their name as well.
    if not (hasattr(value, "url") and hasattr(value, "meta")):
        raise encoder.refusal(value, where)
    return str(value)


def _named(tag: str, spell: Callable[[Any], str]) -> Rule:
    def rule(encoder: Encoder, value: Any, where: str) -> Any:
        return {TAG: tag, "value": spell(value)}

    return rule


def _slice(encoder: Encoder, value: slice, where: str) -> Any:
    ends = [value.start, value.stop, value.step]
    return {TAG: "slice", "items": _list(encoder, ends, where)}


def _partial(encoder: Encoder, value: functools.partial[Any], where: str) -> Any:
    name = storable_name(value.func)
    if name is None or value.args:
        raise encoder.refusal(value.func, where)
    keywords = encoder.node(value.keywords, where)
    return {TAG: "function", "name": name, "keywords": keywords}


def _class(encoder: Encoder, value: type, where: str) -> Any:
    for room, (module, base) in TORCH_ROOMS.items():
        known = getattr(module, value.__name__, None)
        if known is value and issubclass(value, base):
            if not is_small(value):
                why = "It is no loss, activation or optimizer. Use joblib."
                raise encoder.refusal(value, where, why)
            return {TAG: "torch class", "name": f"{room}.{value.__name__}"}
    raise encoder.refusal(value, where)


def _random_state(encoder: Encoder, value: np.random.RandomState, where: str) -> Any:
    state = encoder.node(value.get_state(legacy=False), where)
    return {TAG: "random state", "state": state}


def _generator(encoder: Encoder, value: np.random.Generator, where: str) -> Any:
    return {TAG: "generator", "state": encoder.node(value.bit_generator.state, where)}


def _module(encoder: Encoder, value: torch.nn.Module, where: str) -> Any:
    """Return a loss of torch, made by us of a class; modules of ours are storable."""
    kind = type(value)
    if storable_name(kind) is not None:
        state = encoder.node(storable_state(value), where)
        return {TAG: "object", "class": kind.__name__, "state": state}
    if not is_loss(kind):
        raise encoder.refusal(value, where, "Pass the class, or its name.")
    smoothing = getattr(value, "label_smoothing", 0.0)
    options = {"label_smoothing": smoothing} if smoothing else {}
    return {
        TAG: "torch loss",
        "loss": _class(encoder, kind, where),
        "options": options,
    }


_BY_TYPE: dict[type, Rule] = {
    float: _float,
    list: _list,
    tuple: _several("tuple"),
    set: _several("set"),
    frozenset: _several("frozenset"),
    dict: _dict,
    OrderedDict: _dict,
    slice: _slice,
    array.array: _numbers,
    functools.partial: _partial,
    torch.dtype: _named("torch dtype", lambda dtype: str(dtype).removeprefix("torch.")),
    torch.device: _named("device", str),
    np.random.RandomState: _random_state,
    np.random.Generator: _generator,
}
_BY_BASE: dict[type, Rule] = {
    np.ndarray: _array,
    np.generic: _scalar,
    np.dtype: _named("dtype", lambda dtype: str(dtype.str)),
    torch.Tensor: _tensor,
    torch.nn.Module: _module,
    enum.Enum: _enum,
    PurePath: _named("path", str),
    type: _class,
}
