"""Tests that a package that is too old is told in a sentence."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from skdeep._requirements import REQUIRED, check_versions
from skdeep.exceptions import MissingDependencyError, SkdeepError

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"

_FAKED = """
import sklearn, sklearn.utils, skorch
sklearn.__version__ = "1.5.2"
del sklearn.utils.Tags
import skdeep
{use}
"""


def test_table_is_the_projects():
    """What is installed and what is checked are one."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    named = {f"{name}>={least}" for name, least in REQUIRED.values()}
    assert named == set(project["dependencies"])


@pytest.mark.parametrize("package", REQUIRED)
def test_old_package_is_told(package, monkeypatch):
    """With what is there, what is needed and how to get it."""
    name, least = REQUIRED[package]
    check_versions()
    monkeypatch.setattr(
        importlib.metadata, "version", lambda asked: "0.1" if asked == name else "999.0"
    )
    for module in REQUIRED:
        monkeypatch.delitem(sys.modules, module, raising=False)
    sentence = (
        f"^skdeep requires {name}>={least}. Got {name} 0.1. Install it with: python -m "
        f'pip install "{name}>={least}".$'
    )
    with pytest.raises(MissingDependencyError, match=sentence):
        check_versions()


@pytest.mark.parametrize(
    "version", ["1.6.1", "1.6.1rc1", "1.7.dev0", "1.10", "2", "1.6.1+local", "unknown"]
)
def test_version_that_will_do_is_silent(version, monkeypatch):
    """Candidates, builds of one's own, and spellings that nobody knows."""
    monkeypatch.setattr("sklearn.__version__", version)
    check_versions()


def test_several_old_packages_are_told_at_once(monkeypatch):
    """One installation is enough."""
    monkeypatch.setattr("sklearn.__version__", "1.5.2")
    monkeypatch.setattr("skorch.__version__", "1.1.0")
    sentence = r"skorch>=1\.2 and scikit-learn>=1\.6\.1\. Got skorch 1\.1\.0 and sci"
    with pytest.raises(SkdeepError, match=sentence):
        check_versions()


@pytest.mark.parametrize(
    "use", ["skdeep.MLPClassifier", "from skdeep.tabular import MLPClassifier"]
)
def test_sentence_comes_before_the_first_missing_name(use):
    """In a process where scikit-learn lacks what skdeep imports."""
    done = subprocess.run(
        [sys.executable, "-c", _FAKED.format(use=use)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PYPROJECT.parent,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert "MissingDependencyError: skdeep requires scikit-learn>=1.6.1. Got" in last
