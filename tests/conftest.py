"""Fixtures for all tests, and the guard over state that belongs to the process."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

# Its first import draws a number from Python's generator, by way of rich: let that
# happen before the guard below looks.
import sklearn.pipeline  # noqa: F401
import torch
from hypothesis import settings

# The same examples every time, and no stopwatch: machines of tests are busy.
settings.register_profile("house", derandomize=True, deadline=None)
settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    """Hide GPUs, also from the workers to come, unless the tests are those marked so.

    The others expect "auto" to mean the CPU.
    """
    if config.getoption("markexpr") != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


class TinyTable(NamedTuple):
    """Rows that a small network learns in a moment."""

    X: np.ndarray
    labels: np.ndarray
    values: np.ndarray


@pytest.fixture
def seed() -> int:
    """Return the seed of this run, 0 unless SKDEEP_TEST_SEED says otherwise."""
    return int(os.environ.get("SKDEEP_TEST_SEED", "0"))


@pytest.fixture
def tiny_table(seed: int) -> TinyTable:
    """Return 90 rows of 4 features, three classes as strings, and a smooth number."""
    rng = np.random.default_rng(seed)
    codes = np.arange(90) % 3
    centres = 3.0 * np.eye(3, 4)
    X = centres[codes] + 0.5 * rng.standard_normal((90, 4))
    values = 2.0 * X[:, 0] - X[:, 1] + 0.1 * rng.standard_normal(90)
    return TinyTable(X, np.array(["ant", "bee", "cat"])[codes], values)


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    """Return each kind of device in turn; CUDA under the mark `gpu`."""
    return str(request.param)


@pytest.fixture
def hide_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that makes a package impossible to import for one test."""

    def hide(package: str) -> None:
        loaded = [name for name in sys.modules if name.startswith(f"{package}.")]
        for name in [package, *loaded]:
            monkeypatch.setitem(sys.modules, name, None)

    return hide


class ProcessState(NamedTuple):
    """What a call into skdeep must leave as it was."""

    torch_random: torch.Tensor
    numpy_random: dict[str, Any]
    python_random: tuple[Any, ...]
    n_threads: int

    @classmethod
    def now(cls) -> ProcessState:
        """Copy the present state: some microseconds, and no draw."""
        return cls(
            torch.random.get_rng_state(),
            np.random.get_state(legacy=False),
            random.getstate(),
            torch.get_num_threads(),
        )

    def moved(self, after: ProcessState) -> list[str]:
        """Name what is no longer as it was."""
        old, new = self.numpy_random["state"], after.numpy_random["state"]
        same = {
            "torch's random state": torch.equal(self.torch_random, after.torch_random),
            "NumPy's random state": old["pos"] == new["pos"]
            and np.array_equal(old["key"], new["key"]),
            "Python's random state": self.python_random == after.python_random,
            "torch's number of threads": self.n_threads == after.n_threads,
        }
        return [name for name, kept in same.items() if not kept]

    def restore(self) -> None:
        """Put everything back."""
        torch.random.set_rng_state(self.torch_random)
        np.random.set_state(self.numpy_random)
        random.setstate(self.python_random)
        torch.set_num_threads(self.n_threads)


@pytest.fixture(autouse=True)
def unmoved_process_state() -> Iterator[None]:
    """Fail a test that moves a global random state or the number of threads."""
    before = ProcessState.now()
    yield
    moved = before.moved(ProcessState.now())
    if moved:
        before.restore()
        pytest.fail(f"The test moved {', '.join(moved)}.")


@pytest.fixture(autouse=True)
def draw_of_the_check_put_back(
    request: pytest.FixtureRequest, unmoved_process_state: None
) -> Iterator[None]:
    """Put NumPy's state back after the one check of scikit-learn that draws from it."""
    drawing = "check_methods_sample_order_invariance" in request.node.name
    state = np.random.get_state(legacy=False) if drawing else {}
    yield
    if drawing:
        np.random.set_state(state)
