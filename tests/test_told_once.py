"""Tests that a search says once what each of its fits and scores would say."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from skdeep import (
    CNNClassifier,
    OptunaSearchCV,
    TabularMLPClassifier,
    VectorizedSearchCV,
)
from skdeep._told_once import told_once, warn
from skdeep.exceptions import SkdeepWarning

SETTINGS: dict[str, Any] = {"max_epochs": 3, "random_state": 0}
LABELS = np.arange(24) % 2


def names_of_its_own() -> Any:
    """Return rows of which none has a category of another."""
    return np.array([[f"u{row}", f"v{row}"] for row in range(24)], dtype=object)


def one_bright_image() -> Any:
    """Return images on one scale, but for the first."""
    images = np.random.default_rng(0).random((24, 4, 4))
    images[0] *= 100
    return images


@pytest.mark.filterwarnings("always::skdeep.exceptions.SkdeepWarning")
@pytest.mark.parametrize("pruning", ["lockstep", "off", "vectorized"])
@pytest.mark.parametrize(
    ("estimator", "make", "sentence"),
    [
        (TabularMLPClassifier((4,), **SETTINGS), names_of_its_own, "knows no value"),
        (CNNClassifier((2,), **SETTINGS), one_bright_image, "hardly the same scale"),
    ],
    ids=["categories", "pixels"],
)
def test_search_warns_once_of_what_each_fold_shows(
    estimator: Any, make: Any, sentence: str, pruning: str
) -> None:
    """However many candidates, folds and epochs it has."""
    if pruning == "vectorized":
        grid = {"learning_rate": [0.01, 0.02, 0.03]}
        search: Any = VectorizedSearchCV(estimator, grid, cv=3)
    else:
        space = {"learning_rate": (0.01, 0.1)}
        search = OptunaSearchCV(estimator, space, n_trials=3, cv=3, pruning=pruning)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(make(), LABELS)
    told = [str(one.message) for one in caught if sentence in str(one.message)]
    assert 1 <= len(told) <= 3
    assert len(set(told)) == len(told)


def test_outside_of_a_search_nothing_is_kept_back() -> None:
    """Neither before one nor after it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn("one")
        with told_once(set()):
            warn("one")
            warn("one")
            warn("two")
        warn("one")
    assert [str(one.message) for one in caught] == ["one", "one", "two", "one"]
    assert warn.__code__.co_filename not in {one.filename for one in caught}


@pytest.mark.filterwarnings("error")
def test_warning_that_is_an_error_fails_every_fit() -> None:
    """Not the first one alone."""
    with told_once(set()):
        for _ in range(2):
            with pytest.raises(SkdeepWarning, match="one"):
                warn("one")
