"""A budget that holds, whoever takes part."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from skdeep.model_selection._storage import open_storage, quiet_optuna
from skdeep.model_selection._study import (
    BROKEN_OFF,
    SearchStudy,
    make_study,
    read_plan,
)


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """Keep Optuna's log out of the tests."""
    with quiet_optuna():
        yield


def make(storage: Any = None, n_trials: int = 3) -> SearchStudy:
    """Return a new study."""
    opened = open_storage(storage)
    assert make_study(opened, "a", {"n_trials": n_trials}, [{"x": 1}])
    return SearchStudy("a", opened)


def numbers_of(study: SearchStudy, budget: int | None, n: int) -> list[int | None]:
    """Claim some trials and return their numbers."""
    claimed = [study.claim(budget) for _ in range(n)]
    return [None if trial is None else trial.number for trial in claimed]


def test_trials_are_reserved_with_the_first_ones_in_front() -> None:
    """As many as the budget has, none twice."""
    study = make()
    assert [t.state.name for t in study.trials] == ["WAITING"] * 3
    claimed = [study.claim(3) for _ in range(4)]
    assert [trial and trial.number for trial in claimed] == [0, 1, 2, None]
    assert claimed[0] is not None
    assert claimed[0].suggest_int("x", 0, 5) == 1
    assert not make_study(study.storage, "a", {"n_trials": 3}, [])


def test_claims_of_many_never_exceed_the_budget(tmp_path: Path) -> None:
    """Each trial has one owner, with a storage of its own for every process."""
    path = tmp_path / "journal.log"
    make(path, n_trials=12)

    def claim_all(_: int) -> list[int]:
        with quiet_optuna():
            study = SearchStudy("a", open_storage(path))
            numbers = []
            while (trial := study.claim(12)) is not None:
                numbers.append(trial.number)
                study.tell(trial, 0.0)
            return numbers

    with ThreadPoolExecutor(3) as pool:
        claimed = [n for mine in pool.map(claim_all, range(3)) for n in mine]
    assert sorted(claimed) == list(range(12))


def test_trial_that_is_broken_off_is_reserved_anew_once() -> None:
    """Two who find it dead do not both reserve it."""
    study = make()
    trial = study.claim(3)
    assert trial is not None
    trial.suggest_float("y", 0, 1)
    for _ in range(2):
        study.break_off(0, "gone")
    assert [t.number for t in study.counted()] == [1, 2, 3]
    assert study.trials[0].user_attrs[BROKEN_OFF] == "gone"
    assert numbers_of(study, 3, 3) == [1, 2, 3]
    assert study.claim(3) is None


def test_surplus_of_two_who_reserve_at_a_time_is_never_run() -> None:
    """Only the first trials that count may be claimed."""
    study = make()
    for _ in range(2):
        study.enqueue_trial({})
    assert numbers_of(study, 3, 3) == [0, 1, 2]
    assert study.claim(3) is None
    study.reserve(4)
    assert len(study.trials) == 5, "a larger budget finds it reserved"
    assert numbers_of(study, 4, 1) == [3]


def test_study_without_a_budget_goes_on() -> None:
    """Trials are made as they are asked for."""
    study = SearchStudy("a", make().storage)
    assert numbers_of(study, None, 5) == list(range(5))


def test_plan_is_read() -> None:
    """It is what the study was made with."""
    study = make()
    assert read_plan(study.storage, "a") == {"n_trials": 3}
