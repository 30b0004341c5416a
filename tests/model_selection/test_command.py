"""The command that takes part in a study, called in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skdeep.model_selection import _study
from skdeep.model_selection._command import main

CODE = """
from sklearn.datasets import load_iris
from skdeep import MLPClassifier, OptunaSearchCV

def make():
    X, y = load_iris(return_X_y=True)
    net = MLPClassifier(hidden_layer_sizes=(4,), max_epochs=2, random_state=0)
    search = OptunaSearchCV(net, {"l2": [0.0, 0.1]}, n_trials=4, cv=2, study_name="a")
    return search, X, y, {"sample_weight": [1.0] * 150}
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a file with a function that makes a search."""
    path = tmp_path / "made_for_the_command.py"
    path.write_text(CODE, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    yield path
    sys.modules.pop(path.stem, None)


@pytest.mark.parametrize("by_name", [False, True])
def test_command_runs_what_another_has_left(
    script: Path, tmp_path: Path, capsys: Any, by_name: bool
) -> None:
    """By the name of a file or of a module; options go before the search's own."""
    namespace: dict[str, Any] = {}
    exec(CODE, namespace)
    search, X, y, params = namespace["make"]()
    storage = tmp_path / "journal.log"

    def stop(study: Any, trial: Any) -> None:
        study.stop()

    search.set_params(storage=storage, callbacks=[stop])
    # It stops after a trial, and the storage waits for others.
    search.fit(X, y, **params)
    assert len(search.cv_results_["state"]) == 1
    target = "made_for_the_command:make" if by_name else f"{script}:make"
    main([target, "--storage", str(storage), "--verbose", "2"])
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in said[:-1]] == ["2/4", "3/4", "4/4"]
    assert said[-1].startswith("a: 4 trials done, best 0.")


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("nothing", "not of the form"),
        ("nothing.py:make", "cannot load 'nothing.py:make'"),
        ("no_such_module:make", "cannot load 'no_such_module:make': No module"),
        ("{script}:made", "has no attribute 'made'"),
    ],
)
def test_target_that_is_not_there_is_told(
    script: Path, capsys: Any, target: str, sentence: str
) -> None:
    """In a line, with the usage."""
    with pytest.raises(SystemExit, match="2"):
        main([target.format(script=script)])
    assert sentence in capsys.readouterr().err


def test_study_that_is_not_there_is_told(
    script: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a line, without a traceback."""
    monkeypatch.setattr(_study, "JOIN_WITHIN", 0.0)
    with pytest.raises(SystemExit, match="1"):
        main([f"{script}:make", "--storage", str(tmp_path / "journal.log")])
    complaint = capsys.readouterr().err
    assert "finds no study 'a' in the storage to join" in complaint
    assert complaint.count("\n") == 1
