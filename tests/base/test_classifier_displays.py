"""Scikit-learn's displays, which skdeep has no substitutes for, on its classifiers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import CalibrationDisplay
from sklearn.inspection import (
    DecisionBoundaryDisplay,
    PartialDependenceDisplay,
)
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    DetCurveDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    confusion_matrix,
    roc_auc_score,
)
from sklearn.model_selection import LearningCurveDisplay, ValidationCurveDisplay

from skdeep import MLPClassifier, TabularMLPClassifier


@pytest.fixture(autouse=True)
def figures():
    """Draw without a screen, and close what was drawn."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="pictures need matplotlib")
    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture(params=[MLPClassifier, TabularMLPClassifier])
def fitted(request, tiny_table):
    """Return a classifier of two classes with names, and its rows."""
    X = tiny_table.X[:, :2]
    y = np.where(tiny_table.labels == "bee", "bee", "other")
    return request.param((4,), max_epochs=5, random_state=0).fit(X, y), X, y


def test_confusion_matrix_display(fitted):
    """The numbers in the cells are counts of predictions."""
    classifier, X, y = fitted
    display = ConfusionMatrixDisplay.from_estimator(classifier, X, y)
    np.testing.assert_array_equal(
        display.confusion_matrix, confusion_matrix(y, classifier.predict(X))
    )
    assert display.display_labels.tolist() == ["bee", "other"]


def test_roc_curve_display(fitted):
    """The area is that of the probabilities."""
    classifier, X, y = fitted
    display = RocCurveDisplay.from_estimator(classifier, X, y, pos_label="other")
    area = roc_auc_score(y == "other", classifier.predict_proba(X)[:, 1])
    assert np.atleast_1d(display.roc_auc)[0] == pytest.approx(area)


def test_calibration_display(fitted):
    """Probabilities are binned as they are."""
    classifier, X, y = fitted
    display = CalibrationDisplay.from_estimator(classifier, X, y, n_bins=3)
    np.testing.assert_array_equal(display.y_prob, classifier.predict_proba(X)[:, 1])


@pytest.mark.parametrize("kind", [PrecisionRecallDisplay, DetCurveDisplay])
def test_other_curves_of_two_classes(kind, fitted):
    """They are drawn without a word."""
    classifier, X, y = fitted
    assert kind.from_estimator(classifier, X, y, pos_label="bee").ax_ is not None


def test_decision_boundary_and_partial_dependence(fitted):
    """Predictions over a plane, and along a feature."""
    classifier, X, _ = fitted
    boundary = DecisionBoundaryDisplay.from_estimator(
        classifier, X, grid_resolution=5, response_method="predict_proba"
    )
    assert boundary.response.shape[:2] == (5, 5)
    dependence = PartialDependenceDisplay.from_estimator(
        classifier, X, [0], grid_resolution=5
    )
    assert dependence.axes_.size == 1


def test_learning_and_validation_curves(tiny_table):
    """Copies are fitted on parts of the rows, and with several values."""
    mlp = MLPClassifier((4,), max_epochs=3, random_state=0)
    X, y = tiny_table.X, tiny_table.labels
    learning = LearningCurveDisplay.from_estimator(
        mlp, X, y, train_sizes=[0.5, 1.0], cv=2
    )
    assert learning.test_scores.shape == (2, 2)
    validation = ValidationCurveDisplay.from_estimator(
        mlp, X, y, param_name="l2", param_range=[0.0, 0.1, 10.0], cv=2
    )
    assert validation.test_scores.shape == (3, 2)
