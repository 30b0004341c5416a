"""The one way to import an optional dependency."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from skdeep._optional import EXTRAS, optional_dependency
from skdeep.exceptions import MissingDependencyError

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def test_missing_package_is_told_with_its_command(hide_module):
    """The sentence names who needs it, the package and the extra to install."""
    hide_module("matplotlib")
    sentence = (
        "GradCAMDisplay requires matplotlib. Install it with: "
        'python -m pip install "skdeep-torch[plot]".'
    )
    with (
        pytest.raises(
            MissingDependencyError, match=f"^{re.escape(sentence)}$"
        ) as error,
        optional_dependency("matplotlib", needed_by="GradCAMDisplay"),
    ):
        import matplotlib as mpl  # noqa: F401
    assert error.value.name == "matplotlib"
    assert isinstance(error.value.__cause__, ModuleNotFoundError)


def test_missing_submodule_counts_as_missing_package(hide_module):
    """`import onnx.helper` without onnx gives the sentence about onnx."""
    hide_module("onnx")
    with (
        pytest.raises(MissingDependencyError, match=r"^to_onnx requires onnx\."),
        optional_dependency("onnx", needed_by="to_onnx"),
    ):
        import onnx.helper  # noqa: F401


def test_error_inside_an_installed_package_passes_unchanged():
    """A broken installation is not mistaken for a missing package."""
    with (
        pytest.raises(ModuleNotFoundError, match="libbroken") as error,
        optional_dependency("matplotlib", needed_by="GradCAMDisplay"),
    ):
        raise ModuleNotFoundError("No module named 'libbroken'", name="libbroken")
    assert not isinstance(error.value, MissingDependencyError)


def test_installed_package_is_imported():
    """Where nothing is missing the block simply runs."""
    pytest.importorskip("matplotlib")
    with optional_dependency("matplotlib", needed_by="GradCAMDisplay"):
        import matplotlib as mpl
    assert mpl.__name__ == "matplotlib"


def test_extras_are_those_of_the_distribution():
    """Each package of the table comes with the extra that the sentence names."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]

    def package(requirement: str) -> str:
        return re.split(r"[^\w-]", requirement)[0]

    # An extra may ask for a later torch than the rest does: torch is there anyway.
    required = {package(requirement) for requirement in project["dependencies"]}
    declared = {
        package(requirement): extra
        for extra, requirements in project["optional-dependencies"].items()
        for requirement in requirements
        if extra != "all" and package(requirement) not in required
    }
    assert declared == EXTRAS
