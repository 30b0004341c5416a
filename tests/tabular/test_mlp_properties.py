"""What holds for all parameters and all data, tried on many of both."""

from __future__ import annotations

import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.exceptions import DataConversionWarning

from skdeep import MLPClassifier, MLPRegressor
from skdeep.exceptions import DivergenceError, NetworkError, SkdeepError
from tests.strategies import (
    FORMS,
    arrays,
    parameters,
    spoiled_data,
    spoiled_parameters,
    targets,
)

ESTIMATORS = [MLPClassifier, MLPRegressor]
SMALL: dict[str, Any] = {"hidden_layer_sizes": (5,), "max_epochs": 3, "random_state": 0}


def outputs(net: Any, X: Any) -> np.ndarray:
    """Return the predictions that are numbers."""
    answer = net.predict_proba(X) if hasattr(net, "predict_proba") else net.predict(X)
    return np.asarray(answer)


def can_hold_out(X: np.ndarray, params: dict[str, Any]) -> bool:
    """Tell whether there is a row to train on and one to watch by."""
    return len(X) > 1 or params.get("early_stopping") is not True


def assert_sound(net: Any, X: Any, y: np.ndarray) -> None:
    """Look at shape, dtype and range of all that is predicted."""
    predicted = net.predict(X)
    assert predicted.shape == y.shape
    values = outputs(net, X)
    assert np.isfinite(values).all()
    assert values.dtype in (np.float32, np.float64)
    if isinstance(net, MLPRegressor):
        return
    assert predicted.dtype == (y.dtype if y.ndim == 1 else np.int64)
    assert values.shape == (len(y), len(net.classes_))
    assert (values >= 0).all()
    assert (values <= 1).all()
    if y.ndim == 1:
        np.testing.assert_allclose(values.sum(axis=1), 1.0, rtol=1e-6)
        np.testing.assert_array_equal(np.unique(y), net.classes_)


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=80)
@given(data=st.data())
def test_valid_parameters_fit_any_table(kind, data):
    """Predictions are finite and of the right shape, and the seed decides them."""
    params = data.draw(parameters(kind))
    X = data.draw(arrays())
    assume(can_hold_out(X, params))
    y = data.draw(targets(kind, len(X)))
    table = FORMS[data.draw(st.sampled_from(sorted(FORMS)))](X)
    net = kind(**params).fit(table, y)
    assert_sound(net, table, y)
    again = kind(**params).fit(table, y)
    np.testing.assert_array_equal(outputs(again, table), outputs(net, table))


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=40)
@given(data=st.data())
def test_valid_parameters_train_on_with_any_pieces(kind, data):
    """Pieces of any size, one row among them, train a net that predicts."""
    params = data.draw(parameters(kind))
    params.update(early_stopping=False)
    assume(params.get("optimizer") != "lbfgs")
    X = data.draw(arrays(min_rows=6))
    y = np.arange(len(X)) % 3
    first = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    net = kind(**params)
    edges = sorted(data.draw(st.sets(st.integers(1, len(X) - 1), max_size=3)))
    for rows in np.split(np.arange(len(X)), edges):
        net.partial_fit(X[rows], y[rows], **first)
    assert np.isfinite(outputs(net, X)).all()
    assert net.n_iter_ == len(edges) + 1


