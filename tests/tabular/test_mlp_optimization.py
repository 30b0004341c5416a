"""Tests that perceptrons step as their optimizer, schedule and batches say."""

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skdeep import MLPClassifier, MLPRegressor

LBFGS = {
    "lr": 1.0,
    "max_iter": 1,
    "max_eval": 25,
    "history_size": 10,
    "line_search_fn": "strong_wolfe",
}
SGD, ADAM = torch.optim.SGD, torch.optim.Adam


class BatchTargets(Callback):
    """Hand the targets of every training batch to a function."""

    def __init__(self, sink):
        self.sink = sink

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Pass the targets on."""
        if training:
            self.sink(batch[1].ravel().tolist())


def _classes(n=40):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, np.digitize(X[:, 0] * X[:, 1] + X[:, 2], [-0.5, 0.5])


def _model(**parameters):
    defaults: dict[str, Any] = {"l2": 0.0, "tol": None, "random_state": 0}
    return MLPClassifier((5,), **{**defaults, **parameters})


def _by_hand(X, y, rates, factory, options):
    """Train in a plain torch loop over all rows, one step for each rate."""
    start = _model(optimizer="sgd", learning_rate=1e-300, max_epochs=1).fit(X, y)
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)
    ).double()
    layers: list[Any] = [module[0], module[2]]
    with torch.no_grad():
        for layer, W, b in zip(layers, start.coefs_, start.intercepts_, strict=True):
            layer.weight.copy_(torch.from_numpy(W.T))
            layer.bias.copy_(torch.from_numpy(b))
    Z = torch.from_numpy((X - X.mean(axis=0)) / X.std(axis=0))
    t = torch.from_numpy(y)
    optimizer = factory(module.parameters(), **options)

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(module(Z), t)
        loss.backward()
        return loss

    losses = []
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        losses.append(optimizer.step(closure).item())
    return losses, [p.detach().numpy() for p in module.parameters()]


@pytest.fixture(autouse=True)
def lent_global_rng() -> Iterator[None]:
    """Let the plain torch loops draw initial weights that are thrown away."""
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.mark.parametrize(
    ("parameters", "factory", "options"),
    [
        ({"optimizer": "sgd"}, SGD, {"momentum": 0.9, "nesterov": True}),
        ({"optimizer": "sgd", "momentum": 0.0}, SGD, {}),
        ({"optimizer": "sgd", "momentum": 0.5}, SGD, {"momentum": 0.5, "nesterov": 1}),
        ({"optimizer": "sgd", "nesterov": False}, SGD, {"momentum": 0.9}),
        (
            {
                "optimizer": "sgd",
                "optimizer_params": {"momentum": 0.3, "dampening": 0.2},
            }
            | {"nesterov": False},
            SGD,
            {"momentum": 0.3, "dampening": 0.2},
        ),
        ({"optimizer": "adam"}, ADAM, {}),
        ({"optimizer": "adam", "betas": (0.5, 0.9)}, ADAM, {"betas": (0.5, 0.9)}),
        ({"optimizer": "adam", "optimizer_params": {"eps": 0.1}}, ADAM, {"eps": 0.1}),
        (
            {"optimizer": "adam", "optimizer_params": {"amsgrad": True}},
            ADAM,
            {"amsgrad": True},
        ),
        ({"optimizer": "adamw"}, torch.optim.AdamW, {"weight_decay": 0.0}),
        ({"optimizer": "nadam"}, torch.optim.NAdam, {}),
        (
            {"optimizer": "radam", "betas": [0.8, 0.9]},
            torch.optim.RAdam,
            {"betas": (0.8, 0.9)},
        ),
        ({"optimizer": "rmsprop"}, torch.optim.RMSprop, {}),
        (
            {"optimizer": "rmsprop", "optimizer_params": {"momentum": 0.5}},
            torch.optim.RMSprop,
            {"momentum": 0.5},
        ),
        ({"optimizer": "adagrad"}, torch.optim.Adagrad, {}),
        ({"optimizer": SGD}, SGD, {}),
        ({"optimizer": torch.optim.Adamax}, torch.optim.Adamax, {}),
        (
            {"optimizer": torch.optim.Rprop, "optimizer_params": {"etas": (0.6, 1.1)}},
            torch.optim.Rprop,
            {"etas": (0.6, 1.1)},
        ),
    ],
    ids=str,
)
def test_optimizer_steps_as_torchs(parameters, factory, options):
    """Ten epochs over all rows end where torch's own optimizer ends."""
    X, y = _classes()
    model = _model(learning_rate=0.02, max_epochs=10, **parameters).fit(X, y)
    losses, weights = _by_hand(X, y, [0.02] * 10, factory, options)
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-8)
    for ours, theirs in zip(model.module_.parameters(), weights, strict=True):
        np.testing.assert_allclose(ours.detach(), theirs, rtol=1e-6, atol=1e-9)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("optimizer", ["lbfgs", torch.optim.LBFGS], ids=str)
