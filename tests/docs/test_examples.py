"""The examples print the same on every CPU, as far as one CPU can tell.

That they run at all, in a process of their own, is the job of `.ci/run_examples.py`.
"""

from __future__ import annotations

import re
import runpy
import sys
import tempfile
from pathlib import Path

import pytest

from tests.rounding import rounding_of_another_cpu

EXAMPLES = Path(__file__).parents[2] / "examples"
QUICK = ("plot_first_network", "plot_forward_pass", "plot_activations", "spam_filter")


def cases() -> list[object]:
    """Return all examples; only the quick ones are run by default."""
    return [
        pytest.param(
            script,
            id=script.stem,
            marks=() if script.stem in QUICK else pytest.mark.slow,
        )
        for script in sorted(EXAMPLES.glob("*.py"))
    ]


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Return a function that runs a script and returns what it has printed."""

    def run_script(script: Path) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        monkeypatch.setattr(sys, "argv", [str(script)])
        runpy.run_path(str(script), run_name="__main__")
        return capsys.readouterr().out

    return run_script


@pytest.fixture
def no_window():
    """Draw into memory, and forget the figures after the test."""
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        yield
        return
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.mark.usefixtures("no_window")
@pytest.mark.parametrize("script", cases())
def test_example_prints_the_same_on_another_cpu(script, run):
    """No figure of an example depends on the last digit of a product."""
    imported = re.findall(r"^(?:from|import) (\w+)", script.read_text("utf-8"), re.M)
    for package in set(imported) - {"__future__"}:
        pytest.importorskip(package)
    here = run(script)
    with rounding_of_another_cpu():
        elsewhere = run(script)
    assert here
    assert elsewhere == here
