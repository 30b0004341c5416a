"""Tests that fits do without torch's compiler, which takes seconds to import."""

from __future__ import annotations

import inspect
import subprocess
import sys
import threading
from typing import Any

import pytest
import torch

from skdeep.training._bare_optimizers import compiler_left_out

PROGRAM = """
import pickle
import sys
import numpy as np
from skdeep import CNNClassifier, MLPClassifier, TabularMLPRegressor, TextClassifier
from skdeep.model_selection import VectorizedSearchCV

X = np.random.default_rng(0).standard_normal((60, 16)).astype("float32")
y = np.arange(60) % 3
for optimizer in ("adam", "sgd", "rmsprop", "lbfgs"):
    MLPClassifier(max_epochs=2, optimizer=optimizer, early_stopping=True).fit(X, y)
clf = MLPClassifier().partial_fit(X, y, classes=[0, 1, 2])
pickle.loads(pickle.dumps(clf)).partial_fit(X, y).predict(X)
TabularMLPRegressor(max_epochs=2).fit(X, y).predict(X)
CNNClassifier(max_epochs=2).fit(X.reshape(-1, 4, 4), y)
TextClassifier(max_epochs=2).fit([f"text {k % 3}" for k in y], y)
VectorizedSearchCV(MLPClassifier(max_epochs=2), {"learning_rate": [0.1, 0.2]}).fit(X, y)
print("torch" in sys.modules, "torch._dynamo" in sys.modules)
"""


def test_fits_do_not_import_the_compiler() -> None:
    """Making, stepping, storing and reading an optimizer leaves it alone."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "False"]


def marks() -> dict[str, Any]:
    """Return what torch has written on a function that it hides from the compiler."""
    return vars(inspect.unwrap(torch.optim.Optimizer.add_param_group))


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it look as if the compiler had not been imported, and torch not asked."""
    monkeypatch.delitem(sys.modules, "torch._dynamo", raising=False)
    for name in list(marks()):
        monkeypatch.delitem(marks(), name)


@pytest.mark.usefixtures("no_compiler")
def test_torch_is_left_as_it_was() -> None:
    """The mark is gone after the block, also where it fails or another one is open."""
    before = set(marks())
    with compiler_left_out():
        assert set(marks()) > before
    assert set(marks()) == before
    with pytest.raises(ZeroDivisionError, match="zero"), compiler_left_out():
        1 / 0  # noqa: B018
    assert set(marks()) == before

    opened, may_end = threading.Event(), threading.Event()

    def another() -> None:
        with compiler_left_out():
            opened.set()
            may_end.wait(10)

    thread = threading.Thread(target=another)
    thread.start()
    assert opened.wait(10)
    with compiler_left_out():
        pass
    may_end.set()
    thread.join()
    assert set(marks()) == before
