"""Training that goes on: in pieces, after a pickle, and from present weights."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from skdeep import TabularMLPClassifier, TabularMLPRegressor

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "n_ensemble": 3,
    "embedding_dim": 3,
    "n_bins": 4,
    "optimizer": "adamw",
    "learning_rate": 0.02,
    "dropout": 0.2,
    "batch_size": 15,
    "max_epochs": 3,
    "early_stopping": False,
    "categorical_features": [2],
    "random_state": 0,
    "weight_averaging": None,
}


def rows(n_rows: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers, one with holes, and a code a row; and two classes."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.standard_normal((n_rows, 2)), rng.integers(0, 4, n_rows)])
    X[::9, 1] = np.nan
    return X, (X[:, 0] > 0).astype(int)


def outputs(net: Any, X: Any) -> np.ndarray:
    """Return the predictions that are numbers."""
    answer = net.predict_proba(X) if hasattr(net, "predict_proba") else net.predict(X)
    return np.asarray(answer)


def first_call(kind: Any) -> dict[str, Any]:
    """Return what the first call of partial_fit takes beside the data."""
    return {"classes": [0, 1]} if kind is TabularMLPClassifier else {}


@pytest.mark.parametrize("kind", BOTH)
def test_partial_fit_goes_on_exactly_after_pickling(kind: Any) -> None:
    """Optimizer, order of rows and dropout masks go into the file."""
    X, y = rows()
    net = kind(**SMALL).partial_fit(X, y, **first_call(kind)).partial_fit(X, y)
    again = pickle.loads(pickle.dumps(net))
    for model in (net, again):
        model.partial_fit(X[:40], y[:40]).partial_fit(X, y)
    assert again.n_iter_ == net.n_iter_ == 4
    np.testing.assert_array_equal(outputs(again, X), outputs(net, X))
    assert again.loss_curve_ == net.loss_curve_
    # A fresh optimizer would have gone elsewhere.
    other = kind(**SMALL).partial_fit(X, y, **first_call(kind)).partial_fit(X, y)
    other._state.resume.clear()
    other.partial_fit(X[:40], y[:40]).partial_fit(X, y)
    assert not np.array_equal(outputs(other, X), outputs(net, X))


@pytest.mark.parametrize("kind", BOTH)
def test_partial_fit_equals_fit_on_the_same_rows(kind: Any) -> None:
    """As many passes as epochs train the same network."""
    X, y = rows()
    whole = kind(**SMALL).fit(X, y)
    net = kind(**SMALL)
    for _ in range(3):
        net.partial_fit(X, y, **first_call(kind))
    np.testing.assert_allclose(outputs(net, X), outputs(whole, X), rtol=1e-4)


@pytest.mark.parametrize("kind", BOTH)
def test_partial_fit_keeps_the_encoding_of_the_first_rows(kind: Any) -> None:
    """Codes and quantiles must not shift under the weights; new categories are none."""
    X, y = rows()
    net = kind(**SMALL).partial_fit(X, y, **first_call(kind))
    table = net._read(X)
    encoded = net._state.scaler.transform(table)
    later, y_later = rows(seed=1)
    later[:, :2] = 100 * later[:, :2]
    later[:5, 2] = 77
    net.partial_fit(later, y_later)
    np.testing.assert_array_equal(net._state.scaler.transform(table), encoded)
    assert np.isfinite(outputs(net, later)).all()


def test_partial_fit_widens_the_limits_of_predictions() -> None:
    """All targets that came lie within them."""
    X, y = rows()
    net = TabularMLPRegressor(**SMALL, clip_predictions=True)
    net.partial_fit(X, y).partial_fit(X, 10.0 * y - 3)
    np.testing.assert_array_equal(np.ravel(net._state.target.limits), [-3.0, 7.0])


def test_clipping_may_be_left_off_from_the_next_fit() -> None:
    """It is no part of the network: a warm start goes by the parameter as it is."""
    X, y = rows()
    params = {**SMALL, "warm_start": True, "target_scaling": None}
    net = TabularMLPRegressor(**params, clip_predictions=True).fit(X, 1e-6 * y)
    assert np.ptp(net.predict(X)) <= 1e-6
    net.set_params(clip_predictions=False).fit(X, 1e-6 * y)
    assert np.ptp(net.predict(X)) > 1e-3


@pytest.mark.parametrize("kind", BOTH)
def test_partial_fit_takes_one_row_at_a_time(kind: Any) -> None:
    """Even with batch normalization, which has no variance to take."""
    X, y = rows()
    net = kind(**SMALL, normalization="batch")
    net.partial_fit(X, y, **first_call(kind))
    before = outputs(net, X)
    for row in range(3):
        net.partial_fit(X[[row]], y[[row]])
    assert np.isfinite(outputs(net, X)).all()
    assert not np.array_equal(outputs(net, X), before)


@pytest.mark.parametrize("kind", BOTH)
def test_partial_fit_refuses_to_stop_early(kind: Any) -> None:
    """It makes one pass; "auto" does not ask for it."""
    X, y = rows(120)
    net = kind(**{**SMALL, "early_stopping": True})
    with pytest.raises(ValueError, match="makes one pass and cannot stop early"):
        net.partial_fit(X, y, **first_call(kind))
    net.set_params(early_stopping="auto").partial_fit(X, y, **first_call(kind))
    assert "valid_loss" not in net.history_


@pytest.mark.parametrize("kind", BOTH)
def test_warm_start_begins_with_the_present_weights(kind: Any) -> None:
    """With a rate of nought it predicts what it did; with more it has learnt more."""
    X, y = rows()
    net = kind(**SMALL, warm_start=True).fit(X, y)
    expected, loss = outputs(net, X), net.loss_
    at_rest = {"optimizer": "sgd", "learning_rate": 1e-300, "weight_decay": 0.0}
    moving = {name: net.get_params()[name] for name in at_rest}
    net.set_params(**at_rest).fit(X, y)
    np.testing.assert_allclose(outputs(net, X), expected, rtol=1e-12)
    net.set_params(**moving, max_epochs=10).fit(X, y)
    assert net.n_iter_ == 10
    assert len(net.history_["epoch"]) == 16
    assert net.loss_ < loss
    cold = kind(**SMALL).fit(X, y)
    np.testing.assert_array_equal(outputs(cold, X), expected)


@pytest.mark.parametrize("kind", BOTH)
def test_warm_start_keeps_the_encoding(kind: Any) -> None:
    """Weights stand for what the columns were when they were trained."""
    X, y = rows()
    net = kind(**SMALL, warm_start=True).fit(X, y)
    encoded = net._state.scaler.transform(net._read(X))
    later, y_later = rows(seed=1)
    net.fit(100 * later + 3, y_later)
    again = net._state.scaler.transform(net._read(X))
    np.testing.assert_array_equal(again, encoded)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_ensemble", 2),
        ("hidden_layer_sizes", (9,)),
        ("n_bins", 5),
        ("embedding_dim", 4),
        ("numeric_embedding", None),
        ("numeric_embedding", "periodic"),
        ("binning", "tree"),
        ("feature_gate", 6.0),
        ("max_onehot", 2),
        ("category_dim", 4),
        ("feature_scaling", "standard"),
        ("missing_indicators", False),
        ("scale_onehot", True),
        ("parametric_activation", True),
        ("parametrization", "ntk"),
        ("normalization", "layer"),
        ("residual", True),
        ("dropout", 0.5),
        ("activation", "tanh"),
    ],
)
def test_other_network_cannot_go_on(name: str, value: Any) -> None:
    """A parameter that makes another network is refused, by its name."""
    X, y = rows()
    net = TabularMLPRegressor(**SMALL, warm_start=True).fit(X, y)
    expected = net.predict(X)
    net.set_params(**{name: value})
    with pytest.raises(ValueError, match=f"training the same network. Got {name}="):
        net.fit(X, y)
    with pytest.raises(ValueError, match=f"training the same network. Got {name}="):
        net.partial_fit(X, y)
    np.testing.assert_array_equal(net.set_params(**SMALL).predict(X), expected)


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"quantile": [0.1, 0.5, 0.9]}, {"quantile": 0.5}),
        ({"quantile": 0.5}, {"quantile": [0.1, 0.5, 0.9]}),
        ({"quantile": [0.1, 0.9]}, {"loss": "squared_error"}),
    ],
)
def test_other_number_of_quantiles_cannot_go_on(
    before: dict[str, Any], after: dict[str, Any], call: str
) -> None:
    """Outputs for three quantiles are not those for one."""
    X, y = rows()
    params = {**SMALL, "loss": "quantile", "warm_start": True}
    net = TabularMLPRegressor(**{**params, **before}).fit(X, y)
    getattr(net, call)(X, y)
    expected = net.predict(X)
    net.set_params(**after)
    with pytest.raises(ValueError, match="quantile"):
        getattr(net, call)(X, y)
    np.testing.assert_array_equal(
        net.set_params(**{**params, **before}).predict(X), expected
    )
