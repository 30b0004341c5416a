"""The vocabulary of parameters: what each shared one may be, in one table a theme.

scikit-learn's own constraint objects do the checking and write the sentence of the
error; the classes here add the choices it has no word for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from skdeep._compat import Interval, Options, StrOptions

# More neurons a layer fit in no memory, and overflow an index.
WIDEST = 2**31 - 1
# Deeper than any perceptron that was ever trained; above it, a slip of the keyboard.
DEEPEST = 10_000
# What every callback of skorch has.
_HOOK = "on_train_begin"


class NameOrClass(Options):
    """One of some names, or a class that derives from a base.

    Parameters
    ----------
    names : sequence of str
        The names.
    base : type
        What a class must derive from.
    """

    def __init__(self, names: Sequence[str], base: type) -> None:
        super().__init__(str, set(names))
        self.base = base

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is one of the names or such a class."""
        if isinstance(val, type):
            return issubclass(val, self.base)
        return bool(super().is_satisfied_by(val))

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        names = ", ".join(repr(name) for name in sorted(self.options))
        base = f"{self.base.__module__.split('.')[0]}'s {self.base.__name__}"
        return f"a str among {{{names}}} or a class derived from {base}"


class PerLayer(Options):
    """One value, or a sequence with one for each hidden layer.

    Parameters
    ----------
    accepts : callable
        From a value to True where it is fine for one layer.
    description : str
        What one value must be, as it reads in an error.
    """

    def __init__(self, accepts: Callable[[Any], bool], description: str) -> None:
        super().__init__(object, set())
        self.accepts = accepts
        self.description = description

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value, or each of a sequence, is accepted."""
        several = isinstance(val, (list, tuple)) or (
            isinstance(val, np.ndarray) and val.ndim > 0
        )
        if several:
            return all(self.accepts(item) for item in val)
        return self.accepts(val)

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        return f"{self.description}, or a sequence of these with one a hidden layer"


class CallbackList(Options):
    """Callbacks of skorch: instances, classes, or pairs of a name and one of these."""

    def __init__(self) -> None:
        super().__init__(object, set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is a list of callbacks."""
        if not isinstance(val, (list, tuple)):
            return False
        pairs = [item if isinstance(item, tuple) else ("", item) for item in val]
        return all(
            len(pair) == 2 and isinstance(pair[0], str) and hasattr(pair[1], _HOOK)
            for pair in pairs
        )

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        return "a list of skorch callbacks"


class Pair(Options):
    """Two numbers in [0, 1)."""

    def __init__(self) -> None:
        super().__init__(object, set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is such a pair."""
        return (
            isinstance(val, (list, tuple))
            and len(val) == 2
            and all(_is_real(beta) and 0 <= beta < 1 for beta in val)
        )

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        return "a pair of floats in the range [0.0, 1.0)"


class Levels(Options):
    """A number in (0, 1), or several of them, ascending."""

    def __init__(self) -> None:
        super().__init__(object, set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is such a number or sequence."""
        several = isinstance(val, (list, tuple)) or (
            isinstance(val, np.ndarray) and val.ndim == 1
        )
        levels = list(val) if several else [val]
        if not levels or not all(map(_is_real, levels)):
            return False
        return all(a < b for a, b in pairwise((0, *levels, 1)))

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        return "a float in the range (0.0, 1.0), or an ascending sequence of these"


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_width(value: Any) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and 1 <= int(value) <= WIDEST


def _is_rate(value: Any) -> bool:
    return _is_real(value) and 0 <= value < 1


def network_constraints(activations: Sequence[str]) -> dict[str, list[Any]]:
    """Return the constraints of a perceptron's shape."""
    names = set(activations)

    def is_activation(value: Any) -> bool:
        return value in names if isinstance(value, str) else callable(value)

    listing = ", ".join(repr(name) for name in sorted(names))
    return {
        "hidden_layer_sizes": [
            PerLayer(_is_width, f"an int in the range [1, {WIDEST}]")
        ],
        "n_hidden_layers": [Interval(Integral, 0, DEEPEST, closed="both"), None],
        "activation": [
            PerLayer(
                is_activation,
                f"a str among {{{listing}}}, a torch.nn.Module class or a function of "
                "a tensor",
            )
        ],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "dropout": [PerLayer(_is_rate, "a float in the range [0.0, 1.0)")],
        "residual": ["boolean"],
    }


REGULARIZATION: dict[str, list[Any]] = {
    "l1": [Interval(Real, 0, None, closed="left")],
    "l2": [Interval(Real, 0, None, closed="left")],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
    "weight_averaging": [StrOptions({"ema", "swa"}), None],
}


def optimization_constraints(
    optimizers: Sequence[str], optimizer_base: type, schedules: Sequence[str]
) -> dict[str, list[Any]]:
    """Return the constraints of how steps are taken."""
    return {
        "optimizer": [NameOrClass(optimizers, optimizer_base)],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "nesterov": ["boolean"],
        "betas": [Pair()],
        "optimizer_params": [dict, None],
        "lr_schedule": [StrOptions(set(schedules)), None],
        "warmup_fraction": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
    }


STOPPING: dict[str, list[Any]] = {
    "early_stopping": ["boolean", StrOptions({"auto"})],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "scoring": [str, callable],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "tol": [Interval(Real, 0, None, closed="left"), None],
}

RUNNING: dict[str, list[Any]] = {
    "warm_start": ["boolean"],
    "random_state": ["random_state", np.random.Generator],
    "device": [str, torch.device],
    "dtype": [StrOptions({"auto", "float32", "float64"})],
    "precision": [StrOptions({"auto", "full", "bfloat16", "float16"})],
    "n_threads": [
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
        None,
    ],
    "compile": ["boolean"],
    "callbacks": [CallbackList(), None],
    "verbose": ["verbose"],
}
