"""Tests of colours and erased rectangles, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeep.augmentation._coloring import (
    box_masks,
    change_brightness,
    change_contrast,
    change_saturation,
    erase_rectangles,
)

FACTOR = np.array([0.5, 1.0, 1.6])


def images(n_channels=3):
    """Return three random images in float64."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.random((3, n_channels, 5, 6)))


def gray(X):
    """Return what the eye makes of red, green and blue."""
    return 0.299 * X[:, :1] + 0.587 * X[:, 1:2] + 0.114 * X[:, 2:]


@pytest.mark.parametrize(
    ("change", "base"),
    [
        (change_brightness, lambda X: 0.0 * X),
        (change_contrast, lambda X: gray(X).mean(axis=(2, 3), keepdims=True)),
        (change_saturation, gray),
    ],
)
def test_factor_stretches_around_its_base(change, base):
    """Black, the mean gray or the pixel's gray stays; all is cut to [0, 1]."""
    X = images()
    factor, plain = FACTOR[:, None, None, None], X.numpy().copy()
    expected = np.clip(base(plain) + factor * (plain - base(plain)), 0, 1)
    got = change(X, torch.from_numpy(FACTOR))
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)
    assert got is X


@pytest.mark.parametrize("n_channels", [1, 2, 4])
def test_saturation_is_of_colours_only(n_channels):
    """Images of another number of channels have none."""
    X = images(n_channels)
    before = X.clone()
    assert torch.equal(change_saturation(X, torch.from_numpy(FACTOR)), before)


def test_contrast_without_colours_is_around_the_mean():
    """Channels that are no colours count alike."""
    X = images(2)
    mean = X.numpy().mean(axis=(1, 2, 3), keepdims=True)
    half = (X.numpy() + mean) / 2
    got = change_contrast(X, torch.full((3,), 0.5, dtype=torch.float64))
    np.testing.assert_allclose(got.numpy(), half, atol=1e-12)


def test_erase_fills_a_rectangle_with_the_mean(seed):
    """Chosen images lose one rectangle of 2 to 33 %, the others nothing."""
    rng = np.random.default_rng(seed)
    X = torch.from_numpy(rng.random((40, 3, 30, 30)))
    chosen = torch.arange(40) % 2 == 0
    erased = erase_rectangles(X, chosen, torch.from_numpy(rng.random((40, 4))))
    changed = (erased != X).all(dim=1).numpy()
    assert not changed[1::2].any()
    for row in range(0, 40, 2):
        ys, xs = np.nonzero(changed[row])
        box = changed[row][ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
        assert box.all()
        assert 0.01 < box.size / 900 < 0.36
        inside = erased[row].numpy()[:, changed[row]]
        mean = X[row].numpy().mean(axis=(1, 2))
        np.testing.assert_allclose(inside, np.repeat(mean[:, None], box.size, axis=1))


def test_box_masks_are_slices():
    """The right and lower edges lie outside."""
    left, top, right, bottom = (torch.tensor([value]) for value in (1, 0, 3, 2))
    expected = np.zeros((1, 3, 4), dtype=bool)
    expected[0, 0:2, 1:3] = True
    inside = box_masks(left, top, right, bottom, 3, 4)
    np.testing.assert_array_equal(inside.numpy(), expected)
