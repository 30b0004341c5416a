"""Samples made harder, per sample and per seed."""

from skdeep.augmentation._image_augmenter import ImageAugmenter, make_augmenter
from skdeep.augmentation._mixing import MixedBatch, cutmix, mix_targets, mixup

__all__ = [
    "ImageAugmenter",
    "MixedBatch",
    "cutmix",
    "make_augmenter",
    "mix_targets",
    "mixup",
]
