"""Schedules of learning rate, weight decay and dropout, step by step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from skdeep import TabularMLPClassifier, TabularMLPRegressor
from skdeep.networks import GeneratorDropout

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3))
Y = X[:, 0] - X[:, 1]
N_STEPS = 4 * 6
# Four batches of ten rows in each of six epochs.
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "n_ensemble": 3,
    "numeric_embedding": "piecewise_linear",
    "embedding_dim": 3,
    "n_bins": 4,
    "batch_size": 10,
    "max_epochs": 6,
    "early_stopping": False,
    "tol": None,
    "dtype": "float64",
    "random_state": 0,
    "weight_averaging": None,
}


class Nothing(nn.Module):
    """A loss without a gradient: all that moves a weight is its decay."""

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return a loss of zero for every row."""
        return 0.0 * (output - target)


class Watch(Callback):
    """Keep what is in force at every step; a fit hears the very same one."""

    def __init__(self) -> None:
        self.shares: list[float] = []
        self.rates: list[float] = []

    def __deepcopy__(self, memo: dict) -> Watch:
        """Return itself, to be looked at from outside."""
        return self

    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        """Look at the first dropout layer and at the optimizer."""
        parts = [p for p in net.module_.modules() if isinstance(p, GeneratorDropout)]
        self.shares += [part.p_share for part in parts[:1]]
        self.rates.append(net.optimizer_.param_groups[0]["lr"])


def constant(t: float) -> float:
    """Return one, always."""
    return 1.0


def cosine(t: float) -> float:
    """Return half a wave of a cosine, from one to zero."""
    return (1 + math.cos(math.pi * t)) / 2


def flat_cosine(t: float) -> float:
    """Return one in the first half, then fall to zero."""
    return 1.0 if t < 0.5 else (1 + math.cos(math.pi * (2 * t - 1))) / 2


def coslog(t: float) -> float:
    """Return RealMLP's cycles: four, each twice as long as the one before."""
    return (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t))) / 2


FORMULAS = {None: constant, "constant": constant, "cosine": cosine}
SHARES = {**FORMULAS, "flat_cosine": flat_cosine}
RATES = {**FORMULAS, "flat_cosine": flat_cosine, "coslog": coslog}
TIMES = [step / N_STEPS for step in range(N_STEPS)]


@pytest.mark.parametrize("schedule", SHARES)
@pytest.mark.parametrize("lr_schedule", RATES)
def test_weights_decay_by_both_schedules(lr_schedule: Any, schedule: Any) -> None:
    """Without a gradient a weight is the product of all its decays."""
    params = {**SMALL, "loss": Nothing, "optimizer": "sgd", "momentum": 0.0}
    first = TabularMLPRegressor(
        **{**params, "max_epochs": 1}, learning_rate=0.3, weight_decay=0.0
    ).fit(X, Y)
    net = TabularMLPRegressor(
        **params,
        learning_rate=0.3,
        weight_decay=0.2,
        lr_schedule=lr_schedule,
        weight_decay_schedule=schedule,
    ).fit(X, Y)
    expected = math.prod(
        1 - 0.3 * RATES[lr_schedule](t) * 0.2 * SHARES[schedule](t) for t in TIMES
    )
    assert expected < 0.8
    before = dict(first.module_.named_parameters())
    for name, parameter in net.module_.named_parameters():
        # Vectors are biases, slopes and the like, and do not decay.
        factor = expected if parameter.dim() > 1 else 1.0
        np.testing.assert_allclose(
            parameter.detach(), factor * before[name].detach(), rtol=1e-10, err_msg=name
        )


@pytest.mark.parametrize("schedule", [*RATES, "one_cycle", "step", "exponential"])
def test_learning_rate_follows_its_schedule(schedule: Any) -> None:
    """The optimizer has the rate of the share of training done, at every step."""
    watch = Watch()
    net = TabularMLPRegressor(
        **SMALL, learning_rate=0.02, lr_schedule=schedule, callbacks=[watch]
    ).fit(X, Y)
    assert len(watch.rates) == N_STEPS
    if schedule in RATES:
        expected = [0.02 * RATES[schedule](t) for t in TIMES]
        np.testing.assert_allclose(watch.rates, expected, rtol=1e-12)
    else:
        assert len(set(watch.rates)) > 2
    # Of an epoch the history has one of its rates.
    of_epochs = np.reshape(watch.rates, (6, 4))
    rates = net.history_["learning_rate"]
    assert np.isclose(of_epochs, rates[:, np.newaxis], rtol=1e-9).any(axis=1).all()


@pytest.mark.parametrize("schedule", SHARES)
@pytest.mark.parametrize("kind", [TabularMLPClassifier, TabularMLPRegressor])
def test_dropout_follows_its_schedule(kind: Any, schedule: Any) -> None:
    """Probabilities are multiplied by the schedule, and whole again afterwards."""
    watch = Watch()
    net = kind(**SMALL, dropout=0.4, dropout_schedule=schedule, callbacks=[watch]).fit(
        X, Y > 0
    )
    np.testing.assert_allclose(
        watch.shares, [SHARES[schedule](t) for t in TIMES], rtol=1e-12, atol=1e-15
    )
    parts = [p for p in net.module_.modules() if isinstance(p, GeneratorDropout)]
    assert [(part.p, part.p_share) for part in parts] == [(0.4, 1.0)]


def test_dropout_schedule_changes_what_is_learnt() -> None:
    """It is not only shown but used; without dropout it has nothing to do."""
    fits = {
        schedule: TabularMLPRegressor(
            **SMALL, dropout=0.5, dropout_schedule=schedule
        ).fit(X, Y)
        for schedule in (None, "constant", "cosine")
    }
    np.testing.assert_array_equal(fits["constant"].predict(X), fits[None].predict(X))
    assert not np.allclose(fits["cosine"].predict(X), fits[None].predict(X))
    plain = TabularMLPRegressor(**SMALL).fit(X, Y).predict(X)
    other = TabularMLPRegressor(**SMALL, dropout_schedule="cosine").fit(X, Y)
    np.testing.assert_array_equal(other.predict(X), plain)


def test_dropout_schedule_leaves_learned_activations_alone() -> None:
    """Their shares are weights, and learnt as without a schedule."""
    params = {**SMALL, "parametric_activation": True, "dropout": 0.4}
    fits = [
        TabularMLPRegressor(**params, dropout_schedule=schedule).fit(X, Y)
        for schedule in (None, "constant", "cosine")
    ]
    shares = [net.module_.hidden[0].after[0].share.detach().numpy() for net in fits]
    np.testing.assert_array_equal(shares[1], shares[0])
    assert shares[2].shape == (6,)
    assert len(np.unique(shares[2])) > 1


@pytest.mark.parametrize("name", ["dropout_schedule", "weight_decay_schedule"])
def test_unknown_schedule_is_refused(name: str) -> None:
    """The schedules of learning rates are more than those of shares."""
    net = TabularMLPRegressor(**{**SMALL, name: "coslog"})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of TabularMLPRegr"):
        net.fit(X, Y)


def test_partial_fit_has_no_schedules() -> None:
    """The share of training done is not known there: all is as if constant."""
    watch = Watch()
    net = TabularMLPRegressor(
        **SMALL,
        dropout=0.4,
        dropout_schedule="cosine",
        lr_schedule="coslog",
        learning_rate=0.02,
        weight_decay=0.1,
        weight_decay_schedule="cosine",
        callbacks=[watch],
    )
    net.partial_fit(X, Y).partial_fit(X, Y)
    assert watch.shares == [1.0] * 8
    np.testing.assert_allclose(watch.rates, 0.02)
