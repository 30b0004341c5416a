"""Networks for images: trained from scratch, or pretrained."""

from skdeep.augmentation import ImageAugmenter
from skdeep.data import load_images
from skdeep.image._cnn_classifier import CNNClassifier
from skdeep.image._cnn_regressor import CNNRegressor
from skdeep.image._feature_extractor import ImageFeatureExtractor
from skdeep.image._image_classifier import ImageClassifier
from skdeep.image._image_regressor import ImageRegressor

__all__ = [
    "CNNClassifier",
    "CNNRegressor",
    "ImageAugmenter",
    "ImageClassifier",
    "ImageFeatureExtractor",
    "ImageRegressor",
    "load_images",
]
