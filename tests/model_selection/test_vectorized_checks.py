"""The grid search that trains networks side by side, through scikit-learn's checks."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeep import MLPClassifier, MLPRegressor, VectorizedSearchCV

# As scikit-learn checks its own searches: a failure within is one of the search.
CHECKED: dict[str, Any] = {"cv": 2, "error_score": "raise"}
NETWORK: dict[str, Any] = {"max_epochs": 25, "learning_rate": 0.03, "random_state": 0}
GRID = {"l2": [1e-4]}


@parametrize_with_checks(
    [
        VectorizedSearchCV(MLPClassifier(16, **NETWORK), GRID, **CHECKED),
        VectorizedSearchCV(MLPRegressor(16, **NETWORK), GRID, **CHECKED),
    ]
)
def test_search_passes_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    """The contract of an estimator holds for the search as well."""
    with warnings.catch_warnings():
        # Of scikit-learn's own look at a y of NaN, before any estimator sees it.
        warnings.filterwarnings("ignore", message="invalid value encountered in cast")
        check(estimator)
