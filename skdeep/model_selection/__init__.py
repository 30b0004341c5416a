"""Searches for parameters, and the spaces they search."""

from skdeep.model_selection._default_space import search_space
from skdeep.model_selection._optuna_search import OptunaSearchCV
from skdeep.model_selection._vectorized import VectorizedSearchCV

__all__ = ["OptunaSearchCV", "VectorizedSearchCV", "search_space"]
