"""Temperatures: one number that makes probabilities as sure as they may be."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit, softmax
from sklearn.metrics import log_loss

from skdeep import TabularMLPClassifier
from skdeep.tasks._calibration import COLDEST, HOTTEST

# So long and fast a training, on so many wrong labels, that it is all too sure.
SURE: dict[str, Any] = {
    "hidden_layer_sizes": (16,),
    "embedding_dim": 4,
    "n_bins": 8,
    "learning_rate": 0.03,
    "weight_decay": 0.0,
    "batch_size": 40,
    "max_epochs": 25,
    "early_stopping": False,
    "dtype": "float64",
    "random_state": 0,
}


def rows(n_rows: int, seed: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, and classes that follow them two times out of three."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 4))
    right = np.digitize(X[:, 0], np.linspace(-1, 1, n_classes + 1)[1:-1])
    chance = rng.integers(0, n_classes, n_rows)
    return X, np.where(rng.random(n_rows) < 0.5, chance, right)


def tempered(proba: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities whose logits are divided by a temperature."""
    return np.asarray(softmax(np.log(proba) / temperature, axis=1))


def best_of_a_grid(proba: np.ndarray, y: np.ndarray, weight: Any = None) -> float:
    """Return the temperature with the smallest log-loss, to two thousandths."""
    grid = np.exp(np.arange(np.log(0.2), np.log(8.0), 2e-3))
    rows = np.arange(len(y))
    losses = [
        np.average(-np.log(tempered(proba, t)[rows, y]), weights=weight) for t in grid
    ]
    return float(grid[np.argmin(losses)])


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_temperature_is_the_best_of_a_grid(
    n_classes: int, k: int, weighted: bool
) -> None:
    """It makes the log-loss of the validation rows smallest, and nothing else."""
    X, y = rows(120, 0, n_classes)
    X_val, y_val = rows(150, 1, n_classes)
    weight = np.linspace(0.1, 3.0, 150) if weighted else None
    given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": weight}
    params = {**SURE, "n_ensemble": k}
    plain = TabularMLPClassifier(**params).fit(X, y, **given)
    net = TabularMLPClassifier(**params, calibration="temperature").fit(X, y, **given)
    proba = plain.predict_proba(X_val)
    temperature = net._state.temperature
    expected = best_of_a_grid(proba, y_val, weight)
    assert temperature == pytest.approx(expected, rel=3e-3)
    assert temperature > 1.2
    np.testing.assert_allclose(
        net.predict_proba(X_val), tempered(proba, temperature), rtol=1e-8
    )
    before = log_loss(y_val, proba, sample_weight=weight)
    assert log_loss(y_val, net.predict_proba(X_val), sample_weight=weight) < before
    # The order of the classes stays as it is, and with it all labels.
    probe = rows(500, 2, n_classes)[0]
    np.testing.assert_array_equal(net.predict(probe), plain.predict(probe))


def test_temperature_of_labels_is_one_for_all() -> None:
    """Each logit of an indicator is divided by the same number."""
    X, y = rows(120, 0, 4)
    X_val, y_val = rows(150, 1, 4)
    indicators = [
        np.column_stack([codes > 0, codes > 2]).astype(int) for codes in (y, y_val)
    ]
    given = {"X_val": X_val, "y_val": indicators[1]}
    params = {**SURE, "n_ensemble": 3}
    plain = TabularMLPClassifier(**params).fit(X, indicators[0], **given)
    net = TabularMLPClassifier(**params, calibration="temperature")
    net.fit(X, indicators[0], **given)
    logits = logit(plain.predict_proba(X_val))
    grid = np.exp(np.arange(-1.0, 2.0, 1e-3))

    def loss(temperature: float) -> float:
        p = expit(logits / temperature)
        chosen = np.where(indicators[1] == 1, p, 1 - p)
        return float(-np.log(chosen).mean())

    best = grid[np.argmin([loss(t) for t in grid])]
    assert net._state.temperature == pytest.approx(best, rel=3e-3)
    np.testing.assert_allclose(
        net.predict_proba(X_val), expit(logits / net._state.temperature), rtol=1e-8
    )


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize(
    "loss", [{"loss": "focal", "focal_gamma": 3.0}, {"label_smoothing": 0.3}]
)
def test_temperature_goes_by_the_log_loss_whatever_trained(
    loss: dict[str, Any], k: int
) -> None:
    """Probabilities are to be right, of which only the log-loss tells."""
    X, y = rows(200, 0, 3)
    X_val, y_val = rows(300, 1, 3)
    given = {"X_val": X_val, "y_val": y_val}
    params = {**SURE, **loss, "n_ensemble": k}
    plain = TabularMLPClassifier(**params).fit(X, y, **given)
    net = TabularMLPClassifier(**params, calibration="temperature").fit(X, y, **given)
    expected = best_of_a_grid(plain.predict_proba(X_val), y_val)
    assert net._state.temperature == pytest.approx(expected, rel=3e-3)


def test_temperature_of_rows_held_out_serves_all() -> None:
    """With refit=True it is that of the first training, which has seen them not."""
    X, y = rows(120, 0, 2)
    params = {**SURE, "n_ensemble": 2, "calibration": "temperature"}
    params |= {"early_stopping": True, "validation_fraction": 0.3}
    held = TabularMLPClassifier(**params).fit(X, y)
    net = TabularMLPClassifier(**params, refit=True).fit(X, y)
    assert net._state.temperature == held._state.temperature != 1.0
    assert not np.allclose(net.predict_proba(X), held.predict_proba(X))


def test_without_validation_rows_there_is_no_temperature() -> None:
    """Probabilities stay as they are."""
    X, y = rows(80, 0, 2)
    plain = TabularMLPClassifier(**SURE).fit(X, y)
    net = TabularMLPClassifier(**SURE, calibration="temperature").fit(X, y)
    assert net._state.temperature == 1.0
    np.testing.assert_array_equal(net.predict_proba(X), plain.predict_proba(X))


def test_temperature_is_bounded() -> None:
    """A network that is always wrong, or always right, gives no absurd number."""
    X, _ = rows(80, 0, 2)
    y = (X[:, 0] > 0).astype(int)
    found = []
    for y_val in (y, 1 - y):
        net = TabularMLPClassifier(**SURE, calibration="temperature")
        net.fit(X, y, X_val=X, y_val=y_val)
        found.append(net._state.temperature)
    assert COLDEST <= found[0] < 1.0
    assert found[1] == pytest.approx(HOTTEST, rel=0.01)


def test_temperature_survives_pickling_and_falls_with_the_next_fit() -> None:
    """It belongs to the weights that it was found for."""
    X, y = rows(80, 0, 2)
    net = TabularMLPClassifier(**SURE, n_ensemble=2, calibration="temperature")
    net.fit(X, y, X_val=X, y_val=1 - y)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(X), net.predict_proba(X))
    np.testing.assert_array_equal(
        net.predict_log_proba(X), np.log(net.predict_proba(X))
    )
    net.set_params(calibration=None).fit(X, y)
    assert net._state.temperature == 1.0


def test_unknown_calibration_is_refused() -> None:
    """There is one kind."""
    net = TabularMLPClassifier(**SURE, calibration="isotonic")
    with pytest.raises(ValueError, match="The 'calibration' parameter of TabularMLPCl"):
        net.fit(*rows(20, 0, 2))
