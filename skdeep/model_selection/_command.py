"""The command with which a process, here or on another host, takes part in a study."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from skdeep._console import write_line
from skdeep.exceptions import SkdeepError
from skdeep.model_selection._search_fit import SearchFit

DESCRIPTION = """\
Run trials of a study that an OptunaSearchCV has made, until its budget is spent.

TARGET names a function without arguments, as MODULE:FUNCTION or FILE.py:FUNCTION,
that returns the search, X and y, and if need be a dict of what else fit is given.
They must be those of the process that made the study.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        Of the command; None takes those of the process.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        search, X, y, params = _load(given.target)
    except (AttributeError, ImportError, OSError, TypeError, ValueError) as error:
        parser.error(f"cannot load {given.target!r}: {error}")
    options = ("storage", "study_name", "n_jobs", "timeout", "device", "verbose")
    told = {name: getattr(given, name) for name in options}
    search.set_params(**{name: v for name, v in told.items() if v is not None})
    search.set_params(join=True, resume=False)
    try:
        search._validate_params()  # noqa: SLF001 - scikit-learn names no other way
        rows, study = SearchFit(search, X, y, params).run_trials()
    except (SkdeepError, ValueError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    complete = [row for row in rows if row.outcome.state == "COMPLETE"]
    line = f"{study.study_name}: {len(rows)} trials done"
    if complete:
        best = max(complete, key=lambda row: row.outcome.value)
        line += f", best {best.outcome.value:.4f} (#{best.number})"
    write_line(line)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m skdeep.model_selection",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("--storage", help="path or URL; by default the search's own")
    parser.add_argument("--study-name", help="by default the search's own")
    parser.add_argument("--n-jobs", type=int, help="workers")
    parser.add_argument("--timeout", type=float, help="seconds")
    parser.add_argument("--device", help="such as cuda:1 or cuda:auto")
    parser.add_argument("--verbose", type=int, help="0, 1 or 2")
    return parser


def _load(target: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Return what the function returns that a target names."""
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise ValueError("it is not of the form MODULE:FUNCTION or FILE.py:FUNCTION")
    if place.endswith(".py"):
        path = Path(place).absolute()
        spec: Any = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        # Workers in other processes look their functions up by this name.
        sys.modules[path.stem] = module
        sys.path.insert(0, str(path.parent))
        spec.loader.exec_module(module)
    else:
        sys.path.insert(0, str(Path.cwd()))
        module = importlib.import_module(place)
    search, X, y, *more = getattr(module, name)()
    return search, X, y, more[0] if more else {}
