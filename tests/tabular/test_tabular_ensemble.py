"""What the ensemble predicts and what it is trained and watched by."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.metrics import log_loss

from skdeep import TabularMLPClassifier, TabularMLPRegressor

SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "n_ensemble": 3,
    "embedding_dim": 3,
    "n_bins": 4,
    "learning_rate": 0.03,
    "max_epochs": 5,
    "early_stopping": False,
    "dtype": "float64",
    "batch_size": 1000,
    "random_state": 0,
}
AT_REST: dict[str, Any] = {
    **SMALL,
    "optimizer": "sgd",
    "learning_rate": 1e-300,
    "weight_decay": 0.0,
    "max_epochs": 1,
}
RNG = np.random.default_rng(0)
X = RNG.standard_normal((70, 3))
NUMBERS = 10 + 3 * X[:, 0] + RNG.standard_normal(70)
X_VAL = RNG.standard_normal((40, 3))


def classes(rows: np.ndarray, n_classes: int) -> np.ndarray:
    """Return classes that the rows tell, named by letters."""
    edges = np.linspace(-1, 1, n_classes + 1)[1:-1]
    return np.array(list("abcd"))[np.digitize(rows[:, 0] + 0.3 * rows[:, 1], edges)]


def members(net: Any, rows: np.ndarray) -> np.ndarray:
    """Return what the members put out: an array of rows, members and outputs."""
    encoded = net._state.scaler.transform(net._read(rows))
    with torch.no_grad():
        output = net.module_(torch.from_numpy(encoded))
    return output.numpy().reshape(len(rows), -1, net.n_outputs_)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return probabilities of classes by logits in the last axis."""
    if logits.shape[-1] == 1:
        return np.concatenate([expit(-logits), expit(logits)], axis=-1)
    return softmax(logits, axis=-1)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probability_is_the_mean_of_the_members(n_classes: int, k: int) -> None:
    """Of their probabilities, not of their logits."""
    params = {**SMALL, "n_ensemble": k, "learning_rate": 0.3}
    net = TabularMLPClassifier(**params).fit(X, classes(X, n_classes))
    logits = members(net, X_VAL)
    assert logits.shape == (40, k, n_classes if n_classes > 2 else 1)
    expected = probabilities(logits).mean(axis=1)
    np.testing.assert_allclose(net.predict_proba(X_VAL), expected, rtol=1e-10)
    of_the_mean = probabilities(logits.mean(axis=1))
    assert np.allclose(expected, of_the_mean) == (k == 1)
    labels = net.classes_[expected.argmax(axis=1)]
    np.testing.assert_array_equal(net.predict(X_VAL), labels)


def test_probability_of_labels_is_the_mean_of_the_members() -> None:
    """Each label by itself, where a row has several."""
    labels = np.column_stack([X[:, 0] > 0, X[:, 1] > 0, X[:, 2] > 1]).astype(int)
    net = TabularMLPClassifier(**SMALL).fit(X, labels)
    expected = expit(members(net, X_VAL)).mean(axis=1)
    np.testing.assert_allclose(net.predict_proba(X_VAL), expected, rtol=1e-10)
    np.testing.assert_array_equal(net.predict(X_VAL), expected > 0.5)


@pytest.mark.parametrize("scaling", ["standard", None])
def test_number_is_the_mean_of_the_members(scaling: Any) -> None:
    """Put back to the units of the training targets."""
    params = {**SMALL, "clip_predictions": False, "target_scaling": scaling}
    net = TabularMLPRegressor(**params).fit(X, NUMBERS)
    expected = members(net, X_VAL).mean(axis=(1, 2))
    if scaling:
        expected = NUMBERS.mean() + NUMBERS.std() * expected
    np.testing.assert_allclose(net.predict(X_VAL), expected, rtol=1e-10)


def test_count_is_the_mean_of_the_members() -> None:
    """Under the logarithmic link of "poisson" the means are averaged, not the logs."""
    counts = RNG.poisson(np.exp(X[:, 0]))
    params = {**SMALL, "clip_predictions": False, "learning_rate": 0.1}
    net = TabularMLPRegressor(**params, loss="poisson").fit(X, counts)
    expected = counts.mean() * np.exp(members(net, X_VAL)).mean(axis=(1, 2))
    np.testing.assert_allclose(net.predict(X_VAL), expected, rtol=1e-10)


