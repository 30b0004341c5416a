"""Tests of perceptrons that are trained in pieces, by `partial_fit`."""

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.special import expit

from skdeep import MLPClassifier, MLPRegressor
from skdeep.exceptions import DivergenceError

SMALL: dict[str, Any] = {"learning_rate": 0.02, "random_state": 0}
CLASSES = ["a", "b", "c"]


def _classes(n=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 4))
    return X, np.array(CLASSES)[np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])]


def _weights(model):
    """Return all weights and biases end to end."""
    return np.concatenate([a.ravel() for a in [*model.coefs_, *model.intercepts_]])


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", "rmsprop", "adagrad"])
def test_partial_fit_in_pieces_is_one_epoch_of_fit(optimizer):
    """Weights, optimizer and dropout go on to the last bit, across pickles too."""
    X, y = _classes()
    model = MLPClassifier(
        (6,), optimizer=optimizer, dropout=0.3, batch_size=20, **SMALL
    )
    model.set_params(shuffle=False, feature_scaling=None, dtype="float32", max_epochs=1)
    whole = _weights(model.fit(X, y))
    pieces = MLPClassifier().set_params(**model.get_params())
    pickled = MLPClassifier().set_params(**model.get_params())
    for start in range(0, 60, 20):
        rows = slice(start, start + 20)
        pieces.partial_fit(X[rows], y[rows], classes=CLASSES)
        pickled.partial_fit(X[rows], y[rows], classes=CLASSES)
        pickled = pickle.loads(pickle.dumps(pickled))
    np.testing.assert_array_equal(_weights(pieces), whole)
    np.testing.assert_array_equal(_weights(pickled), whole)


def test_partial_fit_draws_on_after_a_pickle():
    """Orders and dropout masks are those of the model that stayed."""
    X, y = _classes()
    stayed = MLPClassifier((6,), dropout=0.3, batch_size=7, **SMALL)
    pickled = MLPClassifier((6,), dropout=0.3, batch_size=7, **SMALL)
    first = _weights(stayed.partial_fit(X, y, CLASSES)).copy()
    pickled.partial_fit(X, y, CLASSES)
    for _ in range(3):
        pickled = pickle.loads(pickle.dumps(pickled))
        pickled.partial_fit(X, y)
        stayed.partial_fit(X, y)
    np.testing.assert_array_equal(_weights(stayed), _weights(pickled))
    assert np.abs(_weights(stayed) - first).max() > 0.01
    assert pickled.n_iter_ == stayed.n_iter_ == len(stayed.loss_curve_) == 4
    np.testing.assert_array_equal(stayed.history_["epoch"], [1, 2, 3, 4])
    assert stayed.best_epoch_ == 4


def test_partial_fit_is_one_pass_at_the_constant_rate():
    """Schedules, averaging and tol do not act on it."""
    X, y = _classes()
    plain = MLPClassifier((6,), batch_size=20, **SMALL)
    other = MLPClassifier((6,), batch_size=20, lr_schedule="cosine", **SMALL)
    other.set_params(warmup_fraction=0.5, weight_averaging="swa", tol=1e9, max_epochs=3)
    for _ in range(3):
        plain.partial_fit(X, y, CLASSES)
        other.partial_fit(X, y, CLASSES)
    np.testing.assert_array_equal(_weights(plain), _weights(other))
    np.testing.assert_allclose(other.history_["learning_rate"], 0.02)


def test_partial_fit_takes_changed_rates_and_another_optimizer():
    """What is set between calls acts at the next."""
    X, y = _classes()

    def trained(**changes):
        model = MLPClassifier((6,), **SMALL).partial_fit(X, y, CLASSES)
        return _weights(model.set_params(**changes).partial_fit(X, y))

    plain = trained()
    for changes in (
        {"learning_rate": 0.5},
        {"betas": (0.1, 0.2)},
        {"optimizer": "sgd"},
        {"l2": 5.0},
        {"weight_decay": 5.0},
        {"label_smoothing": 0.5},
    ):
        assert np.abs(trained(**changes) - plain).max() > 1e-4


def test_partial_fit_learns():
    """Batches of ten rows, and the last classes come late."""
    X, y = _classes(300)
    model = MLPClassifier((16,), learning_rate=0.05, random_state=0)
    order = np.argsort(y[:100], kind="stable")
    for rows in np.split(order, 10):
        model.partial_fit(X[rows], y[rows], classes=CLASSES)
    for rows in np.split(np.tile(np.arange(100, 300), 3), 60):
        model.partial_fit(X[rows], y[rows])
    assert model.score(X, y) > 0.85
    np.testing.assert_array_equal(model.classes_, CLASSES)


