"""Storages in which a process was cut off, or met another."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from skdeep.exceptions import StudyError
from skdeep.model_selection import _study
from skdeep.model_selection._leases import own_lease

SETTINGS: dict[str, Any] = {"study_name": "rates", "cv": 2, "pruning": "off"}
HALF = b'{"op_code":6,"worker_id":"a-1","trial_id":0,"step":1,"interm'


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Return where a journal is to be."""
    return tmp_path / "trials.log"


def n_complete(path: Path) -> int:
    """Return how many trials Optuna itself reads as complete in a journal."""
    optuna.logging.disable_propagation()
    storage = JournalStorage(JournalFileBackend(str(path)))
    study = optuna.load_study(study_name="rates", storage=storage)
    states = [trial.state.name for trial in study.get_trials()]
    return states.count("COMPLETE")


def test_half_line_at_the_end_is_dropped(
    make_search: Any, iris: Any, journal: Path
) -> None:
    """Trials that have ended are kept, and none is run again."""
    search = make_search(storage=journal, n_trials=2, **SETTINGS).fit(*iris)
    before = list(search.cv_results_["mean_test_score"])
    with journal.open("ab") as file:
        file.write(HALF)
    search.set_params(resume=True, n_trials=4).fit(*iris)
    assert list(search.cv_results_["mean_test_score"][:2]) == before
    assert n_complete(journal) == 4


@pytest.mark.parametrize("n_bytes", [1, 5, 40])
def test_last_record_that_is_cut_off_is_run_again(
    make_search: Any, iris: Any, journal: Path, n_bytes: int
) -> None:
    """The trial whose end was lost is recovered, the others are kept."""
    search = make_search(storage=journal, n_trials=3, **SETTINGS).fit(*iris)
    scores = set(search.cv_results_["mean_test_score"])
    os.truncate(journal, journal.stat().st_size - n_bytes)
    search.set_params(resume=True).fit(*iris)
    assert set(search.cv_results_["mean_test_score"]) == scores
    assert n_complete(journal) == 3


@pytest.mark.parametrize("place", [-3, -1])
def test_half_line_in_the_middle_is_taken_out(
    make_search: Any, iris: Any, journal: Path, place: int
) -> None:
    """Where another program has appended to it."""
    search = make_search(storage=journal, n_trials=2, **SETTINGS).fit(*iris)
    lines = journal.read_bytes().splitlines(keepends=True)
    damaged = list(lines)
    damaged[place] = HALF + lines[place]
    journal.write_bytes(b"".join(damaged))
    search.set_params(resume=True, n_trials=3).fit(*iris)
    assert len(search.cv_results_["state"]) == 3
    assert [json.loads(line) for line in lines] == [
        json.loads(line) for line in journal.read_bytes().splitlines()[: len(lines)]
    ]
    assert list(journal.parent.iterdir()) == [journal]


def test_file_that_is_no_journal_is_left_alone(
    make_search: Any, iris: Any, journal: Path
) -> None:
    """It says which line."""
    journal.write_text("dear diary\n", encoding="utf-8")
    with pytest.raises(StudyError, match=r"line 1 of .* is no record of Optuna"):
        make_search(storage=journal, **SETTINGS).fit(*iris)
    assert journal.read_text(encoding="utf-8") == "dear diary\n"


@pytest.mark.parametrize(
    "content",
    [
        b"dear diary",
        b"dear diary\nfirst day",
        b'{"a": 1}',
        b"SQLite format 3\0" + b"\1" * 9,
        b"\x80\x04N.",
        b"q" * 70_000,
    ],
    ids=["text", "second line", "json", "sqlite", "pickle", "long"],
)
def test_foreign_file_without_a_last_line_end_is_left_alone(
    make_search: Any, iris: Any, journal: Path, content: bytes
) -> None:
    """Only the half of a record is what a writer that was cut off has left."""
    journal.write_bytes(content)
    with pytest.raises(StudyError, match=r"which is another file: its last line"):
        make_search(storage=journal, **SETTINGS).fit(*iris)
    assert journal.read_bytes() == content


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
def test_pipe_is_no_journal(make_search: Any, iris: Any, journal: Path) -> None:
    """To open it would wait for somebody who writes to it."""
    os.mkfifo(journal)
    with pytest.raises(StudyError, match=r"it is a device, a pipe or a socket"):
        make_search(storage=journal, **SETTINGS).fit(*iris)


def test_lines_of_other_json_are_no_journal(
    make_search: Any, iris: Any, journal: Path
) -> None:
    """They say nothing of an operation."""
    journal.write_text('{"a": 1}\n', encoding="utf-8")
    with pytest.raises(StudyError, match=r"line 1 of .* is no record of Optuna"):
        make_search(storage=journal, **SETTINGS).fit(*iris)
    assert journal.read_text(encoding="utf-8") == '{"a": 1}\n'


@pytest.mark.parametrize("rest", [b"{", HALF[:7], HALF, b"\0" * 20])
def test_whatever_is_left_of_a_record_is_dropped(
    make_search: Any, iris: Any, journal: Path, rest: bytes
) -> None:
    """However short it is, and where a file system has put zeros for it."""
    search = make_search(storage=journal, n_trials=2, **SETTINGS).fit(*iris)
    with journal.open("ab") as file:
        file.write(rest)
    search.set_params(resume=True, n_trials=3).fit(*iris)
    assert n_complete(journal) == 3