def assert_sentence(error: BaseException) -> None:
    """Look whether an error was raised on purpose, by us or by scikit-learn."""
    assert len(str(error)) > 10
    last = traceback.extract_tb(error.__traceback__)[-1]
    home = set(Path(last.filename).parts)
    # A scorer of scikit-learn misses a method by an AttributeError.
    assert isinstance(error, (ValueError, TypeError, SkdeepError)) or "sklearn" in home
    assert not {"torch", "skorch"} & home
    if "skdeep" in home:
        assert (last.line or "").startswith("raise"), last


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=150)
@given(data=st.data())
def test_arbitrary_parameters_fit_or_say_why_not(kind, data):
    """The error is a sentence, and the estimator is fitted wholly or not at all."""
    spoiled = data.draw(spoiled_parameters(kind))
    X = np.random.default_rng(0).standard_normal((12, 3))
    y = np.arange(12) % 2
    net = kind(**{**SMALL, **spoiled})
    before = dict(vars(net))
    with warnings.catch_warnings():
        # Of torch, for some of its activations, and of scorers.
        warnings.simplefilter("ignore")
        try:
            net.fit(X, y)
        except Exception as error:
            assert_sentence(error)
            assert vars(net) == before
        else:
            assert_sound(net, X, y)


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=100)
@given(data=st.data())
def test_bad_data_is_refused_and_leaves_no_trace(kind, data):
    """Whatever is wrong with X, y or the weights, and whatever is set."""
    how, (X, y, weight) = data.draw(spoiled_data(kind))
    params = data.draw(parameters(kind))
    if how == "overflow in X":
        params["feature_scaling"] = "standard"
    fitted = data.draw(st.booleans())
    net = kind(**params)
    if fitted:
        net.fit(np.eye(6, 3), np.arange(6) % 2)
    before = dict(vars(net))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)
        with pytest.raises((ValueError, TypeError)) as caught:
            net.fit(X, y, weight)
    assert not isinstance(caught.value, (DivergenceError, NetworkError))
    assert_sentence(caught.value)
    assert vars(net) == before


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=60)
@given(data=st.data())
def test_prediction_of_a_row_does_not_depend_on_the_others(kind, data):
    """Rows alone, in parts, doubled, backwards and sparse get the same answer."""
    params = data.draw(parameters(kind))
    X = data.draw(arrays(min_rows=3))
    net = kind(**params).fit(X, np.arange(len(X)) % 2)
    together = outputs(net, X)
    exact = next(net.module_.parameters()).element_size() == 8
    tolerance = 1e-12 if exact else 2e-6
    scale = max(1.0, np.abs(together).max())
    cut = data.draw(st.integers(1, len(X) - 1))
    answers = [
        np.concatenate([outputs(net, row[np.newaxis]) for row in X]),
        np.concatenate([outputs(net, X[:cut]), outputs(net, X[cut:])]),
        outputs(net, np.vstack([X, X]))[len(X) :],
        outputs(net, X[::-1])[::-1],
        outputs(net, sp.csr_array(X)),
    ]
    for answer in answers:
        np.testing.assert_allclose(answer, together, rtol=0, atol=tolerance * scale)


@settings(max_examples=60)
@given(X=arrays(min_rows=6), seed=st.integers(0, 99), n_classes=st.integers(2, 4))
def test_renamed_labels_give_renamed_predictions(X, seed, n_classes):
    """What counts is the order of the labels, not what they are."""
    codes = np.random.default_rng(seed).integers(0, n_classes, len(X))
    names = np.array(["ant", "bee", "cat", "dog"])
    plain = MLPClassifier(**SMALL).fit(X, codes)
    for renamed in (names, names.astype(object), np.array([-7.0, 0.0, 3.0, 100.0])):
        other = MLPClassifier(**SMALL).fit(X, renamed[codes])
        np.testing.assert_array_equal(other.predict(X), renamed[plain.predict(X)])
        np.testing.assert_array_equal(outputs(other, X), outputs(plain, X))


def fit_weighted(kind: type, X: np.ndarray, weight: Any, **params: Any) -> np.ndarray:
    """Return what a net trained in float64, in one batch, says of its rows."""
    y = np.arange(len(X)) % 2
    settled = {**SMALL, "dtype": "float64", "batch_size": 10**6, **params}
    return outputs(kind(**settled).fit(X, y, weight), X)


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=40)
@given(X=arrays(min_rows=4), factor=st.floats(1e-6, 1e6), seed=st.integers(0, 99))
def test_scale_of_the_weights_does_not_matter(kind, X, factor, seed):
    """Only their ratios do."""
    weight = np.random.default_rng(seed).uniform(0.1, 3.0, len(X))
    one, other = (fit_weighted(kind, X, w) for w in (weight, factor * weight))
    np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=40)
