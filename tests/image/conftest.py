"""Small images that a small network tells apart, in every form they may come in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import ShuffleNetV2

from skdeep.data._feature_store import shared_store


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


class Counting(nn.Module):
    """A tiny network that counts the images it sees, copies and all."""

    seen = 0

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.second = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8))
        self.head = nn.Linear(8 * 4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, and count."""
        type(self).seen += len(x)
        maps = self.second(self.first(x))
        logits: torch.Tensor = self.head(
            nn.functional.adaptive_max_pool2d(maps, 2).flatten(1)
        )
        return logits


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    """Return the counting network, with nothing counted and nothing remembered."""
    monkeypatch.setattr(Counting, "seen", 0)
    shared_store().clear()
    return Counting


@pytest.fixture
def coloured(seed: int) -> Any:
    """Return 80 images with a bright half, above or below, and labels for it."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 120, (80, 12, 12, 3), dtype=np.uint8)
    above = np.arange(80) % 2 == 0
    X[above, :6] += 100
    X[~above, 6:] += 100
    return X, np.where(above, "above", "below")
