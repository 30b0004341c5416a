"""A server that loads its models, uses two threads, and then forks its workers.

Run as ``python -m tests.forking NAME...``; says "ok" for each estimator whose answers
in the child are those of the parent.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np
import torch

from skdeep import MLPClassifier
from tests.placed import PLACED, answers, fit, make


def start_threads() -> None:
    """Let torch start a pool of threads, which no child will have."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 50))
    net = MLPClassifier((512,), max_epochs=1, batch_size=2000, n_threads=2)
    net.fit(X, X[:, 0] > 0).predict(X)


def in_child(estimator: Any, name: str, expected: list[np.ndarray]) -> bool:
    """Predict and fit on as many threads as were asked for, as a worker would."""
    found = answers(estimator, PLACED[name].X)
    same = [
        np.allclose(one, two) if one.dtype.kind == "f" else (one == two).all()
        for one, two in zip(found, expected, strict=True)
    ]
    fit(estimator, name)
    return all(same)


def main() -> None:
    """Fit, fork, predict."""
    torch.set_num_threads(2)
    start_threads()
    for name in sys.argv[1:]:
        estimator = make(name)
        for n_threads in (2, None):
            if "n_threads" in estimator.get_params():
                estimator.set_params(n_threads=n_threads)
            fit(estimator, name)
            expected = answers(estimator, PLACED[name].X)
            child = os.fork()
            if child == 0:
                os._exit(0 if in_child(estimator, name, expected) else 1)
            _, status = os.waitpid(child, 0)
            if status:
                raise SystemExit(f"the child of {name} ended with {status}")
        sys.stdout.write(f"{name} ok\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
