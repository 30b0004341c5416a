"""A trial's fit on one fold: advanced in steps, looked at, and scored."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from numbers import Real
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.base import clone

from skdeep._compat import (
    InvalidParameterError,
    SearchTasks,
    check_method_params,
    scorer_for,
    scorers_by_name,
    split_rows,
)
from skdeep._told_once import told_once
from skdeep.base import takes_steps
from skdeep.model_selection._slots import put_on_device
from skdeep.model_selection._steps import PipelineSteps, has_epochs


class ScoringError(InvalidParameterError):
    """What scores, or chooses by scores, is wrong for all trials."""


class FoldFailedError(Exception):
    """The fit of a fold raised; the text is its traceback."""


@dataclass
class Evaluation:
    """What all trials of a search have in common."""

    estimator: Any
    X: Any
    y: Any
    # Made once, so that all trials see the same folds.
    splits: list[tuple[Any, Any]]
    scorer: Any
    # The metric that is tuned and pruned on; None is the only or the first one.
    objective: str | None
    fit_params: dict[str, Any] = field(default_factory=dict)
    score_params: dict[str, Any] = field(default_factory=dict)
    return_train_score: bool = False
    error_score: Any = np.nan
    refit: Any = False
    resource: str | None = None
    pruning: str = "lockstep"
    report_every: int = 1
    # Steps that the offset of a fold leaves to each fold before it.
    stride: int = 1
    # The first failure of a fold in this process.
    failures: list[BaseException] = field(default_factory=list)
    # The warnings about data that were given in this process.
    told: set[str] = field(default_factory=set)
    # Callbacks of scikit-learn, where one worker does all in this process.
    tasks: SearchTasks | None = None
    # Folds of the trials before.
    n_evaluated: int = 0

    def of_objective(self, scores: Any) -> float:
        """Return the score that is tuned on, out of what a scorer returned."""
        if not isinstance(scores, dict):
            return _number(scores)
        if not scorers_by_name(self.scorer):
            self._check_names(scores)
        name = next(iter(scores)) if self.objective is None else self.objective
        return _number(scores[name])

    def _check_names(self, scores: dict[str, Any]) -> None:
        """Check what only the first call of a function for scores tells."""
        if not scores:
            raise ScoringError(
                "The function given as 'scoring' to OptunaSearchCV must return at "
                "least one score. Got an empty dict."
            )
        named = isinstance(self.refit, str) and self.refit in scores
        if not (named or self.refit is False or callable(self.refit)):
            raise ScoringError(
                "For multi-metric scoring, the parameter refit must be set to a "
                "scorer key, a function or False. OptunaSearchCV got refit="
                f"{self.refit!r}, and its scoring returns "
                f"{', '.join(map(repr, scores))}."
            )

    def checked(self, scores: Any) -> Any:
        """Return the scores of a finished fold as numbers.

        Raises
        ------
        FoldFailedError
            If the scorer of the objective raised.
        ScoringError
            If a score is no number.
        """
        if not isinstance(scores, dict):
            return _number(scores)
        for name, score in scores.items():
            # What a collection of scorers leaves of one that raised: its traceback.
            if isinstance(score, str) and name in scorers_by_name(self.scorer):
                if name == self.objective:
                    raise FoldFailedError(score)
                scores[name] = self.error_score
                warnings.warn(
                    "Scoring failed. The score on this train-test partition for "
                    f"these parameters will be set to {self.error_score}. Details: \n"
                    f"{score}",
                    UserWarning,
                    stacklevel=2,
                )
        return {name: _number(score) for name, score in scores.items()}

    def quick_scorer(self) -> Any:
        """Return a scorer of the objective alone."""
        if self.objective is not None and scorers_by_name(self.scorer):
            return scorer_for(self.scorer, self.objective)
        return self.scorer

    def scores_predictions(self) -> bool:
        """Tell whether a score depends on a model's predictions and nothing else.

        Then the last step of a Pipeline may be scored on rows transformed before.
        """
        if get_config()["enable_metadata_routing"]:
            return False
        # Made by make_scorer, or what scoring=None stands for.
        return all(
            hasattr(scorer, "_score_func") or hasattr(scorer, "_estimator")
            for scorer in scorers_by_name(self.scorer).values() or [self.scorer]
        )


class Fold:
    """The fit of a trial on one fold.

    Parameters
    ----------
    evaluation : Evaluation
        What all trials have in common.
    params : dict
        Of the trial.
    index : int
        Of the split.
    device : str or None
        Where to train; None leaves the estimator's own choice.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        params: dict[str, Any],
        index: int,
        device: str | None,
    ) -> None:
        self.evaluation = evaluation
        self.index = index
        estimator = clone(evaluation.estimator)
        estimator.set_params(**clone(params, safe=False))
        self._estimator = put_on_device(estimator, device)
        # A trial may have put another estimator into a step.
        self.has_epochs = has_epochs(estimator, evaluation.resource)
        self._steps: PipelineSteps | None = None
        self._place = evaluation.n_evaluated + index
        self._heard = ExitStack()
        self._test: Any = None
        self._transformed: Any = None
        self.done = False
        self.n_epochs = self.kept_epoch = 0
        self.fit_time = self.score_time = 0.0
        # The objective's last known score; all scores once the fit is done.
        self.score = math.nan
        self.test_scores: Any = None
        self.train_scores: Any = None

    def advance(self) -> None:
        """Train an epoch, or all at once; with the last one score the fold."""
        with self._timed("fit_time"):
            if self._steps is None:
                self._steps = self._open()
            self._steps.advance()
        steps: Any = self._steps
        # A Pipeline that cannot be followed step by step is fitted as a copy.
        self._estimator = steps.estimator
        self.n_epochs, self.done = steps.n_epochs, steps.done
        if self.done:
            self.kept_epoch = steps.kept_epoch
            self._finish()

    def look(self) -> bool:
        """Score the fold as it is now; False if that tells nothing."""
        if self.done:
            return True
        with self._timed("score_time"):
            return self._look()

    @contextmanager
    def _timed(self, total: str) -> Iterator[None]:
        """Add the block's seconds to a total, and tell failures of the fold apart."""
        began = time.perf_counter()
        try:
            with told_once(self.evaluation.told):
                yield
        except (FoldFailedError, ScoringError):
            raise
        except Exception as error:
            if self.evaluation.error_score == "raise":
                raise
            if not self.evaluation.failures:
                self.evaluation.failures.append(error)
            raise FoldFailedError(format_exc()) from error
        finally:
            spent = time.perf_counter() - began
            setattr(self, total, getattr(self, total) + spent)

    def close(self) -> None:
        """Let go of rows and models."""
        if self._steps is not None:
            self._steps.close()
        self._heard.close()
        self._steps = self._test = self._transformed = self._estimator = None

    def _open(self) -> PipelineSteps:
        task, estimator = self.evaluation, self._estimator
        train, test = task.splits[self.index]
        X, y = split_rows(estimator, task.X, task.y, train)
        self._test = split_rows(estimator, task.X, task.y, test, train)
        params = check_method_params(task.X, params=task.fit_params, indices=train)
        if task.tasks is not None:
            self._tell(task.tasks, X, y)
        return PipelineSteps(estimator, X, y, params, resource=task.resource)

    def _tell(self, tasks: SearchTasks, X: Any, y: Any) -> None:
        """Let callbacks hear of this fold, until it is closed."""
        heard = tasks.evaluation(self._place)
        if heard is None:
            return
        estimator = self._estimator
        self._heard.callback(tasks.end, heard, lambda: (X, y))
        # Fits that take turns would mix up their epochs; of a Pipeline that is taken
        # in steps, nobody calls the fit that tells of them.
        alone = not self.has_epochs or (
            self.evaluation.pruning != "lockstep" and takes_steps(estimator)
        )
        if alone and hasattr(estimator, "set_callbacks"):
            self._heard.enter_context(heard.propagate_callback_context(estimator))
        tasks.begin(heard, lambda: (X, y))

    def _look(self) -> bool:
        steps: Any = self._steps
        task, (X, y) = self.evaluation, self._test
        last_only = steps.is_plain and task.scores_predictions()
        if last_only:
            if self._transformed is None:
                self._transformed = steps.transform(X)
            X = self._transformed
        with steps.look_at_last() if last_only else steps.look() as model:
            if model is None:
                return False
            given = (X,) if y is None else (X, y)
            scores = task.quick_scorer()(model, *given, **self._score_params(1))
        self.score = task.of_objective(scores)
        return True

    def _finish(self) -> None:
        """Score the fitted estimator as cross-validation does."""
        task, (X, y) = self.evaluation, self._test
        with self._timed("score_time"):
            scores = task.checked(self._scores(X, y, 1))
            self.score = task.of_objective(scores)
        self.test_scores = scores
        if task.return_train_score:
            train, _ = task.splits[self.index]
            X, y = split_rows(self._estimator, task.X, task.y, train)
            untimed = self.score_time
            with self._timed("score_time"):
                self.train_scores = task.checked(self._scores(X, y, 0))
            self.score_time = untimed
        self.close()

    def _scores(self, X: Any, y: Any, part: int) -> Any:
        given = (X,) if y is None else (X, y)
        scorer, params = self.evaluation.scorer, self._score_params(part)
        return scorer(self._estimator, *given, **params)

    def _score_params(self, part: int) -> dict[str, Any]:
        """Return what a scorer is given for the training (0) or the test rows (1)."""
        task = self.evaluation
        rows = task.splits[self.index][part]
        params: dict[str, Any] = check_method_params(
            task.X, params=task.score_params, indices=rows
        )
        return params


def _number(score: Any) -> float:
    if isinstance(score, np.generic) or (
        isinstance(score, np.ndarray) and score.size == 1
    ):
        score = score.item()
    if not isinstance(score, Real):
        raise ScoringError(
            "The 'scoring' parameter of OptunaSearchCV breaks its rule: scoring must "
            f"return a number, got {score!r} ({type(score)}) instead."
        )
    return float(score)
