"""Any classifier, fitted on augmented rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if

from skdeep._compat import Tags
from skdeep.text._augmented import (
    AUGMENTED_CONSTRAINTS,
    AugmentedEstimator,
    inner_has,
    inner_tags,
)

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike


class AugmentedClassifier(ClassifierMixin, AugmentedEstimator):
    """Fit any classifier on its training rows and on new ones made of them.

    An augmenter makes more rows, which no step of a Pipeline may; and what is made of a
    training row must never be in a test fold. So `fit` augments the rows that it is
    given and nothing else: `predict` sees rows as they are, and under cross-validation
    folds stay clean.

    Parameters
    ----------
    estimator : estimator
        A classifier, or a Pipeline that ends in one; it is cloned.
    augmenter : TextAugmenter, ImageAugmenter or None, default=None
        Makes the new rows; it is cloned. Or any object whose ``augment(X, y,
        sample_weight)`` returns as many of these as it is given, with more rows; where
        it has a `fit` it is called before with X and y. None makes none.
    n_aug : int or None, default=None
        New rows for each one. None is what the augmenter says, or 1 for images.
    random_state : int, RandomState instance, Generator or None, default=None
        Seeds the augmenter; None leaves a `TextAugmenter` its own, and takes fresh
        entropy for images.

    Attributes
    ----------
    estimator_ : estimator
        The fitted classifier.
    augmenter_ : object or None
        The augmenter that was used.
    classes_ : ndarray of shape (n_classes,)
        The labels, of the classifier.
    n_features_in_ : int
        Where the classifier knows of it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Likewise.

    Raises
    ------
    ValueError
        By `fit`, if a parameter or the data break a rule; the message says which.

    See Also
    --------
    AugmentedRegressor : The same for regressors.
    TextAugmenter : Makes new texts.
    ImageAugmenter : Makes new images.

    Notes
    -----
    Images are one array of shape (n_samples, height, width), with an axis of channels
    or without, or flat rows of square ones; new ones have their form and dtype. A
    `TextClassifier` or `CNNClassifier` has an `augmenter` of its own, which changes
    rows anew in each epoch, and costs no memory.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeep import AugmentedClassifier, TextAugmenter
    >>> model = AugmentedClassifier(
    ...     make_pipeline(TfidfVectorizer(), LogisticRegression()),
    ...     TextAugmenter(synonyms={"prize": ["award"]}, random_state=0),
    ... )
    >>> model.fit(["a free prize", "a prize", "at home", "home"], [1, 1, 0, 0])
    AugmentedClassifier(...)
    >>> model.predict(["an award", "at home"])
    array([1, 0])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = AUGMENTED_CONSTRAINTS

    @property
    def classes_(self) -> Array:
        """The labels, of the fitted classifier."""
        classes: Array = self._of_inner("classes_")
        return classes

    @available_if(inner_has("predict_proba"))
    def predict_proba(self, X: MatrixLike, **params: Any) -> Array:
        """Return the probabilities of the fitted classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, ...)
            Inputs.
        **params : dict
            Under metadata routing, what the classifier requests.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        proba: Array = self._ask("predict_proba", X, params)
        return proba

    @available_if(inner_has("predict_log_proba"))
    def predict_log_proba(self, X: MatrixLike, **params: Any) -> Array:
        """Return the logarithms of the probabilities of the fitted classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, ...)
            Inputs.
        **params : dict
            Under metadata routing, what the classifier requests.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            At most 0.
        """
        log_proba: Array = self._ask("predict_log_proba", X, params)
        return log_proba

    @available_if(inner_has("decision_function"))
    def decision_function(self, X: MatrixLike, **params: Any) -> Array:
        """Return the decision function of the fitted classifier.

        Parameters
        ----------
        X : array-like of shape (n_samples,) or (n_samples, ...)
            Inputs.
        **params : dict
            Under metadata routing, what the classifier requests.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Of the classifier.
        """
        decision: Array = self._ask("decision_function", X, params)
        return decision

    def __sklearn_tags__(self) -> Tags:
        """Say what the classifier says."""
        return inner_tags(self, super().__sklearn_tags__(), "classifier_tags")
