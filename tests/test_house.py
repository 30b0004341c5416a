"""Rules of the house that no other tool holds."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = sorted(
    path
    for folder in ("skdeep", "tests", "examples", "benchmarks", ".ci")
    for path in (ROOT / folder).rglob("*.py")
)
TEXTS = sorted(
    [
        *CODE,
        *ROOT.glob("*.md"),
        *ROOT.glob("*.toml"),
        *ROOT.glob("*.ini"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "docs").rglob("*.rst"),
    ]
)


def name_of(path: Path) -> str:
    """Return a path as it reads in a report."""
    return path.relative_to(ROOT).as_posix()


def command_between(text: str, start: str) -> str:
    """Return the one command in the block of a README that a comment opens."""
    pattern = rf"^<!-- {start} -->\n```sh\n(.+)\n```\n<!-- end -->$"
    (command,) = re.findall(pattern, text, flags=re.MULTILINE)
    return str(command)


def private_sklearn_names(tree: ast.AST) -> list[str]:
    """List the private names or modules of scikit-learn that a file imports."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [name for name in names if re.match(r"sklearn\b.*\._[a-z]", name)]


def test_files_are_found():
    """The rules below look at files at all."""
    assert {"skdeep/__init__.py", "tests/test_house.py"} <= set(map(name_of, CODE))
    assert "README.md" in map(name_of, TEXTS)


def test_no_room_for_leftovers():
    """Helpers are named for what they do."""
    leftovers = {"utils", "util", "helpers", "misc"}
    assert [name_of(path) for path in CODE if leftovers & words_of(path)] == []


def words_of(path: Path) -> set[str]:
    """Return the words in the names of a file and its folders."""
    return set(re.split(r"[/_.]", name_of(path)))


def test_private_sklearn_names_stay_in_compat():
    """What scikit-learn may change without notice is used in one file."""
    found = {
        name_of(path): private_sklearn_names(
            ast.parse(path.read_text(encoding="utf-8"))
        )
        for path in CODE
        if path.parts[len(ROOT.parts)] == "skdeep"
    }
    assert {path for path, names in found.items() if names} <= {"skdeep/_compat.py"}


@pytest.mark.parametrize(
    ("line", "n_private"),
    [
        ("from sklearn.base import _fit_context", 1),
        ("from sklearn.utils._param_validation import Interval", 1),
        ("import sklearn.utils._tags", 1),
        ("from sklearn.base import BaseEstimator", 0),
        ("from skdeep._compat import Interval", 0),
    ],
)
def test_private_sklearn_names_are_recognised(line, n_private):
    """The rule above sees private modules and private names, and nothing else."""
    assert len(private_sklearn_names(ast.parse(line))) == n_private


def test_every_test_file_has_its_file():
    """tests/room/test_file.py, or test_file_subject.py, tests skdeep/room/_file.py."""
    orphans = []
    for path in CODE:
        folder = path.relative_to(ROOT).parts
        if folder[0] != "tests" or not path.name.startswith("test_") or len(folder) < 3:
            continue
        if folder[1] in {"docs", "ecosystem", "foreign", "weights"}:
            continue  # pages, other people's software, networks that have learnt
        room = ROOT.joinpath("skdeep", *folder[1:-1])
        subjects = [f"test{file.stem}" for file in room.glob("_[a-z]*.py")]
        if not any(f"{path.stem}_".startswith(f"{name}_") for name in subjects):
            orphans.append(name_of(path))
    assert orphans == []


def test_every_library_of_the_ecosystem_has_its_test_and_its_word():
    """What `tox -e ecosystem` installs is what is marked, and is in the page."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    lines = groups["ecosystem"] + groups["ecosystem-skforecast"]
    installed = {re.split(r"[<>=]", line)[0] for line in lines}
    marks = [
        mark
        for path in (ROOT / "tests" / "ecosystem").glob("test_*.py")
        for mark in re.findall(
            r"^pytestmark = pytest\.mark\.ecosystem\((.+)\)$",
            path.read_text("utf-8"),
            flags=re.MULTILINE,
        )
    ]
    marked = {name for mark in marks for name in re.findall(r'"([^"]+)"', mark)}
    assert marked - {"skops"} == installed  # which comes by an extra
    page = (ROOT / "docs" / "with_other_libraries.md").read_text("utf-8").lower()
    assert [name for name in sorted(marked) if name.lower() not in page] == []


def test_todo_says_until_when():
    """A TODO without an end stays for ever."""
    pattern = re.compile(r"#\s*TODO(?!: .*\bwhen\b)")
    open_ended = [
        f"{name_of(path)}: {line.strip()}"
        for path in CODE
        for line in path.read_text(encoding="utf-8").splitlines()
        if pattern.search(line)
    ]
    assert open_ended == []


def test_nobody_is_told_to_install_the_other_skdeep():
    """The package index has an unrelated skdeep; ours is skdeep-torch."""
    wrong = re.compile(r"pip install(?:\s+-\S+)*\s+['\"]?skdeep(?!-torch)")
    told = [name_of(path) for path in TEXTS if wrong.search(path.read_text("utf-8"))]
    assert told == []


def test_ci_runs_the_command_of_the_readme():
    """What a newcomer is told to run is what is run on every change."""
    command = command_between((ROOT / "README.md").read_text("utf-8"), "tests")
    shown = subprocess.run(
        [ROOT / ".ci" / "run", "--show"], check=True, capture_output=True, text=True
    )
    assert shown.stdout == f"{command}\n"


def test_readme_starts_the_quickstart_in_one_line():
    """The first command installs the checkout and runs a file that is there."""
    command = command_between((ROOT / "README.md").read_text("utf-8"), "quickstart")
    assert "pip install ." in command
    script = command.split()[-1]
    assert (ROOT / script).is_file()
