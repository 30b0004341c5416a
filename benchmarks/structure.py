"""How the package is put together, in numbers: classes, files, frames, lines."""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import skdeep
from skdeep import MLPClassifier, TabularMLPClassifier
from skdeep.base import Fit, Modality, Network
from skdeep.tasks import Task

ROOT = Path(skdeep.__file__).parent
QUICK = {"max_epochs": 2, "random_state": 0}


def own_classes(kind: type) -> list[str]:
    """Return the classes of the package whose methods an estimator inherits."""
    return [
        base.__name__
        for base in kind.__mro__
        if base.__module__.startswith("skdeep.")
        and any(
            callable(value) or isinstance(value, (classmethod, property))
            for name, value in vars(base).items()
            if name != "__init__"
        )
    ]


def files_of(call: Callable[[], Any]) -> set[str]:
    """Return the files of the package that a call runs through, once all is warm."""
    call()
    files: set[str] = set()

    def note(frame: Any, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            files.add(str(path.relative_to(ROOT)))

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return files


def frames_below_the_loss(call: Callable[[], Any]) -> int:
    """Return how many frames of the package are on the stack at the loss."""
    deepest = 0

    def note(frame: Any, event: str, _: Any) -> None:
        nonlocal deepest
        path = frame.f_code.co_filename
        if event != "call" or not path.startswith(str(ROOT / "losses")):
            return
        here = [f for f in inspect.getouterframes(frame) if str(ROOT) in f.filename]
        deepest = max(deepest, len(here))

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return deepest


def questions(part: type) -> list[str]:
    """Return the public names that a part answers."""
    return [name for name in vars(part) if not name.startswith("_")]


def fragments() -> list[str]:
    """Return files that one other file of their room imports, and nobody else."""
    importers: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"(?:from|import) (skdeep(?:\.\w+)+)", text):
            importers.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return sorted(
        name
        for name, files in importers.items()
        if name.rpartition(".")[2].startswith("_")
        and len(files - {"__init__.py"}) == 1
        and not any(file.endswith("__init__.py") for file in files)
    )


def main() -> None:
    """Count and print."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 6))
    y = (X[:, 0] > 0).astype(int)
    for model in (MLPClassifier((8,), **QUICK), TabularMLPClassifier(**QUICK)):
        kind = type(model)
        files = files_of(lambda model=model: model.fit(X, y))
        rooms = Counter(Path(file).parts[0] for file in files)
        print(f"{kind.__name__}: inherits from {own_classes(kind)}")
        print(f"  a fit runs through {len(files)} files: {dict(rooms.most_common())}")
    frames = frames_below_the_loss(lambda: MLPClassifier((8,), **QUICK).fit(X, y))
    print(f"frames at the loss of a perceptron: {frames}")
    for part in (Modality, Task, Network):
        print(f"{part.__name__} answers {len(questions(part))}: {questions(part)}")
    fit = Fit(MLPClassifier((8,), **QUICK), X, y)
    print(f"a Fit holds {len(vars(fit))} fields")
    lines = Counter(
        {p: len(p.read_text(encoding="utf-8").splitlines()) for p in ROOT.rglob("*.py")}
    )
    print(f"{lines.total():,} lines in {len(lines)} files")
    print(f"{len(fragments())} files that only one sibling imports")


if __name__ == "__main__":
    main()
