"""Augmented copies of images: what is drawn, by the images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from skdeep import AugmentationDisplay, CNNClassifier, ImageAugmenter


@pytest.fixture(scope="module")
def images():
    """Return three digits."""
    return load_digits().images[:3]


def test_rows_begin_with_the_image_as_it_is(images, pyplot):
    """A row for each image, the copies behind it."""
    augmenter = ImageAugmenter(rotation=20, erase=0.5)
    display = AugmentationDisplay.from_augmenter(
        augmenter, images, n_copies=4, random_state=0
    )
    assert display.axes_.shape == (3, 5)
    assert len(display.images_) == 15
    for row, image in zip(display.axes_, images, strict=True):
        # The largest pixel of the three is the white one.
        np.testing.assert_allclose(
            row[0].images[0].get_array(), image / images.max(), atol=1e-6
        )
    titles = [panel.get_title() for panel in display.axes_[0]]
    assert titles == ["as it is", "copy 1", "copy 2", "copy 3", "copy 4"]


def test_copies_are_those_that_training_would_see(images, pyplot):
    """The augmenter's own copies, one batch after the other."""
    display = AugmentationDisplay.from_augmenter(
        "light", images, n_copies=2, random_state=5
    )
    generator = torch.Generator().manual_seed(5)
    pixels = torch.from_numpy(images[:, None] / images.max()).float()
    for copies in display.copies:
        expected = ImageAugmenter.light().augment(pixels, generator)
        np.testing.assert_allclose(copies, expected.numpy(), atol=1e-6)


def test_estimators_are_asked_for_their_augmenter(pyplot):
    """Flat rows are read by the estimator's own image_shape."""
    X = np.random.default_rng(0).random((2, 24))
    cnn = CNNClassifier(augmenter="strong", image_shape=(4, 6))
    display = AugmentationDisplay.from_estimator(cnn, X, n_copies=1, random_state=0)
    assert display.images.shape == (2, 1, 4, 6)
    with pytest.raises(ValueError, match=r"Got a CNNClassifier with none\. Set it"):
        AugmentationDisplay.from_estimator(CNNClassifier(), X)


def test_wrong_augmenter_is_refused(images, pyplot):
    """The rules of the augmenter hold."""
    with pytest.raises(ValueError, match="'rotation' parameter of ImageAugmenter"):
        AugmentationDisplay.from_augmenter(ImageAugmenter(rotation=-1), images)
    with pytest.raises(ValueError, match=r"'augmenter' parameter .* Got 'weak'"):
        AugmentationDisplay.from_augmenter("weak", images)