def test_lbfgs_takes_one_iteration_an_epoch_over_all_rows(optimizer):
    """It is torch's with a line search, and falls without a rate to tune."""
    X, y = _classes(n=300)
    options = LBFGS if optimizer == "lbfgs" else {**LBFGS, "lr": 0.5}
    model = _model(optimizer=optimizer, max_epochs=10)
    if optimizer != "lbfgs":
        model.set_params(optimizer_params=options, batch_size=300, dtype="float64")
    model.fit(X, y)
    losses, weights = _by_hand(X, y, [options["lr"]] * 10, torch.optim.LBFGS, options)
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-6)
    for ours, theirs in zip(model.module_.parameters(), weights, strict=True):
        np.testing.assert_allclose(ours.detach(), theirs, rtol=1e-4, atol=1e-6)
    assert model.loss_curve_[-1] < 0.8 * model.loss_curve_[0]


def test_lbfgs_does_not_care_for_the_learning_rate():
    """The line search sets the length of a step."""
    X, y = _classes()
    model = _model(optimizer="lbfgs", max_epochs=5)
    first = model.fit(X, y).predict_proba(X)
    second = model.set_params(learning_rate=10.0).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"optimizer_params": {"epsilon": 1e-3}}, "arguments of Adam. Got 'epsilon'"),
        ({"optimizer_params": {"eps": -1.0}}, "Adam refused its arguments .* Correct"),
        ({"optimizer": "adamax"}, "'optimizer' parameter of MLPClassifier"),
        ({"optimizer": dict}, "'optimizer' parameter of MLPClassifier"),
        ({"optimizer_params": [1]}, "'optimizer_params' parameter of MLPClassifier"),
        ({"learning_rate": 0.0}, "'learning_rate' parameter of MLPClassifier"),
        ({"momentum": 1.0}, "'momentum' parameter of MLPClassifier"),
        ({"betas": (0.9,)}, "'betas' parameter of MLPClassifier must be a pair"),
        ({"lr_schedule": "linear"}, "'lr_schedule' parameter of MLPClassifier"),
        ({"warmup_fraction": 1.0}, "'warmup_fraction' parameter of MLPClassifier"),
        ({"batch_size": 0}, "'batch_size' parameter of MLPClassifier"),
        ({"max_epochs": 0}, "'max_epochs' parameter of MLPClassifier"),
    ],
    ids=str,
)
def test_unsuitable_optimization_is_refused(parameters, match):
    """Parameters are checked by fit, with a sentence."""
    X, y = _classes()
    with pytest.raises(ValueError, match=match):
        MLPClassifier(**parameters).fit(X, y)


def _step_drops(t):
    return 0.1 ** ((t >= 0.5) + (t >= 0.75))


def _one_cycle(t):
    rise, fall = min(t / 0.3, 1.0), max((t - 0.3) / 0.7, 0.0)
    up = 0.04 + 0.96 * (1 - math.cos(math.pi * rise)) / 2
    down = 1e-4 + (1 - 1e-4) * (1 + math.cos(math.pi * fall)) / 2
    return up if t < 0.3 else down


SCHEDULES: dict[str | None, Callable[[float], float]] = {
    None: lambda t: 1.0,
    "constant": lambda t: 1.0,
    "step": _step_drops,
    "exponential": lambda t: 0.01**t,
    "cosine": lambda t: (1 + math.cos(math.pi * t)) / 2,
    "one_cycle": _one_cycle,
    "coslog": lambda t: (1 - math.cos(2 * math.pi * math.log2(1 + 15 * t))) / 2,
}


@pytest.mark.parametrize("lr_schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_learning_rate_follows_the_schedule(optimizer, lr_schedule):
    """The network and the history are those of a loop with the formula's rates."""
    X, y = _classes()
    model = _model(optimizer=optimizer, learning_rate=0.1, max_epochs=20)
    model.set_params(lr_schedule=lr_schedule, momentum=0.0).fit(X, y)
    rates = [0.1 * SCHEDULES[lr_schedule](i / 20) for i in range(20)]
    np.testing.assert_allclose(model.history_["learning_rate"], rates, rtol=1e-5)
    losses, _ = _by_hand(X, y, rates, SGD if optimizer == "sgd" else ADAM, {})
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-8)


@pytest.mark.parametrize(
    "optimizer", ["sgd", "adam", "adamw", "nadam", "radam", "rmsprop", "adagrad"]
)
def test_every_optimizer_is_scheduled(optimizer):
    """With several batches an epoch's rate is that of its last step."""
    X, y = _classes()
    model = _model(optimizer=optimizer, lr_schedule="cosine", max_epochs=6)
    model.set_params(batch_size=10, learning_rate=0.01).fit(X, y)
    last = np.arange(4, 25, 4) - 1
    expected = 0.01 * (1 + np.cos(np.pi * last / 24)) / 2
    np.testing.assert_allclose(model.history_["learning_rate"], expected, rtol=1e-5)
    constant = model.set_params(lr_schedule=None).fit(X, y)
    np.testing.assert_allclose(constant.history_["learning_rate"], 0.01, rtol=1e-6)


