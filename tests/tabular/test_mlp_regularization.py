"""Tests of the penalties, decay, clipping, smoothing and averaging of perceptrons."""

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import Lasso
from sklearn.metrics import log_loss
from skorch.callbacks import Callback
from torch import nn

from skdeep import MLPClassifier, MLPRegressor

# One epoch of this is one plain gradient step over all rows in float64.
ONE_STEP: dict[str, Any] = {
    "activation": "tanh",
    "optimizer": "sgd",
    "momentum": 0.0,
    "learning_rate": 0.5,
    "max_epochs": 1,
    "l2": 0.0,
    "random_state": 3,
}


class Trace(Callback):
    """Hand the weights to functions after every step and after every epoch."""

    def __init__(self, on_step=None, on_epoch=None):
        self.on_step = on_step
        self.on_epoch = on_epoch

    def on_batch_end(self, net, training=None, **kwargs):
        """Pass the weights on after a step."""
        if self.on_step and training:
            self.on_step(_weights(net.module_))

    def on_epoch_end(self, net, **kwargs):
        """Pass the weights on after an epoch."""
        if self.on_epoch:
            self.on_epoch(_weights(net.module_))


def _weights(module):
    """Return all parameters end to end."""
    return np.concatenate([p.detach().numpy().ravel() for p in module.parameters()])


