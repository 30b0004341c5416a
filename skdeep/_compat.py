"""The one file that touches private or version-bound names of scikit-learn.

The callback API came with scikit-learn 1.9 and may change without a deprecation, so
it is looked for, never relied on.
"""

from __future__ import annotations

# Before anything that an older version lacks.
# isort: off
import skdeep._requirements  # noqa: F401
# isort: on

import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.utils import Tags, _safe_indexing, get_tags
from sklearn.utils._metadata_requests import _raise_for_params as raise_for_params
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    RealNotInt,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metaestimators import _safe_split as split_rows
from sklearn.utils.validation import (
    _check_method_params,
    _check_sample_weight,
    _num_samples,
    check_is_fitted,
    validate_data,
)

try:
    from sklearn.utils._repr_html.estimator import _VisualBlock
except ImportError:  # scikit-learn < 1.7
    from sklearn.utils._estimator_html_repr import _VisualBlock

# sklearn.callback imports rich where it is installed, and rich draws from Python's
# global generator as it is imported (rich 15).
_python_random = random.getstate()
try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback._callback_support import (
        callback_management_context as callback_management,
    )
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand in for scikit-learn's mixin where it does not exist yet."""

    def callback_management(estimator: Any) -> AbstractContextManager[None]:
        """Return a context in which nothing is managed."""
        return nullcontext()


random.setstate(_python_random)

# Below, since they import sklearn.callback too.
from sklearn.metrics._scorer import _MultimetricScorer  # noqa: E402
from sklearn.model_selection._search import BaseSearchCV  # noqa: E402
from sklearn.model_selection._validation import (  # noqa: E402
    _fit_and_score as fit_and_score,
)
from sklearn.model_selection._validation import (  # noqa: E402
    _insert_error_scores as insert_error_scores,
)
from sklearn.model_selection._validation import (  # noqa: E402
    _warn_or_raise_about_fit_failures as tell_of_failures,
)

__all__ = [
    "CALLBACK_ATTRIBUTES",
    "BaseSearchCV",
    "CallbackSupportMixin",
    "EpochTasks",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "RealNotInt",
    "SearchTasks",
    "StrOptions",
    "Tags",
    "accepts_sample_weight",
    "callback_management",
    "check_is_fitted",
    "check_method_params",
    "check_sample_weight",
    "fit_and_score",
    "fit_context",
    "get_tags",
    "insert_error_scores",
    "looks_for_positives",
    "num_samples",
    "raise_for_params",
    "rows_at",
    "scorer_for",
    "scorer_with",
    "scorers_by_name",
    "split_rows",
    "tell_of_failures",
    "validate_data",
    "validate_parameter_constraints",
    "visual_block",
]

check_method_params = _check_method_params
num_samples = _num_samples
rows_at = _safe_indexing
# Where an estimator holds its callbacks, and what they are told while it is fitted.
CALLBACK_ATTRIBUTES = ("_skl_callbacks", "_callback_fit_ctx", "_parent_callback_ctx")


def check_sample_weight(
    sample_weight: Any, X: Any, *, dtype: Any = np.float64
) -> np.ndarray[Any, Any]:
    """Return `sample_weight` as non-negative floats of shape (n_samples,)."""
    weight: np.ndarray[Any, Any] = _check_sample_weight(
        sample_weight, X, dtype=dtype, ensure_non_negative=True
    )
    return weight


def scorers_by_name(scorer: Any) -> dict[str, Any]:
    """Return the scorers of several metrics; none for what is no collection of them."""
    several = isinstance(scorer, _MultimetricScorer)
    return dict(scorer._scorers) if several else {}


def scorer_for(scorer: Any, name: str) -> Any:
    """Return a collection of one metric out of several."""
    return _MultimetricScorer(scorers={name: scorer._scorers[name]}, raise_exc=True)


def accepts_sample_weight(scorer: Any) -> bool:
    """Tell whether a scorer is made of a metric that takes sample weights."""
    metric = getattr(scorer, "_score_func", None)
    return metric is not None and "sample_weight" in signature(metric).parameters


def scorer_with(scorer: Any, **params: Any) -> Any:
    """Return a scorer whose metric is also given some parameters.

    Those that the metric does not take, or was given already, are left out; the labels
    too, where predictions are compared and not probabilities.
    """
    metric = getattr(scorer, "_score_func", None)
    if metric is None:
        return scorer
    taken = signature(metric).parameters
    if getattr(scorer, "_response_method", "predict") == "predict":
        params.pop("labels", None)
    added = {
        name: value
        for name, value in params.items()
        if name in taken and name not in scorer._kwargs
    }
    if not added:
        return scorer
    told = copy(scorer)
    told._kwargs = {**scorer._kwargs, **added}
    return told


def looks_for_positives(scorer: Any) -> Any:
    """Return the class without which a metric is zero whatever is predicted, or None.

    That is the positive class of precision, recall and the like.
    """
    metric = getattr(scorer, "_score_func", None)
    if metric is None or scorer._kwargs.get("average", "binary") != "binary":
        return None
    taken = signature(metric).parameters
    if not {"pos_label", "zero_division"} <= set(taken):
        return None
    return scorer._kwargs.get("pos_label", taken["pos_label"].default)


