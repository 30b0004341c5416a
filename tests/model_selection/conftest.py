"""Small searches over small networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.datasets import load_iris

from skdeep import MLPClassifier, OptunaSearchCV

X_IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]


@pytest.fixture(scope="session")
def iris() -> tuple[np.ndarray, np.ndarray]:
    """Return 75 flowers, a third of each kind, and the names of their kinds."""
    return X_IRIS[::2], NAMES[::2]


@pytest.fixture
def net() -> MLPClassifier:
    """Return a classifier of four short epochs."""
    return MLPClassifier(
        hidden_layer_sizes=(6,), max_epochs=4, batch_size=16, random_state=0
    )


@pytest.fixture
def rates() -> dict[str, Any]:
    """Return a space of learning rates, most of them too small."""
    return {
        "learning_rate": optuna.distributions.FloatDistribution(1e-6, 0.3, log=True)
    }


@pytest.fixture
def make_search(net: MLPClassifier, rates: Any) -> Callable[..., OptunaSearchCV]:
    """Return a function that makes a search of eight trials on three folds."""

    def make(estimator: Any = None, space: Any = None, **params: Any) -> OptunaSearchCV:
        given = {"n_trials": 8, "cv": 3, "random_state": 0, **params}
        return OptunaSearchCV(
            net if estimator is None else estimator,
            rates if space is None else space,
            **given,
        )

    return make


@pytest.fixture
def strict() -> optuna.pruners.BasePruner:
    """Return a pruner that stops what is worse than the median, from the start."""
    return optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=0)
