"""Classes: labels in, probabilities and labels out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from skdeep._compat import Tags, fit_context
from skdeep.base._estimator import DeepEstimator
from skdeep.base._fit import Fit, takes_batches
from skdeep.data import check_target_form
from skdeep.tasks import Classification

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike


class DeepClassifier(ClassifierMixin, DeepEstimator):
    """Base of classifiers: one class a row, or any number of labels."""

    # A parameter of some classifiers only.
    calibration: str | None = None

    def _task(self) -> Classification:
        return Classification(
            type(self).__name__,
            loss=self.loss,
            label_smoothing=self.label_smoothing,
            focal_gamma=self.focal_gamma,
            class_weight=self.class_weight,
            calibration=self.calibration,
        )

    @available_if(takes_batches)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: MatrixLike,
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Make one pass over more rows.

        The optimizer and the generators are kept between calls, also in a pickle, so
        that training in pieces equals training in one go. Input statistics are
        updated by each call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            Labels, or an indicator of several labels a row.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come. Required at the first call unless `y` is an
            indicator.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. They multiply the gradient as they are,
            since the mean weight of all rows, which `fit` divides by, is not known.

        Returns
        -------
        self : object
            The estimator after one more epoch.
        """
        first = not hasattr(self, "net_") and classes is None
        if first:
            check_target_form(y, type(self).__name__, labels=True)
        if first and (np.ndim(y) == 1 or np.shape(y)[1:] == (1,)):
            raise ValueError(
                f"classes must be passed on the first call to {type(self).__name__}."
                "partial_fit: name all labels that will ever come."
            )
        return self._run(Fit(self, X, y, sample_weight, partial=True, classes=classes))

    def predict_proba(self, X: MatrixLike) -> Array:
        """Return the probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`. Rows sum to one, except where `y` was an
            indicator: then each column is the probability of its label.
        """
        proba: Array = self._answers(X, "probabilities")
        return proba

    def predict_log_proba(self, X: MatrixLike) -> Array:
        """Return the logarithm of the probability of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            At most 0.
        """
        with np.errstate(divide="ignore"):
            log_proba: Array = np.log(self.predict_proba(X))
        return log_proba

    def predict(self, X: MatrixLike) -> Array:
        """Return the most probable class, or the labels more probable than not.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_labels)
            Labels of the dtype of `classes_`, or a 0/1 indicator.
        """
        labels: Array = self._answers(X, "predictions")
        return labels

    def __sklearn_tags__(self) -> Tags:
        """Say that several labels a row are welcome."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
