"""Texts that a small network learns in a moment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest


class Sample(NamedTuple):
    """Texts, two classes as strings, and a smooth number."""

    texts: list[str]
    labels: np.ndarray
    values: np.ndarray


GOOD = ["good", "fine", "great", "lovely"]
BAD = ["bad", "poor", "awful", "dull"]
FILLERS = ["the", "a", "film", "plot", "it", "was", "so", "and", "very", "scene"]


def make_sample(n_texts: int, seed: int) -> Sample:
    """Return texts of some good and some bad words among others."""
    rng = np.random.default_rng(seed)
    texts, values = [], []
    for row in range(n_texts):
        n_good = int(rng.integers(2, 5)) if row % 2 else int(rng.integers(0, 2))
        words = [*rng.choice(GOOD, n_good), *rng.choice(BAD, 4 - n_good)]
        words += rng.choice(FILLERS, 4).tolist()
        texts.append(" ".join(rng.permutation(words)))
        values.append(float(n_good))
    labels = np.array(["bad", "good"])[np.arange(n_texts) % 2]
    return Sample(texts, labels, np.array(values))


@pytest.fixture(scope="session")
def sample() -> Sample:
    """Return 60 texts."""
    return make_sample(60, 0)


@pytest.fixture(scope="session")
def unseen() -> Sample:
    """Return 40 other texts."""
    return make_sample(40, 1)
