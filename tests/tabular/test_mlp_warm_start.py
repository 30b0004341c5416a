"""Tests of perceptrons that go on training when they are fitted again."""

import pickle
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.base import is_classifier

from skdeep import (
    CNNClassifier,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    TextClassifier,
)

SMALL: dict[str, Any] = {"learning_rate": 0.02, "random_state": 0}


def _classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    return X, np.array(["a", "b", "c"])[np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])]


def _weights(model):
    """Return all weights and biases end to end."""
    return np.concatenate([a.ravel() for a in [*model.coefs_, *model.intercepts_]])


def _warm(**parameters):
    return MLPClassifier((6,), warm_start=True, max_epochs=4, **SMALL, **parameters)


def test_warm_start_goes_on_from_the_present_weights():
    """The loss falls on, and the history is of all epochs."""
    X, y = _classes()
    model = _warm().fit(X, y)
    before, first = model.loss_curve_, _weights(model)
    model.set_params(optimizer="sgd", momentum=0.0, learning_rate=1e-300).fit(X, y)
    np.testing.assert_array_equal(_weights(model), first)
    model.set_params(optimizer="adam", learning_rate=0.02).fit(X, y)
    assert model.loss_curve_[:4] == before
    assert model.loss_curve_[-1] < model.loss_curve_[4] < before[-1] < before[0]
    assert len(model.loss_curve_) == 12
    assert model.n_iter_ == 4
    np.testing.assert_array_equal(model.history_["epoch"], np.arange(1, 13))
    assert model.best_epoch_ == 12


def test_without_warm_start_fit_starts_afresh():
    """A second fit is the first one again."""
    X, y = _classes()
    model = _warm().set_params(warm_start=False).fit(X, y)
    first, curve = _weights(model), model.loss_curve_
    model.fit(X[:, :3], y == "a").fit(X, y)
    np.testing.assert_array_equal(_weights(model), first)
    assert model.loss_curve_ == curve


def test_warm_start_in_two_halves_is_one_training_without_momentum():
    """With an optimizer that keeps no state and full batches nothing is lost."""
    X, y = _classes()
    model = _warm(optimizer="sgd", momentum=0.0, tol=None)
    halves = _weights(model.fit(X, y).fit(X, y))
    model.set_params(warm_start=False, max_epochs=8)
    np.testing.assert_array_equal(_weights(model.fit(X, y)), halves)


def test_warm_start_keeps_the_scaling_it_was_trained_with():
    """Other rows are put to the scale that the weights know."""
    X, y = _classes()
    model = _warm().fit(X, y)
    shifted = model.set_params(optimizer="sgd", learning_rate=1e-300)
    before = shifted.predict_proba(X)
    np.testing.assert_array_equal(shifted.fit(3 * X + 7, y).predict_proba(X), before)


def test_warm_start_joins_columns_of_the_history():
    """Epochs without validation rows have no validation loss."""
    X, y = _classes()
    model = _warm().fit(X, y)
    assert "valid_loss" not in model.history_
    model.set_params(early_stopping=True, scoring="accuracy", max_epochs=3).fit(X, y)
    for column in ("valid_loss", "valid_score"):
        missing = np.isnan(model.history_[column])
        np.testing.assert_array_equal(missing, np.repeat([True, False], [4, 3]))
    best = 5 + np.argmax(model.history_["valid_score"][4:])
    assert model.best_epoch_ == best


