"""Perceptrons for tables of numbers."""

from skdeep.tabular._mlp_classifier import MLPClassifier
from skdeep.tabular._mlp_regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
