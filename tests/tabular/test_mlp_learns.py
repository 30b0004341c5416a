"""Tests that perceptrons learn: they beat a dummy by a margin, for several seeds."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skdeep import MLPClassifier, MLPRegressor

SEEDS = [0, 1, 2]


def _halves(load, seed, n=600):
    X, y = load(return_X_y=True)
    rows = np.random.default_rng(seed).permutation(len(X))[:n]
    return train_test_split(X[rows], y[rows], random_state=seed, test_size=0.5)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("load", "least"),
    [(load_iris, 0.9), (load_breast_cancer, 0.93), (load_digits, 0.88)],
    ids=["iris", "breast_cancer", "digits"],
)
def test_classifier_learns(load, least, seed):
    """Raw columns in, and far more right than by the commonest class."""
    X, X_test, y, y_test = _halves(load, seed)
    model = MLPClassifier((32,), learning_rate=0.01, max_epochs=80, random_state=seed)
    model.fit(X, y)
    dummy = DummyClassifier(strategy="prior").fit(X, y)
    assert model.score(X_test, y_test) > max(least, dummy.score(X_test, y_test) + 0.3)
    labels = model.classes_
    loss = log_loss(y_test, model.predict_proba(X_test), labels=labels)
    floor = log_loss(y_test, dummy.predict_proba(X_test), labels=labels)
    assert loss < 0.6 * floor


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        ("squared_error", {}),
        ("absolute_error", {}),
        ("huber", {}),
        ("quantile", {}),
        ("poisson", {"max_epochs": 60}),
        ("squared_error", {"optimizer": "sgd", "learning_rate": 0.05}),
        ("squared_error", {"optimizer": "lbfgs"}),
    ],
    ids=str,
)
def test_regressor_learns(loss, parameters, seed):
    """A third of the variance of diabetes progression is explained."""
    X, X_test, y, y_test = _halves(load_diabetes, seed)
    model = MLPRegressor((16,), loss=loss, learning_rate=0.01, random_state=seed)
    model.set_params(**{"max_epochs": 15, "l2": 1e-2, **parameters}).fit(X, y)
    dummy = DummyRegressor().fit(X, y)
    assert model.score(X_test, y_test) > dummy.score(X_test, y_test) + 0.33


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "parameters",
    [
        {"normalization": "batch", "residual": True, "dropout": 0.1},
        {"normalization": "layer", "activation": "silu"},
        {"lr_schedule": "cosine", "warmup_fraction": 0.1, "weight_decay": 0.01},
        {"weight_averaging": "swa", "label_smoothing": 0.05},
        {"early_stopping": True, "weight_averaging": "ema", "max_grad_norm": 1.0},
        {"loss": "focal", "class_weight": "balanced", "optimizer": "nadam"},
    ],
    ids=" ".join,
)
def test_recipes_learn(parameters, seed):
    """Combinations of the parameters work together on digits."""
    X, X_test, y, y_test = _halves(load_digits, seed)
    model = MLPClassifier(32, n_hidden_layers=2, learning_rate=0.01, random_state=seed)
    model.set_params(max_epochs=40, batch_size=50, **parameters).fit(X, y)
    assert model.score(X_test, y_test) > 0.85


@pytest.mark.parametrize("seed", SEEDS)
def test_multilabel_learns(seed):
    """Three questions about a digit are answered at once."""
    X, X_test, y, y_test = _halves(load_digits, seed)

    def labels(digit):
        return np.column_stack([digit % 2, digit > 4, digit % 3 == 0]).astype(int)

    model = MLPClassifier((32,), learning_rate=0.01, max_epochs=60, random_state=seed)
    model.fit(X, labels(y))
    right = (model.predict(X_test) == labels(y_test)).mean(axis=0)
    dummy = DummyClassifier(strategy="prior").fit(X, labels(y)).predict(X_test)
    assert (right > (dummy == labels(y_test)).mean(axis=0) + 0.15).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_defaults_learn(seed):
    """Nothing set but the seed."""
    X, X_test, y, y_test = _halves(load_breast_cancer, seed)
    assert MLPClassifier(random_state=seed).fit(X, y).score(X_test, y_test) > 0.93
    X, X_test, y, y_test = _halves(load_diabetes, seed)
    model = MLPRegressor(random_state=seed, max_epochs=50).fit(X, y)
    assert model.score(X_test, y_test) > 0.3


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("parameters", [{}, {"dropout": 0.2, "early_stopping": True}])
def test_same_seed_gives_the_same_bits(estimator, parameters):
    """And another seed another network."""
    X, _, y, _ = _halves(load_iris, 0)
    model = estimator((8,), batch_size=16, max_epochs=5).set_params(**parameters)
    first, second, other = (
        model.set_params(random_state=seed).fit(X, y).coefs_[0].copy()
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 0.01


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_random_state_instance_is_advanced(make):
    """Two fits by one generator differ, and repeat as a pair."""
    X, _, y, _ = _halves(load_iris, 0)

    def pair():
        model = MLPClassifier((8,), max_epochs=2, random_state=make(0))
        return [model.fit(X, y).coefs_[0].copy() for _ in range(2)]

    (first, second), again = pair(), pair()
    np.testing.assert_array_equal([first, second], again)
    assert np.abs(first - second).max() > 0.01


def test_random_state_none_takes_fresh_entropy():
    """Two fits differ, though numpy's global generator stands still."""
    X, _, y, _ = _halves(load_iris, 0)
    model = MLPClassifier((8,), max_epochs=1)
    first, second = (model.fit(X, y).coefs_[0].copy() for _ in range(2))
    assert np.abs(first - second).max() > 0.01


@pytest.mark.parametrize("seed", [-1, "zero", 1.5], ids=str)
def test_unsuitable_random_state_is_refused(seed):
    """The rule is scikit-learn's."""
    with pytest.raises(ValueError, match="'random_state' parameter of MLPRegressor"):
        MLPRegressor(random_state=seed).fit([[0.0]], [1.0])
