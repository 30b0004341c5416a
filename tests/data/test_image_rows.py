"""Tests of images on their way to a network, and of what is learnt in pieces."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from skdeep.data import ImageEncoder, ImageRows, read_images
from skdeep.data import _image_rows as module

CPU = torch.device("cpu")
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (12, 6, 5, 3), dtype=np.uint8)


def rows_of(table, encoder, augment=None):
    """Return rows in float32 on the CPU."""
    return ImageRows(table, encoder, torch.float32, CPU, augment)


def test_rows_kept_and_rows_encoded_anew_are_the_same(monkeypatch):
    """Keeping encoded images is a matter of speed only."""
    table = read_images(X, owner="CNNClassifier")
    encoder = ImageEncoder().fit(table)
    kept = rows_of(table, encoder)
    monkeypatch.setattr(module, "READY_BYTES", 0)
    anew = rows_of(table, encoder)
    assert kept._ready is not None
    assert anew._ready is None
    for index in (slice(2, 7), np.array([5, 0, 5])):
        assert torch.equal(kept.gather(index), anew.gather(index))
    assert torch.equal(kept.gather(slice(0, 12)), encoder.transform(table))


def test_files_and_maps_are_not_kept(tmp_path):
    """Data that may be larger than memory are read a batch at a time."""
    paths = []
    for i, pixels in enumerate(X):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(pixels).save(paths[-1])
    table = read_images(paths, owner="CNNClassifier")
    encoder = ImageEncoder(image_size=(6, 5)).fit(table)
    rows = rows_of(table, encoder)
    assert rows._ready is None
    in_memory = read_images(X, owner="CNNClassifier")
    torch.testing.assert_close(
        rows.gather(slice(0, 4)), encoder.transform(in_memory[:4])
    )


@pytest.mark.parametrize("ready_bytes", [0, 2**28])
def test_augmented_rows_are_standardized_after(monkeypatch, ready_bytes):
    """Augmentation sees pixels in [0, 1], afresh each time, and leaves no trace."""
    monkeypatch.setattr(module, "READY_BYTES", ready_bytes)
    table = read_images(X, owner="CNNClassifier")
    encoder = ImageEncoder().fit(table)
    seen = []

    def invert(images):
        seen.append((float(images.min()), float(images.max())))
        return 1.0 - images

    rows = rows_of(table, encoder, invert)
    first, second = rows.gather(slice(0, 3)), rows.gather(slice(0, 3))
    assert torch.equal(first, second)
    expected = encoder.standardize(1.0 - encoder.pixels(table[:3]))
    torch.testing.assert_close(first, expected)
    assert all(0.0 <= low < high <= 1.0 for low, high in seen)


def test_augmentation_that_does_nothing_leaves_the_images_alone():
    """A function that returns its argument does not let it be standardised twice."""
    table = read_images(X, owner="CNNClassifier")
    encoder = ImageEncoder().fit(table)
    rows = rows_of(table, encoder, lambda images: images)
    first = rows.gather(slice(0, 5)).clone()
    assert torch.equal(rows.gather(slice(0, 5)), first)
    torch.testing.assert_close(first, encoder.transform(table[:5]))


@pytest.mark.parametrize("weighted", [False, True])
def test_statistics_learnt_in_pieces_are_those_of_the_whole(weighted):
    """Two updates give the mean and deviation of one fit, weights and all."""
    weight = RNG.random(12) if weighted else None
    table = read_images(X, owner="CNNClassifier")
    whole = ImageEncoder().fit(table, weight)
    pieces = ImageEncoder()
    for part in (slice(0, 5), slice(5, 12)):
        pieces.update(table[part], None if weight is None else weight[part])
    np.testing.assert_allclose(pieces.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(pieces.deviation, whole.deviation, rtol=1e-12)
    np.testing.assert_allclose(pieces.inverse, whole.inverse, rtol=1e-12)
    assert pieces.seen == pytest.approx(whole.seen)


def test_images_of_no_weight_do_not_move_the_statistics():
    """An update by rows that weigh nothing changes nothing."""
    table = read_images(X, owner="CNNClassifier")
    encoder = ImageEncoder().fit(table[:5])
    mean = encoder.mean.copy()
    encoder.update(table[5:], np.zeros(7))
    assert np.array_equal(encoder.mean, mean)
    assert encoder.seen == 5.0
