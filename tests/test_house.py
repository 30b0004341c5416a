"""Rules of the house that no other tool holds."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

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


IMPORTERS = {"import_module", "__import__", "find_spec", "resolve_name"}
READERS = {"getattr", "setattr", "hasattr", "delattr"}


def private_sklearn_names(tree: ast.AST) -> list[str]:
    """List the private names and modules of scikit-learn that a file uses.

    Whatever way it takes there: an import, an attribute of what was imported, also
    under another name, `getattr`, or the name of a module in a string.
    """
    bound = _bound_to_sklearn(tree)
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names.append(_path(node, bound))
        elif isinstance(node, ast.Call):
            names.append(_called_for(node, bound))
        elif id(node) not in prose:
            names.append(_text(node))
    # Neither a word of prose nor a name of the language, such as __version__.
    private = re.compile(r"sklearn(?:\.\w+)*\._(?!_)\w*(?:\.\w+)*")
    return sorted({name for name in names if private.fullmatch(name)})


def _bound_to_sklearn(tree: ast.AST) -> dict[str, str]:
    """Return what each name of a file stands for that comes from scikit-learn."""
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and _is_sklearn(node.module or ""):
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if _is_sklearn(alias.name):
                    bound[alias.asname or "sklearn"] = (
                        alias.name if alias.asname else "sklearn"
                    )
    while True:
        # What has a name may be given another, anywhere in the file.
        found = {
            target.id: _path(node.value, bound)
            for node in ast.walk(tree)
            if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr))
            for target in (
                node.targets if isinstance(node, ast.Assign) else [node.target]
            )
            if isinstance(target, ast.Name) and node.value is not None
        }
        new = {name: path for name, path in found.items() if path and name not in bound}
        if not new:
            return bound
        bound.update(new)


def _path(node: ast.AST, bound: dict[str, str]) -> str:
    """Return the path of what an expression is, "" where it is not scikit-learn's."""
    if isinstance(node, ast.Name):
        return bound.get(node.id, "")
    if isinstance(node, ast.Attribute):
        owner = _path(node.value, bound)
        return f"{owner}.{node.attr}" if owner else ""
    return _called_for(node, bound) if isinstance(node, ast.Call) else ""


def _called_for(node: ast.Call, bound: dict[str, str]) -> str:
    """Return the path of what `import_module`, `getattr` and the like return."""
    function: Any = node.func
    name = getattr(function, "attr", None) or getattr(function, "id", "")
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    texts = [_text(argument) for argument in arguments]
    if name in IMPORTERS and texts:
        # With a relative name the package comes second.
        path = "".join(texts[1::-1] if texts[0].startswith(".") else texts[:1])
        return path if _is_sklearn(path) else ""
    if name in READERS and len(texts) > 1:
        owner = _path(node.args[0], bound)
        return f"{owner}.{texts[1]}" if owner and texts[1] else ""
    return ""


def _text(node: ast.AST) -> str:
    """Return what a string is, as far as it stands there."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_text, node.values))
    return _text(node.value) if isinstance(node, ast.FormattedValue) else ""


def _is_sklearn(path: str) -> bool:
    return path.partition(".")[0] == "sklearn"


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
    assert {path for path, names in found.items() if names} == {"skdeep/_compat.py"}


PRIVATE_LINES = [
    "from sklearn.base import _fit_context",
    "from sklearn import _config",
    "from sklearn.base import BaseEstimator, _fit_context as fit_context",
    "from sklearn.utils._param_validation import Interval",
    "import sklearn.utils._tags",
    "import sklearn.utils._tags as tags",
    "import sklearn; sklearn._config",
    "import sklearn; sklearn.base._fit_context",
    "import sklearn.base as foundation; foundation._fit_context",
    "from sklearn import utils; utils._tags.get_tags()",
    "from sklearn.utils import validation as v; v._num_samples([1])",
    "from sklearn import base; one = base; two = one; two._fit_context",
    "from sklearn.base import BaseEstimator; BaseEstimator._get_param_names()",
    "from sklearn import base; getattr(base, '_fit_context')",
    "from sklearn import base; setattr(base, '_fit_context', None)",
    "import sklearn; getattr(sklearn, 'base')._fit_context",
    "import importlib; importlib.import_module('sklearn.utils._tags')",
    "from importlib import import_module; import_module('._tags', 'sklearn.utils')",
    "import importlib; importlib.import_module('.base', 'sklearn')._fit_context",
    "import importlib; importlib.import_module('sklearn' + '.utils._tags')",
    "import importlib; m = importlib.import_module('sklearn.base'); m._fit_context",
    "__import__('sklearn.utils._tags')",
    "import sys; sys.modules['sklearn.utils._tags']",
    "name = f'sklearn.utils.{'_tags'}'",
    "def f(): from sklearn.base import _fit_context",
    "print(base := __import__('sklearn.base')); base._fit_context",
]
PUBLIC_LINES = [
    "from sklearn.base import BaseEstimator",
    "from sklearn.base import clone as _clone",
    "from skdeep._compat import Interval",
    "from skdeep.data import _tables; _tables._read",
    "import sklearn; sklearn.__version__",
    "import importlib; importlib.import_module('sklearn.utils.validation')",
    "'As sklearn.utils._tags does.'",
    "self._fit_context",
]


@pytest.mark.parametrize("line", PRIVATE_LINES)
def test_private_sklearn_names_are_recognised(line):
    """The rule above sees them whatever way is taken."""
    assert private_sklearn_names(ast.parse(line.replace("{'_tags'}", '{"_tags"}')))


@pytest.mark.parametrize("line", PUBLIC_LINES)
def test_public_names_are_no_private_ones(line):
    """The rule above sees nothing else."""
    assert private_sklearn_names(ast.parse(line)) == []


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