def test_warm_start_survives_a_pickle():
    """A pickled model goes on as the one that stayed."""
    X, y = _classes()
    model = _warm(batch_size=16, dropout=0.2).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(_weights(copy.fit(X, y)), _weights(model.fit(X, y)))
    for name, column in model.history_.items():
        if name != "duration":
            np.testing.assert_array_equal(copy.history_[name], column)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("hidden_layer_sizes", (7,)),
        ("n_hidden_layers", 2),
        ("activation", "tanh"),
        ("normalization", "layer"),
        ("dropout", 0.5),
        ("residual", True),
        ("feature_scaling", None),
    ],
)
def test_another_network_cannot_be_gone_on_with(method, parameter, value):
    """A parameter that would be ignored is an error, and the model stays."""
    X, y = _classes()
    model = _warm().fit(X, y)
    before = model.predict_proba(X)
    model.set_params(**{parameter: value})
    with pytest.raises(ValueError, match="can only go on training the same network"):
        getattr(model, method)(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_other_spellings_of_the_same_network_can_be_gone_on_with():
    """One value for all layers is the same as a sequence of it."""
    X, y = _classes()
    model = _warm(dropout=0.1).fit(X, y)
    model.set_params(hidden_layer_sizes=[6], activation=["relu"], dropout=(0.1,))
    assert len(model.fit(X, y).loss_curve_) == 8


@pytest.mark.parametrize(
    ("second", "match"),
    [
        (lambda X, y: (X[:, :2], y), "X has 2 features, but MLPClassifier is expectin"),
        (lambda X, y: (X, np.where(y == "a", "z", y)), "goes on with the classes it k"),
        (lambda X, y: (X[y != "a"], y[y != "a"]), "goes on with the classes it knows"),
        (lambda X, y: (X, np.eye(3, dtype=int)[np.arange(60) % 3]), "classes it knows"),
    ],
    ids=["features", "new label", "missing label", "indicator"],
)
def test_warm_start_refuses_other_features_and_classes(second, match):
    """The sentence names what is known."""
    X, y = _classes()
    model = _warm().fit(X, y)
    with pytest.raises(ValueError, match=match):
        model.fit(*second(X, y))


@pytest.mark.parametrize(
    "changes", [{"target_scaling": None}, {"loss": "poisson"}], ids=str
)
def test_another_scale_of_the_target_cannot_be_gone_on_with(changes):
    """Shifted and scaled, or divided by the mean: the outputs mean other things."""
    X, _ = _classes()
    y = np.abs(X[:, 0])
    model = MLPRegressor((6,), warm_start=True, max_epochs=2, **SMALL).fit(X, y)
    with pytest.raises(ValueError, match="with the target on the scale it began with"):
        model.set_params(**changes).fit(X, y)
    model.set_params(target_scaling="standard", loss="huber").fit(X, y)
    with pytest.raises(ValueError, match=r"predicts 1 number\(s\) a row. Got y of sh"):
        model.fit(X, np.column_stack([y, y]))


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize(
    ("kind", "X"),
    [
        (partial(MLPClassifier, (4,)), None),
        (partial(MLPRegressor, (4,)), None),
        (partial(TabularMLPClassifier, (4,)), None),
        (partial(TabularMLPRegressor, (4,)), None),
        (partial(TextClassifier, embedding_dim=2), [f"w{i % 5} w" for i in range(60)]),
        (partial(CNNClassifier, conv_channels=2), np.zeros((60, 8, 8, 1), np.uint8)),
    ],
    ids=["MLP", "regressor", "tabular", "tabular regressor", "text", "CNN"],
)
def test_n_iter_is_of_the_last_fit_and_since(kind, X, warm_start):
    """Epochs of `fit` are counted afresh, those of `partial_fit` are added."""
    rows, _ = _classes()
    X, y = rows if X is None else X, (rows[:, 0] > 0).astype(int)
    model = kind(max_epochs=3, warm_start=warm_start, random_state=0)
    counted = []
    for call in ("partial", "partial", "fit", "partial", "partial", "fit"):
        if call == "fit":
            model.fit(X, y)
        elif is_classifier(model):
            model.partial_fit(X, y, classes=[0, 1])
        else:
            model.partial_fit(X, y)
        counted.append(model.n_iter_)
    assert counted == [1, 2, 3, 4, 5, 3]
    assert len(model.loss_curve_) == (10 if warm_start else 3)
