"""Searches for parameters, and the spaces they search."""

from skdeep.model_selection._default_space import search_space

__all__ = ["search_space"]
