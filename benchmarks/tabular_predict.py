"""Prediction of the tabular perceptron against scikit-learn's MLP and its boosting."""

from __future__ import annotations

from _timing import finish, measure, parse_arguments, report

# isort: split
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as ScikitLearnMLP

from skdeep import TabularMLPClassifier

N_ROWS, N_TRAIN, N_FEATURES = 100_000, 5_000, 10
BOOSTING, MLP = "HistGradientBoosting", "scikit-learn MLP"


def fitted(X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """Return the estimators: boosting with all its trees, the nets after two epochs."""
    contestants = {
        "skdeep": TabularMLPClassifier(max_epochs=2, random_state=0),
        "skdeep, one member": TabularMLPClassifier(
            n_ensemble=1, max_epochs=2, random_state=0
        ),
        MLP: ScikitLearnMLP(max_iter=2, random_state=0),
        BOOSTING: HistGradientBoostingClassifier(early_stopping=False, random_state=0),
    }
    return {name: each.fit(X, y) for name, each in contestants.items()}


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__, repeats=7)
    warnings.simplefilter("ignore", ConvergenceWarning)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, N_FEATURES)).astype(np.float32)
    y = (X[:N_TRAIN, 0] * X[:N_TRAIN, 1] > rng.standard_normal(N_TRAIN)).astype(int)
    calls = {name: each.predict for name, each in fitted(X[:N_TRAIN], y).items()}
    rows = []
    for n_rows, number, target in ((N_ROWS, 1, {BOOSTING: 1.0}), (1, 100, {MLP: 3.0})):
        times = measure(
            {name: partial(call, X[:n_rows]) for name, call in calls.items()},
            repeats=arguments.repeats,
            number=number,
        )
        rows += report(f"predict {n_rows:,} x {N_FEATURES}", times, target, unit="ms")
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
