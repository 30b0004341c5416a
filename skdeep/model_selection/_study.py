"""A study and its budget: who may run which trial, and which ones count."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from optuna.exceptions import DuplicatedStudyError
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from skdeep.exceptions import StudyError
from skdeep.model_selection._values import plain

# User attributes. Of a study: what it is about, and who makes it. Of a trial: what came
# out of it, who runs it, and why it was broken off.
PLAN = "skdeep"
RESULT = "skdeep:result"
LEASE = "skdeep:lease"
MAKER = "skdeep:maker"
BROKEN_OFF = "skdeep:broken_off"
RETRY_OF = "skdeep:retry_of"
# What `optuna.terminator.report_cross_validation_scores` writes.
FOLD_SCORES = "terminator:cv_scores"

# Seconds after which a study is taken for left behind to which whoever makes it adds no
# trial; likewise where it does not say who makes it; seconds that a process that joins
# waits for a study; and seconds between two looks.
READY_WITHIN = 30.0
NAMED_WITHIN = 5.0
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
        self._hides_reserved = False

    def stop(self) -> None:
        """Let this process run no further trial; callbacks may call it."""
        self.stopped = True

    @contextmanager
    def reserved_hidden(self) -> Iterator[None]:
        """Leave out trials that were not begun, as callbacks of Optuna count trials."""
        self._hides_reserved = True
        try:
            yield
        finally:
            self._hides_reserved = False

    def get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return trials, in a callback those that were begun.

        Parameters
        ----------
        deepcopy : bool, default=True
            Whether to copy them.
        states : container of TrialState or None, default=None
            None is any.
        """
        trials = super().get_trials(deepcopy, states)
        if not self._hides_reserved or states is not None:
            return trials
        return [trial for trial in trials if trial.state != TrialState.WAITING]

    def report_folds(self, number: int, scores: list[float]) -> None:
        """Note the scores of the folds where Optuna's terminators look for them.

        Parameters
        ----------
        number : int
            Of the trial.
        scores : list of float
            One a fold.
        """
        if len(scores) > 1:
            trial_id = self.trial_id(number)
            self.storage.set_trial_system_attr(trial_id, FOLD_SCORES, scores)

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
                # Not as one with parameters to be tried: samplers of a grid give such
                # trials none of their own.
                self.add_trial(create_trial(state=TrialState.WAITING))

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
                except StudyError:
                    raise
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
        except StudyError:
            raise
        except RuntimeError:
            # Another has just done so, or the trial has been finished after all.
            return
        why_again = {RETRY_OF: number}
        if params:
            self.enqueue_trial(params, user_attrs=why_again)
        else:
            waiting = create_trial(state=TrialState.WAITING, user_attrs=why_again)
            self.add_trial(waiting)


def make_study(
    storage: BaseStorage,
    name: str,
    plan: Mapping[str, Any],
    first: Iterable[Mapping[str, Any]],
    maker: Mapping[str, Any] | None = None,
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
    maker : mapping or None, default=None
        The lease of this process, by which others find out that it has ended.
    """
    try:
        study_id = storage.create_new_study([StudyDirection.MAXIMIZE], name)
    except DuplicatedStudyError:
        return False
    try:
        if maker is not None:
            storage.set_study_user_attr(study_id, MAKER, dict(maker))
        study = SearchStudy(name, storage)
        for stored in first:
            study.enqueue_trial(dict(stored))
        study.reserve(plan["n_trials"])
        # Last: who joins waits for it, and then finds all trials there.
        study.set_user_attr(PLAN, dict(plan))
    except BaseException:
        with suppress(Exception):
            storage.delete_study(study_id)
        raise
    return True


def clear_unfinished(
    storage: BaseStorage,
    name: str,
    is_gone: Callable[[dict[str, Any]], bool],
    *,
    wait: bool,
) -> None:
    """Remove a study that its maker, who is no more, has not made to its end.

    No trial of such a study has been run.

    Parameters
    ----------
    storage : optuna.storages.BaseStorage
        Where it is.
    name : str
        Its name; nothing is done if there is none.
    is_gone : callable
        Tells of a lease whether its process is no more.
    wait : bool
        Whether to wait for a maker who may be alive.
    """
    seen, since = -1, time.monotonic()
    while True:
        try:
            study_id = storage.get_study_id_from_name(name)
            attributes = storage.get_study_user_attrs(study_id)
            trials = storage.get_all_trials(study_id, deepcopy=False)
        except KeyError:
            return
        maker = attributes.get(MAKER)
        begun = attributes.keys() <= {MAKER} and all(
            trial.state == TrialState.WAITING for trial in trials
        )
        # Without a name of its maker, and with trials, it is somebody else's.
        if not begun or (maker is None and trials):
            return
        if len(trials) != seen:
            seen, since = len(trials), time.monotonic()
        silence = READY_WITHIN if maker is not None else NAMED_WITHIN
        gone = maker is not None and is_gone(maker)
        if gone or time.monotonic() - since > silence:
            # Another may just have removed it, or its maker have ended it since.
            with suppress(KeyError):
                if PLAN not in storage.get_study_user_attrs(study_id):
                    storage.delete_study(study_id)
            return
        if maker is not None and not wait:
            return
        time.sleep(POLL)


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
    seen, since = -1, time.monotonic()
    while True:
        attributes = storage.get_study_user_attrs(study_id)
        plan: dict[str, Any] | None = attributes.get(PLAN)
        if plan is not None:
            return plan
        states = [trial.state for trial in storage.get_all_trials(study_id)]
        if len(states) != seen:
            seen, since = len(states), time.monotonic()
        foreign = any(state != TrialState.WAITING for state in states)
        if foreign or time.monotonic() - since > READY_WITHIN:
            if MAKER in attributes:
                raise StudyError(
                    f"OptunaSearchCV cannot take part in the study {name!r}: the "
                    "process that made it ended before it was done. Start a search of "
                    "that study_name without join=True, which makes it anew."
                )
            raise StudyError(
                f"OptunaSearchCV cannot go on with the study {name!r}, which was not "
                "made by OptunaSearchCV. Choose another study_name, or remove it by "
                "optuna.delete_study."
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