@pytest.mark.parametrize("normalization", [None, "batch", "layer"])
def test_partial_fit_begins_with_one_row(normalization):
    """There is no deviation yet, and later rows still teach."""
    X, y = _classes()
    model = MLPClassifier((6,), normalization=normalization, **SMALL)
    model.partial_fit(X[:1], y[:1], classes=CLASSES)
    assert np.isfinite(model.predict_proba(X)).all()
    for i in range(1, 60):
        model.partial_fit(X[i : i + 1], y[i : i + 1])
    assert model.score(X, y) > 0.6
    regressor = MLPRegressor((6,), **SMALL).partial_fit(X[:1], [5.0])
    np.testing.assert_allclose(regressor.predict(X), 5.0)


def test_partial_fit_scales_by_all_rows_seen():
    """Statistics of inputs and target are those of the pieces put together."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(3, 9, size=(50, 2)), rng.normal(-100, 20, size=50)
    model = MLPRegressor((), optimizer="sgd", learning_rate=1e-300, random_state=0)
    for rows in (slice(1), slice(1, 20), slice(20, 50)):
        model.partial_fit(X[rows], y[rows])
    (W,), (b,) = model.coefs_, model.intercepts_
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = y.mean() + y.std() * (Z @ W + b)[:, 0]
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5)


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_partial_fit_takes_an_indicator_without_classes(container):
    """Its columns are the labels; naming them does no harm."""
    X, _ = _classes()
    Y = np.column_stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 0]).astype(int)
    model = MLPClassifier((), batch_size=10, **SMALL).partial_fit(
        X[:1], container(Y[:1])
    )
    named = MLPClassifier((), batch_size=10, **SMALL)
    named.partial_fit(X[:1], container(Y[:1]), classes=[0, 1, 2])
    for _ in range(15):
        model.partial_fit(X, container(Y))
        named.partial_fit(X, container(Y), classes=[0, 1, 2])
    np.testing.assert_array_equal(_weights(model), _weights(named))
    predicted = model.predict(X)
    assert sp.issparse(predicted) is (container is sp.csr_matrix)
    dense = predicted.toarray() if sp.issparse(predicted) else predicted
    assert (dense == Y).mean() > 0.9


@pytest.mark.parametrize(
    ("calls", "match"),
    [
        ([(["a"], None)], "classes must be passed on the first call to MLPClassifier"),
        ([([["a"]], None)], "classes must be passed on the first call to MLPClassifi"),
        ([(["a"], ["b", "c"])], "knows the classes .* unseen class 'a'"),
        ([(["a"], CLASSES), (["z"], None)], "unseen class 'z'. Name all classes in"),
        ([(["a"], CLASSES), (["a"], ["a", "b"])], "the same classes at every call"),
        ([([[0, 1]], None), ([[0, 1, 1]], None)], "learns an indicator of 2 labels"),
        ([([[0, 1]], None), ([0], None)], "learns an indicator of 2 labels"),
        ([([[0, 1]], [0, 1, 2])], "takes the same classes at every call"),
        ([([0], [0, 1]), ([[0, 1]], None)], "learns one class a row"),
    ],
)
def test_partial_fit_refuses_classes_it_was_not_told(calls, match):
    """The last of the calls fails, and the one before it stays."""
    model = MLPClassifier((3,), max_epochs=1)
    *before, (last, classes) = calls
    for y, known in before:
        model.partial_fit([[0.5, 1.0]], y, classes=known)
    with pytest.raises(ValueError, match=match):
        model.partial_fit([[0.5, 1.0]], last, classes=classes)
    assert hasattr(model, "classes_") is bool(before)


def test_partial_fit_needs_no_order_of_classes():
    """Classes are sorted, and labels of all may come in any call."""
    X, y = _classes()
    model = MLPClassifier((6,), **SMALL).partial_fit(X, y, classes=["c", "a", "b", "z"])
    assert model.classes_.tolist() == ["a", "b", "c", "z"]
    assert model.predict_proba(X).shape == (60, 4)


def test_partial_fit_weighs_classes_by_a_dict():
    """It is the sample weight of the same numbers."""
    X, y = _classes()
    weight = {"a": 5.0, "b": 0.5}
    by_row = np.array([weight.get(label, 1.0) for label in y])
    model = MLPClassifier((6,), class_weight=weight, **SMALL)
    expected = MLPClassifier((6,), **SMALL)
    plain = MLPClassifier((6,), **SMALL)
    for rows in (slice(30), slice(30, 60)):
        model.partial_fit(X[rows], y[rows], CLASSES)
        expected.partial_fit(X[rows], y[rows], CLASSES, sample_weight=by_row[rows])
        plain.partial_fit(X[rows], y[rows], CLASSES)
    np.testing.assert_array_equal(_weights(model), _weights(expected))
    assert np.abs(_weights(model) - _weights(plain)).max() > 1e-3


@pytest.mark.parametrize(
    ("parameters", "match"),
    [
        ({"early_stopping": True}, "cannot stop early. Got early_stopping=True"),
        ({"class_weight": "balanced"}, "cannot balance classes it has not seen"),
    ],
    ids=str,
)
def test_partial_fit_refuses_what_needs_all_rows(parameters, match):
    """Nothing is held out of a batch, and its classes need not be all."""
    X, y = _classes()
    model = MLPClassifier().set_params(**parameters)
    with pytest.raises(ValueError, match=match):
        model.partial_fit(X, y, classes=CLASSES)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_partial_fit_is_not_there_with_lbfgs(estimator):
    """As with scikit-learn's perceptron, `hasattr` tells."""
    assert hasattr(estimator(), "partial_fit")
    assert not hasattr(estimator(optimizer="lbfgs"), "partial_fit")


