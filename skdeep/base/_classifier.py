"""Classes: labels in, probabilities and labels out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from skdeep._compat import Tags, fit_context
from skdeep.base._estimator import DeepEstimator
from skdeep.base._validate import takes_batches
from skdeep.data import ClassTarget, check_target_form, class_weights
from skdeep.losses import logits_to_proba, make_classification_loss

if TYPE_CHECKING:
    import torch

    from skdeep._typing import Array, MatrixLike
    from skdeep.base._job import FittedState, Job


class DeepClassifier(ClassifierMixin, DeepEstimator):
    """Base of classifiers: one class a row, or any number of labels."""

    def _target_checks(self) -> dict[str, bool]:
        return {"multi_output": True}

    def _target_attributes(self, target: ClassTarget) -> dict[str, Any]:
        return {
            "classes_": target.classes,
            "n_outputs_": target.n_outputs,
        }

    def _fit_target(self, job: Job, classes: Any) -> None:
        owner = type(self).__name__
        y = job.train.y
        if job.before is not None:
            job.target = job.before.target
            self._check_same_labels(job)
        elif job.partial and classes is not None and y.ndim == 1:
            job.target = ClassTarget.from_list(classes, owner)
        else:
            job.target = ClassTarget.from_labels(y, owner)
        if classes is not None:
            self._check_same_classes(classes, job.target.classes)
        for part in (job.train, job.valid):
            if part is not None:
                part.codes = job.target.codes(
                    part.y, owner, validation=part is job.valid
                )
        self._apply_class_weight(job)

    def _check_same_classes(self, classes: Any, known: Array) -> None:
        if not np.array_equal(np.unique(classes), known):
            raise ValueError(
                f"{type(self).__name__}.partial_fit takes the same classes at every "
                f"call. Got {np.unique(classes).tolist()} where {known.tolist()} are "
                "known."
            )

    def _check_same_labels(self, job: Job) -> None:
        owner, known = type(self).__name__, job.target.classes
        if job.partial or job.target.kind == "multilabel":
            return
        now = ClassTarget.from_labels(job.train.y, owner).classes
        if not np.array_equal(now, known):
            raise ValueError(
                f"{owner} with warm_start=True goes on with the classes it knows, "
                f"{known.tolist()}. Got y with {now.tolist()}. Set warm_start=False."
            )

    def _apply_class_weight(self, job: Job) -> None:
        if self.class_weight is None:
            return
        owner, target = type(self).__name__, job.target
        if target.kind == "multilabel":
            raise ValueError(
                f"The 'class_weight' parameter of {owner} needs one class a row. Got a "
                "multilabel y. Use sample_weight."
            )
        if job.partial and isinstance(self.class_weight, str):
            raise ValueError(
                f"{owner}.partial_fit cannot balance classes it has not seen. Got "
                "class_weight='balanced'. Pass a dict of weights."
            )
        per_class = class_weights(
            self.class_weight,
            target.classes,
            job.train.codes,
            job.train.weight,
            owner,
        )
        for part in (job.train, job.valid):
            if part is not None:
                part.scale_weight(per_class[part.codes])

    def _encode_codes(self, job: Job, codes: Array) -> torch.Tensor:
        tensor: torch.Tensor = job.target.encode(codes, job.dtype)
        return tensor

    def _strata(self, job: Job) -> Array:
        return job.train.codes

    def _make_loss(self, job: Job) -> torch.nn.Module:
        single = job.target.kind == "single"
        return make_classification_loss(
            "cross_entropy" if single else self.loss,
            kind=job.target.loss_kind,
            label_smoothing=self.label_smoothing,
            focal_gamma=self.focal_gamma,
        )

    def _link(self, state: FittedState, output: torch.Tensor) -> torch.Tensor:
        target: ClassTarget = state.target
        return logits_to_proba(output, target.loss_kind)

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
        return self._run(X, y, sample_weight, partial=True, classes=classes)

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
        outputs, dtype = self._outputs(X)
        return outputs.astype(dtype, copy=False)

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
        logits, _ = self._outputs(X, raw=True)
        labels: Array = self._state.target.decode(logits)
        return labels

    def __sklearn_tags__(self) -> Tags:
        """Say that several labels a row are welcome."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
