"""Any regressor, fitted on augmented rows."""

from __future__ import annotations

from typing import Any, ClassVar

from sklearn.base import RegressorMixin

from skdeep._compat import Tags
from skdeep.text._augmented import (
    AUGMENTED_CONSTRAINTS,
    AugmentedEstimator,
    inner_tags,
)


class AugmentedRegressor(RegressorMixin, AugmentedEstimator):
    """Fit any regressor on its training rows and on new ones made of them.

    An augmenter makes more rows, which no step of a Pipeline may; and what is made of a
    training row must never be in a test fold. So `fit` augments the rows that it is
    given and nothing else: `predict` sees rows as they are, and under cross-validation
    folds stay clean.

    Parameters
    ----------
    estimator : estimator
        A regressor, or a Pipeline that ends in one; it is cloned.
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
        The fitted regressor.
    augmenter_ : object or None
        The augmenter that was used.
    n_features_in_ : int
        Where the regressor knows of it.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Likewise.

    Raises
    ------
    ValueError
        By `fit`, if a parameter or the data break a rule; the message says which.

    See Also
    --------
    AugmentedClassifier : The same for classifiers, with notes on what images may be.
    TextAugmenter : Makes new texts.
    ImageAugmenter : Makes new images.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skdeep import AugmentedRegressor, TextAugmenter
    >>> model = AugmentedRegressor(
    ...     make_pipeline(CountVectorizer(), Ridge(0.1)),
    ...     TextAugmenter(synonyms={"good": ["fine"]}, random_state=0),
    ... )
    >>> model.fit(["very good", "good", "bad", "very bad"], [5.0, 4.0, 2.0, 1.0])
    AugmentedRegressor(...)
    >>> model.predict(["fine"]).round()
    array([4.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = AUGMENTED_CONSTRAINTS

    def __sklearn_tags__(self) -> Tags:
        """Say what the regressor says."""
        return inner_tags(self, super().__sklearn_tags__(), "regressor_tags")
