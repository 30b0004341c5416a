"""Tests out of an installed package, with some of its names replaced.

Nothing of their text is kept here: the source is read where it is installed, and run
as a module in which an import of a replaced name is left out.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def borrow(name: str, replaced: Mapping[str, Any]) -> dict[str, Callable[..., None]]:
    """Return those tests of a module that use a replaced name, however indirectly.

    Parameters
    ----------
    name : str
        The module, as it is imported.
    replaced : mapping of str to object
        What stands for a name that the module imports.

    Returns
    -------
    tests : dict of str to function
        By their names.
    """
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    using = names_using(tree, set(replaced))
    left_out = _Imports(set(replaced))
    code = compile(left_out.visit(tree), spec.origin, "exec")
    missing = set(replaced) - left_out.found
    assert not missing, f"{name} does not import {sorted(missing)}"
    # Under its own name, so that pickles of its classes are found, in this process
    # and in others.
    module = sys.modules[name] = ModuleType(name)
    vars(module).update(replaced)
    exec(code, vars(module))
    return {
        key: with_lists(value)
        for key, value in vars(module).items()
        if key.startswith("test_") and key in using
    }


def with_lists(test: Any) -> Any:
    """Let the parameters of a test be lists, as pytest has them since its version 9."""
    marks = getattr(test, "pytestmark", [])
    for place, mark in enumerate(marks):
        if mark.name == "parametrize":
            names, values = mark.args
            marks[place] = pytest.mark.parametrize(names, [*values], **mark.kwargs).mark
    return test


def names_using(tree: ast.Module, names: set[str]) -> set[str]:
    """Return what a module defines with the help of these names, directly or not."""
    uses = {
        node.name: {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    using: set[str] = set()
    while True:
        more = {key for key, used in uses.items() if used & (names | using)} - using
        if not more:
            return using
        using |= more


class _Imports(ast.NodeTransformer):
    """Leave the import of some names out, and remember which were found."""

    def __init__(self, names: set[str]) -> None:
        self.names = names
        self.found: set[str] = set()

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        """Keep the other names of the statement."""
        self.found |= {alias.name for alias in node.names} & self.names
        node.names = [alias for alias in node.names if alias.name not in self.names]
        return node if node.names else None
