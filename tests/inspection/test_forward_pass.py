"""The steps from a row to its prediction."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeep import (
    CNNRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    forward_pass,
)


@pytest.mark.parametrize(
    "fixture", ["iris", "tabular", "cnn", "frozen", "stopped", "bags", "windows"]
)
def test_forward_pass_ends_with_what_the_estimator_predicts(fixture, request):
    """The last steps are predict_proba and predict."""
    estimator, X, _ = request.getfixturevalue(fixture)
    steps = forward_pass(estimator, X[:7])
    # A frozen backbone is run fused in prediction, which rounds otherwise.
    np.testing.assert_allclose(
        steps["probabilities"], estimator.predict_proba(X[:7]), atol=1e-5
    )
    np.testing.assert_array_equal(steps["prediction"], estimator.predict(X[:7]))


def test_forward_pass_is_the_textbook_by_hand(iris):
    """Every step follows from the one before, in plain NumPy."""
    mlp, X, _ = iris
    steps = forward_pass(mlp, X)
    assert list(steps) == [
        "inputs",
        "scaled inputs",
        "hidden layer 1: weighted sums",
        "hidden layer 1: activations",
        "output layer: weighted sums",
        "probabilities",
        "prediction",
    ]
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    first = scaled @ mlp.coefs_[0] + mlp.intercepts_[0]
    hidden = np.maximum(first, 0.0)
    logits = hidden @ mlp.coefs_[1] + mlp.intercepts_[1]
    odds = np.exp(logits)
    by_hand = [X, scaled, first, hidden, logits, odds / odds.sum(axis=1)[:, np.newaxis]]
    for values, expected in zip(steps.values(), by_hand, strict=False):
        np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)


def test_forward_pass_of_a_regressor_ends_in_units_of_the_target(regressor):
    """Scaled outputs are restored by the mean and deviation of the targets."""
    mlp, X, y = regressor
    steps = forward_pass(mlp, X[:5])
    outputs = steps["output layer: weighted sums"][:, 0]
    np.testing.assert_allclose(
        steps["prediction"], outputs * y.std() + y.mean(), rtol=1e-5
    )
    np.testing.assert_array_equal(steps["prediction"], mlp.predict(X[:5]))
    total = steps["hidden layer 2: sums with the input"]
    np.testing.assert_allclose(
        total,
        steps["hidden layer 1: activations"] + steps["hidden layer 2: activations"],
        rtol=1e-5,
    )


def test_forward_pass_shows_the_members_of_an_ensemble(tabular):
    """What is combined are the members' probabilities."""
    steps = forward_pass(tabular.estimator, tabular.X[:4])
    sums = steps["hidden layer 1: weighted sums"]
    assert sums.shape == (4, 3, 8)
    np.testing.assert_array_equal(
        steps["hidden layer 1: activations"], np.maximum(sums, 0)
    )
    odds = np.exp(steps["output layer: weighted sums"].astype(float))
    each = odds / odds.sum(axis=2, keepdims=True)
    np.testing.assert_allclose(steps["probabilities"], each.mean(axis=1), rtol=1e-5)


def test_forward_pass_of_an_image_pools_its_maps(cnn):
    """The last map, averaged, is what the dense layer takes."""
    steps = forward_pass(cnn.estimator, cnn.X[:3])
    assert steps["inputs"].shape == (3, 1, 8, 8)
    assert steps["inputs"].max() == 1.0
    maps = steps["block 2: sums with the input"]
    np.testing.assert_allclose(
        steps["features: pooled over the map"], maps.mean(axis=(2, 3)), rtol=1e-5
    )
    pooled = steps["block 1: pooled"].reshape(3, 4, 4, 4)
    whole = steps["block 1: activations"].reshape(3, 4, 4, 2, 4, 2)
    np.testing.assert_array_equal(pooled, whole.max(axis=(3, 5)))


def test_forward_pass_of_a_cnn_regressor():
    """Numbers come out of images, too."""
    rng = np.random.default_rng(0)
    X = rng.random((20, 6, 6))
    cnn = CNNRegressor((3,), max_epochs=2, random_state=0).fit(X, X.mean(axis=(1, 2)))
    np.testing.assert_array_equal(
        forward_pass(cnn, X[:4])["prediction"], cnn.predict(X[:4])
    )


