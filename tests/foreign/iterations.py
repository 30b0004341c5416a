"""Our perceptron where scikit-learn has an example of an estimator with callbacks."""

from __future__ import annotations

from typing import Any

from sklearn import callback
from sklearn.datasets import make_regression

from skdeep import MLPRegressor

# The rows of all tests that score what is fitted.
ROWS = make_regression(n_samples=100, n_features=2, random_state=0)


class MaxIterEstimator(MLPRegressor):
    """`skdeep.MLPRegressor` whose epochs are counted by `max_iter`.

    The example can be fitted to nothing, and its tests do so: there is data in reserve.
    """

    def __init__(
        self, max_iter: int = 20, computation_intensity: float = 0.001
    ) -> None:
        super().__init__((4,), tol=None, random_state=0)
        self.max_iter = max_iter
        self.computation_intensity = computation_intensity

    @property
    def max_epochs(self) -> int:
        """Return the number of epochs, under our name."""
        return self.max_iter

    @max_epochs.setter
    def max_epochs(self, value: int) -> None:
        """Leave what the constructor of our estimator stores to `max_iter`."""

    def fit(self, X: Any = None, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit our estimator to the rows, or to those in reserve."""
        X = ROWS[0] if X is None else X
        y = ROWS[1] if y is None else y
        return super().fit(X, y, sample_weight=sample_weight)


class ScoringMonitor(callback.ScoringMonitor):
    """scikit-learn's, with the name that its example gives to the tasks of its loop."""

    def get_logs(self, select: str = "most_recent", **options: Any) -> Any:
        """Return its logs, in which our epochs are called iterations."""
        logs = super().get_logs(select, **options)
        for log in logs if isinstance(logs, list) else [logs]:
            for row in log.data:
                if row["task_name"] == "epoch":
                    row["task_name"] = f"iteration {row['task_id']}"
        return logs
