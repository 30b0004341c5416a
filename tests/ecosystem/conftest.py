"""Let other libraries run as they run for users, each where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from tests.conftest import ProcessState

# Warnings of other libraries are theirs; those of skdeep stay errors.
WARNINGS = ("ignore", "error::skdeep.exceptions.SkdeepWarning")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read these files for `-m ecosystem` alone: they need pandas, for one."""
    return True if config.getoption("markexpr") != "ecosystem" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Relax the rule that warnings are errors, for the tests of this folder."""
    for item in items:
        if item.get_closest_marker("ecosystem"):
            for rule in WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(rule))


@pytest.fixture(autouse=True)
def unmoved_process_state() -> Iterator[None]:
    """Put back what a library moved: this is no rule for others."""
    before = ProcessState.now()
    yield
    before.restore()


@pytest.fixture(autouse=True)
def library_that_is_installed(
    request: pytest.FixtureRequest, unmoved_process_state: None
) -> None:
    """Skip a test whose library is missing; the mark names it as pip does."""
    mark = request.node.get_closest_marker("ecosystem")
    assert mark is not None
    for name in mark.args:
        try:
            version(name)
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed")


class Rows(NamedTuple):
    """Rows with a class and a number for each."""

    X: np.ndarray
    y: np.ndarray


@pytest.fixture
def two_classes() -> Rows:
    """Return 200 rows of 4 features, and 0 or 1 by the sum of the first two."""
    X = np.random.default_rng(0).standard_normal((200, 4))
    return Rows(X, (X[:, 0] + X[:, 1] > 0).astype(int))


@pytest.fixture
def plane() -> Rows:
    """Return 200 rows of 3 features, and 3 a - 2 b with some noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 3))
    return Rows(X, 3 * X[:, 0] - 2 * X[:, 1] + 0.1 * rng.standard_normal(200))
