"""Prediction of the textbook perceptron against scikit-learn and skorch."""

from __future__ import annotations

from _timing import finish, measure, parse_arguments, report

# isort: split
import warnings
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as ScikitLearnMLP
from skorch import NeuralNetClassifier
from torch import nn

from skdeep import MLPClassifier

N_ROWS, N_TRAIN, N_FEATURES, N_CLASSES = 100_000, 2_000, 10, 5


def perceptron() -> nn.Sequential:
    """Return the network as one writes it by hand."""
    return nn.Sequential(
        nn.Linear(N_FEATURES, 100), nn.ReLU(), nn.Linear(100, N_CLASSES)
    )


def fitted(X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return the three estimators after two epochs."""
    contestants = {
        "skdeep": MLPClassifier(max_epochs=2, random_state=0),
        "scikit-learn": ScikitLearnMLP(max_iter=2, random_state=0),
        "skorch": NeuralNetClassifier(
            perceptron,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.Adam,
            max_epochs=2,
            train_split=None,
            verbose=0,
        ),
    }
    return {name: each.fit(X, y) for name, each in contestants.items()}


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__, repeats=11)
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, N_FEATURES)).astype(np.float32)
    y = rng.integers(N_CLASSES, size=N_TRAIN)
    estimators = fitted(X[:N_TRAIN], y)
    rows = []
    for method in ("predict", "predict_proba"):
        calls = {name: getattr(each, method) for name, each in estimators.items()}
        many = measure(
            {name: partial(call, X) for name, call in calls.items()},
            repeats=arguments.repeats,
            number={"skdeep": 3, "scikit-learn": 3},
        )
        rows += report(
            f"{method}, {N_ROWS:,} x {N_FEATURES}, hidden (100,)",
            many,
            {"scikit-learn": 0.6, "skorch": 0.05} if method == "predict" else {},
            unit="ms",
        )
        calls.pop("skorch")
        one = measure(
            {name: partial(call, X[:1]) for name, call in calls.items()},
            repeats=arguments.repeats,
            number=500,
        )
        rows += report(
            f"{method}, one row of {N_FEATURES}",
            one,
            {"scikit-learn": 1.5} if method == "predict" else {},
            unit="ms",
        )
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
