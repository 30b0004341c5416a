"""What more than one file of this room needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from torch import nn
from torchvision.models import ShuffleNetV2


@pytest.fixture(scope="session")
def tiny_backbone() -> Callable[[], nn.Module]:
    """Return a function, which pickles, that makes a network of five tiny stages."""
    return partial(ShuffleNetV2, [1, 1, 1], [8, 8, 16, 32, 32])
