"""Numbers: targets in, predictions in the same units out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from skdeep._compat import Tags, fit_context
from skdeep.base._estimator import DeepEstimator
from skdeep.base._fit import Fit, takes_batches
from skdeep.tasks import Regression

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike


class DeepRegressor(RegressorMixin, DeepEstimator):
    """Base of regressors: one number a row, or several."""

    # A parameter of some regressors only.
    clip_predictions: bool = False

    def _task(self) -> Regression:
        return Regression(
            type(self).__name__,
            loss=self.loss,
            quantile=self.quantile,
            huber_delta=self.huber_delta,
            target_scaling=self.target_scaling,
            clip_predictions=self.clip_predictions,
        )

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
        return self._run(Fit(self, X, y, sample_weight, partial=True))

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
        numbers: Array = self._answers(X, "predictions")
        return numbers

    def __sklearn_tags__(self) -> Tags:
        """Say that several numbers a row are welcome."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
