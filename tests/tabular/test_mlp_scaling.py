"""Tests of how perceptrons put inputs and targets to scale."""

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.special import expit

from skdeep import MLPClassifier, MLPRegressor

SHORT: dict[str, Any] = {"max_epochs": 10, "random_state": 0, "learning_rate": 0.02}


def _rows(n=60):
    """Return columns of very different units, and a smooth number of them."""
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(n, 3))
    X = Z * [1e-3, 1.0, 1e5] + [7.0, -2.0, 1e6]
    return X, 2 * Z[:, 0] - Z[:, 1] * Z[:, 2]


def _standard(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)


def test_feature_scaling_is_that_of_standardised_columns():
    """Scaling inside is scaling outside by numpy, and switching off inside."""
    X, y = _rows()
    inside = MLPRegressor((5,), **SHORT).fit(X, y)
    outside = MLPRegressor((5,), feature_scaling=None, **SHORT).fit(_standard(X), y)
    np.testing.assert_allclose(
        inside.predict(X), outside.predict(_standard(X)), rtol=1e-6
    )


def test_feature_scaling_none_shows_the_network_the_raw_rows():
    """The prediction is numpy's forward pass of X itself."""
    X, y = _rows()
    X = X / 1e6
    model = MLPClassifier((5,), feature_scaling=None, **SHORT).fit(X, y > 0)
    logits = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    logits = logits @ model.coefs_[1] + model.intercepts_[1]
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expit(logits)[:, 0])


