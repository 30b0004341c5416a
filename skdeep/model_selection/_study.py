"""A study and its budget: who may run which trial, and which ones count."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from skdeep.exceptions import StudyError
from skdeep.model_selection._values import plain

# User attributes. Of a study: what it is about. Of a trial: what came out of it, who
# runs it, and why it was broken off.
PLAN = "skdeep"
RESULT = "skdeep:result"
LEASE = "skdeep:lease"
BROKEN_OFF = "skdeep:broken_off"
RETRY_OF = "skdeep:retry_of"

# Seconds that whoever makes a study may take between its name and its plan; seconds
# that a process that joins waits for a study; and seconds between two looks.
READY_WITHIN = 30.0
JOIN_WITHIN = 60.0
POLL = 0.1


class SearchTrial(Trial):
    """A trial that takes NumPy scalars among the choices of a function for a space."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Draw a choice, which is a value of Python.

        Parameters
        ----------
        name : str
            The parameter.
        choices : sequence
            The values to choose from.
        """
        return super().suggest_categorical(name, [plain(value) for value in choices])


class SearchStudy(Study):
    """A study whose trials are claimed one by one until a budget is spent.

    Parameters
    ----------
    name : str
        Name of a study that is there.
    storage : optuna.storages.BaseStorage
        Where it is.
    sampler : optuna.samplers.BaseSampler or None, default=None
        Draws parameters.
    pruner : optuna.pruners.BasePruner or None, default=None
        Stops trials.
    """

    def __init__(
        self, name: str, storage: BaseStorage, sampler: Any = None, pruner: Any = None
    ) -> None:
        super().__init__(name, storage, sampler, pruner)
        self.storage = storage
        self.stopped = False

    def stop(self) -> None:
        """Let this process run no further trial; callbacks may call it."""
        self.stopped = True

    def trial_id(self, number: int) -> int:
        """Return the storage's own number of a trial."""
        study_id = self.storage.get_study_id_from_name(self.study_name)
        return self.storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def counted(self) -> list[FrozenTrial]:
        """Return the trials that count for the budget: all that were not broken off."""
        return [
            trial
            for trial in self.get_trials(deepcopy=False)
            if BROKEN_OFF not in trial.user_attrs
        ]

    def reserve(self, n_trials: int | None) -> None:
        """Add trials that wait to be run, until there are `n_trials` that count."""
        if n_trials is not None:
            for _ in range(n_trials - len(self.counted())):
                self.enqueue_trial({})

    def claim(self, n_trials: int | None) -> Trial | None:
        """Return a trial for the caller alone to run, or None if no more may be run.

        Everyone who takes part sees the trials in the same order, and only the first
        `n_trials` that count are ever run: the budget holds however many take part.
        """
        if n_trials is None:
            trial = self.ask()
            # Made again, it would tell the sampler twice of the same trial.
            trial.__class__ = SearchTrial
            return trial
        for waiting in self.counted()[:n_trials]:
            if waiting.state == TrialState.WAITING:
                trial_id = self.trial_id(waiting.number)
                try:
                    mine = self.storage.set_trial_state_values(
                        trial_id, TrialState.RUNNING
                    )
                except RuntimeError:
                    # Another has not only claimed but finished it.
                    continue
                if mine:
                    return SearchTrial(self, trial_id)
        return None

    def break_off(self, number: int, why: str) -> None:
        """Take a running trial out of the count and reserve one with its parameters."""
        trial_id = self.trial_id(number)
        params = self.storage.get_trial(trial_id).params
        try:
            self.storage.set_trial_user_attr(trial_id, BROKEN_OFF, why)
            self.storage.set_trial_state_values(trial_id, TrialState.FAIL)
        except RuntimeError:
            # Another has just done so, or the trial has been finished after all.
            return
        self.enqueue_trial(params, user_attrs={RETRY_OF: number})


def make_study(
    storage: BaseStorage,
    name: str,
    plan: Mapping[str, Any],
    first: Iterable[Mapping[str, Any]],
) -> bool:
    """Make a study and reserve its trials; False if there is one of that name.

    Parameters
    ----------
    storage : optuna.storages.BaseStorage
        Where to make it.
    name : str
        Its name.
    plan : mapping
        What it is about, with the number of trials as "n_trials".
    first : iterable of mapping
        Parameters to be tried first, as the study stores them.
    """
    try:
        storage.create_new_study([StudyDirection.MAXIMIZE], name)
    except DuplicatedStudyError:
        return False
    study = SearchStudy(name, storage)
    for stored in first:
        study.enqueue_trial(dict(stored))
    study.reserve(plan["n_trials"])
    # Last: who joins waits for it, and then finds all trials there.
    study.set_user_attr(PLAN, dict(plan))
    return True


def read_plan(storage: BaseStorage, name: str, *, wait: float = 0.0) -> dict[str, Any]:
    """Return what a study is about, once whoever makes it has written it down.

    Parameters
    ----------
    storage : optuna.storages.BaseStorage
        Where it is.
    name : str
        Its name.
    wait : float, default=0.0
        Seconds that it may take to be made.

    Raises
    ------
    StudyError
        If there is no such study, or it was made by something else.
    """
    study_id = _find(storage, name, wait)
    deadline = time.monotonic() + READY_WITHIN
    while True:
        plan: dict[str, Any] | None = storage.get_study_user_attrs(study_id).get(PLAN)
        if plan is not None:
            return plan
        states = [trial.state for trial in storage.get_all_trials(study_id)]
        foreign = any(state != TrialState.WAITING for state in states)
        if foreign or time.monotonic() > deadline:
            raise StudyError(
                f"OptunaSearchCV cannot go on with the study {name!r}, which was not "
                "made by OptunaSearchCV. Choose another study_name."
            )
        time.sleep(POLL)


def _find(storage: BaseStorage, name: str, wait: float) -> int:
    deadline = time.monotonic() + wait
    while True:
        try:
            return storage.get_study_id_from_name(name)
        except KeyError as error:
            if time.monotonic() >= deadline:
                raise StudyError(
                    f"OptunaSearchCV finds no study {name!r} in the storage to join. "
                    "Start one without join=True, or check storage and study_name."
                ) from error
        time.sleep(POLL)
