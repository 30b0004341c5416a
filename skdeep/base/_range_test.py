"""A training that tries learning rates instead of epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from sklearn.base import clone

from skdeep._devices import plain_torch
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.base._estimator import DeepEstimator
from skdeep.base._validate import validate
from skdeep.training import TrainingRun

if TYPE_CHECKING:
    from skdeep._typing import MatrixLike
    from skdeep.base._job import Job


@dataclass
class _Tried(Exception):  # noqa: N818 - a signal between our own lines, no error
    losses: list[float]
    parameter: str
    batch_size: int


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
    job = validate(copied, X, y, sample_weight, (None, None, None), partial=False)

    def sweep(job: Job) -> NoReturn:
        plan = replace(
            job.plan, lr_schedule=None, warmup_fraction=0.0, weight_averaging=None
        )
        run = TrainingRun(plan, job.module, job.loss, job.penalty)
        losses = run.sweep(job.batches, rates, enough)
        raise _Tried(losses, copied._rate_parameter(job), job.batch_size)

    job.instead = sweep
    work = float(job.batch_size * copied._n_weights(job.train.X, 1))
    with (
        plain_torch(training=True),
        limit_threads(resolve_n_threads(copied.n_threads, work)),
    ):
        try:
            copied._learn(job, None)
        except _Tried as tried:
            return tried.losses, tried.parameter, tried.batch_size
    raise RuntimeError("a fit ended without a training")  # pragma: no cover