def test_partial_fit_goes_on_after_fit():
    """It is one more epoch of the fitted network."""
    X, y = _classes()
    model = MLPClassifier((6,), max_epochs=5, **SMALL).fit(X, y)
    before, first = model.loss_curve_, _weights(model)
    model.set_params(optimizer="sgd", learning_rate=1e-300).partial_fit(X, y)
    np.testing.assert_array_equal(_weights(model), first)
    assert model.loss_curve_[:5] == before
    assert model.n_iter_ == 6
    assert model.coefs_[0].dtype == np.float64


def test_failed_partial_fit_leaves_the_model_as_it_was():
    """A divergence costs the call, not what was learnt before."""
    X, _ = _classes()
    model = MLPRegressor((6,), **SMALL).partial_fit(X, X[:, 0])
    before = model.predict(X)
    with pytest.raises(DivergenceError, match="The loss of MLPRegressor diverged"):
        model.set_params(optimizer="sgd", learning_rate=1e30, batch_size=5).partial_fit(
            X, X[:, 0]
        )
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.n_iter_ == 1


def test_partial_fit_of_several_outputs():
    """Targets keep their columns, each with statistics of its own."""
    X, _ = _classes()
    Y = np.column_stack([X[:, 0], 1e4 * X[:, 1] + 1e5])
    model = MLPRegressor((16,), batch_size=10, **SMALL)
    for _ in range(20):
        model.partial_fit(X[:30], Y[:30]).partial_fit(X[30:], Y[30:])
    assert model.score(X, Y) > 0.95
    assert model.predict(X).shape == (60, 2)


def test_partial_fit_sees_sigmoid_of_one_logit_for_two_classes():
    """The fitted network is the one that predicts."""
    X, y = _classes()
    model = MLPClassifier((), **SMALL).partial_fit(X, y == "a", classes=[False, True])
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = expit(Z @ model.coefs_[0] + model.intercepts_[0])
    np.testing.assert_allclose(model.predict_proba(X)[:, 1:], expected, rtol=1e-5)
    assert model.module_.layers[0].weight.dtype == torch.float32


def test_weight_of_a_single_row_multiplies_its_step():
    """There is no mean to divide by: a row of weight two counts twice, alone too."""
    X, y = np.array([[0.5, -1.0]]), ["a"]
    moved = []
    for weight in (1.0, 2.0):
        model = MLPClassifier((3,), optimizer="sgd", momentum=0.0, l2=0.0, **SMALL)
        model.partial_fit([[0.0, 0.0], [1.0, -2.0]], ["a", "b"], CLASSES)
        before = _weights(model).copy()
        moved.append(_weights(model.partial_fit(X, y, sample_weight=[weight])) - before)
    np.testing.assert_allclose(moved[1], 2 * moved[0], rtol=1e-4, atol=1e-9)
    assert np.abs(moved[0]).max() > 1e-5
