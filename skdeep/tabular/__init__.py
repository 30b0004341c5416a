"""Perceptrons for tables: the textbook one of numbers, and one of any columns."""

from skdeep.tabular._mlp_classifier import MLPClassifier
from skdeep.tabular._mlp_regressor import MLPRegressor
from skdeep.tabular._recipes import recipe_params
from skdeep.tabular._tabular_classifier import TabularMLPClassifier
from skdeep.tabular._tabular_regressor import TabularMLPRegressor

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "recipe_params",
]
