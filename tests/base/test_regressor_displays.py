"""Scikit-learn's displays on the regressors of skdeep."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import PredictionErrorDisplay
from sklearn.model_selection import LearningCurveDisplay

from skdeep import MLPRegressor, TabularMLPRegressor


@pytest.mark.parametrize("kind", [MLPRegressor, TabularMLPRegressor])
def test_prediction_error_and_learning_curve(kind, tiny_table):
    """Predicted against true numbers, and scores by the number of rows."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="pictures need matplotlib")
    plt.switch_backend("Agg")
    X, y = tiny_table.X, tiny_table.values
    regressor = kind((4,), max_epochs=3, random_state=0).fit(X, y)
    errors = PredictionErrorDisplay.from_estimator(regressor, X, y, subsample=None)
    np.testing.assert_array_equal(errors.y_pred, regressor.predict(X))
    curve = LearningCurveDisplay.from_estimator(
        regressor, X, y, train_sizes=[0.5, 1.0], cv=2
    )
    assert curve.train_scores.shape == (2, 2)
    plt.close("all")
