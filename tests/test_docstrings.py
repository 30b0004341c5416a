"""Docstrings of every public name, held to numpydoc's checks."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import pytest
from numpydoc.validate import ERROR_MSGS, validate

import skdeep

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
# A method's examples and cross-references are those of its class.
NOT_FOR_METHODS = {"EX01", "SA01"}


def checks() -> set[str]:
    """Return the codes that pyproject.toml asks for: all but those listed."""
    config = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))
    listed = set(config["tool"]["numpydoc_validation"]["checks"])
    assert "all" in listed
    return set(ERROR_MSGS) - listed


def public_objects() -> dict[str, object]:
    """Return every public class and function by its dotted name."""
    objects: dict[str, object] = {}
    for name in skdeep.__all__:
        value = getattr(skdeep, name)
        if inspect.ismodule(value):
            members = {f"{name}.{member}": value for member in value.__all__}
            objects |= {
                f"skdeep.{dotted}": getattr(module, dotted.split(".")[-1])
                for dotted, module in members.items()
            }
        else:
            objects[f"skdeep.{name}"] = value
    return objects


def public_methods() -> list[str]:
    """Return the dotted name of every public method that skdeep writes itself."""
    return [
        f"{name}.{attribute}"
        for name, value in public_objects().items()
        if inspect.isclass(value)
        for attribute, member in inspect.getmembers(value)
        if not attribute.startswith("_") and is_ours(member)
    ]


def is_ours(member: object) -> bool:
    """Tell whether a member is a method or property written in this package."""
    function = member.fget if isinstance(member, property) else member
    return inspect.isfunction(function) and function.__module__.startswith("skdeep.")


def complaints(name: str, wanted: set[str]) -> list[str]:
    """Return what numpydoc has against a docstring, as far as it is wanted."""
    found = validate(name)["errors"]
    return [f"{code}: {text}" for code, text in found if code in wanted]


@pytest.mark.parametrize("name", public_objects())
def test_docstring_is_complete(name):
    """A public class or function documents its parameters, with an example."""
    assert complaints(name, checks()) == []


@pytest.mark.parametrize("name", public_methods())
def test_method_docstring_is_complete(name):
    """A public method documents its parameters and what it returns."""
    assert complaints(name, checks() - NOT_FOR_METHODS) == []


def test_methods_of_estimators_are_looked_at():
    """The list above is not empty by mistake."""
    assert {
        "skdeep.MLPClassifier.fit",
        "skdeep.MLPClassifier.predict_proba",
        "skdeep.MLPRegressor.predict",
    } <= set(public_methods())


def test_private_docstring_would_be_refused():
    """The checks do complain where a docstring is careless."""
    assert complaints("skdeep._optional.optional_dependency", {"SA01"}) != []
