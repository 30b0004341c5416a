"""skorch's callbacks: what those that score are given, and which cannot be copied."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from skdeep.data import in_memory
from skdeep.training import Answers

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.base._fit import Fit, Rows


def answers(view: Any, fit: Fit) -> Answers:
    """Return what such callbacks get in place of tensors.

    Parameters
    ----------
    view : DeepEstimator
        Predicts with the network that is being trained.
    fit : Fit
        Its rows and its target are given to them.

    Returns
    -------
    answers : Answers
    """
    task = fit.task

    def decode(output: torch.Tensor, method: str) -> Array:
        state = view._state
        what = "predictions" if method == "predict" else "probabilities"
        pooled = state.pooled(view._network(), output)
        predicted: Array = getattr(task, what)(pooled, state.input_dtype)
        return predicted

    def restore(y: Any) -> Any:
        # Targets that were mixed are no one's.
        return task.target.restore(y) if isinstance(y, torch.Tensor) else y

    return Answers(view, _rows(fit.train), _rows(fit.valid), decode, restore)


def _rows(part: Rows | None) -> tuple[Any, Any] | None:
    return None if part is None else (in_memory(part.X), part.y)


def copied_callbacks(estimator: Any, cause: Exception) -> list[Any]:
    """Return copies of callbacks that scikit-learn could not clone.

    skorch takes every attribute of a callback for a parameter of its constructor, which
    those of a callback of one's own need not be.

    Parameters
    ----------
    estimator : DeepEstimator
        Has the callbacks.
    cause : Exception
        What was raised when they were cloned.

    Raises
    ------
    TypeError
        If one of them cannot be copied.
    """
    copies = []
    for given in estimator.callbacks:
        try:
            copies.append(copy.deepcopy(given))
        except Exception as error:
            callback = given[1] if isinstance(given, tuple) else given
            raise TypeError(
                f"{type(estimator).__name__} cannot be cloned, as cross-validation and "
                f"searches do for every fit, since its callback "
                f"{type(callback).__name__} cannot be copied ({error}). Call fit "
                "itself, or pass callbacks that can be copied."
            ) from cause
    return copies
