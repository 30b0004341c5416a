"""The names that `skdeep` offers, and what importing them costs."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import skdeep
from skdeep._optional import EXTRAS

HEAVY = ("numpy", "scipy", "torch", "sklearn", "skorch", "matplotlib", "pandas")
PRIVATE = "skdeep._show_versions"
SOURCE = Path(skdeep.__file__)


def typing_block() -> dict[str, str]:
    """Return name -> room as the block for type checkers has it."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (block,) = (
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    rooms = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        room = str(node.module)
        for alias in node.names:
            rooms[alias.name] = f"skdeep.{alias.name}" if room == "skdeep" else room
    return {name: room for name, room in rooms.items() if room != "typing"}


def test_all_is_sorted_without_duplicates():
    """A name is listed once, in the order of the alphabet."""
    assert skdeep.__all__ == sorted(set(skdeep.__all__))


def test_all_table_and_typing_block_agree():
    """A name is listed, found and typed in the same room."""
    assert list(skdeep._ROOMS) == skdeep.__all__
    assert typing_block() == skdeep._ROOMS


@pytest.mark.parametrize("name", skdeep.__all__)
def test_public_name_is_the_one_of_its_room(name):
    """A name from the top is the very object of its room."""
    room = importlib.import_module(skdeep._ROOMS[name])
    value = getattr(skdeep, name)
    if inspect.ismodule(value):
        assert value is room
    else:
        assert value is getattr(room, name)
        assert value.__name__ == name


@pytest.mark.parametrize(
    "room", sorted({*skdeep._ROOMS.values()} - {"skdeep.exceptions", PRIVATE})
)
def test_room_offers_nothing_that_the_top_hides(room):
    """Whatever a front door offers can be imported from the top."""
    assert set(importlib.import_module(room).__all__) <= set(skdeep.__all__)


def test_dir_lists_names_before_they_are_loaded():
    """Completion in a shell offers every public name."""
    code = "import skdeep; print(*dir(skdeep))"
    assert set(skdeep.__all__) <= set(run_python(code).split())


def test_unknown_name_is_an_attribute_error():
    """A misspelt name fails as in any other module."""
    with pytest.raises(
        AttributeError, match=r"'skdeep' has no attribute 'MLPClasifier'"
    ):
        skdeep.MLPClasifier  # noqa: B018


def test_unknown_name_is_an_import_error():
    """A misspelt name in an import statement fails as in any other package."""
    with pytest.raises(ImportError, match="MLPClasifier"):
        from skdeep import MLPClasifier  # noqa: F401


def test_import_loads_nothing_heavy():
    """`import skdeep` costs next to nothing: all else waits until it is needed."""
    code = f"import sys, skdeep; print(*(m for m in {HEAVY} if m in sys.modules))"
    assert run_python(code).split() == []


def test_import_of_the_estimators_draws_no_random_number():
    """Not even what scikit-learn loads along the way moves a global generator."""
    code = (
        "import random, torch\n"
        "old = random.getstate(), torch.get_rng_state()\n"
        "import skdeep.tabular\n"
        "print(random.getstate() == old[0], torch.equal(torch.get_rng_state(), old[1]))"
    )
    assert run_python(code).split() == ["True", "True"]


def test_exceptions_load_nothing_heavy():
    """Catching an error of skdeep needs no PyTorch."""
    code = (
        "import sys; from skdeep.exceptions import DivergenceError; "
        f"print(*(m for m in {HEAVY} if m in sys.modules))"
    )
    assert run_python(code).split() == []


def test_every_name_loads_without_optional_dependencies():
    """Where none of the extras is installed, all public names are there."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({list(EXTRAS)}))\n"
        "import skdeep\n"
        "print(*(name for name in skdeep.__all__ if getattr(skdeep, name)))"
    )
    assert run_python(code).split() == skdeep.__all__


def test_version_is_a_release_number_of_the_installed_distribution():
    """The version stands in one place and reads as PEP 440 wants it."""
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?(\.dev\d+)?", skdeep.__version__)
    try:
        installed = version("skdeep-torch")
    except PackageNotFoundError:
        pytest.skip("skdeep is imported from the checkout")
    assert installed == skdeep.__version__


def run_python(code: str) -> str:
    """Return what a fresh interpreter prints."""
    return subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        cwd=SOURCE.parents[1],
        text=True,
    ).stdout
