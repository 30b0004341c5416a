"""Several workers, several processes, broken and resumed searches: one exact budget."""

from __future__ import annotations

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import optuna
import pytest
from optuna.storages import InMemoryStorage
from optuna.storages.journal import JournalFileBackend, JournalStorage
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_val_score

from skdeep.exceptions import StudyError
from skdeep.model_selection import _leases, _study
from skdeep.model_selection._storage import quiet_optuna

ROOT = Path(__file__).parents[2]


def load(path: Path, name: str) -> optuna.study.Study:
    """Return a study of a journal."""
    with quiet_optuna():
        storage = JournalStorage(JournalFileBackend(str(path)))
        return optuna.load_study(study_name=name, storage=storage)


def states(study: Any) -> list[str]:
    """Return the state of every trial."""
    return [trial.state.name for trial in study.get_trials()]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_share_an_exact_budget(
    make_search: Any, iris: Any, backend: str
) -> None:
    """No trial more than asked for, each scored as cross-validation does."""
    with joblib.parallel_config(backend=backend):
        search = make_search(n_jobs=2, n_trials=7).fit(*iris)
    assert len(search.study_.trials) == len(search.cv_results_["state"]) == 7
    assert search.cv_results_["trial_number"].tolist() == list(range(7))
    net = clone(search.estimator).set_params(**search.best_params_)
    assert search.best_score_ == cross_val_score(net, *iris, cv=3).mean()
    rates = search.cv_results_["param_learning_rate"]
    assert len(set(rates)) == 7, "each worker draws differently"
    assert pickle.loads(pickle.dumps(search)).best_score_ == search.best_score_


def test_single_worker_repeats_itself(make_search: Any, iris: Any) -> None:
    """The same random_state, the same search."""
    first, second = (make_search(n_trials=14).fit(*iris) for _ in range(2))
    assert first.cv_results_["params"] == second.cv_results_["params"]
    other = make_search(n_trials=14, random_state=1).fit(*iris)
    assert first.cv_results_["params"] != other.cv_results_["params"]


def test_every_fit_has_a_study_of_its_own(
    make_search: Any, iris: Any, tmp_path: Path
) -> None:
    """In nested cross-validation no outer fold hears of another's trials."""
    for storage in (None, tmp_path / "journal.log"):
        search = make_search(n_trials=2, storage=storage, cv=2)
        scores = cross_val_score(search, *iris, cv=2, error_score="raise")
        assert scores.shape == (2,)
        search.fit(*iris).fit(*iris)
        assert len(search.study_.trials) == 2


class Stop(Exception):  # noqa: N818 - it stands for Ctrl-C
    """What ends a fit in the tests below."""


def stop_after(number: int, error: type[BaseException] = Stop) -> Any:
    """Return a callback that raises after a trial."""

    def stop(study: Any, trial: Any) -> None:
        if trial.number == number:
            raise error

    return stop


