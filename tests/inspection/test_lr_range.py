"""The range test of learning rates."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from skdeep import (
    CNNClassifier,
    ImageClassifier,
    LRRangeDisplay,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    lr_range_test,
)


@pytest.fixture(scope="module")
def digits():
    """Return some digits as rows."""
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


@pytest.fixture(scope="module")
def found(digits):
    """Return the range test of a perceptron."""
    return lr_range_test(MLPClassifier((32,), batch_size=64, random_state=0), *digits)


def test_range_test_tries_growing_rates_until_the_loss_explodes(found):
    """Each rate is the one before times the same factor; the end is early."""
    factors = found.learning_rates[1:] / found.learning_rates[:-1]
    np.testing.assert_allclose(factors, factors[0])
    assert found.learning_rates[0] == 1e-6
    assert len(found.losses) == len(found.smoothed) == len(found.learning_rates) < 150
    assert found.smoothed[-1] > found.smoothed[0] > found.smoothed.min()
    assert found.parameter == "learning_rate"


def test_smoothing_is_the_mean_with_weights_that_fade(found):
    """7/8, for 150 steps, to the power of the age, divided by their sum."""
    for step in (0, 3, 40):
        weight = 0.875 ** np.arange(step, -1, -1)
        mean = np.average(found.losses[: step + 1], weights=weight)
        assert found.smoothed[step] == pytest.approx(mean)


def test_suggested_rate_trains_better_than_one_far_below(found, digits):
    """In five epochs the suggestion learns what a hundredth of it does not."""
    assert found.suggestion < found.at_minimum

    def score(rate):
        mlp = MLPClassifier(
            (32,), batch_size=64, learning_rate=rate, max_epochs=5, random_state=0
        )
        return mlp.fit(*digits).score(*digits)

    assert score(found.suggestion) > 0.9
    assert score(found.suggestion / 100) < 0.8


def test_first_loss_is_that_of_the_untrained_network(digits):
    """A rate of next to nothing leaves the loss where a fit begins."""
    X, y = digits
    mlp = MLPClassifier((8,), batch_size=len(X), max_epochs=1, random_state=0)
    result = lr_range_test(
        mlp, X, y, min_learning_rate=1e-12, max_learning_rate=1e-11, n_steps=10
    )
    first = mlp.set_params(l2=0.0).fit(X, y).loss_curve_[0]
    np.testing.assert_allclose(result.losses, first, rtol=1e-5)
    assert result.suggestion is None or result.losses.std() < 1e-6


def test_range_test_leaves_the_estimator_as_it_is(digits):
    """Fitted or not, with callbacks or not, nothing of it changes."""
    X, y = digits
    mlp = MLPClassifier((8,), max_epochs=2, random_state=0, warm_start=True)
    mlp.fit(X, y)
    before = pickle.dumps(mlp)
    lr_range_test(mlp, X, y, n_steps=12)
    assert pickle.dumps(mlp) == before
    fresh = MLPClassifier()
    lr_range_test(fresh, X, y, n_steps=12)
    assert not hasattr(fresh, "net_")


def test_range_test_repeats_by_its_seed(digits):
    """Same seed, same losses; weights of rows count."""
    X, y = digits
    mlp = MLPClassifier((8,), dropout=0.3, random_state=3)
    first, second = (lr_range_test(mlp, X, y, n_steps=20) for _ in range(2))
    np.testing.assert_array_equal(first.losses, second.losses)
    weighted = lr_range_test(mlp, X, y, 1.0 + (y == 3), n_steps=20)
    assert not np.array_equal(first.losses, weighted.losses)


@pytest.mark.parametrize(
    "estimator",
    [
        TabularMLPClassifier((16,), early_stopping=True, refit=True, random_state=0),
        CNNClassifier((4,), lr_schedule="one_cycle", max_epochs=3, random_state=0),
        MLPRegressor((16,), optimizer="sgd", weight_averaging="ema", random_state=0),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_range_test_of_other_estimators(estimator, digits):
    """Hold-out, refits, schedules and averages do not get in its way."""
    result = lr_range_test(estimator, *digits, n_steps=80)
    assert result.suggestion is not None
    assert 1e-4 < result.suggestion < 1.0


def test_range_test_of_a_pretrained_network(frozen, tmp_path):
    """The head of a frozen backbone; else what is trainable, after the head."""
    backbone = frozen.estimator.backbone
    path = tmp_path / "weights.pth"
    with torch.random.fork_rng():
        torch.save(backbone().state_dict(), path)
    # Norms of a trained stage rest in batches as small as these.
    arguments = {"weights": path, "image_size": 64, "batch_size": 8, "random_state": 0}
    head = lr_range_test(
        ImageClassifier(backbone, **arguments), frozen.X, frozen.y, n_steps=40
    )
    assert head.parameter == "head_learning_rate"
    both = lr_range_test(
        ImageClassifier(backbone, trainable_layers=1, head_epochs=40, **arguments),
        frozen.X,
        frozen.y,
        n_steps=10,
    )
    assert both.parameter == "learning_rate"
    # The head has been trained before.
    assert both.losses[0] < head.losses[0]


def test_display_draws_losses_and_suggestion(found, pyplot):
    """On a logarithmic axis, the explosion cut off."""
    display = found.plot()
    np.testing.assert_array_equal(display.line_.get_xdata(), found.learning_rates)
    np.testing.assert_array_equal(display.line_.get_ydata(), found.smoothed)
    np.testing.assert_array_equal(display.raw_line_.get_ydata(), found.losses)
    assert set(display.suggestion_.get_xdata()) == {found.suggestion}
    assert display.ax_.get_xscale() == "log"
    assert display.ax_.get_ylim()[1] > found.smoothed[0]
    assert display.ax_.get_xlabel() == "learning rate"


def test_display_from_an_estimator(digits, pyplot):
    """The display runs the test by itself, in axes of the user's."""
    _, ax = pyplot.subplots()
    mlp = MLPClassifier((8,), random_state=0)
    display = LRRangeDisplay.from_estimator(mlp, *digits, ax=ax)
    assert display.ax_ is ax
    assert display.result.suggestion == lr_range_test(mlp, *digits).suggestion


def test_range_test_refuses_what_makes_no_sense(digits):
    """Pipelines, L-BFGS, rates in the wrong order, wrong parameters."""
    mlp = MLPClassifier((4,))
    with pytest.raises(TypeError, match=r"give it the last step.* Got Pipeline\."):
        lr_range_test(make_pipeline(mlp), *digits)
    with pytest.raises(ValueError, match="optimizer='lbfgs'"):
        lr_range_test(MLPClassifier(optimizer="lbfgs"), *digits)
    with pytest.raises(ValueError, match=r"Got 1\.0 and 0\.1"):
        lr_range_test(mlp, *digits, min_learning_rate=1.0, max_learning_rate=0.1)
    with pytest.raises(ValueError, match=r"Got 5 and 4\.0"):
        lr_range_test(mlp, *digits, n_steps=5)
    with pytest.raises(ValueError, match="'dropout' parameter of MLPClassifier"):
        lr_range_test(MLPClassifier(dropout=1.5), *digits)
