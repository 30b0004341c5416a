"""Augmented copies of images for any estimator."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeep import ImageAugmenter
from skdeep.text._image_copies import augmented_images

MIRROR = ImageAugmenter(hflip=1.0)


def mirrored(X, n_aug=1):
    """Return images and their mirror images."""
    generator = torch.Generator().manual_seed(0)
    return augmented_images(MIRROR, X, n_aug, generator, "Owner")


@pytest.mark.parametrize("shape", [(5, 5, 6), (5, 5, 6, 3), (5, 3, 5, 6), (5, 16)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_copies_have_form_and_dtype_of_the_images(shape, dtype):
    """Whatever black and white are; flat rows are squares."""
    rng = np.random.default_rng(0)
    X = (rng.random(shape) * 200).astype(dtype)
    grown, origin = mirrored(X, 2)
    assert grown.dtype == X.dtype
    assert grown.shape == (15, *shape[1:])
    assert origin.tolist() == [*range(5)] * 3
    np.testing.assert_array_equal(grown[:5], X)
    if len(shape) == 2:
        expected = X.reshape(5, 4, 4)[:, :, ::-1].reshape(5, 16)
    else:
        axis = 3 if shape[1] == 3 else 2
        expected = np.flip(X, axis=axis)
    np.testing.assert_allclose(grown[5:10], expected, rtol=1e-5, atol=1e-4)


def test_what_is_no_array_of_images_is_refused():
    """Lists and texts have no one form to be copied in."""
    for X in ([np.zeros((2, 2))], np.array(["a"])):
        with pytest.raises(ValueError, match="images that are one array of numbers"):
            mirrored(X)
