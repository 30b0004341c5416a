"""What is learnt of the columns: from training rows only, and by their weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skdeep import TabularMLPClassifier, TabularMLPRegressor

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "n_ensemble": 2,
    "embedding_dim": 3,
    "n_bins": 4,
    "learning_rate": 0.02,
    "max_epochs": 4,
    "categorical_features": [2],
    "batch_size": 1000,
    "random_state": 0,
}
ENCODINGS: list[dict[str, Any]] = [
    {"feature_scaling": "quantile"},
    {"feature_scaling": "robust_clip", "scale_onehot": True},
    {"feature_scaling": "standard", "binning": "tree"},
    {"feature_scaling": None, "numeric_embedding": None, "max_onehot": 2},
]


def rows(n_rows: int = 80, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers, one with holes, and a code a row; and two classes."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, n_rows)
    X = np.column_stack([rng.standard_normal((n_rows, 2)), codes])
    X[::9, 1] = np.nan
    return X, (X[:, 0] + (codes == 1) > 0).astype(int)


def statistics(net: Any) -> dict[str, np.ndarray]:
    """Return what a network sees of some probing rows, and the edges of its bins."""
    probe, _ = rows(50, seed=99)
    table = net._read(probe)
    found = {"encoded": net._state.scaler.transform(table)}
    buffers = net.module_.inputs.named_buffers()
    return found | {name: values.numpy() for name, values in buffers}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    """Compare statistics to the last bit."""
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def outputs(net: Any, X: Any) -> np.ndarray:
    """Return the predictions that are numbers."""
    answer = net.predict_proba(X) if hasattr(net, "predict_proba") else net.predict(X)
    return np.asarray(answer)


class Watch:
    """A scorer that keeps the first column of the rows it is called with."""

    def __init__(self) -> None:
        self.seen: np.ndarray = np.empty(0)

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Return a score that never improves."""
        self.seen = X.numeric[:, 0].copy()
        return 0.0


@pytest.mark.parametrize("varied", ENCODINGS)
@pytest.mark.parametrize("kind", BOTH)
def test_validation_rows_do_not_count(kind: Any, varied: dict[str, Any]) -> None:
    """Rows that are given to watch by leave encoder and bins as they are without."""
    X, y = rows()
    X_val, y_val = rows(40, seed=1)
    X_val[:, :2] = 1e3 * X_val[:, :2] + 77.0
    X_val[:, 2] += 3
    params = {**SMALL, **varied}
    without = kind(**params, early_stopping=False).fit(X, y)
    net = kind(**params).fit(X, y, X_val=X_val, y_val=y_val)
    assert "valid_loss" in net.history_
    assert_same(statistics(net), statistics(without))
    # The same statistics do change with the training rows.
    both = kind(**params, early_stopping=False)
    both.fit(np.vstack([X, X_val]), np.append(y, y_val))
    table = both._read(rows(50, seed=99)[0])
    encoded = both._state.scaler.transform(table)
    before = statistics(without)["encoded"]
    assert encoded.shape != before.shape or not np.allclose(encoded, before)


@pytest.mark.parametrize("varied", ENCODINGS)
@pytest.mark.parametrize("kind", BOTH)
def test_rows_held_out_do_not_count(kind: Any, varied: dict[str, Any]) -> None:
    """Whatever stands in them, encoder, bins and target scaling stay the same."""
    X, y = rows(120)
    watch = Watch()
    params = {**SMALL, **varied, "early_stopping": True, "scoring": watch}
    net = kind(**params, validation_fraction=0.2).fit(X, y)
    held = np.isin(X[:, 0], watch.seen)
    assert held.sum() == 24
    before, target = statistics(net), net._state.target
    changed = X.copy()
    changed[held, :2] *= 1e4
    changed[held, 2] = 9
    wrong = y.copy()
    if kind is TabularMLPRegressor:
        wrong[held] = 1000 + np.arange(24)
        np.testing.assert_allclose(target.scaler.mean, y[~held].mean())
        np.testing.assert_allclose(target.scaler.scale, y[~held].std())
    again = kind(**params, validation_fraction=0.2).fit(changed, wrong)
    np.testing.assert_array_equal(np.isin(changed[:, 0], watch.seen), held)
    assert_same(statistics(again), before)
    if kind is TabularMLPRegressor:
        assert again._state.target.scaler.mean == target.scaler.mean
        np.testing.assert_array_equal(again._state.target.limits, target.limits)


# In one batch and in float64, where nothing but the last digits may differ.
EXACT: dict[str, Any] = {
    **SMALL,
    "n_ensemble": 3,
    "early_stopping": False,
    "dtype": "float64",
    "batch_size": 10**6,
}
WEIGHED: list[dict[str, Any]] = [
    *ENCODINGS,
    {"binning": "tree", "n_bins": 6},
    {"numeric_embedding": "periodic", "parametrization": "ntk", "feature_gate": 6.0},
    {"n_ensemble": 1, "weight_decay": 0.1, "l2": 0.1},
    {"parametric_activation": True, "normalization": "layer", "activation": "selu"},
]


@pytest.mark.parametrize("varied", WEIGHED, ids=str)
@pytest.mark.parametrize("kind", BOTH)
def test_weight_of_two_is_a_row_twice(kind: Any, varied: dict[str, Any]) -> None:
    """Encoder, bins and steps take a row of weight two for two, of none for none."""
    X, y = rows()
    weight = np.random.default_rng(2).integers(0, 4, len(X))
    weight[np.isin(X[:, 2], 3)] = 0  # a category that is not there
    repeated = np.repeat(np.arange(len(X)), weight)
    params = {**EXACT, **varied}
    weighted = kind(**params).fit(X, y, weight)
    other = kind(**params).fit(X[repeated], y[repeated])
    plain = kind(**params).fit(X, y)
    for name, values in statistics(other).items():
        np.testing.assert_allclose(
            statistics(weighted)[name], values, rtol=1e-9, atol=1e-12, err_msg=name
        )
    answers = [outputs(net, X) for net in (weighted, other, plain)]
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-7, atol=1e-9)
    assert np.abs(answers[0] - answers[2]).max() > 1e-3


@pytest.mark.parametrize("kind", BOTH)
def test_scale_of_the_weights_does_not_matter(kind: Any) -> None:
    """Only their ratios do."""
    X, y = rows()
    weight = np.random.default_rng(2).uniform(0.1, 3.0, len(X))
    net = kind(**EXACT).fit(X, y, weight)
    again = kind(**EXACT).fit(X, y, 1024 * weight)
    np.testing.assert_array_equal(outputs(again, X), outputs(net, X))
    other = kind(**EXACT).fit(X, y, 7.3e-5 * weight)
    np.testing.assert_allclose(outputs(other, X), outputs(net, X), rtol=1e-9)
