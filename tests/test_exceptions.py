"""The tree of errors and warnings."""

from __future__ import annotations

import math
import pickle
import re

import joblib
import pytest

from skdeep import exceptions
from skdeep.exceptions import (
    DeviceNotAvailableError,
    DeviceWarning,
    DivergenceError,
    InconsistentVersionWarning,
    LicenseWarning,
    MissingDependencyError,
    NetworkError,
    PersistenceError,
    ScoringError,
    SkdeepError,
    SkdeepWarning,
    StudyError,
    WeightsError,
)

EXAMPLES = [
    DeviceNotAvailableError("device='cuda:7' was asked for."),
    DeviceWarning("Went on with the CPU."),
    DivergenceError("MLPClassifier", 3, 2, 0.5, math.inf),
    InconsistentVersionWarning("Saved by another version."),
    LicenseWarning("Not for commercial use."),
    MissingDependencyError("GradCAMDisplay requires matplotlib.", name="matplotlib"),
    NetworkError("MLPRegressor", "bad", 1, 2, {"X": (3, 4), "y": (3,)}, "cpu"),
    PersistenceError("The file is damaged."),
    ScoringError("It raised."),
    SkdeepError("Something."),
    SkdeepWarning("Something."),
    StudyError("There is no such study."),
    WeightsError("The file is damaged."),
]
BUILTINS = {
    DeviceNotAvailableError: ValueError,
    DivergenceError: ArithmeticError,
    MissingDependencyError: ImportError,
    NetworkError: RuntimeError,
    PersistenceError: ValueError,
    ScoringError: ValueError,
    SkdeepError: Exception,
    SkdeepWarning: UserWarning,
    DeviceWarning: UserWarning,
    InconsistentVersionWarning: UserWarning,
    LicenseWarning: UserWarning,
    StudyError: RuntimeError,
    WeightsError: RuntimeError,
}


def raise_divergence(epoch: int) -> None:
    """Raise in a worker what a diverging fit raises."""
    raise DivergenceError("MLPClassifier", epoch=epoch, learning_rate=10.0)


def test_examples_cover_the_tree():
    """Every class of the module is among the examples below."""
    assert {type(example).__name__ for example in EXAMPLES} == set(exceptions.__all__)


@pytest.mark.parametrize("name", exceptions.__all__)
def test_class_is_drawn_in_the_tree(name):
    """The picture in the docstring names every class once."""
    picture = str(exceptions.__doc__)
    assert len(re.findall(rf"\b{name}\b", picture)) == 1


@pytest.mark.parametrize(("error", "builtin"), BUILTINS.items())
def test_class_derives_from_house_and_builtin(error, builtin):
    """An error is caught by the house's base and by Python's nearest class."""
    base = SkdeepWarning if issubclass(error, Warning) else SkdeepError
    assert issubclass(error, base)
    assert issubclass(error, builtin)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_error_survives_pickling(error, protocol):
    """An error crosses a process with its class, sentence and attributes."""
    copy = pickle.loads(pickle.dumps(error, protocol=protocol))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.args == error.args
    assert vars(copy) == vars(error)
    assert getattr(copy, "name", None) == getattr(error, "name", None)


def test_divergence_error_crosses_a_worker_process():
    """What a worker of joblib raises arrives with its attributes."""
    with (
        pytest.raises(DivergenceError, match="in epoch 4") as caught,
        joblib.parallel_config("loky", n_jobs=2),
    ):
        joblib.Parallel()(joblib.delayed(raise_divergence)(4) for _ in range(2))
    assert caught.value.epoch == 4
    assert caught.value.learning_rate == 10.0


def test_divergence_error_says_where_and_what_to_do():
    """The sentence has the estimator, the loss, the place and three ways out."""
    assert str(DivergenceError("MLPClassifier", 3, 12, 0.25, math.inf)) == (
        "The loss of MLPClassifier diverged to inf in epoch 3, batch 12 (learning rate "
        "0.25). Lower learning_rate, set max_grad_norm, or scale X and y."
    )


def test_divergence_error_leaves_out_what_it_does_not_know():
    """Without batch and learning rate the sentence is shorter, not broken."""
    error = DivergenceError("MLPRegressor", 1)
    assert str(error).startswith(
        "The loss of MLPRegressor diverged to nan in epoch 1. "
    )
    assert (error.batch, error.learning_rate) == (None, None)


def test_network_error_says_where():
    """The sentence has place, shapes and device before the reason."""
    error = NetworkError("MLPClassifier", "no match.", 2, 5, {"X": (3, 4)}, "cuda:0")
    assert str(error) == (
        "The network of MLPClassifier failed in epoch 2, batch 5, X of shape (3, 4), "
        "on cuda:0: no match."
    )


def test_network_error_needs_no_place():
    """A network that fails outside training has no epoch to name."""
    error = NetworkError("MLPClassifier", "no match.")
    assert str(error) == "The network of MLPClassifier failed: no match."
    assert error.shapes == {}
