"""Constructors of all public estimators, against the list in public_surface.json.

Whoever changes a name, the order, a kind or a default on purpose edits the list.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import skdeep

LISTED: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("public_surface.json").read_text("utf-8")
)


def constructor_of(kind: type) -> list[str]:
    """Return the parameters as they are written in Python, "*" included."""
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(kind).parameters.values()
    ]
    written: list[str] = []
    for parameter in bare:
        keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
        if keyword and "*" not in written:
            written.append("*")
        written.append(str(parameter))
    return written


def public_estimators() -> list[str]:
    """Return the name of every public class with parameters."""
    values = {name: getattr(skdeep, name) for name in skdeep.__all__}
    return [
        name
        for name, value in values.items()
        if inspect.isclass(value) and issubclass(value, BaseEstimator)
    ]


def test_all_estimators_are_listed():
    """None is missing, and none that is gone is left."""
    assert list(LISTED) == public_estimators()


@pytest.mark.parametrize("name", LISTED)
def test_constructor_is_as_listed(name):
    """Names, order, kinds and defaults are those of the list."""
    assert constructor_of(getattr(skdeep, name)) == LISTED[name]


def test_kinds_are_told_apart():
    """A parameter by keyword only is seen as one."""

    class Toy:
        def __init__(self, a: int, b: float = 1e-4, *, c: str = "x") -> None:
            pass

    assert constructor_of(Toy) == ["a", "b=0.0001", "*", "c='x'"]
