"""What holds for all parameters and all tables, tried on some of both."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from skdeep import TabularMLPClassifier, TabularMLPRegressor

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
_SHARES = st.sampled_from([None, "constant", "cosine", "flat_cosine"])
_PARAMETERS: dict[str, st.SearchStrategy[Any]] = {
    "activation": st.sampled_from(["relu", "selu", "mish", "tanh"]),
    "parametric_activation": st.booleans(),
    "normalization": st.sampled_from([None, "batch", "layer"]),
    "dropout": st.floats(0.0, 0.8),
    "dropout_schedule": _SHARES,
    "residual": st.booleans(),
    "n_ensemble": st.integers(1, 4),
    "feature_gate": st.sampled_from([None, 1.0, 6.0, 96.0]),
    "parametrization": st.sampled_from(["standard", "ntk"]),
    "data_dependent_init": st.booleans(),
    "max_onehot": st.integers(0, 6),
    "category_dim": st.integers(1, 4),
    "feature_scaling": st.sampled_from(["quantile", "robust_clip", "standard"]),
    "missing_indicators": st.booleans(),
    "scale_onehot": st.booleans(),
    "numeric_embedding": st.sampled_from(["piecewise_linear", "periodic", None]),
    "embedding_dim": st.integers(2, 5),
    "n_bins": st.integers(1, 9),
    "binning": st.sampled_from(["quantile", "tree"]),
    "n_frequencies": st.integers(1, 5),
    "frequency_scale": st.floats(1e-3, 10.0),
    "weight_decay": st.floats(0.0, 0.1),
    "weight_decay_schedule": _SHARES,
    "weight_averaging": st.sampled_from([None, "ema", "swa"]),
    "optimizer": st.sampled_from(["adamw", "adam", "sgd"]),
    "lr_schedule": st.sampled_from([None, "cosine", "flat_cosine", "coslog"]),
    "learning_rate": st.floats(1e-5, 1e-2),
    "batch_size": st.one_of(st.just("auto"), st.integers(1, 40)),
    "early_stopping": st.sampled_from([False, True, "auto"]),
    "refit": st.booleans(),
    "time_limit": st.sampled_from([None, 1e-9, 100.0]),
    "dtype": st.sampled_from(["auto", "float32", "float64"]),
}
_OWN: dict[type, dict[str, st.SearchStrategy[Any]]] = {
    TabularMLPClassifier: {
        "calibration": st.sampled_from([None, "temperature"]),
        "label_smoothing": st.floats(0.0, 0.5),
        "class_weight": st.sampled_from([None, "balanced"]),
        "loss": st.sampled_from(["cross_entropy", "focal"]),
    },
    TabularMLPRegressor: {
        "clip_predictions": st.booleans(),
        "loss": st.sampled_from(["squared_error", "huber", "quantile"]),
        "quantile": st.sampled_from([0.3, [0.1, 0.9], [0.2, 0.5, 0.8]]),
        "target_scaling": st.sampled_from([None, "standard"]),
    },
}


@st.composite
def parameters(draw: DrawFn, kind: type) -> dict[str, Any]:
    """Draw parameters that are valid together."""
    optional = {**_PARAMETERS, **_OWN[kind]}
    params: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=optional))
    widths = draw(st.lists(st.integers(1, 6), max_size=2))
    seed = draw(st.integers(0, 99))
    return {
        "embedding_dim": 3,
        "n_bins": 5,
        "n_ensemble": 2,
        **params,
        "hidden_layer_sizes": widths,
        "max_epochs": draw(st.integers(1, 3)),
        "random_state": seed,
    }


@st.composite
def tables(draw: DrawFn) -> np.ndarray:
    """Draw columns of numbers, words and truth, with holes, of every length."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_rows = draw(st.integers(4, 40))
    columns = []
    sorts = ["normal", "tails", "coarse", "constant", "words", "truth", "nothing"]
    for sort in draw(st.lists(st.sampled_from(sorts), min_size=1, max_size=4)):
        values: Any = rng.standard_normal(n_rows)
        if sort == "tails":
            values = values / rng.random(n_rows) ** 4
        elif sort == "coarse":
            values = np.round(values)
        elif sort == "constant":
            values = np.full(n_rows, 3.0)
        elif sort == "words":
            values = rng.choice(list("abcdefg"), n_rows)
        elif sort == "truth":
            values = values > 0
        column = values.astype(object)
        column[rng.random(n_rows) < draw(st.sampled_from([0.0, 0.3]))] = None
        columns.append(np.full(n_rows, None) if sort == "nothing" else column)
    return np.column_stack(columns)


def outputs(net: Any, X: Any) -> np.ndarray:
    """Return the predictions that are numbers."""
    answer = net.predict_proba(X) if hasattr(net, "predict_proba") else net.predict(X)
    return np.asarray(answer)


@pytest.mark.parametrize("kind", BOTH)
@settings(max_examples=40)
@given(data=st.data())
def test_valid_parameters_fit_any_table(kind: Any, data: Any) -> None:
    """Predictions are finite, of the right shape, and decided by the seed."""
    params = data.draw(parameters(kind))
    X = data.draw(tables())
    y = np.arange(len(X)) % data.draw(st.integers(1, 3))
    net = kind(**params).fit(X, y)
    values = outputs(net, X)
    assert np.isfinite(values).all()
    assert len(values) == len(X)
    if kind is TabularMLPClassifier:
        np.testing.assert_allclose(values.sum(axis=1), 1.0, rtol=1e-6)
        assert set(net.predict(X)) <= set(y)
    elif params.get("clip_predictions"):
        # In float32 a limit is only nearly what it is.
        slack = 1e-6 * max(1.0, np.abs(y).max())
        assert values.min() >= y.min() - slack
        assert values.max() <= y.max() + slack
    if params.get("time_limit") is None:
        again = kind(**params).fit(X, y)
        np.testing.assert_array_equal(outputs(again, X), values)


@pytest.mark.parametrize("kind", BOTH)
@settings(max_examples=15)
@given(data=st.data())
def test_prediction_of_a_row_does_not_depend_on_the_others(
    kind: Any, data: Any
) -> None:
    """Rows alone, in parts, and backwards get the same answer."""
    params = {**data.draw(parameters(kind)), "dtype": "float64"}
    X = data.draw(tables())
    net = kind(**params).fit(X, np.arange(len(X)) % 2)
    together = outputs(net, X)
    for answer in (
        outputs(net, X[::-1])[::-1],
        np.concatenate([outputs(net, X[:2]), outputs(net, X[2:])]),
        np.concatenate([outputs(net, row[np.newaxis]) for row in X]),
    ):
        np.testing.assert_allclose(answer, together, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", BOTH)
@settings(max_examples=15)
@given(data=st.data())
def test_any_later_table_is_predicted(kind: Any, data: Any) -> None:
    """Extremes, holes and words that were never seen give finite numbers."""
    params = data.draw(parameters(kind))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    X = np.column_stack([rng.standard_normal(20), rng.choice(list("abc"), 20)]).astype(
        object
    )
    X[:, 0] = X[:, 0].astype(float)
    net = kind(**{**params, "feature_scaling": "quantile"}).fit(X, np.arange(20) % 2)
    extreme = st.sampled_from([1e300, -1e300, 0.0, 5e-324, np.nan, None])
    later = np.array(
        [[data.draw(extreme), word] for word in ("a", "z", None, "")], dtype=object
    )
    assert np.isfinite(outputs(net, later)).all()
