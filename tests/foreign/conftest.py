"""Hold borrowed tests to the tables of those that do not apply."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import ProcessState


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Expect a listed test to fail; if it passes, that is an error.

    A key of `NOT_APPLICABLE` is the name of a test, or that and one of its parameters
    as pytest writes them, "test_name[parameter]".
    """
    for item in items:
        table = getattr(getattr(item, "module", None), "NOT_APPLICABLE", {})
        original = getattr(item, "originalname", item.name)
        reason = table.get(item.name, table.get(original))
        if reason:
            item.add_marker(pytest.mark.xfail(strict=True, reason=reason))
        if item.get_closest_marker("foreign"):
            item.add_marker(pytest.mark.filterwarnings("default"))


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