def visual_block(estimator: Any, caption: str | None) -> Any:
    """Return an estimator's block in scikit-learn's diagrams, with a line below it."""
    name = type(estimator).__name__
    return _VisualBlock(
        "single",
        estimator,
        names=name,
        name_details=str(estimator),
        name_caption=caption,
    )


class EpochTasks:
    """Report every epoch of a fit to the callbacks set with `set_callbacks`.

    Parameters
    ----------
    estimator : estimator instance
        The estimator being fitted.
    max_epochs : int
        The number of epochs the fit may run.
    X, y : array-like
        The training data, handed to callbacks that ask for them.
    sample_weight : ndarray of shape (n_samples,) or None
        Handed on as metadata.
    """

    def __init__(
        self, estimator: Any, max_epochs: int, X: Any, y: Any, sample_weight: Any
    ) -> None:
        self.estimator = estimator
        self.data = {"X": X, "y": y}
        if sample_weight is not None:
            self.data["metadata"] = {"sample_weight": sample_weight}
        # What is fitted is written over the last fit, whose names may have gone.
        named = hasattr(estimator, "feature_names_in_")
        self.gone = {"feature_names_in_": None} if named else {}
        self.root: Any = None
        if getattr(estimator, "_skl_callbacks", None):
            self.root = estimator._init_callback_context(max_subtasks=max_epochs)
            self.root.call_on_fit_task_begin(estimator=estimator, **self.data)

    def begin(self) -> Any:
        """Open the task of one epoch."""
        if self.root is None:
            return None
        task = self.root.subcontext(task_name="epoch")
        task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return task

    def end(self, task: Any, fitted: Callable[[], dict[str, Any]]) -> bool:
        """Close an epoch's task; True when a callback asks to stop."""
        return task is not None and self._end(task, fitted)

    def close(self, fitted: Callable[[], dict[str, Any]]) -> None:
        """Close the fit's own task."""
        if self.root is not None:
            self._end(self.root, fitted)

    def _end(self, task: Any, fitted: Callable[[], dict[str, Any]]) -> bool:
        stop = task.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: {**self.gone, **fitted()},
            **self.data,
        )
        return bool(stop)


class SearchTasks:
    """Report a search to callbacks of scikit-learn, in the tasks of `GridSearchCV`.

    Parameters
    ----------
    search : estimator instance
        The search being fitted.
    X, y : array-like
        The training data.
    sample_weight : ndarray of shape (n_samples,) or None
        Handed on as metadata.
    """

    def __init__(self, search: Any, X: Any, y: Any, sample_weight: Any) -> None:
        self.search = search
        self.data: dict[str, Any] = {"X": X, "y": y}
        if sample_weight is not None:
            self.data["metadata"] = {"sample_weight": sample_weight}
        # Whether a callback has asked for the end of the search.
        self.stopped = False
        self.searching: Any = None
        self.root: Any = None
        if hasattr(search, "_init_callback_context"):
            n_tasks = 1 + (search.refit is not False)
            self.root = search._init_callback_context(max_subtasks=n_tasks)
            self.root.call_on_fit_task_begin(estimator=search, **self.data)

    @contextmanager
    def evaluating(self, n_evaluations: int | None) -> Iterator[None]:
        """Open the task that holds those of all candidates and folds.

        Parameters
        ----------
        n_evaluations : int or None
            How many there may be; None where it is not known.
        """
        if self.root is None:
            yield
            return
        self.searching = self.root.subcontext(
            task_name="search", max_subtasks=n_evaluations, sequential_subtasks=False
        ).call_on_fit_task_begin(estimator=self.search)
        yield
        self.searching.call_on_fit_task_end(estimator=self.search)

    def evaluation(self, place: int) -> Any:
        """Return the task of a candidate on a fold, None where nobody listens."""
        if self.searching is None:
            return None
        name = "candidate-split-evaluation"
        return self.searching.subcontext(task_name=name, task_id=place)

    def begin(self, task: Any, rows: Callable[[], tuple[Any, Any]]) -> None:
        """Tell of the begin of an evaluation."""
        if task is not None:
            task.call_on_fit_task_begin(estimator=self.search, **_lazy(rows))

    def end(self, task: Any, rows: Callable[[], tuple[Any, Any]]) -> None:
        """Tell of its end."""
        if task is not None:
            stop = task.call_on_fit_task_end(estimator=self.search, **_lazy(rows))
            self.stopped = self.stopped or bool(stop)

    @contextmanager
    def refit(self, estimator: Any) -> Iterator[None]:
        """Let callbacks hear of the fit of the best estimator in the block."""
        if self.root is None:
            yield
            return
        task = self.root.subcontext(task_name="refit-with-best-params")
        with task.propagate_callback_context(estimator):
            task.call_on_fit_task_begin(estimator=self.search, **self.data)
            yield
        task.call_on_fit_task_end(estimator=self.search, **self.data)

    def close(self) -> None:
        """Close the task of the whole search."""
        if self.root is not None:
            self.root.call_on_fit_task_end(estimator=self.search, **self.data)


def scaler_of_powers(transformer: Any) -> Any:
    """Return the fitted StandardScaler of a `PowerTransformer`, which hides it."""
    return transformer._scaler


def _lazy(rows: Callable[[], tuple[Any, Any]]) -> dict[str, Any]:
    """Return the rows of a task, cut out only where a callback asks for them."""
    return {"X": lambda: rows()[0], "y": lambda: rows()[1]}
