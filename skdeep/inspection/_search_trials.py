"""The trials of a search as its pictures need them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime

# Letters of a value that is no number, such as an estimator.
LONGEST: Final = 18


@dataclass(frozen=True)
class SearchTrial:
    """One trial, as it is drawn."""

    number: int
    state: str
    score: float
    params: dict[str, Any]
    # Step -> mean score of the folds.
    curve: dict[int, float]
    began: datetime
    ended: datetime


class Scale:
    """Where the values of a parameter are on an upright axis from 0 to 1.

    Parameters
    ----------
    trials : list of SearchTrial
        All of them.
    name : str
        Of the parameter.
    log : bool
        Whether its range is logarithmic.
    """

    def __init__(self, trials: list[SearchTrial], name: str, *, log: bool) -> None:
        self.levels: list[str] = []
        if not is_numeric(trials, name):
            self.levels = levels_of(trials, name)
            return
        self.warp = np.log10 if log else np.asarray
        values = [trial.params[name] for trial in trials if name in trial.params]
        self.low, self.high = min(values), max(values)

    def at(self, value: Any) -> float:
        """Return the height of a value."""
        if self.levels:
            return self._height(self.levels.index(word_of(value)))
        if self.low == self.high:
            return 0.5
        low, high = self.warp(self.low), self.warp(self.high)
        return float((self.warp(value) - low) / (high - low))

    def ticks(self) -> list[tuple[float, str]]:
        """Return height and text of what is written beside the axis."""
        if self.levels:
            return [(self._height(n), level) for n, level in enumerate(self.levels)]
        return [(self.at(value), f"{value:.3g}") for value in {self.low, self.high}]

    def _height(self, place: int) -> float:
        return place / max(1, len(self.levels) - 1)


def read_trial(trial: Any, state: str, params: dict[str, Any]) -> SearchTrial:
    """Return what is drawn of a trial.

    Parameters
    ----------
    trial : optuna.trial.FrozenTrial
        That has ended.
    state : str
        As `cv_results_` has it.
    params : dict
        Likewise.
    """
    return SearchTrial(
        number=trial.number,
        state=state,
        score=float("nan") if trial.value is None else float(trial.value),
        params=params,
        curve=dict(sorted(trial.intermediate_values.items())),
        began=trial.datetime_start,
        ended=trial.datetime_complete,
    )


def drawn_by_magnitude(trials: list[Any]) -> set[str]:
    """Return the parameters that were drawn from a logarithmic range.

    Parameters
    ----------
    trials : list of optuna.trial.FrozenTrial
        All of them.
    """
    return {
        name
        for trial in trials
        for name, distribution in trial.distributions.items()
        if getattr(distribution, "log", False)
    }


def is_numeric(trials: list[SearchTrial], name: str) -> bool:
    """Tell whether all values of a parameter are numbers."""
    return all(
        isinstance(trial.params[name], (int, float))
        and not isinstance(trial.params[name], bool)
        for trial in trials
        if name in trial.params
    )


def levels_of(trials: list[SearchTrial], name: str) -> list[str]:
    """Return the values of a parameter as words: in their order, or by the alphabet."""
    values = [trial.params[name] for trial in trials if name in trial.params]
    try:
        ordered = sorted(values)
    except TypeError:
        ordered = sorted(values, key=word_of)
    return list(dict.fromkeys(map(word_of, ordered)))


def word_of(value: Any) -> str:
    """Return a short text for a value that is no number."""
    text = getattr(value, "__name__", None) or " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def short_name(name: str) -> str:
    """Return the name of a parameter without the steps of a Pipeline before it."""
    return name.rpartition("__")[2]