def test_forward_pass_of_several_views_combines_them(frozen):
    """Views of an image are further rows, averaged at the end."""
    estimator = type(frozen.estimator)(
        **{**frozen.estimator.get_params(deep=False), "tta": 1}
    ).fit(frozen.X, frozen.y)
    steps = forward_pass(estimator, frozen.X[:4])
    raw = steps["output layer: weighted sums"]
    assert len(raw) == 8
    np.testing.assert_allclose(
        steps["combined outputs"], (raw[:4] + raw[4:]) / 2, rtol=1e-6
    )
    np.testing.assert_allclose(
        steps["probabilities"], estimator.predict_proba(frozen.X[:4]), atol=1e-5
    )


@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier((3,), max_epochs=2, random_state=0),
        TabularMLPClassifier((3,), calibration="temperature", max_epochs=2),
    ],
    ids=["MLPClassifier", "TabularMLPClassifier"],
)
def test_forward_pass_of_two_classes_has_one_logit(estimator, tiny_table):
    """Its sigmoid is the probability of the second class."""
    y = tiny_table.labels == "bee"
    steps = forward_pass(estimator.fit(tiny_table.X, y), tiny_table.X)
    logit = steps.get("combined outputs", steps["output layer: weighted sums"])
    np.testing.assert_allclose(
        steps["probabilities"][:, 1], 1 / (1 + np.exp(-logit[:, 0])), rtol=1e-4
    )
    np.testing.assert_array_equal(steps["prediction"], estimator.predict(tiny_table.X))


@pytest.mark.parametrize(
    "estimator",
    [
        MLPRegressor((3,), loss="poisson", max_epochs=2, random_state=0),
        TabularMLPRegressor((3,), max_epochs=2, random_state=0),
    ],
    ids=["poisson", "ensemble"],
)
def test_forward_pass_shows_the_link_of_a_regressor(estimator, tiny_table):
    """Between the outputs and the prediction nothing is left out."""
    y = np.exp(tiny_table.values / 10)
    steps = forward_pass(estimator.fit(tiny_table.X, y), tiny_table.X[:5])
    raw = steps["output layer: weighted sums"]
    linked, expected = (
        (steps["combined outputs"], raw.mean(axis=1))
        if raw.ndim == 3
        else (steps["linked outputs"], np.exp(raw))
    )
    np.testing.assert_allclose(linked, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(
        steps["prediction"], estimator.predict(tiny_table.X[:5])
    )


def test_forward_pass_takes_sparse_rows_and_pipelines(tiny_table):
    """Inputs are shown as the estimator got them."""
    X, y = tiny_table.X, tiny_table.labels
    sparse = MLPClassifier((3,), max_epochs=2, random_state=0).fit(sp.csr_array(X), y)
    steps = forward_pass(sparse, sp.csr_array(X[:3]))
    np.testing.assert_allclose(steps["inputs"], X[:3], rtol=1e-6)
    pipeline = make_pipeline(MinMaxScaler(), sparse).fit(X, y)
    steps = forward_pass(pipeline, X[:3])
    np.testing.assert_allclose(steps["inputs"], pipeline[:-1].transform(X[:3]))
    np.testing.assert_array_equal(steps["prediction"], pipeline.predict(X[:3]))


def test_forward_pass_takes_a_frame_with_words():
    """Columns of words are shown as they came."""
    pandas = pytest.importorskip("pandas", reason="the frame is one of pandas")
    frame = pandas.DataFrame({"size": [1.0, 2.0, 3.0] * 4, "kind": ["a", "b", "c"] * 4})
    mlp = TabularMLPClassifier((3,), max_epochs=2, random_state=0)
    steps = forward_pass(mlp.fit(frame, frame["kind"]), frame[:2])
    assert steps["inputs"].tolist() == [[1.0, "a"], [2.0, "b"]]
    assert steps["scaled inputs"].dtype.kind == "f"


def test_forward_pass_without_scaling_has_no_scaled_inputs(tiny_table):
    """A step that does nothing is not listed."""
    mlp = MLPClassifier((3,), feature_scaling=None, max_epochs=2, random_state=0)
    steps = forward_pass(mlp.fit(tiny_table.X, tiny_table.labels), tiny_table.X[:2])
    assert "scaled inputs" not in steps


def test_forward_pass_reads_as_a_table(iris):
    """Names, makers, shapes and ranges; a wrong name is told which there are."""
    steps = forward_pass(iris.estimator, iris.X[:2])
    lines = str(steps).splitlines()
    assert len(lines) == 4 + len(steps) + 1
    assert " ".join(lines[4].split()) == "inputs as they came 2 x 4 0.2 5.1"
    assert repr(steps) == str(steps)
    assert steps._repr_html_().count("<tr>") == 1 + len(steps)
    with pytest.raises(KeyError, match=r"no step 'logits'.*'probabilities'"):
        steps["logits"]
