"""Searches over the parameters of estimators, and their spaces."""

from skdeep.model_selection._optuna_search import OptunaSearchCV

__all__ = ["OptunaSearchCV"]
