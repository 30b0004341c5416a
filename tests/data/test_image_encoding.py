"""Tests of images as batches of numbers."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from skdeep.data._image_encoding import ImageEncoder
from skdeep.data._image_rows import ImageRows
from skdeep.data._images import read_images

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, size=(9, 8, 6, 3), dtype=np.uint8)
FIRST = np.moveaxis(COLOUR, -1, 1)
PLAIN = FIRST / 255


def read(X):
    """Return `X` as a table."""
    return read_images(X, owner="Owner")


def fit(X, weight=None, **parameters):
    """Return an encoder fitted on `X`."""
    return ImageEncoder(**parameters).fit(read(X), weight)


def standardized(unit, weight=None):
    """Return pixels of NCHW less their mean by their deviation, with NumPy."""
    counts = np.ones(len(unit), dtype=int) if weight is None else weight
    rows = np.repeat(unit, counts, axis=0)
    mean = rows.mean(axis=(0, 2, 3), keepdims=True)
    return (unit - mean) / rows.std(axis=(0, 2, 3), keepdims=True)


@pytest.mark.parametrize(
    ("X", "unit"),
    [
        (COLOUR, PLAIN),
        (FIRST, PLAIN),
        (list(COLOUR), PLAIN),
        (FIRST[:, 0], PLAIN[:, :1]),
        (COLOUR.astype(np.uint16) * 257, PLAIN),
        (PLAIN, PLAIN),
        (PLAIN.astype(np.float32), PLAIN),
        (COLOUR > 127, (FIRST > 127) * 1.0),
        # Numbers beyond [0, 1] are put to scale by their extremes.
        (PLAIN * 40 - 7, (PLAIN - PLAIN.min()) / np.ptp(PLAIN)),
        (COLOUR.astype(int) * 1000, (FIRST - FIRST.min()) / np.ptp(FIRST)),
    ],
)
def test_pixels_go_from_black_to_white(X, unit):
    """Whatever the dtype and the place of the channels, and standardised then."""
    encoder, table = fit(X), read(X)
    pixels = encoder.pixels(table)
    assert pixels.dtype == torch.float32
    assert pixels.is_contiguous()
    np.testing.assert_allclose(pixels, unit, atol=1e-6)
    exact = encoder.transform(table, torch.float64)
    np.testing.assert_allclose(exact, standardized(unit), atol=1e-6)


def test_batch_has_memory_of_its_own():
    """Writing into a batch leaves the images of the user alone."""
    for X in (PLAIN, PLAIN.astype(np.float32), COLOUR, FIRST, PLAIN * 3):
        before = X.copy()
        encoder = fit(X, normalize=None)
        encoder.transform(read(X), torch.float64).zero_()
        encoder.transform(read(X)).zero_()
        np.testing.assert_array_equal(X, before)


def test_read_only_and_reversed_images_are_encoded():
    """Memory that torch does not take as it is."""
    locked = COLOUR.copy()
    locked.flags.writeable = False
    for X in (locked, COLOUR[::-1], COLOUR[:, :, ::-1]):
        expected = np.moveaxis(X, -1, 1) / 255
        np.testing.assert_allclose(fit(X).pixels(read(X)), expected, atol=1e-6)


def test_weights_count_images():
    """A weight of two is an image given twice; one of zero leaves it out."""
    weight = np.array([0, 1, 2, 1, 0, 3, 1, 1, 2])
    for X in (COLOUR, PLAIN * 9 - 2):
        table = read(X)
        weighted = ImageEncoder().fit(table, weight.astype(float))
        repeated = ImageEncoder().fit(table[np.repeat(np.arange(9), weight)])
        assert (weighted.low, weighted.high) == (repeated.low, repeated.high)
        np.testing.assert_allclose(weighted.mean, repeated.mean, rtol=1e-12)
        np.testing.assert_allclose(weighted.inverse, repeated.inverse, rtol=1e-12)
    expected = standardized(PLAIN, weight)
    got = ImageEncoder().fit(read(COLOUR), weight * 1.0)
    np.testing.assert_allclose(got.transform(read(COLOUR)), expected, atol=1e-5)


def test_channel_without_variation_becomes_zero():
    """Whatever it holds later."""
    X = COLOUR.copy()
    X[..., 1] = 100
    batch = fit(X).transform(read(COLOUR))
    assert (batch[:, 1] == 0).all()
    assert (batch[:, 0] != 0).any()
    assert (fit(np.full((4, 5, 5), 7.0)).transform(read(np.ones((2, 5, 5)))) == 0).all()


def test_statistics_may_be_given():
    """Those of pretrained weights, for pixels in [0, 1]; or none."""
    mean, deviation = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
    got = fit(COLOUR, normalize=(mean, deviation)).transform(read(COLOUR))
    shape = (1, 3, 1, 1)
    expected = (PLAIN - np.reshape(mean, shape)) / np.reshape(deviation, shape)
    np.testing.assert_allclose(got, expected, atol=1e-5)
    plain = fit(COLOUR, normalize=None).transform(read(COLOUR))
    np.testing.assert_allclose(plain, PLAIN, atol=1e-6)


def test_gray_images_are_repeated():
    """To the channels that a network wants."""
    batch = fit(COLOUR[..., 0], n_channels=3).transform(read(COLOUR[..., 0]))
    assert batch.shape == (9, 3, 8, 6)
    assert torch.equal(batch[:, 0], batch[:, 2])
    gray = fit(COLOUR, normalize=None).transform(read(COLOUR[..., 0]))
    np.testing.assert_allclose(gray, np.repeat(PLAIN[:, :1], 3, axis=1), atol=1e-6)


def test_many_channels_are_taken():
    """Each with statistics of its own."""
    X = RNG.random((6, 8, 8, 5))
    table = read_images(X, owner="Owner", channel_axis="last")
    expected = standardized(np.moveaxis(X, -1, 1))
    got = ImageEncoder().fit(table).transform(table)
    np.testing.assert_allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("image_size", [5, (4, 7)])
@pytest.mark.parametrize("resize_mode", ["stretch", "crop", "pad"])
def test_images_of_any_size_become_one(tmp_path, image_size, resize_mode):
    """From arrays, from Pillow and from files, gray ones among them."""
    Image.fromarray(COLOUR[4]).save(tmp_path / "image.png")
    X = [COLOUR[0], COLOUR[1, :5], COLOUR[2, ..., 0], Image.fromarray(COLOUR[3, :, :4])]
    X.append(tmp_path / "image.png")
    parameters = {"image_size": image_size, "resize_mode": resize_mode}
    encoder = fit(X, **parameters)
    size = (5, 5) if image_size == 5 else image_size
    assert encoder.transform(read(X)).shape == (5, 3, *size)
    # An image of a list is what it is in an array.
    alone = encoder.transform(read(COLOUR[:1]))
    assert torch.equal(encoder.transform(read(X))[:1], alone)


def test_numbers_are_resized_as_they_are():
    """Halved, each pixel is what the weights of its neighbours make it."""
    X = RNG.random((3, 8, 8))
    shrunk = fit(X, image_size=4, normalize=None).transform(read(X), torch.float64)
    weights = np.array([1, 3, 3, 1]) / 8
    expected = np.outer(weights, weights).ravel() @ X[0, 1:5, 1:5].ravel()
    assert shrunk[0, 0, 1, 1].item() == pytest.approx(expected)


def test_scale_of_fit_is_kept():
    """New numbers are put to the scale of the old ones, and may lie outside."""
    encoder = fit(np.array([[[0.0, 4.0]]]), normalize=None)
    assert encoder.transform(read(np.array([[[8.0, -2.0]]]))).tolist() == [
        [[[2.0, -0.5]]]
    ]


def test_digits_are_cut_off_after_the_offset():
    """Small differences on a large number survive float32."""
    X = 1e9 + np.arange(16.0).reshape(1, 4, 4)
    got = fit(X, normalize=None).transform(read(X))
    np.testing.assert_allclose(got.ravel(), np.arange(16) / 15, rtol=1e-6)


def test_bytes_and_unit_numbers_go_together():
    """Images trained on in bytes are predicted as numbers in [0, 1], and back."""
    for fitted, other in ((COLOUR, PLAIN), (PLAIN, COLOUR)):
        encoder = fit(fitted)
        expected = encoder.transform(read(fitted))
        np.testing.assert_allclose(encoder.transform(read(other)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("fitted", "other", "match"),
    [
        (COLOUR, COLOUR[..., :1].repeat(4, axis=3), "must have 3 channels, or be gray"),
        (COLOUR[..., 0], COLOUR, "must be gray. Got 3 channels. Convert"),
        (COLOUR, COLOUR[:, :7], r"those in fit, \(8, 6\), where.* Got \(7, 6\)"),
        (COLOUR, [COLOUR[0], COLOUR[1, :4]], "Got different sizes, or files. Set"),
        (
            COLOUR,
            COLOUR.astype(float),
            "whose fit saw bytes, must be .* Got numbers between",
        ),
        (PLAIN * 9, COLOUR, "those in fit, between .* Got bytes"),
    ],
)
def test_images_that_do_not_go_with_those_of_fit_are_refused(fitted, other, match):
    """In channels, size or scale."""
    encoder = fit(fitted)
    with pytest.raises(ValueError, match=match):
        encoder.transform(read(other))


def test_different_sizes_need_a_size():
    """None is chosen silently."""
    with pytest.raises(ValueError, match="one size where image_size=None"):
        fit([COLOUR[0], COLOUR[1, :4]])


def test_overflowing_numbers_are_refused():
    """Their extremes cannot be taken from one another."""
    with pytest.raises(ValueError, match="whose difference must not overflow"):
        fit(np.array([[[-1e308, 1e308]]]))


def test_copies_encode_the_same():
    """A pickle and a deep copy."""
    encoder = fit(COLOUR, image_size=4)
    expected = encoder.transform(read(COLOUR))
    for twin in (copy.deepcopy(encoder), pickle.loads(pickle.dumps(encoder))):
        assert torch.equal(twin.transform(read(COLOUR)), expected)


def test_rows_are_gathered_as_batches():
    """By positions and by slices, as the engine asks for them."""
    encoder, table = fit(COLOUR), read(COLOUR)
    rows = ImageRows(table, encoder, torch.float32, torch.device("cpu"))
    assert (rows.n_rows, rows.n_columns) == (9, 3 * 8 * 6)
    whole = encoder.transform(table)
    assert torch.equal(rows.gather(np.array([5, 0])), whole[[5, 0]])
    assert torch.equal(rows.gather(slice(2, 4)), whole[2:4])
