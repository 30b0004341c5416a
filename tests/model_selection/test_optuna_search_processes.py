"""Processes that are killed, and processes that join."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages.journal import JournalFileBackend, JournalStorage

from skdeep.model_selection._storage import quiet_optuna

ROOT = Path(__file__).parents[2]


def load(path: Path, name: str) -> optuna.study.Study:
    """Return a study of a journal."""
    with quiet_optuna():
        storage = JournalStorage(JournalFileBackend(str(path)))
        return optuna.load_study(study_name=name, storage=storage)


SCRIPT = """
import sys, time
from sklearn.datasets import load_iris
from skdeep import MLPClassifier, OptunaSearchCV

def make():
    X, y = load_iris(return_X_y=True)
    net = MLPClassifier(hidden_layer_sizes=(4,), max_epochs=3, random_state=0)
    search = OptunaSearchCV(
        net, {{"learning_rate": [0.01, 0.1], "l2": [0.0, 0.1]}}, n_trials={n_trials},
        cv=2, storage={storage!r}, study_name="a", random_state=0,
        scoring=score, resume=True,
    )
    return search, X, y

def score(model, X, y):
    time.sleep({pause})
    return model.score(X, y)

if __name__ == "__main__":
    search, X, y = make()
    search.fit(X, y)
    print(len(search.cv_results_["state"]), search.best_score_)
"""


@pytest.fixture
def script(tmp_path: Path) -> Any:
    """Return a function that writes a script with a slow search."""

    def write(storage: str, *, n_trials: int = 6, pause: float = 0.05) -> Path:
        path = tmp_path / "slow_search.py"
        path.write_text(
            SCRIPT.format(storage=storage, n_trials=n_trials, pause=pause),
            encoding="utf-8",
        )
        return path

    return write


def start(*arguments: Any) -> subprocess.Popen[str]:
    """Start a process of this Python."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-W", "error", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )


def wait_for_running(path: Path, number: int) -> None:
    """Wait until a trial of a journal is run."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.exists() and '"skdeep"' in path.read_text(encoding="utf-8"):
            trials = load(path, "a").get_trials()
            if any(t.state.name == "RUNNING" and t.number >= number for t in trials):
                return
        time.sleep(0.05)
    pytest.fail("no trial was begun within two minutes")


def test_killed_process_leaves_a_search_that_is_finished_exactly(
    script: Any, tmp_path: Path
) -> None:
    """Kill -9 in the middle of a trial; the next process runs what is missing."""
    journal = tmp_path / "journal.log"
    path = script(str(journal))
    with start(path) as process:
        wait_for_running(journal, 2)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    trials = load(journal, "a").get_trials()
    assert "RUNNING" in [trial.state.name for trial in trials]
    script(str(journal), pause=0.0)
    with start(path) as process:
        said, complaints = process.communicate(timeout=300)
    assert (process.returncode, complaints) == (0, "")
    assert said.split()[0] == "6"
    trials = load(journal, "a").get_trials()
    broken = [t for t in trials if "skdeep:broken_off" in t.user_attrs]
    assert len(broken) == 1
    assert broken[0].user_attrs["skdeep:broken_off"] == "its process is gone"
    assert len(trials) == 7
    again = [
        t for t in trials if t.user_attrs.get("skdeep:retry_of") == broken[0].number
    ]
    # Killed between two of its parameters, it has the first of them alone.
    assert again[0].params.items() >= broken[0].params.items()


@pytest.mark.slow
def test_command_joins_a_search(script: Any, tmp_path: Path) -> None:
    """One line in a shell, and a second process runs trials of the budget."""
    journal = tmp_path / "journal.log"
    path = script(str(journal), n_trials=30, pause=0.1)
    with start(path) as first:
        wait_for_running(journal, 0)
        command = ("-m", "skdeep.model_selection", f"{path}:make", "--storage", journal)
        with start(*command) as second:
            said, complaints = second.communicate(timeout=300)
            assert (second.returncode, complaints) == (0, "")
            assert said.startswith("a: 30 trials done, best ")
        said, complaints = first.communicate(timeout=300)
        assert (first.returncode, complaints) == (0, "")
    assert said.split()[0] == "30"
    trials = load(journal, "a").get_trials()
    assert len(trials) == 30
    assert len({t.user_attrs["skdeep:lease"]["pid"] for t in trials}) == 2
