"""torch's optimizers, without what torch hangs on them.

torch imports its compiler when a first optimizer is made, and when one steps, only to
tell it what to leave alone. That takes seconds in every process, so in each worker of
a search as well, and nothing but ``compile=True`` needs it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
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


class Watch:
    """See whether an optimizer's `step` is more than its arithmetic, at every step.

    That is so where hooks hang on it or on all optimizers, or where somebody has
    replaced it, as torch's schedulers do.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        One that it `can` watch.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.attributes = vars(optimizer)
        self.before, self.after = _tables(optimizer, "_optimizer_step")
        self.before_all, self.after_all = _tables(torch_optimizer, "_global_optimizer")

    @staticmethod
    def can(optimizer: torch.optim.Optimizer) -> bool:
        """Tell whether torch keeps its hooks where they are looked for."""
        tables = (
            *_tables(optimizer, "_optimizer_step"),
            *_tables(torch_optimizer, "_global_optimizer"),
        )
        return all(isinstance(table, Mapping) for table in tables)

    def sees(self) -> bool:
        """Tell whether `step` must be called itself."""
        return bool(
            self.before
            or self.after
            or self.before_all
            or self.after_all
            or "step" in self.attributes
        )


def _tables(holder: Any, prefix: str) -> tuple[Any, Any]:
    """Return where torch keeps the hooks before and after steps."""
    before = getattr(holder, f"{prefix}_pre_hooks", None)
    return before, getattr(holder, f"{prefix}_post_hooks", None)


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
        does not have, and whenever there are hooks or `step` was replaced.
    """
    kind = type(optimizer)

    def whole() -> Any:
        return optimizer.step()

    if (
        not kind.__module__.startswith("torch.optim.")
        or optimizer.defaults.get("differentiable")
        or not Watch.can(optimizer)
    ):
        return whole
    watch = Watch(optimizer)
    arithmetic = inspect.unwrap(kind.step)

    @torch.no_grad()
    def step() -> Any:
        return whole() if watch.sees() else arithmetic(optimizer)

    return step
