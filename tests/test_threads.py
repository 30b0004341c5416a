"""Tests of how many threads torch may use within a call."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from skdeep import _threads as module
from skdeep._threads import LARGE_STEP, in_worker, limit_threads, resolve_n_threads
from tests.placed import those_that

USER = 4


@pytest.fixture(autouse=True)
def user_setting() -> Iterator[None]:
    """Let the user have chosen four threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(USER)
    yield
    torch.set_num_threads(before)


def in_thread(function: Callable[[], Any]) -> Any:
    """Return what a function says in a thread of its own."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    thread.join()
    return answers[0]


@pytest.mark.parametrize("n_threads", [1, 2, 8])
def test_limit_is_set_and_put_back(n_threads: int) -> None:
    """Inside torch has the threads asked for, after it the user's."""
    with limit_threads(n_threads):
        assert torch.get_num_threads() == n_threads
    assert torch.get_num_threads() == USER
    assert module._active_caps == []


def test_none_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch's setting is to stay it is not even written."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _: pytest.fail("was set"))
    with limit_threads(None):
        assert torch.get_num_threads() == USER
    with limit_threads(USER):
        assert torch.get_num_threads() == USER


def test_outermost_limit_stays() -> None:
    """A predict within a fit keeps the limit of the fit."""
    with limit_threads(2):
        for inner in (1, 8, None):
            with limit_threads(inner):
                assert torch.get_num_threads() == 2
            assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == USER


def test_limit_within_none_is_the_outermost() -> None:
    """A call that leaves torch's setting alone does not keep another from limiting."""
    with limit_threads(None), limit_threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == USER


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_limit_is_put_back_on_error(error: type[BaseException]) -> None:
    """A failed or interrupted fit leaves the user's setting, and a later one works."""

    def fail() -> None:
        with limit_threads(1), limit_threads(2):
            raise error

    with pytest.raises(error):
        fail()
    assert torch.get_num_threads() == USER
    assert module._active_caps == []
    with limit_threads(3):
        assert torch.get_num_threads() == 3


def test_threads_at_once_leave_every_setting_as_it_was() -> None:
    """Many threads limit themselves at the same time, and none keeps a trace."""
    start = threading.Barrier(8)
    inside: list[int] = []
    after: list[int] = []

    def work() -> None:
        start.wait()
        for n_threads in (1, 2, 1, 3):
            with limit_threads(n_threads):
                inside.append(torch.get_num_threads() - n_threads)
            after.append(torch.get_num_threads())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == [0] * 32
    assert after == [USER] * 32
    assert torch.get_num_threads() == USER
    assert in_thread(torch.get_num_threads) == USER


def test_thread_born_under_a_limit_is_not_limited_for_good() -> None:
    """What a new thread finds may be another fit's limit, not the user's word."""
    first_in, second_in, first_out = (threading.Event() for _ in range(3))
    seen: list[int] = []

    def first() -> None:
        with limit_threads(1):
            first_in.set()
            second_in.wait()
        first_out.set()

    def second() -> None:
        first_in.wait()
        with limit_threads(1):
            second_in.set()
            first_out.wait()
            seen.append(torch.get_num_threads())
        seen.append(torch.get_num_threads())

    threads = [threading.Thread(target=work) for work in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1, USER]
    assert torch.get_num_threads() == USER
    assert in_thread(torch.get_num_threads) == USER


def test_main_thread_keeps_its_limit_while_others_end() -> None:
    """The end of a fit in another thread does not lift the limit of this one."""

    def other() -> None:
        with limit_threads(2):
            pass

    with limit_threads(1):
        in_thread(other)
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == USER


def test_forked_child_forgets_limits_of_other_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Threads do not survive a fork; neither may their limits or a lock they held."""
    held = threading.Lock()
    held.acquire()
    monkeypatch.setattr(module, "_lock", held)
    monkeypatch.setattr(module, "_active_caps", [USER])
    module._forget_other_threads()
    with limit_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == USER


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["MLPClassifier"], id="one"),
        pytest.param(
            ["MLPClassifier", *those_that(lambda _: True)],
            id="all",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_child_of_a_fork_answers(names: list[str]) -> None:
    """A server that computed on two threads before it forked its workers."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.forking", *names],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "OMP_NUM_THREADS": "2"},
        timeout=60 if len(names) == 1 else 400,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [word for name in names for word in (name, "ok")]


def test_forked_child_keeps_to_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for, and whatever the parent's own setting was."""
    monkeypatch.setattr(module, "_forked", False)
    module._keep_to_one_thread()
    assert torch.get_num_threads() == 1
    torch.set_num_threads(USER)
    for asked in (1, 3, None):
        with limit_threads(asked):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == USER


def test_fork_within_a_call_leaves_the_child_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The end of the call does not give the child the parent's setting back."""
    monkeypatch.setattr(module, "_forked", False)
    with limit_threads(2):
        module._forget_other_threads()
        module._keep_to_one_thread()
    assert torch.get_num_threads() == 1
    assert module._active_caps == []


def test_worker_is_a_thread_or_a_child_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The main thread of the main process is the user; all else is a worker."""
    assert not in_worker()
    assert in_thread(in_worker)
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert in_worker()


@pytest.mark.slow
def test_process_of_a_pool_is_a_worker() -> None:
    """A real child process, as joblib starts them, knows that it is one."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(in_worker)


@pytest.mark.parametrize("work", [0.0, LARGE_STEP - 1, LARGE_STEP, 1e12])
def test_numbers_and_none_do_not_depend_on_the_work(work: float) -> None:
    """What the user says is done, in a worker too."""
    assert resolve_n_threads(3, work) == 3
    assert resolve_n_threads(None, work) is None
    assert in_thread(lambda: resolve_n_threads(3, work)) == 3
    assert in_thread(lambda: resolve_n_threads(None, work)) is None


def test_auto_is_one_for_small_work_and_in_workers() -> None:
    """Only large steps of the user's own thread may have all threads."""
    assert resolve_n_threads("auto", LARGE_STEP - 1) == 1
    assert resolve_n_threads("auto", LARGE_STEP) is None
    assert in_thread(lambda: resolve_n_threads("auto", 1e12)) == 1


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "many"])
def test_wrong_number_raises(wrong: Any) -> None:
    """A parameter changed after the fit is not validated by scikit-learn any more."""
    sentence = f"'n_threads' parameter must be an int of at least 1.* Got {wrong!r}"
    with pytest.raises(ValueError, match=sentence):
        resolve_n_threads(wrong, 0.0)
