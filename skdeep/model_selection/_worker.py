"""One worker of a search: it claims a trial, runs it, writes down what came out."""

from __future__ import annotations

import copy
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import optuna
from optuna import TrialPruned
from optuna.trial import Trial, TrialState

from skdeep.exceptions import StudyError
from skdeep.model_selection._evaluation import Outcome, evaluate
from skdeep.model_selection._folds import Evaluation
from skdeep.model_selection._leases import kept_alive
from skdeep.model_selection._optuna_errors import told_by_search
from skdeep.model_selection._space import Space
from skdeep.model_selection._space_checks import check_names
from skdeep.model_selection._storage import open_storage, quiet_optuna
from skdeep.model_selection._study import RESULT, SearchStudy

# Wraps the run of one trial; returns True to end the search.
Around = Callable[[Callable[[], None]], bool]


class OutOfTimeError(Exception):
    """The time of the search is over."""


@dataclass
class SearchJob:
    """All that a worker needs, in whatever process it runs."""

    evaluation: Evaluation
    space: Space
    # A path, a URL, or the storage itself where all is done in this process.
    storage: Any
    study_name: str
    # How many trials count; None for as many as the time allows.
    n_trials: int | None
    # When to end, as `time.time` counts.
    deadline: float | None
    # One for each worker.
    samplers: Sequence[Any]
    pruner: Any
    callbacks: Sequence[Callable[..., Any]] = field(default_factory=tuple)
    slots: Sequence[str] = field(default_factory=tuple)
    # Whether other processes may be looking after this one's trials.
    watched: bool = False


def make_sampler(sampler: Any, seed: Sequence[int], worker: int) -> Any:
    """Return a sampler for one worker.

    Parameters
    ----------
    sampler : optuna.samplers.BaseSampler or None
        The user's, copied; None is TPE.
    seed : sequence of int
        Of the default sampler.
    worker : int
        Its place among the workers: each draws differently.
    """
    if sampler is not None:
        sampler = copied(sampler, "sampler")
        if worker:
            sampler.reseed_rng()
        return sampler
    word = np.random.SeedSequence([*seed, worker]).generate_state(1)[0]
    with warnings.catch_warnings():
        # Both arguments are what Optuna 5 does by default, and experimental before.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            multivariate=True, constant_liar=True, seed=int(word)
        )


def copied(value: Any, parameter: str) -> Any:
    """Return a copy of a sampler or pruner, which keep a state of their own.

    Parameters
    ----------
    value : object
        The user's.
    parameter : str
        Its name.

    Raises
    ------
    StudyError
        If it cannot be copied.
    """
    try:
        return copy.deepcopy(value)
    except Exception as error:
        raise StudyError(
            f"The {parameter!r} parameter of OptunaSearchCV is copied, which this "
            f"{type(value).__name__} does not allow: {error}. Leave out what cannot be "
            "copied, such as locks and open files."
        ) from error


def work(job: SearchJob, worker: int = 0, around: Around | None = None) -> bool:
    """Run trials until the budget is spent or the time is over.

    Parameters
    ----------
    job : SearchJob
        What to do.
    worker : int, default=0
        The place among the workers of this search.
    around : callable or None, default=None
        Wraps the run of each trial.

    Returns
    -------
    stopped : bool
        Whether a callback asked for the end of the search.
    """
    device = job.slots[worker % len(job.slots)] if job.slots else None
    with quiet_optuna():
        study = SearchStudy(
            job.study_name,
            open_storage(job.storage),
            job.samplers[worker],
            copied(job.pruner, "pruner"),
        )
        while not study.stopped and not is_late(job):
            with told_by_search(f"begin a trial with {type(study.sampler).__name__}"):
                trial = study.claim(job.n_trials)
            if trial is None:
                break
            try:
                run = partial(_run, job, study, trial, device)
                if around is None:
                    run()
                elif around(run):
                    study.stop()
            except OutOfTimeError:
                break
            _call_back(job, study, trial.number)
        return study.stopped


def _call_back(job: SearchJob, study: SearchStudy, number: int) -> None:
    with told_by_search("read the trial that has ended"):
        done = study.storage.get_trial(study.trial_id(number))
    with study.reserved_hidden():
        for callback in job.callbacks:
            name = getattr(callback, "__name__", type(callback).__name__)
            with told_by_search(f"call the callback {name}"):
                callback(study, done)


def is_late(job: SearchJob) -> bool:
    """Tell whether the time of a search is over."""
    return job.deadline is not None and time.time() >= job.deadline


def _run(job: SearchJob, study: SearchStudy, trial: Trial, device: str | None) -> None:
    alive = kept_alive(study, trial.number) if job.watched else nullcontext()
    with alive:
        try:
            outcome = _outcome(job, trial, device)
        except BaseException as error:
            # Ctrl-C, the end of the time, a mistake: it was no fault of the parameters.
            # What cannot be written down now, whoever resumes finds out.
            with suppress(Exception):
                study.break_off(trial.number, type(error).__name__)
            raise
        with told_by_search("write down how a trial ended"):
            _tell(study, trial, outcome)


def _tell(study: SearchStudy, trial: Trial, outcome: Outcome) -> None:
    trial.set_user_attr(RESULT, outcome.as_json())
    if outcome.state == "COMPLETE":
        study.report_folds(trial.number, outcome.objective_scores)
        study.tell(trial, outcome.value)
    else:
        study.tell(trial, state=TrialState[outcome.state])


def _outcome(job: SearchJob, trial: Trial, device: str | None) -> Outcome:
    sampler = type(trial.study.sampler).__name__
    hint = "Choose a sampler that suits the space; some take no enqueue."
    try:
        with told_by_search(f"draw parameters with {sampler}", hint=hint):
            params = job.space.ask(trial)
    except TrialPruned:
        # A function may turn down what it has drawn itself.
        return _pruned_at_once(job.evaluation)
    check_names(params, job.evaluation.estimator)
    return evaluate(job.evaluation, params, _Line(job, trial), device)


def _pruned_at_once(evaluation: Evaluation) -> Outcome:
    n_folds = len(evaluation.splits)
    return Outcome(
        state="PRUNED",
        value=float("nan"),
        test_scores={},
        train_scores={},
        multimetric=False,
        fit_time=[0.0] * n_folds,
        score_time=[0.0] * n_folds,
        n_epochs=[0] * n_folds,
        kept_epoch=[0] * n_folds,
    )


class _Line:
    """How a trial speaks with its study."""

    def __init__(self, job: SearchJob, trial: Trial) -> None:
        self.job = job
        self.trial = trial

    def check_time(self) -> None:
        """Raise when the time of the search is over."""
        if is_late(self.job):
            raise OutOfTimeError

    def report(self, value: float, step: int) -> None:
        """Note a score, and raise `optuna.TrialPruned` if the trial is to stop."""
        pruner = type(self.trial.study.pruner).__name__
        with told_by_search(f"report a score to {pruner}"):
            self.trial.report(value, step)
            stop = self.trial.should_prune()
        if stop:
            raise TrialPruned

    def note(self, value: float, step: int) -> None:
        """Note the score of a trial that has come to its end."""
        with told_by_search("note the score of a trial"):
            self.trial.report(value, step)
