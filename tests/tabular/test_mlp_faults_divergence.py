"""Trainings that run away end in an error that says where and what to do."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from skdeep import MLPClassifier, MLPRegressor
from skdeep.exceptions import DivergenceError, SkdeepError

ESTIMATORS = [MLPClassifier, MLPRegressor]


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return 60 rows of 4 features and a binary target that no line separates."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    return X, (X[:, 0] + rng.standard_normal(60) > 0).astype(int)


@pytest.mark.parametrize("batch_size", [16, 60])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_absurd_learning_rate_is_reported(kind, optimizer, activation, batch_size):
    """At the step after the first, with the rate that was too high."""
    X, y = table()
    net = kind(
        learning_rate=1e10,
        optimizer=optimizer,
        activation=activation,
        batch_size=batch_size,
        random_state=0,
    )
    before = dict(vars(net))
    place = "epoch 1, batch 2" if batch_size == 16 else "epoch 2, batch 1"
    sentence = (
        rf"^The loss of {kind.__name__} diverged to \S+ in {place} \(learning rate "
        rf"1e\+10\)\. Lower learning_rate, set max_grad_norm, or scale X and y\.$"
    )
    with pytest.raises(DivergenceError, match=sentence) as caught:
        net.fit(X, y)
    error = caught.value
    assert f"epoch {error.epoch}, batch {error.batch}" == place
    assert error.learning_rate == 1e10
    assert abs(error.loss) > 1e8 or not np.isfinite(error.loss)
    assert isinstance(error, ArithmeticError)
    assert isinstance(error, SkdeepError)
    assert vars(net) == before
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_lbfgs_diverges_only_without_its_line_search(kind):
    """The line search takes any learning rate back; a fixed one runs away."""
    X, y = table()
    settings: dict[str, Any] = {
        "optimizer": "lbfgs",
        "max_epochs": 5,
        "random_state": 0,
    }
    calm = kind(**settings).fit(X, y)
    same = kind(learning_rate=1e10, **settings).fit(X, y)
    np.testing.assert_array_equal(same.coefs_[0], calm.coefs_[0])
    wild = {"lr": 1e10, "line_search_fn": None}
    with pytest.raises(DivergenceError, match=r"diverged to .* epoch 2, batch 1 \(lea"):
        kind(optimizer_params=wild, **settings).fit(X, y)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_weights_that_are_no_numbers_are_found_after_the_last_step(kind):
    """A single step, whose loss was taken before it, is not taken on trust."""
    X, y = table()
    net = kind(
        optimizer="sgd",
        learning_rate=1e308,
        momentum=0.0,
        max_epochs=1,
        l2=0.0,
        hidden_layer_sizes=(),
        loss=TimesHundred,
    )
    with pytest.raises(DivergenceError, match="diverged to nan in epoch 1") as caught:
        net.fit(X, y)
    assert caught.value.epoch == 1
    assert not hasattr(net, "net_")


class TimesHundred(torch.nn.Module):
    """A loss with a steep gradient."""

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return a hundred times the mean distance."""
        return 100 * (output - target).abs().mean()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_infinite_penalty_is_found(kind):
    """Weights whose squares overflow are as bad as a loss that does."""
    X, y = table()
    net = kind(learning_rate=1e200, max_epochs=1, random_state=0)
    with pytest.raises(DivergenceError, match="diverged to inf in epoch 1, batch 1 "):
        net.fit(X, y)


@pytest.mark.parametrize(
    "changes",
    [
        {"early_stopping": True},
        {"weight_averaging": "ema"},
        {"weight_averaging": "swa"},
        {"lr_schedule": "cosine"},
        {"dropout": 0.5},
        {"normalization": "layer"},
    ],
    ids=repr,
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_divergence_is_found_with_every_extra(kind, changes):
    """Neither validation rows nor averaged weights hide it."""
    X, y = table()
    net = kind(learning_rate=1e12, batch_size=16, random_state=0, **changes)
    with pytest.raises(DivergenceError, match="diverged"):
        net.fit(X, y)


def test_gradient_clipping_prevents_it():
    """The remedy that the sentence names works."""
    X, y = table()
    hot: dict[str, Any] = {
        "optimizer": "sgd",
        "learning_rate": 1e3,
        "batch_size": 16,
        "random_state": 0,
    }
    with pytest.raises(DivergenceError, match="set max_grad_norm"):
        MLPRegressor(**hot).fit(X, y)
    cooled = MLPRegressor(max_grad_norm=1e-5, **hot).fit(X, y)
    assert np.isfinite(cooled.predict(X)).all()


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_search_goes_on_after_a_divergence(kind):
    """`error_score` takes the place of the score, and the others are compared."""
    X, y = table()
    search = GridSearchCV(
        kind(max_epochs=3, batch_size=16, random_state=0),
        {"learning_rate": [1e10, 1e-3]},
        cv=3,
        error_score=np.nan,
    )
    sentence = re.compile(r"3 fits failed.*DivergenceError: The loss of", re.DOTALL)
    with pytest.warns() as caught:
        search.fit(X, y)
    assert {w.category for w in caught} == {FitFailedWarning, UserWarning}
    assert any(sentence.search(str(w.message)) for w in caught)
    assert np.isnan(search.cv_results_["mean_test_score"][0])
    assert search.best_params_ == {"learning_rate": 1e-3}


def test_partial_fit_diverges_at_a_later_call_and_leaves_the_earlier_ones():
    """The calls before are kept as they were."""
    X, y = table()
    net = MLPRegressor(learning_rate=1e10, random_state=0).partial_fit(X, y)
    expected, n_iter = net.predict(X), net.n_iter_
    for _ in range(2):
        with pytest.raises(DivergenceError, match=r"in epoch 1, batch 1 \(learning"):
            net.partial_fit(X, y)
        np.testing.assert_array_equal(net.predict(X), expected)
        assert net.n_iter_ == n_iter
