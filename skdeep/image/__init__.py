"""Networks for images: convolutional ones, trained from scratch."""

from skdeep.augmentation import ImageAugmenter
from skdeep.image._cnn_classifier import CNNClassifier
from skdeep.image._cnn_regressor import CNNRegressor

__all__ = ["CNNClassifier", "CNNRegressor", "ImageAugmenter"]
