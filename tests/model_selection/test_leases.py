"""Who is gone, and who is only silent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from skdeep.model_selection import _leases
from skdeep.model_selection._leases import Watch, is_gone, kept_alive, own_lease
from skdeep.model_selection._storage import open_storage, quiet_optuna
from skdeep.model_selection._study import LEASE, SearchStudy, make_study


@pytest.fixture
def study() -> SearchStudy:
    """Return a study of three trials in memory, one of which runs."""
    storage = open_storage(None)
    with quiet_optuna():
        make_study(storage, "a", {"n_trials": 3}, [])
    made = SearchStudy("a", storage)
    made.claim(3)
    return made


def test_this_process_is_not_gone() -> None:
    """As long as it runs."""
    assert not is_gone(own_lease())
    assert own_lease()["pid"] == os.getpid()


@pytest.mark.skipif(os.name != "posix", reason="processes are looked up by signals")
def test_ended_process_is_gone() -> None:
    """Also where its number has been given to another process since."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as process:
        lease = {
            **own_lease(),
            "pid": process.pid,
            "started": _leases.process_started(process.pid),
        }
        assert not is_gone(lease)
        process.kill()
        deadline = time.monotonic() + 20
        # Not waited for, it stays in the table of processes as a zombie.
        while not is_gone(lease) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert is_gone(lease)
    assert is_gone(lease)
    if own_lease()["started"] is not None:
        assert is_gone({**own_lease(), "started": "0"})
    assert not is_gone({**lease, "machine": "another"})


def test_beats_are_counted_while_a_trial_runs(
    study: SearchStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no longer: the thread ends with the block."""
    monkeypatch.setattr(_leases, "BEAT", 0.01)

    def beat() -> int:
        return int(study.trials[0].user_attrs[LEASE]["beat"])

    with kept_alive(study, 0):
        deadline = time.monotonic() + 20
        while beat() < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert beat() >= 3
    last = beat()
    time.sleep(0.05)
    assert beat() == last


@pytest.mark.parametrize("lease", [None, {"machine": "x", "pid": 1, "started": "1"}])
def test_silence_is_measured_by_the_watcher(
    study: SearchStudy, monkeypatch: pytest.MonkeyPatch, lease: Any
) -> None:
    """A beat begins it anew; what is written about time by others does not matter."""
    clock = [0.0]
    monkeypatch.setattr(
        "skdeep.model_selection._leases.time.monotonic", lambda: clock[0]
    )
    storage = study.storage

    def write(beat: int) -> None:
        if lease is not None:
            storage.set_trial_user_attr(
                study.trial_id(0), LEASE, {**lease, "beat": beat}
            )

    write(0)
    watch = Watch(study)
    assert [trial.number for trial in watch.running()] == [0]
    assert watch.recover() == 0
    clock[0] = 100.0
    write(1)
    assert watch.recover() == 0
    clock[0] = 130.0
    # Without a lease the silence began at 0.
    assert watch.recover() == (1 if lease is None else 0)
    clock[0] = 230.0
    watch.recover()
    with quiet_optuna():
        assert study.trials[0].state.name == "FAIL"
        assert [t.number for t in study.counted()] == [1, 2, 3]
    assert watch.recover() == 0
