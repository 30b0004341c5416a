"""Tests of images brought to one size, against plain sums and torchvision."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from skdeep.data._image_resizing import RESIZE_MODES, resize_images


def images(height, width, dtype=torch.float64):
    """Return two random images of three channels."""
    rng = np.random.default_rng(0)
    bytes_ = rng.integers(0, 256, size=(2, 3, height, width), dtype=np.uint8)
    return torch.from_numpy(bytes_).to(dtype)


@pytest.mark.parametrize("mode", RESIZE_MODES)
@pytest.mark.parametrize("size", [(8, 8), (5, 9), (20, 3), (1, 1)])
@pytest.mark.parametrize("shape", [(16, 16), (7, 30), (30, 7), (1, 12)])
def test_size_is_the_one_wanted(mode, size, shape):
    """Whatever the proportions."""
    assert resize_images(images(*shape), size, mode).shape == (2, 3, *size)


@pytest.mark.parametrize("mode", RESIZE_MODES)
def test_same_size_is_left_alone(mode):
    """The very tensor, or a view of it."""
    X = images(6, 9)
    resized = resize_images(X, (6, 9), mode)
    assert resized.data_ptr() == X.data_ptr()
    assert torch.equal(resized, X)


def test_shrinking_smooths():
    """A triangle of twice the width weighs the pixels: 1, 3, 3, 1 eighths for half."""
    X = images(1, 8)
    resized = resize_images(X, (1, 4))[..., 1:3]
    weights = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 8
    expected = torch.stack([X[..., 1:5] @ weights, X[..., 3:7] @ weights], dim=-1)
    np.testing.assert_allclose(resized, expected)


def test_stretch_takes_each_axis_alone():
    """Rows first or columns first comes to the same."""
    X = images(12, 10)
    both = resize_images(X, (5, 7))
    np.testing.assert_allclose(both, resize_images(resize_images(X, (5, 10)), (5, 7)))


def test_crop_leaves_out_as_much_on_either_side():
    """A wide image loses its left and its right."""
    X = images(6, 10)
    assert torch.equal(resize_images(X, (6, 6), "crop"), X[..., 2:8])
    tall = X.transpose(2, 3)
    assert torch.equal(resize_images(tall, (6, 6), "crop"), tall[:, :, 2:8])


def test_pad_puts_black_on_either_side():
    """A wide image gets it above and below."""
    X = images(4, 8)
    padded = resize_images(X, (8, 8), "pad")
    assert torch.equal(padded[:, :, 2:6], X)
    assert padded[:, :, :2].abs().sum() == padded[:, :, 6:].abs().sum() == 0


def test_bytes_stay_bytes():
    """Rounded, and next to what numbers give."""
    X = images(21, 17, torch.uint8)
    resized = resize_images(X, (8, 8), "crop")
    assert resized.dtype == torch.uint8
    expected = resize_images(X.double(), (8, 8), "crop")
    assert (resized - expected).abs().max() <= 1.01


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", [(70, 53), (53, 70), (40, 40), (31, 90)])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_crop_is_the_preprocessing_of_torchvision(interpolation, shape, dtype):
    """Shorter side to 32, then the middle 28 pixels, as its weights want it."""
    X = images(shape[0], shape[1], dtype)
    preset = ImageClassification(
        crop_size=28,
        resize_size=32,
        mean=(0.0,) * 3,
        std=(1.0,) * 3,
        interpolation=InterpolationMode(interpolation),
    )
    got = resize_images(
        X, (28, 28), "crop", interpolation=interpolation, margin=32 / 28
    )
    if dtype == torch.uint8:
        # torch's own kernel for bytes rounds after each axis.
        np.testing.assert_allclose(got / 255, preset(X), atol=1.01 / 255)
    else:
        np.testing.assert_allclose(got, preset(X), atol=1e-3)