def test_feature_scaling_makes_units_irrelevant():
    """Other units give the same network, which unscaled they do not."""
    X, y = _rows()
    model = MLPRegressor((5,), **SHORT)
    other = X * [1e4, 10.0, 1e-4] - 3
    first, second = model.fit(X, y).predict(X), model.fit(other, y).predict(other)
    np.testing.assert_allclose(first, second, rtol=1e-6)
    model.set_params(max_epochs=200, tol=None)
    assert model.fit(X, y).score(X, y) > 0.9
    assert model.set_params(feature_scaling=None).fit(X, y).score(X, y) < 0.1


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csr_array, sp.csc_matrix])
@pytest.mark.parametrize("feature_scaling", ["standard", None])
def test_sparse_rows_give_the_model_of_their_dense_copy(feature_scaling, container):
    """Also in predictions, and whatever the batches."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 8)) * (rng.uniform(size=(60, 8)) < 0.3)
    y = (X.sum(axis=1) > 0).astype(int)
    model = MLPClassifier((5,), feature_scaling=feature_scaling, batch_size=16, **SHORT)
    model.set_params(dtype="float64")
    dense = model.fit(X, y).predict_proba(X)
    sparse = model.fit(container(X), y)
    np.testing.assert_allclose(sparse.predict_proba(container(X)), dense, rtol=1e-9)
    np.testing.assert_allclose(sparse.predict_proba(X), dense, rtol=1e-9)


def test_constant_column_carries_no_information():
    """Whatever it holds later does not pass through weights that never trained."""
    X, y = _rows()
    X[:, 1] = 0.1
    model = MLPRegressor((5,), **SHORT).fit(X, y)
    before = model.predict(X)
    assert np.isfinite(before).all()
    X[:, 1] = 1e9
    np.testing.assert_array_equal(model.predict(X), before)


def test_scaling_statistics_are_weighted():
    """A row of weight three counts three times in mean and deviation."""
    X, y = _rows(20)
    weight = np.where(np.arange(20) < 5, 3.0, 1.0)
    mean = np.average(X, axis=0, weights=weight)
    std = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))
    model = MLPRegressor((5,), **SHORT)
    inside = model.fit(X, y, sample_weight=weight).predict(X)
    Z = (X - mean) / std
    model.set_params(feature_scaling=None).fit(Z, y, sample_weight=weight)
    np.testing.assert_allclose(inside, model.predict(Z), rtol=1e-6)
    Z = _standard(X)
    assert not np.allclose(inside, model.fit(Z, y, sample_weight=weight).predict(Z))


def test_large_offset_keeps_its_digits():
    """The mean is taken off before the cast to float32."""
    rng = np.random.default_rng(0)
    X = 1e9 + rng.normal(size=(100, 1))
    y = X[:, 0] - 1e9
    model = MLPRegressor((8,), batch_size=25, random_state=0, learning_rate=0.01)
    assert model.fit(X, y).score(X, y) > 0.99
    assert model.coefs_[0].dtype == np.float32


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, bool, np.float16, object])
def test_numbers_of_any_dtype_are_scaled_as_floats(dtype):
    """Integers, flags and objects train the network of their floats."""
    X = np.random.default_rng(0).integers(0, 2, size=(40, 3))
    y = X[:, 0] ^ X[:, 1]
    model = MLPClassifier((5,), **SHORT)
    expected = model.fit(X.astype(float), y).predict_proba(X.astype(float))
    typed = X.astype(dtype)
    np.testing.assert_array_equal(model.fit(typed, y).predict_proba(typed), expected)


def test_target_scaling_is_that_of_a_standardised_target():
    """Scaling inside is scaling outside by numpy, several columns each by itself."""
    X, y = _rows()
    Y = np.column_stack([1e6 * y + 3e7, -1e-4 * y**2])
    inside = MLPRegressor((5,), **SHORT).fit(X, Y).predict(X)
    outside = MLPRegressor((5,), target_scaling=None, **SHORT).fit(X, _standard(Y))
    np.testing.assert_allclose(
        inside, outside.predict(X) * Y.std(axis=0) + Y.mean(axis=0), rtol=1e-6
    )


def test_target_scaling_none_takes_the_target_as_it_is():
    """In huge units a short training gets nowhere, which scaling cures."""
    X, y = _rows()
    y = 1e7 * y + 1e8
    model = MLPRegressor((20,), max_epochs=200, random_state=0, learning_rate=0.01)
    assert model.fit(X, y).score(X, y) > 0.9
    model.set_params(target_scaling=None).fit(X, y)
    assert model.score(X, y) < 0
    assert model.loss_ > 1e10


def test_target_scaling_statistics_are_weighted():
    """The untrained network of zero inputs is off by its bias in weighted units."""
    X, y = np.zeros((20, 1)), np.arange(20.0)
    weight = np.where(y < 5, 3.0, 1.0)
    model = MLPRegressor((), random_state=0, optimizer="sgd", learning_rate=1e-300)
    model.set_params(max_epochs=1).fit(X, y, sample_weight=weight)
    mean = np.average(y, weights=weight)
    std = np.sqrt(np.average((y - mean) ** 2, weights=weight))
    expected = mean + std * model.intercepts_[0][0]
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12)


@pytest.mark.parametrize("target_scaling", ["standard", None])
def test_constant_target_is_predicted(target_scaling):
    """A target without variation is its mean everywhere, unscaled nearly so."""
    X, _ = _rows()
    model = MLPRegressor((5,), target_scaling=target_scaling, random_state=0)
    model.set_params(learning_rate=0.02, max_epochs=300, tol=None)
    prediction = model.fit(X, np.full(60, 3.0)).predict(X)
    tolerance = 1e-12 if target_scaling else 0.2
    np.testing.assert_allclose(prediction, 3.0, atol=tolerance)


@pytest.mark.parametrize(
    ("of_X", "of_y", "expected"),
    [
        (np.float64, np.float64, np.float64),
        (np.float32, np.float32, np.float32),
        (np.float32, np.float64, np.float64),
        (np.float64, np.float32, np.float64),
        (np.float32, np.int64, np.float64),
        (np.int64, np.int64, np.float64),
    ],
)
def test_predictions_have_the_widest_dtype_of_the_data(of_X, of_y, expected):
    """Numbers are as exact as inputs and targets, probabilities as the inputs."""
    X, y = np.arange(20).reshape(10, 2).astype(of_X), np.arange(10).astype(of_y)
    assert MLPRegressor((3,), **SHORT).fit(X, y).predict(X).dtype == expected
    proba = MLPClassifier((3,), **SHORT).fit(X, y > 3).predict_proba(X)
    assert proba.dtype == (np.float32 if of_X == np.float32 else np.float64)


@pytest.mark.parametrize("parameter", ["feature_scaling", "target_scaling"])
def test_unknown_scaling_is_refused(parameter):
    """Only "standard" and None are known."""
    model = MLPRegressor().set_params(**{parameter: "minmax"})
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of MLPRegressor"):
        model.fit([[0.0], [1.0]], [0.0, 1.0])


def test_one_row_is_enough_to_train_on():
    """Nothing varies in it, and it is predicted as it is."""
    model = MLPRegressor((3,), **SHORT).fit([[5.0, 1.0]], [42.0])
    np.testing.assert_allclose(model.predict([[5.0, 1.0], [0.0, 9.0]]), 42.0)
    one_class = MLPClassifier((3,), **SHORT).fit([[5.0]], ["only"])
    assert one_class.predict([[1.0]]) == ["only"]
    np.testing.assert_array_equal(one_class.predict_proba([[1.0]]), [[1.0]])
