"""How many threads torch has inside a call, after it, and in a forked child."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skdeep import MLPClassifier, MLPRegressor, _threads
from skdeep.exceptions import DivergenceError


def table(n_rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of 4 features and a number each."""
    X = np.random.default_rng(0).standard_normal((n_rows, 4))
    return X, X[:, 0] - X[:, 1] ** 2


@pytest.fixture
def three_threads() -> Iterator[None]:
    """Set torch to three threads, which no other part of the tests does."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


class Meeting(Callback):
    """Wait for the other fits at the first epoch; note torch's threads at each."""

    def __init__(self, barrier: threading.Barrier) -> None:
        self.barrier = barrier
        self.seen: set[int] = set()

    def __deepcopy__(self, memo: dict) -> Meeting:
        """Return itself: the copy that a fit makes is to be watched from outside."""
        return self

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Be there when all are."""
        if not self.seen:
            self.barrier.wait()
        self.seen.add(torch.get_num_threads())


def make_observer() -> Callable[..., tuple[set[int], set[int], int]]:
    """Return a function that workers can be sent: it is pickled by value."""

    def observe(n_threads: Any = "auto") -> tuple[set[int], set[int], int]:
        """Return torch's threads inside fit, inside predict and after both."""
        import numpy as np
        import torch

        from skdeep import MLPRegressor

        torch.set_num_threads(3)
        seen: list[int] = []

        def watched(x: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_num_threads())
            return torch.relu(x)

        X = np.random.default_rng(0).standard_normal((60, 4))
        net = MLPRegressor(
            (8,), activation=watched, max_epochs=2, n_threads=n_threads, random_state=0
        )
        net.fit(X, X[:, 0])
        n_fit = len(seen)
        net.predict(X)
        return set(seen[:n_fit]), set(seen[n_fit:]), torch.get_num_threads()

    return observe


@pytest.mark.parametrize(
    ("n_threads", "inside"), [("auto", 1), (1, 1), (2, 2), (4, 4), (None, 3)]
)
def test_small_nets_get_the_threads_asked_for(n_threads, inside, three_threads):
    """One by default, the number given, or torch's own; put back afterwards."""
    assert make_observer()(n_threads) == ({inside}, {inside}, 3)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_use_one_thread(backend):
    """In a worker of joblib a fit has one thread, whatever the worker was set to."""
    with joblib.parallel_config(backend):
        found = joblib.Parallel(n_jobs=2)(
            joblib.delayed(make_observer())(n) for n in ("auto", "auto", 2)
        )
    assert found == [({1}, {1}, 3), ({1}, {1}, 3), ({2}, {2}, 3)]


def test_large_steps_keep_the_threads_of_torch_but_in_a_worker(
    three_threads, monkeypatch
):
    """Work that pays for several threads gets them, unless a pool has its own."""
    monkeypatch.setattr(_threads, "LARGE_STEP", 0)
    observe = make_observer()
    assert observe() == ({3}, {3}, 3)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(observe).result() == ({1}, {1}, 3)


def test_threads_are_restored_after_a_failure(three_threads):
    """Errors and Ctrl-C in the midst of a training leave torch as it was."""
    X, y = table()
    kinds = (RuntimeError, KeyboardInterrupt, ValueError)
    errors = iter([kind("inside") for kind in kinds])

    def failing(x: torch.Tensor) -> torch.Tensor:
        assert torch.get_num_threads() == 2
        raise next(errors)

    net = MLPRegressor(activation=failing, n_threads=2)
    for kind in kinds:
        with pytest.raises(kind, match="inside"):
            net.fit(X, y)
        assert torch.get_num_threads() == 3
    with pytest.raises(DivergenceError, match="diverged"):
        MLPRegressor(learning_rate=1e12, batch_size=10, max_epochs=9).fit(X, y)
    assert torch.get_num_threads() == 3


def test_concurrent_fits_do_not_leave_each_others_limit(three_threads):
    """Limits that overlap in all ways are gone when the last fit has ended."""
    X, y = table()
    together = threading.Barrier(4, timeout=60)

    def fit(n_threads: int, n_epochs: int) -> int:
        meeting = Meeting(together)
        net = MLPRegressor((4,), max_epochs=n_epochs, n_threads=n_threads, tol=None)
        net.set_params(callbacks=[meeting]).fit(X, y)
        assert meeting.seen == {n_threads}
        return torch.get_num_threads()

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(fit, n, 2 + 3 * n) for n in (1, 2, 1, 4)]
        assert [done.result() for done in running] == [3, 3, 3, 3]
        assert list(pool.map(lambda _: torch.get_num_threads(), range(8))) == [3] * 8
    assert torch.get_num_threads() == 3
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 3
    assert not _threads._active_caps


def test_concurrent_predictions_equal_the_sequential_ones():
    """One fitted net may answer many threads at once, also while another trains."""
    X, y = table(600)
    net = MLPClassifier((16,), max_epochs=3, dropout=0.5, random_state=0)
    net.fit(X[:100], y[:100] > 0)
    parts = [X[start::6] for start in range(6)]
    expected = [net.predict_proba(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        training = pool.submit(MLPRegressor(max_epochs=30).fit, X, y)
        found = [pool.submit(net.predict_proba, part) for part in parts * 5]
        for answer, right in zip(found, expected * 5, strict=True):
            np.testing.assert_array_equal(answer.result(), right)
        training.result()


def run_program(program: str) -> str:
    """Run a program in an interpreter of its own, for two minutes at most."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FORK = """
import multiprocessing, threading, numpy as np, torch
from skdeep import MLPRegressor, _threads

X = np.random.default_rng(0).standard_normal((60, 4))
y = X[:, 0]

def net(**changes):
    settings = {"hidden_layer_sizes": (8,), "max_epochs": 3, "random_state": 0}
    return MLPRegressor(**{**settings, **changes})

def child(answers, activation):
    fitted = net(activation=activation).fit(X, y)
    answers.put((fitted.predict(X).sum(), torch.get_num_threads()))

def fork(activation):
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    process = context.Process(target=child, args=(answers, activation))
    process.start()
    return answers.get()

def answer(activation):
    # A child has one thread: those of its parent are not there.
    return net(activation=activation).fit(X, y).predict(X).sum(), 1

torch.set_num_threads(2)
torch.randn(600, 600) @ torch.randn(600, 600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_forked_child_can_fit_after_its_parent_used_torch():
    """Neither torch's pool of threads nor a fit in the parent makes a child hang."""
    program = """
net(n_threads=2, hidden_layer_sizes=(300, 300)).fit(X, y)
for activation in ("relu", torch.nn.RReLU):
    assert fork(activation) == answer(activation)
print("done")
"""
    assert run_program(FORK + program) == "done"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
def test_forked_child_can_fit_while_its_parent_does():
    """What another thread of the parent held at the fork is free in the child."""
    program = """
entered, leave = threading.Event(), threading.Event()

def held_up(x):
    entered.set()
    leave.wait()
    return torch.relu(x)

training = threading.Thread(target=net(activation=held_up).fit, args=(X, y))
training.start()
entered.wait()
with _threads._lock:
    found = fork(torch.nn.RReLU)
leave.set()
training.join()
assert found == answer(torch.nn.RReLU)
print("done")
"""
    assert run_program(FORK + program) == "done"
