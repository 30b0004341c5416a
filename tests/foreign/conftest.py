"""Hold borrowed tests to the tables of those that do not apply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ProcessState


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark that scikit-learn's own configuration has."""
    config.addinivalue_line("markers", "thread_unsafe: not for threads side by side")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read scikit-learn's tests for `-m foreign` alone: other versions have others."""
    return True if config.getoption("markexpr") != "foreign" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect a listed test to fail; if it passes, that is an error.

    A key of `NOT_APPLICABLE` is the name of a test, or that and one of its parameters
    or all of them, "test_name[parameter]" or "test_name[parameter-parameter]".
    """
    for item in items:
        if not item.get_closest_marker("foreign"):
            continue
        item.add_marker(pytest.mark.filterwarnings("ignore"))
        table = getattr(getattr(item, "module", None), "NOT_APPLICABLE", {})
        for name in names_of(item):
            if name in table:
                item.add_marker(pytest.mark.xfail(strict=True, reason=table[name]))


def names_of(item: pytest.Item) -> list[str]:
    """Return the name of a test without parameters, with each of them, and with all."""
    name, _, parameters = item.name.removesuffix("]").partition("[")
    parts = {part for part in [*parameters.split("-"), parameters] if part}
    return [name, *(f"{name}[{part}]" for part in sorted(parts))]


@pytest.fixture
def global_random_seed() -> int:
    """Return the seed that scikit-learn's tests take by default."""
    return 42


@pytest.fixture(autouse=True)
def unmoved_process_state() -> Iterator[None]:
    """Put back what a test moved: scikit-learn's draw from NumPy's generator."""
    before = ProcessState.now()
    yield
    before.restore()
