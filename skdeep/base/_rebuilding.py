"""A network of a file, built again without asking for more memory than the file has.

What a file says of a network, its widths and its depth, was perhaps written by somebody
else: it is compared with the weights that are there while the network is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from skdeep.exceptions import PersistenceError

# A network may need its weights several times over while it is built, and a little for
# tables that are not stored with them.
_TIMES_THE_WEIGHTS = 4
_SPARE_BYTES = 2**24
# So many tensors are made for each that is stored, at most.
_TENSORS_EACH = 20
_SPARE_TENSORS = 1000
_FACTORIES = frozenset(
    getattr(torch, name)
    for name in (
        "arange",
        "empty",
        "empty_strided",
        "eye",
        "full",
        "linspace",
        "logspace",
        "ones",
        "rand",
        "randint",
        "randn",
        "randperm",
        "zeros",
    )
)


class _Allowance(TorchFunctionMode):
    """Refuse tensors that weights of this size and number cannot account for."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        n_bytes = sum(weight.nbytes for weight in weights.values())
        self.bytes_left = _TIMES_THE_WEIGHTS * n_bytes + _SPARE_BYTES
        self.tensors_left = _TENSORS_EACH * len(weights) + _SPARE_TENSORS

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch, if it makes no tensor that is too large."""
        kwargs = kwargs or {}
        if func in _FACTORIES and str(kwargs.get("device")) != "meta":
            # On this device a tensor has a size, and no memory.
            there = {**kwargs, "device": "meta"}
            there.pop("generator", None)
            there.pop("pin_memory", None)
            if "out" not in there:
                self._take(func(*args, **there).nbytes)
        return func(*args, **kwargs)

    def _take(self, n_bytes: int) -> None:
        self.bytes_left -= n_bytes
        self.tensors_left -= 1
        if self.bytes_left < 0 or self.tensors_left < 0:
            raise PersistenceError(
                "The file does not hold what it should: it describes a network that "
                "is larger than the weights in it. Take another copy."
            )


def rebuilt(
    build: Callable[[], torch.nn.Module], weights: Mapping[str, torch.Tensor]
) -> torch.nn.Module:
    """Return a network with the weights of a file.

    Parameters
    ----------
    build : callable
        Returns the network that was described, with any weights.
    weights : mapping of str to Tensor
        Its state, which becomes the network's without a copy.

    Returns
    -------
    module : torch.nn.Module

    Raises
    ------
    PersistenceError
        If the weights are not those of the network: their number, names, shapes or
        dtypes are others.
    """
    with _Allowance(weights):
        module = build()
    _compare(module.state_dict(keep_vars=True), weights)
    module.load_state_dict(dict(weights), assign=True)
    return module


def _compare(
    expected: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor]
) -> None:
    """Raise where weights do not fit a network, before they are put into it."""
    if expected.keys() != weights.keys():
        name = sorted(expected.keys() ^ weights.keys())[0]
        raise _misfit(name, "is in one of the two alone")
    floats = {w.dtype for w in weights.values() if w.is_floating_point()}
    if len(floats) > 1:
        raise PersistenceError(
            "The file holds weights of several dtypes: "
            f"{', '.join(sorted(map(str, floats)))}. Take another copy."
        )
    for name, one in expected.items():
        other = weights[name]
        if one.shape != other.shape:
            shapes = f"{tuple(one.shape)} and {tuple(other.shape)}"
            raise _misfit(name, f"is of shape {shapes}")
        if one.is_floating_point() != other.is_floating_point() or (
            not one.is_floating_point() and one.dtype != other.dtype
        ):
            raise _misfit(name, f"is of {one.dtype} and {other.dtype}")


def _misfit(name: str, how: str) -> PersistenceError:
    return PersistenceError(
        "The file does not hold what it should: its weights are not those of the "
        f"network it describes, {name!r:.100} {how}. Take another copy."
    )
