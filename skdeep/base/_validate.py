"""The verb "validate": parameters and data checked, the estimator left alone."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

from sklearn.metrics import check_scoring

from skdeep._devices import resolve_device
from skdeep._seeding import Streams, draw_seed
from skdeep.base._job import Job, Part
from skdeep.data import (
    check_target_form,
    check_weights,
    ravel_column,
    resolve_batch_size,
)

if TYPE_CHECKING:
    from skdeep._typing import MatrixLike


def validate(
    estimator: Any,
    X: MatrixLike,
    y: Any,
    sample_weight: Any,
    validation: tuple[Any, Any, Any],
    *,
    partial: bool,
) -> Job:
    """Check parameters and data, touching nothing but a copy of the estimator.

    Parameters
    ----------
    estimator : DeepEstimator
        Gives the parameters, and its present state to go on from.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training inputs.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Training targets.
    sample_weight : array-like of shape (n_samples,) or None
        Weights of the rows.
    validation : tuple
        `X_val`, `y_val`, `sample_weight_val`, each or all None.
    partial : bool
        Whether this is a call of partial_fit.

    Returns
    -------
    job : Job
        With its parts validated.
    """
    owner, limit = type(estimator).__name__, estimator.time_limit
    deadline = None if limit is None else time.perf_counter() + limit
    if partial:
        # scikit-learn leaves it out once there is something fitted.
        estimator._validate_params()
    _check_settings(estimator, owner, partial=partial)
    scratch = copy.copy(estimator)
    before = None
    if hasattr(estimator, "net_") and (partial or estimator.warm_start):
        before = estimator._state
    checks = estimator._target_checks()
    part = _part(scratch, X, y, sample_weight, "y", reset=before is None, **checks)
    X_val, y_val, weight_val = validation
    valid = None
    if not (X_val is None and y_val is None and weight_val is None):
        if X_val is None or y_val is None:
            lacking = "X_val" if X_val is None else "y_val"
            raise ValueError(
                f"{owner}.fit takes X_val and y_val together. Got no {lacking}. Pass "
                "both, or neither."
            )
        valid = _part(scratch, X_val, y_val, weight_val, "y_val", reset=False, **checks)
    return Job(
        scratch=scratch,
        before=before,
        partial=partial,
        train=part,
        valid=valid,
        given=Part(X, y, part.weight),
        streams=Streams.from_seed(draw_seed(estimator.random_state)),
        device=resolve_device(estimator.device),
        batch_size=resolve_batch_size(
            estimator.batch_size,
            part.n_rows,
            full=estimator.optimizer == "lbfgs",
            auto=estimator._auto_batch(part.n_rows),
        ),
        deadline=deadline,
    )


def _part(
    scratch: Any, X: MatrixLike, y: Any, sample_weight: Any, name: str, **checks: bool
) -> Part:
    owner, labels = type(scratch).__name__, not checks.get("y_numeric", False)
    check_target_form(y, owner, labels=labels, name=name)
    table, target = scratch._read(X, y, **checks)
    weight = check_weights(sample_weight, table, owner)
    return Part(table, ravel_column(target), weight)


def takes_batches(estimator: Any) -> bool:
    """Tell whether an estimator has a `partial_fit`; the error gives the reason.

    Raises
    ------
    AttributeError
        If the optimizer wants all rows at once.
    """
    if estimator.optimizer == "lbfgs":
        raise AttributeError(
            f"{type(estimator).__name__}.partial_fit takes mini-batch steps, which "
            "optimizer='lbfgs' does not. Choose another optimizer."
        )
    return True


def _check_settings(estimator: Any, owner: str, *, partial: bool) -> None:
    """Check the parameters that must agree with one another."""
    if estimator.scoring != "loss":
        check_scoring(estimator, estimator.scoring)
    idle = estimator._without_effect()
    decays = estimator.weight_decay and "weight_decay" not in idle
    if estimator.optimizer == "lbfgs" and decays:
        raise ValueError(
            f"{owner} has no decoupled weight decay with optimizer='lbfgs'. Got "
            f"weight_decay={estimator.weight_decay!r}. Use l2 instead."
        )
    clips = estimator.max_grad_norm is not None and "max_grad_norm" not in idle
    if estimator.optimizer == "lbfgs" and clips:
        raise ValueError(
            f"{owner} cannot clip the gradient that the line search of "
            "optimizer='lbfgs' relies on. Got max_grad_norm="
            f"{estimator.max_grad_norm!r}. Set it to None."
        )
    if partial and estimator.early_stopping is True:
        raise ValueError(
            f"{owner}.partial_fit makes one pass and cannot stop early. Got "
            "early_stopping=True. Set it to False."
        )
