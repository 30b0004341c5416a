"""The steps of a Pipeline before its last one, as its own methods take them.

Other libraries derive Pipelines whose steps add or remove rows. What their `fit`,
`predict` and `score` hand to the last step is asked of these methods themselves: an
estimator that only keeps what it is given stands in the place of the last step.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from skdeep._compat import Tags, get_tags, num_samples

# Methods and properties that decide what a Pipeline does with its steps.
_BEHAVIOUR = frozenset(
    name
    for name in vars(Pipeline)
    if not name.startswith(("__", "_abc_", "_parameter", "_repr", "_sk_visual"))
) | {"__getitem__", "__len__"}


class CannotFollowError(Exception):
    """A Pipeline does more in `fit` than to fit one step after the other."""


def is_plain(pipeline: Pipeline) -> bool:
    """Tell whether a Pipeline behaves as scikit-learn's own.

    Parameters
    ----------
    pipeline : Pipeline
        It may be of a derived class.
    """
    kinds = type(pipeline).__mro__
    if Pipeline not in kinds:
        return True
    derived = kinds[: kinds.index(Pipeline)]
    return not any(_BEHAVIOUR & vars(kind).keys() for kind in derived)


def pipelines_of(estimator: Any) -> list[Pipeline]:
    """Return a Pipeline and those that are the last step of one another.

    Parameters
    ----------
    estimator : estimator object
        Any.
    """
    found = []
    while isinstance(estimator, Pipeline):
        found.append(estimator)
        estimator = estimator.steps[-1][1]
    return found


class LastStepStandIn(BaseEstimator):
    """Stand in for the last step of a Pipeline and keep what it would be given.

    Parameters
    ----------
    estimator : estimator object
        The last step, whose tags and requests for metadata it has.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        self.given: list[tuple[Any, Any, dict[str, Any]]] = []

    def fit(self, X: Any, y: Any = None, **params: Any) -> LastStepStandIn:
        """Keep the arguments."""
        self.given.append((X, y, params))
        return self

    def predict(self, X: Any) -> Any:
        """Keep the rows."""
        self.given.append((X, None, {}))
        return np.zeros(num_samples(X))

    def score(self, X: Any, y: Any = None) -> float:
        """Keep the rows and their targets."""
        self.given.append((X, y, {}))
        return 0.0

    def get_metadata_routing(self) -> Any:
        """Return the requests of the last step."""
        return self.estimator.get_metadata_routing()

    def __sklearn_is_fitted__(self) -> bool:
        """Say that it is ready."""
        return True

    def __sklearn_tags__(self) -> Tags:
        """Return the tags of the last step."""
        return get_tags(self.estimator)


def fit_before_last(
    pipeline: Pipeline, X: Any, y: Any, params: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """Fit all steps but the last and return what the last one is to be given.

    Parameters
    ----------
    pipeline : Pipeline
        Its own `fit` is called.
    X, y : array-like
        Training rows; `y` may be None.
    params : dict
        What `fit` is given beside them.

    Raises
    ------
    CannotFollowError
        If the class of the Pipeline does something after its last step was fitted, or
        fits another estimator in its place.
    """
    name, final = pipeline.steps[-1]
    stand_in = _Watching(final, pipeline)
    pipeline.steps[-1] = (name, stand_in)
    try:
        pipeline.fit(X, y, **params)
        followed = is_plain(pipeline) or stand_in.was_the_end()
    except Exception as error:
        if is_plain(pipeline) or not stand_in.given:
            raise
        raise CannotFollowError from error
    finally:
        pipeline.steps[-1] = (name, final)
    if not followed:
        raise CannotFollowError
    return stand_in.given[0]


class _Watching(LastStepStandIn):
    """Notice what a Pipeline does once its last step is fitted."""

    def __init__(self, estimator: Any, pipeline: Pipeline) -> None:
        super().__init__(estimator)
        self.pipeline = pipeline
        self.before: dict[str, Any] = {}

    def fit(self, X: Any, y: Any = None, **params: Any) -> LastStepStandIn:
        """Keep the arguments, and how the Pipeline is."""
        self.before = dict(vars(self.pipeline))
        return super().fit(X, y, **params)

    def was_the_end(self) -> bool:
        """Tell whether it was fitted once, and the Pipeline left as it was then."""
        now = vars(self.pipeline)
        return (
            len(self.given) == 1
            and self.pipeline.steps[-1][1] is self
            and now.keys() == self.before.keys()
            and all(value is self.before[name] for name, value in now.items())
        )


def given_to_last(pipeline: Pipeline, X: Any) -> Any:
    """Return rows as `predict` of a fitted Pipeline hands them to its last step.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    X : array-like of n_samples rows
        Inputs.
    """
    if is_plain(pipeline):
        return pipeline[:-1].transform(X) if len(pipeline.steps) > 1 else X
    replaced = with_last(pipeline, LastStepStandIn(pipeline.steps[-1][1]))
    replaced.predict(X)
    return replaced.steps[-1][1].given[-1][0]


def scored_by_last(pipeline: Pipeline, X: Any, rows: Any) -> tuple[Any, Any]:
    """Return rows as `score` of a fitted Pipeline hands them to its last step.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    X : array-like of n_samples rows
        Inputs.
    rows : array-like of shape (n_samples,)
        Handed on as the targets are.

    Returns
    -------
    X, rows : array-like
        What is left of both.
    """
    if is_plain(pipeline):
        return given_to_last(pipeline, X), rows
    replaced = with_last(pipeline, LastStepStandIn(pipeline.steps[-1][1]))
    replaced.score(X, rows)
    X, rows, _ = replaced.steps[-1][1].given[-1]
    return X, rows


def with_last(pipeline: Pipeline, estimator: Any) -> Any:
    """Return a copy of a Pipeline that ends in another estimator.

    Parameters
    ----------
    pipeline : Pipeline
        Left alone; steps and fitted attributes are shared.
    estimator : estimator object
        The last step.
    """
    replaced = copy.copy(pipeline)
    replaced.steps = [*pipeline.steps[:-1], (pipeline.steps[-1][0], estimator)]
    return replaced


def untouched(estimator: Any) -> Any:
    """Return a copy to start again with, where a fit may turn out not to be followed.

    Parameters
    ----------
    estimator : estimator object
        Not fitted.

    Returns
    -------
    copied : estimator object or None
        None where every Pipeline is a plain one.
    """
    if all(map(is_plain, pipelines_of(estimator))):
        return None
    return clone(estimator)
