"""One `random_state` in, private generators out: no global state read or moved.

Every source of randomness of a fit (initial weights, order of the rows, dropout,
the validation split) draws from its own stream, so that switching one on does not
change what the others draw.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from skdeep._typing import Seed

_rng_lock = threading.RLock()


def draw_seed(random_state: Seed) -> int:
    """Draw one 63-bit seed from a scikit-learn `random_state`.

    Parameters
    ----------
    random_state : int, RandomState instance, Generator instance or None
        An int is used as it is, a generator is advanced by one draw, and None takes
        fresh entropy from the operating system: unlike in scikit-learn, NumPy's
        global generator is neither read nor moved.

    Returns
    -------
    seed : int
        Between 0 and 2**63 - 1.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0]) >> 1
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**63))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    return int(random_state)


@dataclass(frozen=True)
class Streams:
    """The independent seeds of one fit."""

    initialization: int
    shuffling: int
    dropout: int
    splitting: int
    third_party: int
    augmentation: int

    @classmethod
    def from_seed(cls, seed: int) -> Streams:
        """Spread one seed over the streams with NumPy's `SeedSequence`."""
        words = np.random.SeedSequence(seed).generate_state(6, np.uint64)
        return cls(*(int(word) >> 1 for word in words))


def torch_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a `torch.Generator` of its own, seeded with `seed`, on `device`."""
    return torch.Generator(device=device).manual_seed(seed)


class LentGenerator:
    """Torch's global generator, lent to code that knows no other, span by span.

    Third-party modules initialise themselves and drop units by the global generator.
    Each span goes on drawing where the last one ended; after it the generator is put
    back, and only one thread at a time may borrow it.

    Parameters
    ----------
    seed : int
        The first span begins with it.
    device : torch.device
        Whose generator is lent beside the CPU's.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed = seed
        self.device = device
        self._states: list[torch.Tensor] = []

    @contextmanager
    def span(self) -> Iterator[None]:
        """Lend the generator for one span."""
        on_cuda = self.device.type == "cuda"
        devices: list[Any] = [self.device] if on_cuda else []
        with _rng_lock, torch.random.fork_rng(devices=devices):
            if self._states:
                torch.default_generator.set_state(self._states[0])
                if on_cuda:
                    torch.cuda.set_rng_state(self._states[1], self.device)
            else:
                torch.default_generator.manual_seed(self.seed)
                if on_cuda:
                    with torch.cuda.device(self.device):
                        torch.cuda.manual_seed(self.seed)
            yield
            self._states = [torch.default_generator.get_state()]
            if on_cuda:
                self._states.append(torch.cuda.get_rng_state(self.device))


def isolated_global_rng(
    seed: int, device: torch.device
) -> AbstractContextManager[None]:
    """Lend torch's global generator, seeded, for one span, see `LentGenerator`."""
    return LentGenerator(seed, device).span()


class _Kernels:
    """cuDNN's switch for algorithms that add up in one order, which all threads share.

    It stays on until the last of those who want it on is done.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = False

    @contextmanager
    def reproducible(self) -> Iterator[None]:
        """Switch it on for a while."""
        with self._lock:
            if not self._users:
                self._before = torch.backends.cudnn.deterministic
                torch.backends.cudnn.deterministic = True
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    torch.backends.cudnn.deterministic = self._before


_kernels = _Kernels()


def reproducible_kernels(device: torch.device) -> AbstractContextManager[None]:
    """Have a GPU convolve to the same bits whenever it is asked, for a while.

    Parameters
    ----------
    device : torch.device
        Others than CUDA's need nothing done.
    """
    return _kernels.reproducible() if device.type == "cuda" else nullcontext()


def _forget_other_threads() -> None:
    """Let a forked child borrow the generator, whoever held it in the parent."""
    global _rng_lock  # noqa: PLW0603 - a lock of the whole process
    _rng_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
