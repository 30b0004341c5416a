"""One parameter of a space: what the study stores of it, and what it stands for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from skdeep.model_selection._names import name_of
from skdeep.model_selection._values import plain

# What a study stores as it is; of anything else it stores a label.
_STORED = (bool, int, float, str, type(None))
# Quantiles between which a distribution without bounds is searched.
_TAIL = 1e-3


class Dimension:
    """A parameter whose values the study stores as they are.

    Parameters
    ----------
    distribution : optuna.distributions.BaseDistribution
        What the sampler draws from.
    """

    def __init__(self, distribution: BaseDistribution) -> None:
        self.distribution = distribution

    def decode(self, stored: Any) -> Any:
        """Return the value that a stored one stands for."""
        return stored

    def encode(self, value: Any) -> Any:
        """Return what is stored of a value; ValueError if the dimension lacks it."""
        value = plain(value)
        if not holds(self.distribution, value):
            raise ValueError(f"{value!r} is not in {self.distribution}")
        return value

    def described(self) -> str:
        """Return the same text for the same dimension, in any process."""
        return str(distribution_to_json(self.distribution))

    def probes(self) -> list[Any]:
        """Return values that tell whether a parameter takes those of the dimension."""
        distribution: Any = self.distribution
        if isinstance(distribution, CategoricalDistribution):
            return [self.decode(choice) for choice in distribution.choices]
        inner: list[Any] = []
        if isinstance(distribution, FloatDistribution):
            step = distribution.step or 0.381966 * (
                distribution.high - distribution.low
            )
            inner = [distribution.low + step]
        return [*inner, distribution.low, distribution.high]


class Labelled(Dimension):
    """A choice among objects of which the study stores labels.

    Parameters
    ----------
    choices : sequence
        Tuples, estimators, functions: whatever the parameter takes.
    """

    def __init__(self, choices: Sequence[Any]) -> None:
        labels = [_label(choice) for choice in choices]
        if len(set(labels)) < len(labels):
            labels = [f"{place}: {label}" for place, label in enumerate(labels)]
        super().__init__(CategoricalDistribution(labels))
        self.choices = dict(zip(labels, choices, strict=True))

    def decode(self, stored: Any) -> Any:
        """Return the object of a label."""
        return self.choices[stored]

    def encode(self, value: Any) -> Any:
        """Return the label of an object."""
        label = _label(value)
        if label not in self.choices:
            raise ValueError(f"{value!r} is none of {list(self.choices)}")
        return label


class Quantile(Dimension):
    """A distribution of SciPy, of which the study stores quantiles.

    Parameters
    ----------
    frozen : scipy.stats frozen distribution
        Continuous or discrete, with a `ppf`.
    """

    def __init__(self, frozen: Any) -> None:
        low, high = frozen.support()
        super().__init__(
            FloatDistribution(
                0.0 if np.isfinite(low) else _TAIL,
                1.0 if np.isfinite(high) else 1.0 - _TAIL,
            )
        )
        self.frozen = frozen
        self.discrete = _is_discrete(frozen)

    def decode(self, stored: Any) -> Any:
        """Return the number at a quantile."""
        number = self.frozen.ppf(stored)
        if not self.discrete:
            return float(number)
        # The quantile 0 of a discrete distribution is the number before its first.
        return int(max(number, self.frozen.support()[0]))

    def encode(self, value: Any) -> Any:
        """Return the quantile of a number."""
        value = plain(value)
        if not isinstance(value, (int, float)) or not self._may_be(value):
            raise ValueError(f"{value!r} is not in {self.frozen.dist.name}")
        stored = float(self.frozen.cdf(value))
        distribution: Any = self.distribution
        return min(max(stored, distribution.low), distribution.high)

    def _may_be(self, value: float) -> bool:
        density = self.frozen.pmf if self.discrete else self.frozen.pdf
        return bool(density(value) > 0)

    def described(self) -> str:
        """Return name and arguments of the distribution."""
        args, keywords = plain(self.frozen.args), plain(self.frozen.kwds)
        return f"{self.frozen.dist.name}{args}{keywords}"

    def probes(self) -> list[Any]:
        """Return numbers from the middle of the distribution."""
        return [self.decode(quantile) for quantile in (0.3, 0.5, 0.7)]


def holds(distribution: BaseDistribution, value: Any) -> bool:
    """Tell whether a distribution may draw a value.

    Parameters
    ----------
    distribution : optuna.distributions.BaseDistribution
        Of floats, of ints or of choices.
    value : object
        Anything.
    """
    if isinstance(distribution, CategoricalDistribution):
        return any(
            type(choice) is type(value) and choice == value
            for choice in distribution.choices
        )
    kinds = (int, float) if isinstance(distribution, FloatDistribution) else (int,)
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    scale: Any = distribution
    if not scale.low <= value <= scale.high:
        return False
    if scale.step is None:
        return True
    steps = (value - scale.low) / scale.step
    return bool(abs(steps - round(steps)) < 1e-8)


def make_dimension(name: str, given: Any) -> Dimension:
    """Return the dimension of what a user wrote for a parameter.

    Parameters
    ----------
    name : str
        The parameter, for the sentence of an error.
    given : object
        A distribution of Optuna or of SciPy, or the values to choose from.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If there is nothing to choose from.
    """
    if isinstance(given, CategoricalDistribution):
        return _among(name, given.choices)
    if isinstance(given, (FloatDistribution, IntDistribution)):
        return Dimension(given)
    if isinstance(given, (list, tuple, set, frozenset, range, np.ndarray)):
        ordered = (
            sorted(given, key=repr) if isinstance(given, (set, frozenset)) else given
        )
        return _among(name, list(ordered))
    if hasattr(given, "ppf") and hasattr(given, "support"):
        return _of_scipy(given)
    raise TypeError(
        f"The 'space' parameter of OptunaSearchCV takes, for {name!r}, a distribution "
        "of Optuna, a frozen distribution of scipy.stats or a list of values. Got "
        f"{given!r}. For a single value give a list of one."
    )


def _among(name: str, choices: Sequence[Any]) -> Dimension:
    if not len(choices):
        raise ValueError(
            f"The 'space' parameter of OptunaSearchCV has no value for {name!r}: the "
            "list is empty. Give at least one value, or leave the parameter out."
        )
    values = [plain(choice) for choice in choices]
    if all(isinstance(choice, _STORED) for choice in values):
        return Dimension(CategoricalDistribution(values))
    return Labelled(values)


def _of_scipy(frozen: Any) -> Dimension:
    """Return a range where Optuna has the same distribution, quantiles elsewhere."""
    kind = frozen.dist.name
    low, high = frozen.support()
    if kind == "uniform":
        return Dimension(FloatDistribution(float(low), float(high)))
    if kind in ("loguniform", "reciprocal"):
        return Dimension(FloatDistribution(float(low), float(high), log=True))
    if kind == "randint":
        return Dimension(IntDistribution(int(low), int(high)))
    return Quantile(frozen)


def _is_discrete(frozen: Any) -> bool:
    return hasattr(frozen.dist, "pmf")


def _label(value: Any) -> str:
    """Return a text for an object that is the same in every process."""
    name = name_of(value)
    if name is not None:
        return name
    text = " ".join(repr(plain(value)).split())
    return type(value).__qualname__ if " at 0x" in text else text
