"""Search spaces: what an estimator holds worth trying, as Optuna distributions.

An estimator declares a table of its own: for each parameter the profile from which on
it is searched, and a range, or a function that finds one for the case at hand. The
words of that table are here; Optuna is imported in this file alone, and late.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from skdeep._compat import InvalidParameterError, num_samples
from skdeep.data import ClassTarget

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

Profile: TypeAlias = Literal["fast", "balanced", "wide"]

PROFILES: tuple[Profile, ...] = ("fast", "balanced", "wide")
# Below this part of its equal share a class counts as rare.
RARE = 0.5
# More rows than anybody has: what "auto" stands for where nothing is known.
MANY_ROWS = 10**9


class Floats(NamedTuple):
    """Real numbers from `low` to `high`, both included."""

    low: float
    high: float
    log: bool = False
    step: float | None = None


class Ints(NamedTuple):
    """Whole numbers from `low` to `high`, both included."""

    low: int
    high: int
    log: bool = False


class Choices(NamedTuple):
    """One of some values, each None, a bool, an int, a float or a str.

    A database takes no others. Numbers between which order matters are choices where
    zero is one of them, which a logarithmic range does not reach.
    """

    values: tuple[Any, ...]


Range: TypeAlias = Floats | Ints | Choices


@dataclass(frozen=True)
class Case:
    """What a range may depend on: an estimator as it is set, and what it will learn.

    `n_rows` is None where neither X nor y was given; `imbalanced` is False where y was
    not.
    """

    estimator: Any
    n_rows: int | None
    imbalanced: bool

    def steps(self) -> bool:
        """Tell whether the optimizer takes a learning rate, batches and decay."""
        return bool(self.estimator.optimizer != "lbfgs")

    def named_loss(self) -> bool:
        """Tell whether the loss is one of ours, which all take label smoothing."""
        return isinstance(self.estimator.loss, str)

    def one_for_all_layers(self, *names: str) -> bool:
        """Tell whether no parameter has one value a layer, which fixes their number."""
        values = (getattr(self.estimator, name) for name in names)
        return not any(isinstance(v, (list, tuple, np.ndarray)) for v in values)


# From a name to the profile it first belongs to, and a range or how to find one, where
# None leaves it out.
SearchTable: TypeAlias = Mapping[
    str, tuple[Profile, Range | Callable[[Case], Range | None]]
]


def learning_rates(low: float, high: float) -> Callable[[Case], Range | None]:
    """Return how to find rates for an optimizer, given those for Adam and its kin.

    The step of "sgd" and "adagrad" is as long as the gradient, or shrinks: they take
    rates ten times as large.
    """

    def find(case: Case) -> Range | None:
        if not case.steps():
            return None
        large = 10.0 if case.estimator.optimizer in ("sgd", "adagrad") else 1.0
        return Floats(low * large, high * large, log=True)

    return find


def for_steps(found: Range) -> Callable[[Case], Range | None]:
    """Return how to find a range that L-BFGS has no use for."""
    return lambda case: found if case.steps() else None


def batch_sizes(case: Case) -> Range | None:
    """Return from a quarter to four times what "auto" stands for."""
    if not case.steps():
        return None
    n_rows = MANY_ROWS if case.n_rows is None else case.n_rows
    auto = case.estimator._auto_batch(n_rows)
    return Ints(max(1, auto // 4), min(4 * auto, n_rows), log=True)


def widths(case: Case) -> Range | None:
    """Return widths of hidden layers: few rows do not fill wide ones."""
    if not case.one_for_all_layers("activation", "dropout"):
        return None
    high = 512
    if case.n_rows is not None:
        high = 256 if case.n_rows < 2_000 else 1024 if case.n_rows > 50_000 else 512
    return Ints(16, high, log=True)


def depths(low: int, high: int) -> Callable[[Case], Range | None]:
    """Return how to find numbers of hidden layers, searched along with their width."""
    return lambda case: None if widths(case) is None else Ints(low, high)


def dropouts(case: Case) -> Range:
    """Return shares to drop; of many rows a network learns little by heart."""
    many = case.n_rows is not None and case.n_rows > 50_000
    return Floats(0.0, 0.3 if many else 0.5, step=0.1)


def smoothings(case: Case) -> Range | None:
    """Return shares of a label to spread."""
    return Floats(0.0, 0.2, step=0.05) if case.named_loss() else None


def class_weightings(case: Case) -> Range | None:
    """Return whether to balance classes, where some are rare."""
    own = isinstance(case.estimator.class_weight, dict)
    return Choices((None, "balanced")) if case.imbalanced and not own else None


# What most families have in common, for their "wide" spaces.
WIDE_SPACE: SearchTable = MappingProxyType(
    {
        "activation": ("wide", Choices(("relu", "gelu", "silu", "tanh"))),
        "lr_schedule": ("wide", for_steps(Choices((None, "cosine", "one_cycle")))),
        "max_grad_norm": ("wide", for_steps(Choices((None, 1.0)))),
        "weight_averaging": ("wide", Choices((None, "ema"))),
        "label_smoothing": ("wide", smoothings),
        "class_weight": ("wide", class_weightings),
    }
)


def find_space(
    estimator: Any,
    table: SearchTable,
    profile: Profile,
    prefix: str | None,
    X: Any,
    y: Any,
) -> dict[str, BaseDistribution]:
    """Return the distributions of `DeepEstimator.search_space`."""
    if profile not in PROFILES:
        raise InvalidParameterError(
            f"The 'profile' parameter of {type(estimator).__name__}.search_space must "
            f"be a str among {set(PROFILES)}. Got {profile!r} instead."
        )
    case = _case(estimator, X, y)
    start = f"{prefix.removesuffix('__')}__" if prefix else ""
    known: Any = estimator.get_params(deep=False)
    space = {}
    for name, (first, entry) in table.items():
        wanted = PROFILES.index(first) <= PROFILES.index(profile)
        if not wanted or name.partition("__")[0] not in known:
            continue
        found = entry(case) if callable(entry) else entry
        if found is not None and not _is_single(found):
            space[f"{start}{name}"] = _distribution(found)
    return space


def _case(estimator: Any, X: Any, y: Any) -> Case:
    if y is not None and not hasattr(y, "shape"):
        y = np.asarray(y)
    given = X if X is not None else y
    return Case(
        estimator,
        n_rows=None if given is None else int(num_samples(given)),
        imbalanced="class_weight" in vars(estimator) and _has_rare_class(estimator, y),
    )


def _has_rare_class(estimator: Any, y: Any) -> bool:
    if y is None:
        return False
    owner = type(estimator).__name__
    target = ClassTarget.from_labels(y, owner)
    if target.kind not in ("binary", "multiclass"):
        return False
    counts = np.bincount(target.codes(y, owner))
    return bool(counts.min() < RARE * counts.mean())


def _is_single(found: Range) -> bool:
    return not isinstance(found, Choices) and found.low >= found.high


def _distribution(found: Range) -> BaseDistribution:
    from optuna import distributions

    if isinstance(found, Floats):
        return distributions.FloatDistribution(
            found.low, found.high, log=found.log, step=found.step
        )
    if isinstance(found, Ints):
        return distributions.IntDistribution(found.low, found.high, log=found.log)
    return distributions.CategoricalDistribution(found.values)