@pytest.mark.parametrize("stored", [False, True])
def test_interrupted_search_is_resumed(
    make_search: Any, iris: Any, tmp_path: Path, stored: bool
) -> None:
    """The trials that had ended are kept, and the rest of the budget is run."""
    path = tmp_path / "journal.log" if stored else None
    search = make_search(
        n_trials=5,
        storage=path,
        study_name="flowers",
        callbacks=[stop_after(1, KeyboardInterrupt)],
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(*iris)
    assert not [name for name in vars(search) if name.endswith("_")]
    if path is not None:
        assert states(load(path, "flowers")) == ["COMPLETE"] * 2 + ["WAITING"] * 3
        # Another process has nothing but the parameters.
        search = clone(search)
    search.set_params(resume=True, callbacks=None).fit(*iris)
    assert states(search.study_) == ["COMPLETE"] * 5
    assert len(set(search.cv_results_["param_learning_rate"])) == 5
    before = search.cv_results_
    search.set_params(n_trials=7).fit(*iris)
    assert len(search.study_.trials) == 7
    for name in ("mean_test_score", "mean_fit_time"):
        np.testing.assert_array_equal(search.cv_results_[name][:5], before[name])
    search.set_params(n_trials=3).fit(*iris)
    assert len(search.study_.trials) == 7, "what has ended stays"


def test_resume_without_a_study_makes_one(
    make_search: Any, iris: Any, tmp_path: Path
) -> None:
    """So that a script can be started again and again."""
    for _ in range(2):
        search = make_search(
            n_trials=2, resume=True, storage=str(tmp_path / "journal.log")
        ).fit(*iris)
        assert len(search.study_.trials) == 2


def test_trial_that_is_broken_off_is_run_again(
    make_search: Any, iris: Any, tmp_path: Path
) -> None:
    """With the same parameters, and without counting twice."""
    calls = []

    def scorer(model: Any, X: Any, y: Any) -> float:
        calls.append(model.learning_rate)
        if len(calls) == 14:
            raise KeyboardInterrupt
        return float(model.score(X, y))

    path = tmp_path / "journal.log"
    search = make_search(
        n_trials=3, storage=path, study_name="a", scoring=scorer, random_state=1
    )
    with pytest.raises(KeyboardInterrupt):
        search.fit(*iris)
    broken = load(path, "a").trials[1]
    assert broken.user_attrs["skdeep:broken_off"] == "KeyboardInterrupt"
    search.set_params(resume=True).fit(*iris)
    assert search.cv_results_["trial_number"].tolist() == [0, 2, 3]
    retried = search.study_.trials[3]
    assert retried.params == broken.params
    assert retried.user_attrs["skdeep:retry_of"] == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"space": {"learning_rate": [0.1]}}, r"space \(learning_rate\)"),
        ({"scoring": "neg_log_loss"}, r"scoring \(scoring\)"),
        ({"cv": 4}, r"splits \(cv\).*random_state"),
        ({"estimator__l2": 0.5}, r"estimator \(l2\)"),
        ({"rows": slice(60)}, r"data \(X, y\); splits \(cv\)"),
    ],
    ids=["space", "scoring", "splits", "estimator", "data"],
)
def test_another_search_cannot_go_on_with_a_study(
    make_search: Any, iris: Any, tmp_path: Path, change: Any, sentence: str
) -> None:
    """It is told what differs, and nothing is written."""
    X, y = iris
    path = tmp_path / "journal.log"
    search = make_search(n_trials=1, storage=path, study_name="a").fit(X, y)
    written = path.read_bytes()
    rows = change.pop("rows", slice(None))
    search.set_params(resume=True, n_trials=4, **change)
    with pytest.raises(StudyError, match=f"the study 'a'.*about other.*{sentence}"):
        search.fit(X[rows], y[rows])
    with pytest.raises(StudyError, match=sentence):
        search.set_params(resume=False, join=True).fit(X[rows], y[rows])
    assert path.read_bytes() == written
    search.set_params(storage=None, join=False, resume=True)
    with pytest.raises(StudyError, match=sentence):
        search.fit(X[rows], y[rows])


def test_folds_without_a_seed_cannot_be_resumed(
    make_search: Any, iris: Any, tmp_path: Path
) -> None:
    """The sentence says what to do."""
    cv = KFold(3, shuffle=True, random_state=np.random.RandomState(0))
    search = make_search(n_trials=1, cv=cv, storage=tmp_path / "a.log").fit(*iris)
    search.set_params(resume=True, n_trials=2)
    with pytest.raises(StudyError, match="only if cv has an int as random_state"):
        search.fit(*iris)