@pytest.mark.parametrize("lr_schedule", [None, "cosine"])
def test_warmup_raises_the_rate_step_by_step(lr_schedule):
    """Over half of 20 steps it grows by tenths and multiplies the schedule."""
    X, y = _classes()
    model = _model(optimizer="sgd", momentum=0.0, learning_rate=0.1, max_epochs=20)
    model.set_params(warmup_fraction=0.5, lr_schedule=lr_schedule).fit(X, y)
    rates = [
        0.1 * min(1.0, (i + 1) / 10) * SCHEDULES[lr_schedule](i / 20) for i in range(20)
    ]
    np.testing.assert_allclose(model.history_["learning_rate"], rates, rtol=1e-5)
    losses, _ = _by_hand(X, y, rates, SGD, {})
    np.testing.assert_allclose(model.loss_curve_, losses, rtol=1e-8)


def test_plateau_divides_the_rate_where_the_loss_stands_still():
    """Half of n_iter_no_change epochs without a gain of tol divide it by five."""
    X, y = _classes()
    model = _model(optimizer="sgd", learning_rate=0.5, max_epochs=60, tol=0.01)
    model.set_params(lr_schedule="plateau", n_iter_no_change=8).fit(X, y)
    rates, best, waited = [0.5], math.inf, 0
    for loss in model.loss_curve_[:-1]:
        waited = 0 if loss < best - 0.01 else waited + 1
        best = min(best, loss)
        rates.append(rates[-1] / 5 if waited == 4 else rates[-1])
        waited %= 4
    np.testing.assert_allclose(model.history_["learning_rate"], rates, rtol=1e-5)
    assert len(set(rates)) >= 2


def test_learning_rate_is_the_length_of_a_plain_step():
    """Twice the rate is twice the step."""
    X, y = _classes()
    model = _model(optimizer="sgd", momentum=0.0, max_epochs=1)
    start, one, two = (
        model.set_params(learning_rate=rate).fit(X, y).coefs_[0].copy()
        for rate in (1e-300, 0.1, 0.2)
    )
    assert np.abs(one - start).max() > 1e-4
    np.testing.assert_allclose(two - start, 2 * (one - start), rtol=1e-9)


@pytest.mark.parametrize(
    ("batch_size", "n", "sizes"),
    [
        ("auto", 450, [200, 200, 50]),
        ("auto", 150, [150]),
        (10, 35, [10, 10, 10, 5]),
        (np.int64(10), 31, [10, 10, 11]),
        (1, 3, [1, 1, 1]),
        (1000, 35, [35]),
    ],
)
def test_batch_size_is_the_number_of_rows_in_a_step(batch_size, n, sizes):
    """A last batch of one row joins the one before."""
    X, y = _classes(n)
    seen: list[list[int]] = []
    model = _model(batch_size=batch_size, max_epochs=2)
    model.set_params(callbacks=[BatchTargets(seen.append)]).fit(X, y)
    assert [len(batch) for batch in seen] == sizes * 2


@pytest.mark.parametrize("batch_size", ["auto", 50])
def test_lbfgs_takes_all_rows_whatever_the_batch_size(batch_size):
    """The line search needs one objective."""
    X, y = _classes(450)
    seen: list[list[int]] = []
    model = _model(optimizer="lbfgs", max_epochs=2, batch_size=batch_size)
    model.set_params(callbacks=[BatchTargets(seen.append)]).fit(X, y)
    assert [len(batch) for batch in seen] == [450, 450]


def test_shuffle_draws_a_new_order_for_every_epoch():
    """Each epoch has all rows once, in an order of its own."""
    seen: list[list[float]] = []
    rows = np.arange(30.0)
    model = MLPRegressor((3,), batch_size=7, max_epochs=4, target_scaling=None)
    model.set_params(callbacks=[BatchTargets(seen.append)], random_state=0)
    model.fit(rows[:, np.newaxis], rows)
    epochs = np.concatenate(seen).reshape(4, 30)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), [rows] * 4)
    assert all((first != second).any() for first, second in pairwise(epochs))
    assert (epochs[0] != rows).any()


def test_shuffle_false_keeps_the_order_given():
    """Every epoch goes through the rows as they stand."""
    seen: list[list[float]] = []
    rows = np.arange(30.0)
    model = MLPRegressor((3,), batch_size=7, max_epochs=4, target_scaling=None)
    model.set_params(callbacks=[BatchTargets(seen.append)], shuffle=False)
    model.fit(rows[:, np.newaxis], rows)
    np.testing.assert_array_equal(np.concatenate(seen), np.tile(rows, 4))


def test_shuffle_false_depends_on_the_order_of_the_rows():
    """Turned round, the same rows train another network."""
    X, y = _classes()
    model = _model(shuffle=False, batch_size=10, max_epochs=3, learning_rate=0.05)
    first = model.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, model.fit(X, y).predict_proba(X))
    turned = model.fit(X[::-1], y[::-1]).predict_proba(X)
    assert np.abs(first - turned).max() > 1e-3


def test_max_epochs_is_the_number_of_epochs():
    """Where nothing stops the training before."""
    X, y = _classes()
    model = _model(max_epochs=7).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 7
