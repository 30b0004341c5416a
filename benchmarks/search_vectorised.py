"""A grid of twelve candidates on five folds, in stacks against a fit at a time."""

from __future__ import annotations

from _timing import finish, measure, parse_arguments, report

# isort: split
import warnings
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier as ScikitLearnMLP
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, VectorizedSearchCV

RATES, PENALTIES = [3e-4, 1e-3, 3e-3, 1e-2], [1e-5, 1e-4, 1e-3]
TARGET = 1 / 3


def ours(search: type, X: Any, y: Any, batch_size: int, epochs: int) -> None:
    """Search over skdeep's perceptron, which also scales its inputs."""
    network = MLPClassifier(
        (100,), batch_size=batch_size, max_epochs=epochs, tol=None, random_state=0
    )
    grid = {"learning_rate": RATES, "l2": PENALTIES}
    search(network, grid, cv=5, refit=False).fit(X, y)


def scikit_learn(X: Any, y: Any, batch_size: int, epochs: int) -> None:
    """Search over scikit-learn's perceptron."""
    network = ScikitLearnMLP(
        (100,),
        batch_size=batch_size,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        random_state=0,
    )
    grid = {
        "learning_rate_init": RATES,
        "alpha": [batch_size * strength for strength in PENALTIES],
    }
    GridSearchCV(network, grid, cv=5, refit=False).fit(X, y)


def compare(
    name: str, X: Any, y: Any, batch_size: int, epochs: int, repeats: int
) -> list[dict[str, Any]]:
    """Measure one table and batch size."""
    arguments = (X, y, batch_size, epochs)
    seconds = measure(
        {
            "in stacks": partial(ours, VectorizedSearchCV, *arguments),
            "GridSearchCV, skdeep": partial(ours, GridSearchCV, *arguments),
            "GridSearchCV, scikit-learn": partial(scikit_learn, *arguments),
        },
        repeats=repeats,
    )
    title = (
        f"5 folds x 12 candidates of (100,), batch {batch_size}, {epochs} epochs, "
        f"{name} {X.shape[0]:,} x {X.shape[1]}"
    )
    targets = {"GridSearchCV, skdeep": TARGET, "GridSearchCV, scikit-learn": TARGET}
    return report(title, seconds, targets)


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__, repeats=3)
    warnings.simplefilter("ignore", ConvergenceWarning)
    digits: Any = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(digits[0]).astype(np.float32)
    wide: Any = make_classification(
        5_000, 50, n_informative=20, n_classes=5, random_state=0
    )
    tables = {
        "digits": (X, digits[1]),
        "synthetic": (wide[0].astype(np.float32), wide[1]),
    }
    rows = []
    for name, batch_size, epochs in (
        ("digits", 200, 20),
        ("digits", 32, 4),
        ("synthetic", 200, 5),
    ):
        rows += compare(name, *tables[name], batch_size, epochs, arguments.repeats)
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
