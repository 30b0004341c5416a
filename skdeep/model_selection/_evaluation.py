"""What a trial scores over the folds, and when it is stopped before its end.

Three ways through the folds. In lockstep all of them advance an epoch, then the mean
of their scores is reported: measured on stored curves, a pruner that sees this mean
finds what a search without pruning finds for about a third of the epochs, while one
that sees a single fold throws the best away. With an offset the folds come one after
the other, and their epochs count on. Where there are no epochs, the mean of the folds
so far is reported after each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
from optuna import TrialPruned

from skdeep.model_selection._folds import Evaluation, Fold, FoldFailedError


class Reporter(Protocol):
    """How a trial speaks with its study."""

    def check_time(self) -> None:
        """Raise when the time of the search is over."""

    def report(self, value: float, step: int) -> None:
        """Note a score, and raise `optuna.TrialPruned` if the trial is to stop."""

    def note(self, value: float, step: int) -> None:
        """Note the score of a trial that has come to its end."""


@dataclass
class Outcome:
    """What came out of a trial; lists have an entry for each fold."""

    state: str
    value: float
    # By metric, NaN where a fold was not scored; "score" where there is one metric.
    test_scores: dict[str, list[float]]
    train_scores: dict[str, list[float]]
    multimetric: bool
    fit_time: list[float]
    score_time: list[float]
    n_epochs: list[int]
    kept_epoch: list[int]
    error: str | None = None
    # Of the metric that is tuned on.
    objective_scores: list[float] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what a storage takes: None for numbers that are none."""
        record: dict[str, Any] = _map_numbers(asdict(self), _none_for_nan)
        del record["objective_scores"]
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Outcome:
        """Return what `as_json` was made of."""
        return cls(**{**_map_numbers(record, _nan_for_none), "error": record["error"]})


def _map_numbers(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {name: _map_numbers(part, change) for name, part in value.items()}
    if isinstance(value, list):
        return [_map_numbers(part, change) for part in value]
    return change(value)


def _none_for_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _nan_for_none(value: Any) -> Any:
    return math.nan if value is None else value


def evaluate(
    evaluation: Evaluation,
    params: dict[str, Any],
    reporter: Reporter,
    device: str | None = None,
) -> Outcome:
    """Fit and score parameters on the folds.

    Parameters
    ----------
    evaluation : Evaluation
        What all trials have in common.
    params : dict
        Of the trial.
    reporter : Reporter
        Hears of scores on the way.
    device : str or None, default=None
        Where to train; None leaves the estimator's own choice.

    Returns
    -------
    outcome : Outcome
        Of a trial that came to its end, was pruned, or failed.
    """
    n_folds = len(evaluation.splits)
    folds = [Fold(evaluation, params, index, device) for index in range(n_folds)]
    evaluation.n_evaluated += n_folds
    state, error = "COMPLETE", None
    try:
        _way(evaluation, folds[0])(folds, evaluation, reporter)
    except TrialPruned:
        state = "PRUNED"
    except FoldFailedError as failure:
        state, error = "FAIL", str(failure)
    finally:
        for fold in folds:
            fold.close()
    value = _mean(folds)
    if state == "COMPLETE" and math.isnan(value):
        state, error = "FAIL", _without_value(folds)
    return _outcome(evaluation, folds, state, value, error)


def _without_value(folds: list[Fold]) -> str:
    """Say which folds have no score."""
    lost = [str(fold.index) for fold in folds if math.isnan(fold.score)]
    if not lost:
        return "The score is not a number: those of the folds are infinite."
    return (
        f"The score is not a number on {len(lost)} of {len(folds)} folds: "
        f"{', '.join(lost)}. A metric may have no value where the test rows lack a "
        "class. Choose another scoring, or folds in which no class is missing."
    )


def _way(evaluation: Evaluation, fold: Fold) -> Callable[..., None]:
    if evaluation.pruning == "off":
        return _in_turn_unheard
    if not fold.has_epochs:
        return _in_turn
    return _lockstep if evaluation.pruning == "lockstep" else _offset


def _lockstep(folds: list[Fold], evaluation: Evaluation, reporter: Reporter) -> None:
    step, live = 0, folds
    while live:
        for fold in live:
            reporter.check_time()
            fold.advance()
        step += 1
        if step % evaluation.report_every == 0:
            looked = [fold.look() for fold in live]
            value = _mean(folds)
            still = [fold for fold in live if not fold.done]
            if any(looked) and still and not math.isnan(value):
                reporter.report(value, step)
        live = [fold for fold in live if not fold.done]
    reporter.note(_mean(folds), step)


def _offset(folds: list[Fold], evaluation: Evaluation, reporter: Reporter) -> None:
    for place, fold in enumerate(folds):
        first = place * evaluation.stride
        while not fold.done:
            reporter.check_time()
            fold.advance()
            step = fold.n_epochs
            heard = step % evaluation.report_every == 0 and step < evaluation.stride
            if heard and not fold.done and fold.look():
                reporter.report(_mean(folds[: place + 1]), first + step)
        # The end of a fold is at the same step in every trial, however early it came.
        if fold is not folds[-1]:
            reporter.report(_mean(folds[: place + 1]), first + evaluation.stride)
    reporter.note(_mean(folds), len(folds) * evaluation.stride)


def _in_turn(folds: list[Fold], evaluation: Evaluation, reporter: Reporter) -> None:
    for place, fold in enumerate(folds, start=1):
        reporter.check_time()
        fold.advance()
        if place < len(folds):
            reporter.report(_mean(folds[:place]), place)
    reporter.note(_mean(folds), len(folds))


def _in_turn_unheard(
    folds: list[Fold], evaluation: Evaluation, reporter: Reporter
) -> None:
    for fold in folds:
        while not fold.done:
            reporter.check_time()
            fold.advance()


def _mean(folds: list[Fold]) -> float:
    return float(np.mean([fold.score for fold in folds]))


def _outcome(
    evaluation: Evaluation,
    folds: list[Fold],
    state: str,
    value: float,
    error: str | None,
) -> Outcome:
    scored = [fold for fold in folds if fold.test_scores is not None]
    multimetric = bool(scored) and isinstance(scored[0].test_scores, dict)
    objective = "score"
    if multimetric:
        objective = evaluation.objective or next(iter(scored[0].test_scores))
    test = _columns([fold.test_scores for fold in folds])
    # What a pruner saw of folds that did not come to their end.
    test[objective] = [fold.score for fold in folds]
    return Outcome(
        state=state,
        value=value,
        test_scores=test,
        train_scores=_columns([fold.train_scores for fold in folds]),
        multimetric=multimetric,
        fit_time=[fold.fit_time for fold in folds],
        score_time=[fold.score_time for fold in folds],
        n_epochs=[fold.n_epochs for fold in folds],
        kept_epoch=[fold.kept_epoch for fold in folds],
        error=error,
        objective_scores=[fold.score for fold in folds],
    )


def _columns(scores: list[Any]) -> dict[str, list[float]]:
    """Return scores by metric, NaN for a fold without."""
    rows = [row if isinstance(row, dict) else {"score": row} for row in scores]
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if value is not None
    )
    return {
        name: [math.nan if row.get(name) is None else float(row[name]) for row in rows]
        for name in names
    }
