"""The list of classes and functions that a file without pickle may name."""

from __future__ import annotations

import functools

import pytest

from skdeep import _storable
from skdeep._storable import find_storable, storable, storable_name


@pytest.fixture(autouse=True)
def list_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a test has marked."""
    monkeypatch.setattr(_storable, "_marked", dict(_storable._marked))


@storable("width")
class Brush:
    """Something to paint with."""

    def __init__(self, width: int) -> None:
        self.width = width


class WideBrush(Brush):
    """A brush that nobody has marked."""


def paint(width: int) -> int:
    """Return a width."""
    return width


def test_marked_class_is_found_by_its_name() -> None:
    """With the fields that were named."""
    storable("width")(Brush)
    found = find_storable("Brush")
    assert found is not None
    assert (found.kind, found.fields) == (Brush, ("width",))
    assert storable_name(Brush) == "Brush"


def test_what_is_not_marked_has_no_name() -> None:
    """A class derived from a marked one is another class."""
    storable()(paint)
    assert storable_name(paint) == "paint"
    assert storable_name(WideBrush) is None
    assert storable_name(functools.partial(paint, 3)) is None
    assert storable_name(3) is None
    assert find_storable("WideBrush") is None


def test_same_class_may_be_marked_again() -> None:
    """As it is where its module is loaded a second time."""
    again = type("Brush", (), {"__module__": __name__, "__qualname__": "Brush"})
    assert storable("height")(again) is again
    found = find_storable("Brush")
    assert found is not None
    assert found.kind is again


def test_two_of_one_name_are_refused() -> None:
    """A file could not tell them apart."""
    storable()(Brush)
    other = type("Brush", (), {"__module__": "elsewhere"})
    with pytest.raises(ValueError, match="Two classes called Brush cannot both be sto"):
        storable()(other)
    found = find_storable("Brush")
    assert found is not None
    assert found.kind is Brush