def test_full_disk_loses_no_trial_that_has_ended(
    make_search: Any, iris: Any, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file ends in whole lines, and the search goes on once there is room."""
    search = make_search(storage=journal, n_trials=4, **SETTINGS)
    synced, room = os.fsync, [25]

    def fsync(number: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            # As far as the last bytes came.
            os.truncate(number, os.fstat(number).st_size - 7)
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(StudyError, match="No space left on device") as caught:
            search.fit(*iris)
    assert isinstance(caught.value.__cause__, OSError)
    assert journal.read_bytes().endswith(b"\n")
    kept = n_complete(journal)
    assert kept > 0
    search.set_params(resume=True).fit(*iris)
    assert n_complete(journal) == 4


def left_behind(path: Path, maker: dict[str, Any] | None, n_trials: int) -> None:
    """Leave a study as a process does that dies while it makes one."""
    optuna.logging.disable_propagation()
    storage = JournalStorage(JournalFileBackend(str(path)))
    number = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "rates")
    if maker is not None:
        storage.set_study_user_attr(number, _study.MAKER, maker)
    for _ in range(n_trials):
        storage.create_new_trial(
            number, optuna.create_trial(state=optuna.trial.TrialState.WAITING)
        )


@pytest.fixture
def gone() -> dict[str, Any]:
    """Return the lease of a process that has ended."""
    return {**own_lease(), "started": "0"}


@pytest.mark.skipif(os.name != "posix", reason="processes are looked up by signals")
@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("n_left", [0, 3])
def test_study_of_a_dead_maker_is_made_anew(
    make_search: Any, iris: Any, journal: Path, gone: Any, resume: bool, n_left: int
) -> None:
    """At once: no trial of it has been run."""
    left_behind(journal, gone, n_left)
    search = make_search(storage=journal, n_trials=2, resume=resume, **SETTINGS)
    began = time.monotonic()
    assert len(search.fit(*iris).cv_results_["state"]) == 2
    assert time.monotonic() - began < _study.NAMED_WITHIN


@pytest.mark.parametrize("resume", [False, True])
def test_study_without_a_maker_is_made_anew(
    make_search: Any,
    iris: Any,
    journal: Path,
    monkeypatch: pytest.MonkeyPatch,
    resume: bool,
) -> None:
    """Its process died between two calls."""
    monkeypatch.setattr(_study, "NAMED_WITHIN", 0.2)
    left_behind(journal, None, 0)
    search = make_search(storage=journal, n_trials=2, resume=resume, **SETTINGS)
    assert len(search.fit(*iris).cv_results_["state"]) == 2


def test_study_of_a_living_maker_is_left_alone(
    make_search: Any, iris: Any, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes its name, and who joins waits for it."""
    left_behind(journal, own_lease(), 1)
    with pytest.raises(StudyError, match="finds a study 'rates' in the storage alr"):
        make_search(storage=journal, **SETTINGS).fit(*iris)
    monkeypatch.setattr(_study, "READY_WITHIN", 0.2)
    with pytest.raises(StudyError, match=r"ended before it was done. Start a search"):
        make_search(storage=journal, join=True, **SETTINGS).fit(*iris)


def test_interrupted_making_leaves_no_study(
    make_search: Any, iris: Any, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next fit has the name."""
    search = make_search(storage=journal, n_trials=2, **SETTINGS)

    def interrupt(*_given: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_study.SearchStudy, "reserve", interrupt)
        with pytest.raises(KeyboardInterrupt):
            search.fit(*iris)
    assert len(search.fit(*iris).cv_results_["state"]) == 2


def test_database_whose_tables_are_being_made_is_opened_again(
    make_search: Any, iris: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process was a moment faster."""
    pytest.importorskip("sqlalchemy", reason="databases are opened by it")
    opened, calls = optuna.storages.get_storage, []
    messages = ["table studies already exists", "database is locked"]

    def get_storage(url: Any) -> Any:
        calls.append(url)
        if len(calls) <= len(messages):
            raise RuntimeError(messages[len(calls) - 1])
        return opened(url)

    monkeypatch.setattr(optuna.storages, "get_storage", get_storage)
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    search = make_search(storage=url, n_trials=1, **SETTINGS).fit(*iris)
    assert len(search.cv_results_["state"]) == 1
    assert len(calls) >= 3


PROCESS = """
import sys
import optuna.storages, sqlalchemy
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from skdeep import OptunaSearchCV

space = {"var_smoothing": [1e-9, 1e-3]}
search = OptunaSearchCV(
    GaussianNB(), space, n_trials=2, cv=2, storage=sys.argv[1], study_name=sys.argv[2]
)
print("ready", flush=True)
sys.stdin.readline()
print(len(search.fit(*load_iris(return_X_y=True)).cv_results_["state"]))
"""


@pytest.mark.slow
def test_processes_open_a_fresh_database_at_once(tmp_path: Path) -> None:
    """Each makes a study of its own in it."""
    pytest.importorskip("sqlalchemy", reason="databases are opened by it")
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, url, f"study {place}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for place in range(3)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["2\n"] * 3