@given(X=arrays(min_rows=4), seed=st.integers(0, 99), l2=st.sampled_from([0.0, 0.1]))
def test_whole_weights_count_like_repeated_rows(kind, X, seed, l2):
    """Weight two is a row twice, weight zero is no row; in one batch, in float64."""
    weight = np.random.default_rng(seed).integers(0, 4, len(X))
    weight[:2] = 1
    y = np.arange(len(X)) % 2
    rows = np.repeat(np.arange(len(X)), weight)
    params = {**SMALL, "dtype": "float64", "batch_size": 10**6, "l2": l2}
    weighted = kind(**params).fit(X, y, weight)
    repeated = kind(**params).fit(X[rows], y[rows])
    # Differences in the last digits are drawn out by the standardisation of a column
    # far from zero.
    np.testing.assert_allclose(
        outputs(weighted, X), outputs(repeated, X), rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=40)
@given(X=arrays(min_rows=4), data=st.data())
def test_units_of_a_feature_do_not_matter_once_scaled(kind, X, data):
    """A column in metres or kilometres trains the same net."""
    column = data.draw(st.integers(0, X.shape[1] - 1))
    factor = data.draw(st.sampled_from([1000.0, 1e-3, -1.0]))
    other = X.copy()
    other[:, column] *= factor
    # Columns of zeros and ones are left as they are.
    assume(not any(np.isin(T[:, column], (0, 1)).all() for T in (X, other)))
    params = {**SMALL, "dtype": "float64"}
    y = np.arange(len(X)) % 2
    one = kind(**params).fit(X, y)
    two = kind(**params).fit(other, y)
    if factor > 0:
        expected = outputs(one, X)
        np.testing.assert_allclose(outputs(two, other), expected, rtol=1e-6, atol=1e-6)
    # Turned round, the column must be found again in the same weights, turned round.
    scaled = one._state.scaler.transform(X), two._state.scaler.transform(other)
    np.testing.assert_allclose(
        scaled[1][:, column], np.sign(factor) * scaled[0][:, column], atol=1e-6
    )


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=40)
@given(X=arrays(min_rows=4), value=st.floats(-1e6, 1e6), later=st.floats(-1e6, 1e6))
def test_constant_column_carries_nothing(kind, X, value, later):
    """It does no harm, and what it holds at prediction time has no effect."""
    y = np.arange(len(X)) % 2
    wider = np.column_stack([X, np.full(len(X), value)])
    net = kind(**SMALL).fit(wider, y)
    expected = outputs(net, wider)
    assert np.isfinite(expected).all()
    wider[:, -1] = later
    np.testing.assert_array_equal(outputs(net, wider), expected)


@pytest.mark.parametrize("kind", ESTIMATORS)
@settings(max_examples=15)
@given(X=arrays(min_rows=8), data=st.data())
def test_order_of_rows_and_columns_does_not_matter_to_a_linear_net(kind, X, data):
    """Its loss has one minimum, which is found whatever the order."""
    rows = data.draw(st.permutations(range(len(X))))
    columns = data.draw(st.permutations(range(X.shape[1])))
    y = np.arange(len(X)) % 2
    params: dict[str, Any] = {
        "hidden_layer_sizes": (),
        "optimizer": "lbfgs",
        "l2": 0.1,
        "max_epochs": 60,
        "tol": None,
        "dtype": "float64",
        "random_state": 0,
    }
    net = kind(**params).fit(X, y)
    other = kind(**params).fit(X[rows][:, columns], y[rows])
    np.testing.assert_allclose(
        outputs(other, X[:, columns]), outputs(net, X), rtol=0, atol=1e-4
    )