def test_study_of_that_name_is_not_overwritten(
    make_search: Any, iris: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that something else has made gone on with."""
    monkeypatch.setattr(_study, "JOIN_WITHIN", 0.0)
    path = tmp_path / "journal.log"
    search = make_search(n_trials=1, storage=path, study_name="a").fit(*iris)
    written = path.read_bytes()
    with pytest.raises(StudyError, match=r"a study 'a' in the storage already.*resume"):
        search.fit(*iris)
    assert path.read_bytes() == written
    with quiet_optuna():
        storage = JournalStorage(JournalFileBackend(str(path)))
        foreign = optuna.create_study(study_name="b", storage=storage)
        foreign.tell(foreign.ask(), 1.0)
    with pytest.raises(StudyError, match="'b', which was not made by OptunaSearchCV"):
        search.set_params(study_name="b", resume=True).fit(*iris)
    with pytest.raises(StudyError, match=r"needs study_name .* Got a, b"):
        search.set_params(study_name=None).fit(*iris)
    with pytest.raises(StudyError, match=r"finds no study 'c' in the storage to join"):
        search.set_params(study_name="c", resume=False, join=True).fit(*iris)


def test_two_searches_take_part_in_one_study(
    make_search: Any, iris: Any, tmp_path: Path
) -> None:
    """One makes it, one joins; both end with all trials and the same best one."""
    path = tmp_path / "journal.log"
    ran: dict[str, list[int]] = {"first": [], "second": []}
    made, joined = threading.Event(), threading.Event()

    def note(name: str) -> Any:
        def callback(study: Any, trial: Any) -> None:
            ran[name].append(trial.number)
            made.set()
            # Neither runs all trials before the other has begun.
            (joined if name == "first" else made).wait(30)
            if name == "second":
                joined.set()

        return callback

    settings = {"storage": path, "study_name": "a", "n_trials": 8}
    first = make_search(callbacks=[note("first")], **settings)
    second = make_search(callbacks=[note("second")], **settings, join=True)

    with ThreadPoolExecutor(2) as pool:
        # It waits for the study to be made.
        jobs = [pool.submit(second.fit, *iris), pool.submit(first.fit, *iris)]
        for job in jobs:
            job.result()
    assert sorted(ran["first"] + ran["second"]) == list(range(8))
    assert min(map(len, ran.values())) > 0
    assert len(first.cv_results_["state"]) == len(second.cv_results_["state"]) == 8
    assert first.best_params_ == second.best_params_


def test_silent_process_of_another_machine_is_given_up(
    make_search: Any, iris: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the watcher's own clock: its trial is run again."""
    path = tmp_path / "journal.log"
    search = make_search(
        n_trials=3, storage=path, study_name="a", callbacks=[stop_after(0)]
    )
    with pytest.raises(Stop):
        search.fit(*iris)
    with quiet_optuna():
        storage = JournalStorage(JournalFileBackend(str(path)))
        study = optuna.load_study(study_name="a", storage=storage)
        lost = study.ask()
        lost.set_user_attr(
            "skdeep:lease", {"machine": "far away", "pid": 1, "started": "1", "beat": 0}
        )
    monkeypatch.setattr(_leases, "SILENCE", 0.5)
    search.set_params(resume=True, callbacks=None).fit(*iris)
    assert search.cv_results_["trial_number"].tolist() == [0, 2, 3]
    assert states(search.study_)[1] == "FAIL"


def test_time_that_is_over_breaks_a_trial_off(make_search: Any, iris: Any) -> None:
    """Between two epochs; what had ended is there, and the rest may be resumed."""

    def scorer(model: Any, X: Any, y: Any) -> float:
        time.sleep(0.02)
        return float(model.score(X, y))

    search = make_search(n_trials=None, timeout=1.0, scoring=scorer)
    began = time.monotonic()
    search.fit(*iris)
    assert time.monotonic() - began < 10
    ended = len(search.cv_results_["state"])
    assert ended >= 1
    broken = [t for t in search.study_.trials if "skdeep:broken_off" in t.user_attrs]
    assert len(broken) <= 1
    search.set_params(n_trials=ended + 2, timeout=None, resume=True).fit(*iris)
    assert len(search.cv_results_["state"]) == ended + 2
    with pytest.raises(ValueError, match=r"No trial .* came to its end within timeout"):
        make_search(timeout=1e-6).fit(*iris)


def test_callback_stops_the_search(make_search: Any, iris: Any) -> None:
    """As callbacks of Optuna do; trials that are reserved do not count."""
    callback = optuna.study.MaxTrialsCallback(3, states=None)
    search = make_search(callbacks=[callback]).fit(*iris)
    assert len(search.cv_results_["state"]) == 3
    heard = []
    search.set_params(
        callbacks=[lambda study, trial: heard.append(trial.number)], n_trials=3
    ).fit(*iris)
    assert heard == [0, 1, 2]


def test_storage_in_memory_is_not_shared_by_workers(
    make_search: Any, iris: Any
) -> None:
    """One sentence, instead of workers that see nothing of one another."""
    storage = InMemoryStorage()
    search = make_search(n_trials=2, storage=storage).fit(*iris)
    assert len(storage.get_all_studies()) == 1
    with pytest.raises(ValueError, match="cannot share a storage in memory"):
        search.set_params(n_jobs=2).fit(*iris)
