"""torch's optimizers, without what torch hangs on them.

torch imports its compiler when a first optimizer is made, and when one steps, only to
tell it what to leave alone. That takes seconds in every process, so in each worker of
a search as well, and nothing but ``compile=True`` needs it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.optim import optimizer as torch_optimizer

# Where torch 2.6 to 2.15 keep what the compiler made of a function, once it was asked.
_ANSWER = "__dynamo_disable"
_METHODS = ("add_param_group", "state_dict", "load_state_dict")
_HIDDEN_FROM_COMPILER = [
    inspect.unwrap(getattr(torch.optim.Optimizer, name)) for name in _METHODS
]


@contextmanager
def compiler_left_out() -> Iterator[None]:
    """Make optimizers, and read and write their state, without importing the compiler.

    The functions that torch would hide from it are called as they are, which is the
    same as long as nothing is compiled. Where torch keeps them elsewhere one day, it
    imports its compiler as before.

    Yields
    ------
    None
        The block.
    """
    if "torch._dynamo" in sys.modules:
        yield
        return
    for function in _HIDDEN_FROM_COMPILER:
        setattr(function, _ANSWER, function)
    try:
        yield
    finally:
        for function in _HIDDEN_FROM_COMPILER:
            # Another thread may have been here as well.
            function.__dict__.pop(_ANSWER, None)


def bare_step(optimizer: torch.optim.Optimizer) -> Callable[[], Any]:
    """Return the shortest way to a step without a closure.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Any.

    Returns
    -------
    step : callable
        The arithmetic of an optimizer of torch. `optimizer.step` for a class that torch
        does not have, and where somebody has hung hooks on it or replaced it, as
        torch's schedulers do.
    """
    kind = type(optimizer)
    if (
        not kind.__module__.startswith("torch.optim.")
        or optimizer.defaults.get("differentiable")
        or "step" in vars(optimizer)
        or has_hooks(optimizer)
    ):
        return optimizer.step
    arithmetic = inspect.unwrap(kind.step)

    @torch.no_grad()
    def step() -> None:
        arithmetic(optimizer)

    return step


def has_hooks(optimizer: torch.optim.Optimizer) -> bool:
    """Tell whether hooks hang on an optimizer's steps, or on those of all."""
    holders = ((optimizer, "_optimizer_step"), (torch_optimizer, "_global_optimizer"))
    return any(
        getattr(holder, f"{prefix}_{when}_hooks", None)
        for holder, prefix in holders
        for when in ("pre", "post")
    )
