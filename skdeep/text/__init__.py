"""Networks for raw texts, and augmentation of what any estimator is fitted on."""

from skdeep.augmentation import TextAugmenter
from skdeep.text._augmented_classifier import AugmentedClassifier
from skdeep.text._augmented_regressor import AugmentedRegressor
from skdeep.text._text_classifier import TextClassifier
from skdeep.text._text_regressor import TextRegressor

__all__ = [
    "AugmentedClassifier",
    "AugmentedRegressor",
    "TextAugmenter",
    "TextClassifier",
    "TextRegressor",
]
