"""Mean and variance of the bytes of images."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeep.data._image_moments import moments_of_bytes


@pytest.mark.parametrize("shape", [(3, 3, 5, 4), (2, 1, 700, 600), (1, 3, 1, 1)])
def test_moments_are_those_of_numbers(shape: tuple[int, ...], seed: int) -> None:
    """To the last digits that two passes over floats have."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    means, variances = moments_of_bytes(torch.from_numpy(images), shape[1])
    numbers = images / 255.0
    np.testing.assert_allclose(means, numbers.mean(axis=(2, 3)), rtol=1e-13)
    expected = numbers.var(axis=(2, 3))
    np.testing.assert_allclose(variances, expected, rtol=1e-11, atol=1e-14)


def test_white_image_has_no_variance() -> None:
    """Whole numbers leave nothing over; gray counts for every channel wanted."""
    white = torch.full((2, 1, 640, 480), 255, dtype=torch.uint8)
    means, variances = moments_of_bytes(white, 3)
    assert means.tolist() == [[1.0] * 3] * 2
    assert variances.tolist() == [[0.0] * 3] * 2


def test_layout_in_memory_changes_nothing(seed: int) -> None:
    """Channels may lie last."""
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.integers(0, 256, (4, 6, 5, 3), dtype=np.uint8))
    turned = images.permute(0, 3, 1, 2)
    for one, two in zip(
        moments_of_bytes(turned, 3),
        moments_of_bytes(turned.contiguous(), 3),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
