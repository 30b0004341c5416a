"""The one file that touches private or version-bound names of scikit-learn.

The callback API came with scikit-learn 1.9 and may change without a deprecation, so
it is looked for, never relied on.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.utils import Tags, get_tags
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import (
    _check_sample_weight,
    _num_samples,
    check_is_fitted,
    validate_data,
)

# sklearn.callback imports rich where it is installed, and rich draws from Python's
# global generator as it is imported (rich 15).
_python_random = random.getstate()
try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn < 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand in for scikit-learn's mixin where it does not exist yet."""


random.setstate(_python_random)

__all__ = [
    "CALLBACK_ATTRIBUTES",
    "CallbackSupportMixin",
    "EpochTasks",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "Options",
    "StrOptions",
    "Tags",
    "check_is_fitted",
    "check_sample_weight",
    "fit_context",
    "get_tags",
    "num_samples",
    "validate_data",
    "validate_parameter_constraints",
]

num_samples = _num_samples
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