def _rows(n=50, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(loc=3.0, scale=[1.0, 5.0, 0.2], size=(n, 3))
    y = np.digitize(X[:, 0] + 4 * X[:, 2], [14.5, 15.5])
    return X, y, (X - X.mean(axis=0)) / X.std(axis=0)


def _gradients(model, Z, y):
    """Return cross-entropy and its gradients for one hidden layer, in plain numpy."""
    (V, W), (a, b) = model.coefs_, model.intercepts_
    H = np.tanh(Z @ V + a)
    P = softmax(H @ W + b, axis=1)
    D = (P - np.eye(P.shape[1])[y]) / len(y)
    E = D @ W.T * (1 - H**2)
    loss = -np.log(P[np.arange(len(y)), y]).mean()
    return loss, [Z.T @ E, H.T @ D], [E.sum(axis=0), D.sum(axis=0)]


def _start_and_step(X, y, **parameters):
    """Return a model as it is initialised, and one after a step."""
    model = MLPClassifier((4,), **{**ONE_STEP, **parameters}).fit(X, y)
    start = MLPClassifier((4,), **{**ONE_STEP, "learning_rate": 1e-300}).fit(X, y)
    return start, model


def test_plain_step_is_the_gradient_of_cross_entropy():
    """Without penalties a step goes down numpy's gradient, at numpy's loss."""
    X, y, Z = _rows()
    start, model = _start_and_step(X, y)
    loss, of_weights, of_biases = _gradients(start, Z, y)
    assert model.loss_curve_ == [pytest.approx(loss, rel=1e-12)]
    for i in range(2):
        expected = start.coefs_[i] - 0.5 * of_weights[i]
        np.testing.assert_allclose(model.coefs_[i], expected, rtol=1e-9)
        expected = start.intercepts_[i] - 0.5 * of_biases[i]
        np.testing.assert_allclose(model.intercepts_[i], expected, rtol=1e-9)


def test_l2_adds_its_gradient_to_the_weights_and_not_to_the_biases():
    """The penalty is l2 / 2 times the sum of squares, whatever the rows."""
    X, y, Z = _rows()
    start, model = _start_and_step(X, y, l2=0.3)
    loss, of_weights, of_biases = _gradients(start, Z, y)
    for i in range(2):
        expected = start.coefs_[i] - 0.5 * (of_weights[i] + 0.3 * start.coefs_[i])
        np.testing.assert_allclose(model.coefs_[i], expected, rtol=1e-9)
        expected = start.intercepts_[i] - 0.5 * of_biases[i]
        np.testing.assert_allclose(model.intercepts_[i], expected, rtol=1e-9)
    penalty = 0.3 / 2 * sum((W**2).sum() for W in model.coefs_)
    assert model.loss_ == pytest.approx(loss + penalty, rel=1e-12)


def test_l1_steps_within_the_orthant():
    """Weights move against their sign, and those that would cross zero stay there."""
    X, y, Z = _rows()
    start, model = _start_and_step(X, y, l1=0.4)
    loss, of_weights, _ = _gradients(start, Z, y)
    crossed = 0
    for before, after, grad in zip(start.coefs_, model.coefs_, of_weights, strict=True):
        expected = before - 0.5 * (grad + 0.4 * np.sign(before))
        crossing = expected * before < 0
        crossed += crossing.sum()
        np.testing.assert_allclose(after, np.where(crossing, 0, expected), rtol=1e-9)
    assert crossed > 0
    penalty = 0.4 * sum(np.abs(W).sum() for W in model.coefs_)
    assert model.loss_ == pytest.approx(loss + penalty, rel=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_l1_finds_the_zeros_of_the_lasso(optimizer):
    """More penalty leaves fewer weights, in the end those that inform."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 10))
    y = 3 * X[:, 2] - 2 * X[:, 7] + 2 * rng.normal(size=200)
    Z, t = (X - X.mean(axis=0)) / X.std(axis=0), (y - y.mean()) / y.std()
    model = MLPRegressor((), optimizer=optimizer, learning_rate=0.01, l2=0, tol=None)
    kept = []
    for l1 in (0.0, 0.02, 0.1):
        model.set_params(l1=l1, max_epochs=300, random_state=0).fit(X, y)
        kept.append(set(np.flatnonzero(model.coefs_[0])))
        if l1:
            lasso = Lasso(alpha=l1, tol=1e-8, random_state=0).fit(Z, t).coef_
            assert kept[-1] == set(np.flatnonzero(lasso))
    assert 10 == len(kept[0]) > len(kept[1]) > len(kept[2])
    assert kept[2] == {2, 7}


def test_l1_solution_is_the_soft_threshold():
    """On orthogonal columns the lasso has a closed form."""
    X = np.kron([[1, 1], [1, -1]], [[1, 1], [1, -1]])[:, 1:].astype(float)
    y = X @ [1.0, 0.2, -0.5] + 10
    model = MLPRegressor((), l1=0.3, l2=0.0, optimizer="sgd", momentum=0.0, tol=None)
    model.set_params(learning_rate=0.5, max_epochs=100, target_scaling=None)
    model.set_params(random_state=0).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0][:, 0], [0.7, 0.0, -0.2], atol=1e-9)
    assert model.coefs_[0][1, 0] == 0.0
    np.testing.assert_allclose(model.intercepts_[0], [10.0])


def test_biases_are_not_penalised():
    """Under a crushing l2 the prediction is still the mean of the target."""
    X, _, Z = _rows()
    y = Z[:, 0] + 5
    model = MLPRegressor((), l2=1e4, target_scaling=None, optimizer="lbfgs", tol=None)
    model.set_params(max_epochs=50, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.predict(X), y.mean(), atol=1e-2)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weight_decay_shrinks_weights_by_the_rate_and_leaves_the_gradient(optimizer):
    """Decay is decoupled: next to the step without it, weights lose a fixed share."""
    X, y, _ = _rows()
    start, plain = _start_and_step(X, y, optimizer=optimizer, learning_rate=0.1)
    _, model = _start_and_step(
        X, y, optimizer=optimizer, learning_rate=0.1, weight_decay=0.7
    )
    for i in range(2):
        expected = plain.coefs_[i] - 0.1 * 0.7 * start.coefs_[i]
        np.testing.assert_allclose(model.coefs_[i], expected, rtol=1e-9)
        np.testing.assert_array_equal(model.intercepts_[i], plain.intercepts_[i])
    assert model.loss_ == pytest.approx(plain.loss_, rel=1e-12)


def test_weight_decay_follows_the_schedule():
    """The share lost in a step is that step's rate times the decay."""
    X, y, _ = _rows()
    common = {"lr_schedule": "step", "max_epochs": 4, "tol": None}
    # A constant input has no gradient, so that its weights only decay.
    X = np.column_stack([X, np.ones(len(X))])
    start, model = _start_and_step(X, y, weight_decay=0.1, **common)
    share = (1 - 0.05) ** 2 * (1 - 0.005) * (1 - 0.0005)
    np.testing.assert_allclose(model.coefs_[0][3], start.coefs_[0][3] * share)


def test_weight_decay_with_lbfgs_is_refused():
    """There is no step to decouple the decay from."""
    X, y, _ = _rows()
    model = MLPClassifier(optimizer="lbfgs", weight_decay=0.1)
    with pytest.raises(ValueError, match="no decoupled weight decay with optimizer='l"):
        model.fit(X, y)


def test_max_grad_norm_shortens_the_step_and_keeps_its_direction():
    """The whole gradient, weights and biases, has the length that is allowed."""
    X, y, _ = _rows()
    start, free = _start_and_step(X, y)
    _, clipped = _start_and_step(X, y, max_grad_norm=0.01)
    _, loose = _start_and_step(X, y, max_grad_norm=1e3)
    before = _weights(start.module_)
    step, whole = _weights(clipped.module_) - before, _weights(free.module_) - before
    assert np.linalg.norm(step) == pytest.approx(0.5 * 0.01, rel=1e-6)
    assert np.linalg.norm(whole) > 0.02
    np.testing.assert_allclose(
        step / np.linalg.norm(step), whole / np.linalg.norm(whole), rtol=1e-6
    )
    np.testing.assert_array_equal(_weights(loose.module_), _weights(free.module_))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_label_smoothing_spreads_its_share_over_the_classes(n_classes):
    """On separable rows the best probability is one less what is spread away."""
    X = np.repeat(np.eye(n_classes), 5, axis=0)
    y = np.repeat(np.arange(n_classes), 5)
    model = MLPClassifier(
        (), label_smoothing=0.3, l2=0.0, optimizer="lbfgs", tol=None, random_state=0
    ).fit(X, y)
    expected = np.full((n_classes, n_classes), 0.3 / n_classes)
    expected += 0.7 * np.eye(n_classes)
    np.testing.assert_allclose(
        model.predict_proba(np.eye(n_classes)), expected, atol=1e-3
    )
    assert model.set_params(label_smoothing=0.0).fit(X, y).predict_proba(X).max() > 0.99


def test_label_smoothing_is_in_the_first_loss():
    """The loss is cross-entropy against smoothed one-hot rows."""
    X, y, Z = _rows()
    start, model = _start_and_step(X, y, label_smoothing=0.2)
    (V, W), (a, b) = start.coefs_, start.intercepts_
    log_p = np.log(softmax(np.tanh(Z @ V + a) @ W + b, axis=1))
    target = 0.8 * np.eye(3)[y] + 0.2 / 3
    expected = -(target * log_p).sum(axis=1).mean()
    assert model.loss_curve_[0] == pytest.approx(expected, rel=1e-12)


def test_swa_is_the_mean_of_the_last_quarter_of_the_epochs():
    """Of eight epochs the weights at the end of the last two are averaged."""
    X, y, _ = _rows()
    seen: list[np.ndarray] = []
    model = MLPClassifier((4,), batch_size=10, max_epochs=8, tol=None, random_state=0)
    model.set_params(learning_rate=0.05, callbacks=[Trace(on_epoch=seen.append)])
    plain = _weights(model.fit(X, y).module_)
    np.testing.assert_array_equal(plain, seen[-1])
    seen.clear()
    model.set_params(weight_averaging="swa").fit(X, y)
    np.testing.assert_allclose(
        _weights(model.module_), np.mean(seen[6:], axis=0), rtol=1e-5, atol=1e-7
    )
    assert np.abs(_weights(model.module_) - plain).max() > 1e-3


def test_ema_is_the_moving_average_over_steps():
    """The decay rises with the steps: 1/10 at first, and t / (9 + t) at step t."""
    X, y, _ = _rows()
    seen: list[np.ndarray] = []
    model = MLPClassifier((4,), batch_size=10, max_epochs=6, tol=None, random_state=0)
    model.set_params(learning_rate=0.05, callbacks=[Trace(on_step=seen.append)])
    model.set_params(weight_averaging="ema", dtype="float64").fit(X, y)
    assert len(seen) == 30
    average = seen[0]
    for t, weights in enumerate(seen[1:], start=2):
        average = (t * average + 9 * weights) / (9 + t)
    np.testing.assert_allclose(_weights(model.module_), average, rtol=1e-9)
    assert np.abs(average - seen[-1]).max() > 1e-3


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_validation_sees_the_averaged_weights(kind):
    """The last validation loss is that of the model that predicts."""
    X, y, _ = _rows()
    model = MLPClassifier((4,), batch_size=10, max_epochs=8, tol=None, random_state=0)
    model.set_params(weight_averaging=kind, learning_rate=0.05, scoring="accuracy")
    model.fit(X, y, X_val=X, y_val=y)
    assert model.history_["valid_loss"][-1] == pytest.approx(
        log_loss(y, model.predict_proba(X)), rel=1e-5
    )
    assert model.history_["valid_score"][-1] == model.score(X, y)


def test_swa_measures_batch_normalization_anew():
    """Running statistics belong to the averaged weights, not to those on the way."""
    X, y, Z = _rows()
    model = MLPClassifier((4,), normalization="batch", max_epochs=8, learning_rate=0.1)
    model.set_params(weight_averaging="swa", tol=None, random_state=0).fit(X, y)
    (norm,) = [m for m in model.module_.modules() if isinstance(m, nn.BatchNorm1d)]
    hidden = Z @ model.coefs_[0] + model.intercepts_[0]
    measured = norm.state_dict()
    np.testing.assert_allclose(measured["running_mean"], hidden.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(measured["running_var"], hidden.var(axis=0, ddof=1))


def test_averaging_with_early_stopping_keeps_the_best_average():
    """The restored weights are the averaged ones of the best epoch."""
    X, y, _ = _rows()
    model = MLPClassifier((4,), batch_size=10, max_epochs=20, random_state=0)
    model.set_params(weight_averaging="ema", learning_rate=0.1, early_stopping=True)
    model.fit(X, y, X_val=X[::2] + 1.0, y_val=y[::2])
    assert log_loss(y[::2], model.predict_proba(X[::2] + 1.0)) == pytest.approx(
        model.history_["valid_loss"].min(), rel=1e-5
    )
    assert model.best_epoch_ < model.n_iter_
