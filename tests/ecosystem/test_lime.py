"""lime: local linear models of tables, texts and images."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep import CNNClassifier, MLPClassifier, MLPRegressor, TextClassifier

pytestmark = pytest.mark.ecosystem("lime")


def test_table_of_a_classifier(two_classes):
    """The two features that decide have the largest weights."""
    from lime.lime_tabular import LimeTabularExplainer

    X, y = two_classes
    net = MLPClassifier((16,), max_epochs=30, learning_rate=0.01, random_state=0)
    explainer = LimeTabularExplainer(
        X, feature_names=list("abcd"), discretize_continuous=False, random_state=0
    )
    told = explainer.explain_instance(
        np.zeros(4), net.fit(X, y).predict_proba, num_samples=500
    )
    weights = dict(told.as_list())
    assert min(weights["a"], weights["b"]) > 3 * max(
        abs(weights["c"]), abs(weights["d"])
    )
    assert told.predict_proba.sum() == pytest.approx(1)


def test_table_of_a_regressor(plane):
    """The local model of 3 a - 2 b has these weights."""
    from lime.lime_tabular import LimeTabularExplainer

    X, y = plane
    net = MLPRegressor((16,), max_epochs=60, learning_rate=0.01, random_state=0)
    explainer = LimeTabularExplainer(
        X,
        mode="regression",
        feature_names=list("abc"),
        discretize_continuous=False,
        random_state=0,
    )
    told = explainer.explain_instance(np.zeros(3), net.fit(X, y).predict)
    weights = dict(told.as_list())
    # In units of a standard deviation, which is about 1.
    found = [weights[name] for name in "abc"] / X.std(axis=0)
    np.testing.assert_allclose(found, [3, -2, 0], atol=0.5)


def test_words_of_a_text():
    """The word that tells the classes apart has the largest weight."""
    from lime.lime_text import LimeTextExplainer

    texts = ["a good film", "a bad film", "good work", "bad work"] * 10
    net = TextClassifier(max_epochs=20, random_state=0).fit(texts, [1, 0, 1, 0] * 10)
    told = LimeTextExplainer(random_state=0).explain_instance(
        "a good film", net.predict_proba, num_samples=200
    )
    word, weight = max(told.as_list(), key=lambda pair: abs(pair[1]))
    assert word == "good"
    assert weight > 0.2


def test_segments_of_an_image():
    """Segments of the bright half speak for the class of bright images."""
    from lime.lime_image import LimeImageExplainer

    rng = np.random.default_rng(0)
    X = rng.random((80, 8, 8, 3)) / 2
    y = np.arange(80) % 2
    X[y == 1, :, :4] += 0.5
    net = CNNClassifier((4,), hidden_layer_sizes=(8,), max_epochs=20, random_state=0)
    halves = np.repeat([[0, 1]], 4, axis=1).repeat(8, axis=0)
    told = LimeImageExplainer(random_state=0).explain_instance(
        X[1],
        net.fit(X, y).predict_proba,
        hide_color=0,
        num_samples=50,
        random_seed=0,
        segmentation_fn=lambda image: halves,
    )
    weights = dict(told.local_exp[1])
    assert weights[0] > 3 * abs(weights[1])
