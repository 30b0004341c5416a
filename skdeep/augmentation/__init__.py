"""Samples made harder, per sample and per seed."""

from skdeep.augmentation._image_augmenter import ImageAugmenter, make_augmenter
from skdeep.augmentation._mixing import MixedBatch, cutmix, mix_targets, mixup
from skdeep.augmentation._text_augmenter import TextAugmenter

__all__ = [
    "ImageAugmenter",
    "MixedBatch",
    "TextAugmenter",
    "cutmix",
    "make_augmenter",
    "mix_targets",
    "mixup",
]
