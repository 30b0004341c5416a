"""Numbers: targets in, predictions in the same units out."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from skdeep._compat import Tags, fit_context
from skdeep.base._estimator import DeepEstimator
from skdeep.base._validate import takes_batches
from skdeep.data import NumberTarget, float_dtype
from skdeep.losses import RegressionLoss, make_regression_loss

if TYPE_CHECKING:
    import torch

    from skdeep._typing import Array, MatrixLike
    from skdeep.base._job import FittedState, Job


class DeepRegressor(RegressorMixin, DeepEstimator):
    """Base of regressors: one number a row, or several."""

    # A parameter of some front doors only.
    clip_predictions: bool = False

    def _target_checks(self) -> dict[str, bool]:
        return {"multi_output": True, "y_numeric": True}

    def _target_attributes(self, target: NumberTarget) -> dict[str, Any]:
        return {"n_outputs_": target.n_outputs}

    def _fit_target(self, job: Job, classes: Any) -> None:
        owner = type(self).__name__
        y = job.train.y
        scaling = self.target_scaling
        if scaling is not None and self.loss == "poisson":
            # A log link takes a factor, not a shift.
            scaling = "mean"
        if job.before is not None:
            job.target = copy.deepcopy(job.before.target)
            self._check_same_scaling(job.target.scaling, scaling)
            self._check_same_quantiles(job.target.n_quantiles, y)
            job.target.clip = self.clip_predictions
        else:
            job.target = NumberTarget(
                scaling,
                one_dimensional=y.ndim == 1,
                n_columns=1 if y.ndim == 1 else y.shape[1],
                n_quantiles=len(self._quantiles(y)),
                clip=self.clip_predictions,
            )
        for part in (job.train, job.valid):
            if part is not None:
                part.codes = job.target.columns(part.y, owner)
                self._check_range(part.codes)
        if job.before is not None and not job.partial:
            job.target.widen(job.train.codes)

    def _quantiles(self, y: Array) -> tuple[float, ...]:
        """Return the quantiles to predict, or one that no loss will look at."""
        levels = tuple(float(level) for level in np.atleast_1d(self.quantile))
        if self.loss != "quantile":
            return levels[:1]
        if len(levels) > 1 and y.ndim > 1:
            raise ValueError(
                f"{type(self).__name__} predicts several quantiles of one target. Got "
                f"y of shape {y.shape} for quantile={self.quantile!r}. Fit one "
                "estimator a target."
            )
        return levels

    def _check_same_scaling(self, before: str | None, now: str | None) -> None:
        if now != before:
            raise ValueError(
                f"{type(self).__name__} can only go on with the target on the scale it "
                f"began with, {before!r}. Got {now!r} by target_scaling="
                f"{self.target_scaling!r} and loss={self.loss!r}. Set warm_start=False "
                "and call fit to start afresh."
            )

    def _check_same_quantiles(self, before: int, y: Array) -> None:
        now = len(self._quantiles(y))
        if now != before:
            raise ValueError(
                f"{type(self).__name__} can only go on with as many quantiles as it "
                f"began with, {before}. Got {now} by quantile={self.quantile!r} and "
                f"loss={self.loss!r}. Set warm_start=False and call fit to start "
                "afresh."
            )

    def _check_range(self, values: Array) -> None:
        if self.loss == "poisson" and values.size and values.min() < 0:
            raise ValueError(
                f"{type(self).__name__} with loss='poisson' needs y of at least 0. Got "
                f"{float(values.min())!r}. Shift the target or choose another loss."
            )

    def _encode_codes(self, job: Job, codes: Array) -> torch.Tensor:
        tensor: torch.Tensor = job.target.encode(codes, job.dtype)
        return tensor

    def _strata(self, job: Job) -> Array:
        return job.train.codes

    def _make_state(self, job: Job, resume: dict[str, Any]) -> FittedState:
        # A target in float64 may have digits that float32 does not hold, whatever the
        # dtype of the inputs: time stamps, sums of money.
        state = super()._make_state(job, resume)
        dtype = np.result_type(state.input_dtype, float_dtype(job.train.y))
        return replace(state, input_dtype=dtype)

    def _make_loss(self, job: Job) -> torch.nn.Module:
        quantiles = self._quantiles(job.train.y)
        return make_regression_loss(
            self.loss,
            quantile=quantiles if len(quantiles) > 1 else quantiles[0],
            huber_delta=self.huber_delta,
        )

    def _link(self, state: FittedState, output: torch.Tensor) -> torch.Tensor:
        loss: RegressionLoss = self.net_.criterion_
        return loss.inverse_link(output)

    @available_if(takes_batches)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: MatrixLike, y: Any, sample_weight: Any = None) -> Self:
        """Make one pass over more rows.

        The optimizer and the generators are kept between calls, also in a pickle, so
        that training in pieces equals training in one go. Statistics of inputs and
        targets are updated by each call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Training targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. They multiply the gradient as they are,
            since the mean weight of all rows, which `fit` divides by, is not known.

        Returns
        -------
        self : object
            The estimator after one more epoch.
        """
        return self._run(X, y, sample_weight, partial=True)

    def predict(self, X: MatrixLike) -> Array:
        """Return the predicted numbers, in the units of the training targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            With as many axes as the training targets had. In float64, or in float32
            where `X` and the training data, inputs and targets, all were float32.
        """
        outputs, dtype = self._outputs(X)
        numbers = self._state.target.decode(outputs)
        return np.asarray(numbers, dtype=dtype)

    def __sklearn_tags__(self) -> Tags:
        """Say that several numbers a row are welcome."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
