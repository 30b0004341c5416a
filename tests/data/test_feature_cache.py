"""Tests of features that are found once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold

from skdeep.data import (
    DiskStore,
    ImageTable,
    MemoryStore,
    cache_context,
    cached_features,
    read_images,
)


class Counter:
    """Finds mean and maximum of images, and counts them."""

    def __init__(self) -> None:
        self.blocks: list[int] = []

    def __call__(self, block: ImageTable) -> np.ndarray:
        """Return two features of each image."""
        self.blocks.append(len(block))
        pixels = block.block().reshape(len(block), -1).astype(np.float32)
        return np.stack([pixels.mean(axis=1), pixels.max(axis=1)], axis=1)


@pytest.fixture
def images(seed: int) -> np.ndarray:
    """Return fifty gray images."""
    return np.random.default_rng(seed).integers(0, 256, (50, 6, 6), dtype=np.uint8)


def features_of(X: np.ndarray, compute: Any, store: Any, context: bytes = b"") -> Any:
    """Return the features of images, at most 16 at a time."""
    table = read_images(X, owner="Owner")
    return cached_features(table, context, compute, store, block=16)


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_folds_and_predictions_look_at_each_image_once(
    kind: str, images: np.ndarray, tmp_path: Path
) -> None:
    """Five folds, trained and tested, and a refit ask for every image just once."""
    store = MemoryStore() if kind == "memory" else DiskStore(tmp_path)
    compute = Counter()
    expected = Counter()(read_images(images, owner="Owner"))
    for train, test in KFold(5).split(images):
        for rows in (train, test):
            found = features_of(images[rows], compute, store)
            np.testing.assert_array_equal(found, expected[rows])
    features_of(images, compute, store)
    assert sum(compute.blocks) == 50
    assert max(compute.blocks) <= 16


def test_image_that_is_there_twice_is_looked_at_once(images: np.ndarray) -> None:
    """Rows of a bootstrap repeat; their features do too."""
    compute, rows = Counter(), np.array([3, 1, 3, 3, 2])
    found = features_of(images[rows], compute, MemoryStore())
    assert compute.blocks == [3]
    np.testing.assert_array_equal(found[0], found[2])
    assert found[0, 0] == images[3].mean(dtype=np.float32)


def test_without_a_store_all_are_looked_at(images: np.ndarray) -> None:
    """Nothing is kept, and nothing is hashed; blocks bound the memory."""
    compute = Counter()
    for _ in range(2):
        features_of(images, compute, None)
    assert compute.blocks == [16, 16, 16, 2] * 2


def test_interrupted_call_keeps_what_it_found(images: np.ndarray) -> None:
    """Who starts again after an error goes on behind the last whole block."""
    store, compute = MemoryStore(), Counter()

    def failing(block: ImageTable) -> np.ndarray:
        if compute.blocks:
            raise KeyboardInterrupt
        return compute(block)

    with pytest.raises(KeyboardInterrupt):
        features_of(images, failing, store)
    features_of(images, compute, store)
    assert sum(compute.blocks) == 50


def test_another_context_is_another_feature(images: np.ndarray) -> None:
    """Features by other weights, or of another size, are not mixed up."""
    store, compute = MemoryStore(), Counter()
    for size in (32, 64, 32):
        features_of(images, compute, store, cache_context(size=size))
    assert sum(compute.blocks) == 100


def test_store_smaller_than_the_images_is_right(images: np.ndarray) -> None:
    """What is pushed out before the end is in the result all the same."""
    store = MemoryStore(max_bytes=5 * 8)
    found = features_of(images, Counter(), store)
    np.testing.assert_array_equal(found, Counter()(read_images(images, owner="Owner")))
