"""Small images that a small network tells apart, in every form they may come in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from torch import nn
from torchvision.models import ShuffleNetV2


class TinyImages(NamedTuple):
    """Gray images of 8 by 8 bytes: bars that stand, or lie, somewhere."""

    X: np.ndarray
    labels: np.ndarray
    values: np.ndarray


@pytest.fixture
def tiny_images(seed: int) -> TinyImages:
    """Return 60 images, two classes as strings, and the mean of the pixels."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 60, (60, 8, 8))
    brightness = rng.integers(80, 190, 60)
    lying = np.arange(60) % 2 == 0
    for image, value, lies, place in zip(
        X, brightness, lying, rng.integers(1, 7, 60), strict=True
    ):
        (image if lies else image.T)[place] += value
    labels: Any = np.where(lying, "lies", "stands")
    return TinyImages(X.astype(np.uint8), labels, X.mean(axis=(1, 2)))


@pytest.fixture(scope="session")
def tiny_backbone() -> Callable[[], nn.Module]:
    """Return a function, which pickles, that makes a network of five tiny stages."""
    return partial(ShuffleNetV2, [1, 1, 1], [8, 8, 16, 32, 32])
