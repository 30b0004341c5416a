"""What the tests of the losses share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from torch.utils._python_dispatch import TorchDispatchMode

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def numeric_gradient() -> Callable[..., np.ndarray]:
    """Return a function that differentiates a scalar function of an array."""

    def gradient(
        function: Callable[[np.ndarray], float], point: np.ndarray, step: float = 1e-6
    ) -> np.ndarray:
        result = np.empty_like(point)
        for index in np.ndindex(*point.shape):
            shift = np.zeros_like(point)
            shift[index] = step
            rise = function(point + shift) - function(point - shift)
            result[index] = rise / (2 * step)
        return result

    return gradient


@pytest.fixture
def operations() -> Callable[[Callable[[], object]], list[str]]:
    """Return a function that lists the torch operations behind a call."""

    class Recorder(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.names: list[str] = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.names.append(str(func))
            return func(*args, **(kwargs or {}))

    def record(call: Callable[[], object]) -> list[str]:
        with Recorder() as recorder:
            call()
        return recorder.names

    return record
