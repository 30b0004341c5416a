"""Tests of the resampling of images, against NumPy's turns, shifts and mirrors."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from skdeep.augmentation._warping import Warp, crop_boxes, mirror_images, warp_images


def warp(n=1, **fields):
    """Return a warp that does nothing but what is given."""
    still = {
        "angle": torch.zeros(n),
        "shear": torch.zeros(n),
        "scale": torch.ones(n),
        "shift": torch.zeros(n, 2),
        "mirror": torch.ones(n, 2),
        "box_centre": torch.full((n, 2), 0.5),
        "box_size": torch.ones(n, 2),
    }
    doubles = {
        name: torch.as_tensor(value, dtype=torch.float64)
        for name, value in (still | fields).items()
    }
    return Warp(**doubles)


def images(n=1, height=6, width=6):
    """Return random images of two channels in float64."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.random((n, 2, height, width)))


def assert_warped(X, expected, padding_mode="zeros", **fields):
    """Compare with what NumPy does."""
    got = warp_images(X, warp(len(X), **fields), padding_mode)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_numpys(quarters):
    """Positive angles turn clockwise, about the centre, pixel onto pixel."""
    X = images()
    turned = np.rot90(X.numpy(), k=-quarters, axes=(2, 3))
    assert_warped(X, turned, angle=[quarters * math.pi / 2])


def test_turn_keeps_pixels_square():
    """In a wide image a quarter turn leaves the middle square unstretched."""
    X = images(height=4, width=8)
    expected = np.zeros_like(X.numpy())
    expected[:, :, :, 2:6] = np.rot90(X.numpy()[:, :, :, 2:6], k=-1, axes=(2, 3))
    assert_warped(X, expected, angle=[math.pi / 2])


def test_shift_moves_right_and_down():
    """Shares of the width and of the height, with black behind."""
    X = images(height=4, width=8)
    expected = np.zeros_like(X.numpy())
    expected[:, :, 1:, 2:] = X.numpy()[:, :, :-1, :-2]
    assert_warped(X, expected, shift=[[0.25, 0.25]])


@pytest.mark.parametrize(
    ("padding_mode", "beyond"), [("zeros", 0.0), ("border", 3.0), ("reflection", 4.0)]
)
def test_padding_is_what_comes_into_sight(padding_mode, beyond):
    """Black, the outermost column, or the columns mirrored at the edge."""
    X = torch.tensor([3.0, 4.0, 5.0, 6.0], dtype=torch.float64).expand(1, 1, 4, 4)
    got = warp_images(X, warp(shift=[[0.5, 0.0]]), padding_mode)[0, 0, 0]
    assert got[0].item() == pytest.approx(beyond)
    assert got[2:].tolist() == pytest.approx([3.0, 4.0])


def test_scale_enlarges():
    """A factor of two shows the middle half, each pixel between its neighbours."""
    X = torch.arange(8, dtype=torch.float64).expand(1, 1, 8, 8)
    got = warp_images(X, warp(scale=[2.0]), "border")[0, 0, 0]
    np.testing.assert_allclose(got.numpy(), np.arange(1.75, 5.3, 0.5), atol=1e-12)


def test_shear_leans_columns():
    """At 45 degrees each row is shifted by one pixel more than the row above."""
    X = images(height=5, width=5)
    expected = np.zeros_like(X.numpy())
    for row in range(5):
        for column in range(5):
            source = column - (row - 2)
            if 0 <= source < 5:
                expected[:, :, row, column] = X.numpy()[:, :, row, source]
    assert_warped(X, expected, shear=[math.pi / 4])


def test_mirror_reverses_axes():
    """Columns, rows or both, image by image, resampled as by hand."""
    X = images(3)
    expected = X.numpy().copy()
    expected[0] = expected[0, :, :, ::-1]
    expected[1] = expected[1, :, ::-1]
    expected[2] = expected[2, :, ::-1, ::-1]
    assert_warped(X, expected, mirror=[[-1, 1], [1, -1], [-1, -1]])
    columns, rows = torch.tensor([True, False, True]), torch.tensor([False, True, True])
    np.testing.assert_array_equal(mirror_images(X, columns, rows).numpy(), expected)


def test_crop_stretches_its_box():
    """The right upper quarter, at the places where its new pixels lie."""
    X = torch.arange(8, dtype=torch.float64).expand(1, 1, 8, 8)
    fields = {"box_centre": [[0.75, 0.25]], "box_size": [[0.5, 0.5]]}
    got = warp_images(X, warp(**fields), "border")[0, 0, 0]
    expected = np.minimum(np.arange(3.75, 7.3, 0.5), 7.0)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)


def test_everything_at_once_is_one_after_another():
    """A turn, then a shift: one resampling gives what two would."""
    X = images()
    fields = {"angle": [math.pi / 2], "shift": [[1 / 3, 0.0]], "mirror": [[-1, 1]]}
    turned = np.rot90(X.numpy()[:, :, :, ::-1], k=-1, axes=(2, 3))
    expected = np.zeros_like(turned)
    expected[:, :, :, 2:] = turned[:, :, :, :-2]
    assert_warped(X, expected, **fields)


def test_crop_boxes_lie_within_and_have_their_share(seed):
    """Area, proportions in pixels, and edges are what was asked for."""
    rng = np.random.default_rng(seed)
    draws = torch.from_numpy(rng.random((200, 4)))
    share = 0.1 + 0.4 * draws[:, 0]
    centre, size = crop_boxes(share, draws[:, 1], draws[:, 2:], 30, 30)
    assert ((centre - size / 2 >= -1e-12) & (centre + size / 2 <= 1 + 1e-12)).all()
    np.testing.assert_allclose(size.prod(dim=1), share)
    ratio = size[:, 0] / size[:, 1]
    assert ((ratio > 0.75) & (ratio < 4 / 3)).all()


def test_crop_of_all_is_no_crop():
    """A share of one is the whole image, whatever the shape drawn."""
    one = torch.ones(3)
    place = torch.full((3, 2), 0.2)
    centre, size = crop_boxes(one, torch.tensor([0.0, 0.5, 1.0]), place, 10, 40)
    assert (size == 1).all()
    assert (centre == 0.5).all()
