"""A training that tries learning rates instead of epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from skdeep.base._estimator import DeepEstimator
from skdeep.base._fit import Fit
from skdeep.base._phases import without_schedule
from skdeep.training import TrainingRun

if TYPE_CHECKING:
    from skdeep._typing import MatrixLike


def try_rates(
    estimator: DeepEstimator,
    X: MatrixLike,
    y: Any,
    sample_weight: Any,
    rates: Sequence[float],
    enough: Callable[[list[float]], bool],
) -> tuple[list[float], str, int]:
    """Take one step at each of several learning rates, on a copy of an estimator.

    All that a fit does before its last training is done; that training's schedule,
    average and callbacks are left out.

    Parameters
    ----------
    estimator : DeepEstimator
        Fitted or not; it is left as it is.
    X, y, sample_weight : array-like
        As in fit.
    rates : sequence of float
        In order.
    enough : callable
        From the losses so far to whether to stop.

    Returns
    -------
    losses : list of float
        Of each batch before the step on it; infinite or NaN where training diverged.
    parameter : str
        The parameter that these rates are values of.
    batch_size : int
        Rows in a step.
    """
    copied: Any = clone(estimator).set_params(
        warm_start=False, callbacks=None, verbose=0
    )
    copied._validate_params()
    fit = Fit(copied, X, y, sample_weight)
    with fit.conditions():
        fit.begin()
        *first, last = [phase for phase in fit.phases if phase.rows == "train"]
        for phase in first:
            for _ in fit.steps_of(phase):
                pass
        ready = fit.prepare(without_schedule(last))
        run = TrainingRun(ready.plan, ready.module, ready.loss, ready.penalty)
        losses = run.sweep(ready.batches, rates, enough)
    return losses, last.rate_name, fit.batch_size
