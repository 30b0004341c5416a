"""The space of a search: a table of dimensions, or a function of the trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from optuna import TrialPruned
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FixedTrial

from skdeep.model_selection._dimensions import Dimension, holds, make_dimension
from skdeep.model_selection._names import name_of
from skdeep.model_selection._values import plain

if TYPE_CHECKING:
    from optuna.trial import BaseTrial, FrozenTrial

    from skdeep._typing import MatrixLike

# "default" and the other names of a profile of the estimator's own space.
PROFILES = {
    "default": "balanced",
    "fast": "fast",
    "balanced": "balanced",
    "wide": "wide",
}


class TableSpace:
    """Parameters that are drawn side by side.

    Parameters
    ----------
    dimensions : dict of str to Dimension
        By name of the parameter.
    """

    def __init__(self, dimensions: Mapping[str, Dimension]) -> None:
        self.dimensions = dict(dimensions)

    def ask(self, trial: BaseTrial) -> dict[str, Any]:
        """Return the parameters of a trial that is to run."""
        return {
            name: dimension.decode(suggest(trial, name, dimension.distribution))
            for name, dimension in self.dimensions.items()
        }

    def read(self, trial: FrozenTrial) -> dict[str, Any]:
        """Return the parameters that a trial was run with."""
        return {
            name: dimension.decode(trial.params[name])
            for name, dimension in self.dimensions.items()
            if name in trial.params
        }

    def store(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a study stores of parameters, as far as the space holds them."""
        stored = {}
        for name, dimension in self.dimensions.items():
            if name in params:
                try:
                    stored[name] = dimension.encode(params[name])
                except ValueError:
                    # Left to the sampler, like a parameter that is not given.
                    continue
        return stored

    def described(self) -> dict[str, str]:
        """Return a text for each parameter that tells spaces apart."""
        return {name: part.described() for name, part in self.dimensions.items()}

    def largest(self, name: str) -> int | None:
        """Return the largest whole number of a parameter, None where there is none."""
        if name not in self.dimensions:
            return None
        whole = [n for n in self.dimensions[name].probes() if isinstance(n, int)]
        return max(whole, default=None)


class FunctionSpace:
    """Parameters that a function draws, one by one.

    Parameters
    ----------
    function : callable
        From a trial to a dict of parameters.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def ask(self, trial: BaseTrial) -> dict[str, Any]:
        """Return the parameters of a trial that is to run."""
        params = self.function(trial)
        if not isinstance(params, Mapping) or not params:
            raise ValueError(
                "The function given as 'space' to OptunaSearchCV must return a dict "
                f"with at least one parameter. Got {params!r}."
            )
        return {name: plain(value) for name, value in params.items()}

    def read(self, trial: FrozenTrial) -> dict[str, Any]:
        """Return the parameters that a trial was run with: the function's answer."""
        try:
            return self.ask(Replay(trial.params, trial.number))
        except TrialPruned:
            # It turned down what it had drawn, and the trial was not run.
            return {}

    def store(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that the function would draw, as far as it may."""
        trial = Offer(params)
        with suppress(TrialPruned):
            self.function(trial)
        return trial.taken

    def described(self) -> dict[str, str]:
        """Return the name of the function."""
        named = name_of(self.function) or name_of(type(self.function))
        return {"space": str(named)}

    def largest(self, name: str) -> int | None:
        """Return None: what a function may draw is not known before."""
        return None


class Replay(FixedTrial):
    """A trial that draws again what a finished one has drawn."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Answer for a choice, which is a value of Python."""
        return super().suggest_categorical(name, [plain(choice) for choice in choices])


class Offer(FixedTrial):
    """A trial that draws the parameters it is offered, as far as they may be drawn.

    Parameters
    ----------
    params : mapping
        What is offered.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        super().__init__({})
        self.offered = params
        self.taken: dict[str, Any] = {}

    def _take(self, name: str, distribution: BaseDistribution, other: Any) -> Any:
        value = plain(self.offered.get(name))
        if name not in self.offered or not holds(distribution, value):
            return other
        self.taken[name] = value
        return value

    def suggest_float(
        self,
        name: str,
        low: float,
        high: float,
        *,
        step: float | None = None,
        log: bool = False,
    ) -> float:
        """Answer for a float."""
        distribution = FloatDistribution(low, high, log=log, step=step)
        return float(self._take(name, distribution, low))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Answer for an int."""
        distribution = IntDistribution(low, high, log=log, step=step)
        return int(self._take(name, distribution, low))

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Answer for a choice."""
        values = [plain(choice) for choice in choices]
        return self._take(name, CategoricalDistribution(values), values[0])


Space = TableSpace | FunctionSpace


def suggest(trial: BaseTrial, name: str, distribution: Any) -> Any:
    """Draw a value from a distribution in a trial.

    Parameters
    ----------
    trial : optuna.trial.BaseTrial
        The trial.
    name : str
        The parameter.
    distribution : optuna.distributions.BaseDistribution
        Of floats, of ints or of choices.
    """
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    bounds = {
        "low": distribution.low,
        "high": distribution.high,
        "step": distribution.step,
        "log": distribution.log,
    }
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, **bounds)
    return trial.suggest_float(name, **bounds)


def make_space(given: Any, estimator: Any, X: MatrixLike, y: Any) -> Space:
    """Return the space of a search as its user wrote it.

    Parameters
    ----------
    given : str, dict or callable
        Name of a profile of the estimator's own space, parameters by name, or a
        function of the trial.
    estimator : estimator object
        Asked for its own space.
    X : array-like or DataFrame of n_samples rows
        Training inputs, which that space may depend on.
    y : array-like
        Training targets.

    Raises
    ------
    TypeError
        If it is none of these, or a parameter has something else than values.
    ValueError
        If it has no parameter, or one without a value.
    """
    if isinstance(given, str):
        # Late: it knows all estimators, which a space written by hand does without.
        module = import_module("skdeep.model_selection._default_space")
        given = module.default_space(estimator, profile=PROFILES[given], X=X, y=y)
    if callable(given):
        return FunctionSpace(given)
    if not given:
        raise ValueError(
            "The 'space' parameter of OptunaSearchCV has no parameter to search. Got "
            "an empty dict. Name at least one, or use space='default'."
        )
    for name in given:
        if not isinstance(name, str):
            raise TypeError(
                "The 'space' parameter of OptunaSearchCV must name parameters by "
                f"strings. Got {name!r:.60} of type {type(name).__name__}. Write "
                "{'name of the parameter': values}."
            )
    return TableSpace({name: make_dimension(name, of) for name, of in given.items()})