@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_training_loss_is_the_mean_of_the_members_losses(
    n_classes: int, k: int
) -> None:
    """Each is trained by itself, never their mean."""
    y = classes(X, n_classes)
    weight = np.linspace(0.5, 1.5, len(X))
    net = TabularMLPClassifier(**{**AT_REST, "n_ensemble": k}).fit(X, y, weight)
    proba = probabilities(members(net, X))
    losses = [
        log_loss(y, proba[:, member], sample_weight=weight) for member in range(k)
    ]
    assert net.loss_curve_ == [pytest.approx(np.mean(losses), rel=1e-9)]
    assert k == 1 or losses[0] != pytest.approx(losses[1], rel=1e-3)


@pytest.mark.parametrize("k", [1, 4])
def test_training_error_is_the_mean_of_the_members_errors(k: int) -> None:
    """Half the squared error of the scaled target, as of the plain regressor."""
    net = TabularMLPRegressor(**{**AT_REST, "n_ensemble": k}).fit(X, NUMBERS)
    target = (NUMBERS - NUMBERS.mean()) / NUMBERS.std()
    errors = members(net, X)[:, :, 0] - target[:, np.newaxis]
    assert net.loss_curve_ == [pytest.approx((errors**2).mean() / 2, rel=1e-9)]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_validation_loss_is_that_of_the_ensemble(
    n_classes: int, k: int, weighted: bool
) -> None:
    """The log-loss of what is predicted, at the epoch whose weights are kept."""
    weight = np.linspace(0.1, 3.0, 40) if weighted else None
    y_val = classes(X_VAL, n_classes)
    params = {**SMALL, "early_stopping": True, "n_ensemble": k}
    net = TabularMLPClassifier(**params).fit(
        X,
        classes(X, n_classes),
        X_val=X_VAL,
        y_val=y_val,
        sample_weight_val=weight,
    )
    expected = log_loss(y_val, net.predict_proba(X_VAL), sample_weight=weight)
    best = net.history_["valid_loss"][net.best_epoch_ - 1]
    assert best == pytest.approx(expected, rel=1e-9)


def test_validation_error_is_that_of_the_ensemble() -> None:
    """Of the mean prediction, in units of the scaled target."""
    y_val = 10 + 3 * X_VAL[:, 0]
    params = {**SMALL, "early_stopping": True, "clip_predictions": False}
    net = TabularMLPRegressor(**params).fit(X, NUMBERS, X_val=X_VAL, y_val=y_val)
    errors = (net.predict(X_VAL) - y_val) / NUMBERS.std()
    best = net.history_["valid_loss"][net.best_epoch_ - 1]
    assert best == pytest.approx((errors**2).mean() / 2, rel=1e-9)


def test_scorer_sees_the_ensemble() -> None:
    """A named score on validation rows is that of predict."""
    y_val = classes(X_VAL, 3)
    params = {**SMALL, "early_stopping": True, "scoring": "accuracy"}
    net = TabularMLPClassifier(**params).fit(X, classes(X, 3), X_val=X_VAL, y_val=y_val)
    scores = net.validation_scores_
    assert scores[net.best_epoch_ - 1] == max(scores) == net.score(X_VAL, y_val)
    assert max(scores) > min(scores)


def test_prediction_of_a_row_does_not_depend_on_the_others() -> None:
    """Blocks of rows in prediction are joined in their order."""
    net = TabularMLPRegressor(**SMALL).fit(X, NUMBERS)
    many = np.tile(X_VAL, (30, 1))
    together = net.predict(many)
    assert together.shape == (1200,)
    np.testing.assert_allclose(together, np.tile(net.predict(X_VAL), 30), rtol=1e-12)
    alone = np.concatenate([net.predict(row[np.newaxis]) for row in X_VAL[:10]])
    np.testing.assert_allclose(alone, together[:10], rtol=1e-12)


CHANGED = {"n_ensemble": 1, "loss": "focal", "feature_scaling": None, "max_onehot": 0}


@pytest.mark.parametrize("k", [1, 3])
def test_parameters_set_after_the_fit_change_no_prediction(k: int) -> None:
    """What was fitted predicts, until it is fitted again."""
    net = TabularMLPClassifier(**{**SMALL, "n_ensemble": k}).fit(X, classes(X, 3))
    expected = net.predict_proba(X_VAL)
    net.set_params(**CHANGED, calibration="temperature").set_params(n_ensemble=4 - k)
    np.testing.assert_array_equal(net.predict_proba(X_VAL), expected)
    regressor = TabularMLPRegressor(**{**SMALL, "n_ensemble": k}).fit(X, NUMBERS)
    predicted = regressor.predict(X_VAL)
    regressor.set_params(n_ensemble=4 - k, loss="poisson", clip_predictions=False)
    np.testing.assert_array_equal(regressor.predict(X_VAL), predicted)
