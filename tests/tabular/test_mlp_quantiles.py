"""Several quantiles of a number, predicted at once by the textbook perceptron."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from skdeep import MLPRegressor

SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": (10,),
    "loss": "quantile",
    "learning_rate": 0.01,
    "max_epochs": 60,
    "tol": None,
    "random_state": 0,
}


def noisy(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and numbers whose spread grows with the rows."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n_rows, 1))
    return X, 10 * X[:, 0] + (1 + 3 * X[:, 0]) * rng.standard_normal(n_rows)


@pytest.mark.parametrize("form", [list, tuple, np.array])
def test_quantiles_cover_their_shares(form: Any) -> None:
    """Columns are in order, and about right on rows that were not trained on."""
    levels = [0.1, 0.5, 0.9]
    net = MLPRegressor(**SETTINGS, quantile=form(levels)).fit(*noisy(600, 0))
    X, y = noisy(2000, 1)
    predicted = net.predict(X)
    assert predicted.shape == (2000, 3)
    assert net.n_outputs_ == 3
    assert (np.diff(predicted, axis=1) >= 0).all()
    for half in (X[:, 0] < 0.5, X[:, 0] >= 0.5):
        covered = (y[half, np.newaxis] < predicted[half]).mean(axis=0)
        np.testing.assert_allclose(covered, levels, atol=0.07)


def test_first_loss_is_the_mean_pinball_loss() -> None:
    """Of every level against the same, scaled, targets."""
    X, y = noisy(60, 0)
    levels = np.array([0.2, 0.7])
    params = {**SETTINGS, "optimizer": "sgd", "learning_rate": 1e-300}
    params |= {"max_epochs": 1, "hidden_layer_sizes": ()}
    net = MLPRegressor(**params, quantile=levels, l2=0.0)
    net.fit(X, y)
    Z = (X - X.mean()) / X.std()
    outputs = Z @ net.coefs_[0] + net.intercepts_[0]
    error = ((y - y.mean()) / y.std())[:, np.newaxis] - outputs
    pinball = np.maximum(levels * error, (levels - 1) * error)
    assert net.loss_curve_ == [pytest.approx(pinball.mean(), rel=1e-6)]


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [[0.1, 0.9]],
        ["low", "high"],
        [None, 0.5],
        [0.9, 0.1],
        [0.5, 0.5],
        [0.0, 0.5],
        [0.5, 1.0],
        [0.1, np.nan],
    ],
    ids=str,
)
def test_wrong_quantiles_are_refused(wrong: Any) -> None:
    """They are shares between zero and one, in ascending order."""
    net = MLPRegressor(**SETTINGS, quantile=wrong)
    sentence = "The 'quantile' parameter of MLPRegressor must be a float in .*ascending"
    with pytest.raises(ValueError, match=sentence):
        net.fit(*noisy(30, 0))
    assert not hasattr(net, "net_")


def test_quantiles_of_several_targets_are_refused() -> None:
    """The answer would need a third axis."""
    X, y = noisy(30, 0)
    net = MLPRegressor(**SETTINGS, quantile=[0.1, 0.9])
    with pytest.raises(ValueError, match="several quantiles of one target"):
        net.fit(X, np.column_stack([y, y]))


def test_quantiles_go_on_after_pickling() -> None:
    """Levels and scale go into the file."""
    X, y = noisy(60, 0)
    net = MLPRegressor(**SETTINGS, quantile=[0.1, 0.9]).partial_fit(X, y)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    for model in (net, again):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
