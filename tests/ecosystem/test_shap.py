"""shap: contributions of features add up to what an estimator predicts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeep import CNNClassifier, MLPClassifier, MLPRegressor, TextClassifier, to_torch

pytestmark = pytest.mark.ecosystem("shap")


def classifier(rows):
    """Return a fitted network for two classes."""
    net = MLPClassifier((16,), max_epochs=30, learning_rate=0.01, random_state=0)
    return net.fit(*rows)


def regressor(rows):
    """Return a fitted network for a number."""
    net = MLPRegressor((16,), max_epochs=60, learning_rate=0.01, random_state=0)
    return net.fit(*rows)


@pytest.mark.parametrize("explainer", ["KernelExplainer", "PermutationExplainer"])
def test_probabilities_are_explained(two_classes, explainer):
    """What features contribute adds up to predict_proba, for each class."""
    import shap

    net = classifier(two_classes)
    background, rows = two_classes.X[:20], two_classes.X[:3]
    told = getattr(shap, explainer)(net.predict_proba, background)(rows)
    assert told.values.shape == (3, 4, 2)
    expected = net.predict_proba(rows)
    np.testing.assert_allclose(
        told.values.sum(axis=1) + told.base_values, expected, atol=1e-6
    )
    # The first two features decide, the others are noise.
    strength = np.abs(told.values[:, :, 1]).mean(axis=0)
    assert strength[:2].min() > 2 * strength[2:].max()


def test_default_explainer_finds_the_weights_of_a_plane(plane):
    """Contributions to 3 a - 2 b are 3 and -2 times how far a and b are from home."""
    import shap

    net = regressor(plane)
    background = plane.X[:50]
    told = shap.Explainer(net.predict, background)(plane.X[:20])
    expected = (plane.X[:20] - background.mean(axis=0)) * [3, -2, 0]
    np.testing.assert_allclose(told.values, expected, atol=0.8)
    assert np.abs(told.values - expected).mean() < 0.2


@pytest.mark.parametrize("n_classes", [2, 3])
def test_deep_explainer_adds_up_to_probabilities(two_classes, n_classes):
    """DeepLIFT follows the module from the inputs to the probabilities."""
    import shap

    X, y = two_classes
    y = np.where(X[:, 2] > 0.8, n_classes - 1, y)
    net = classifier((X, y))
    rows = torch.from_numpy(X)
    explainer = shap.DeepExplainer(to_torch(net), rows[:50])
    values = explainer.shap_values(rows[50:53])
    assert values.shape == (3, 4, n_classes)
    base = net.predict_proba(X[:50]).mean(axis=0)
    np.testing.assert_allclose(
        values.sum(axis=1) + base, net.predict_proba(X[50:53]), atol=1e-3
    )


def test_deep_explainer_adds_up_to_logits(two_classes):
    """Without probabilities the contributions are on the scale of the network."""
    import shap

    X, y = two_classes
    net = classifier((X, np.where(X[:, 2] > 0.8, 2, y)))
    module = to_torch(net, output="logits")
    rows = torch.from_numpy(X)
    values = shap.DeepExplainer(module, rows[:50]).shap_values(rows[50:53])
    with torch.no_grad():
        logits = module(rows).numpy()
    np.testing.assert_allclose(
        values.sum(axis=1) + logits[:50].mean(axis=0), logits[50:53], atol=1e-3
    )
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(proba, net.predict_proba(X), atol=1e-5)


def test_deep_explainer_adds_up_to_a_number(plane):
    """The module of a regressor answers in the target's own units."""
    import shap

    net = regressor(plane)
    rows = torch.from_numpy(plane.X)
    values = shap.DeepExplainer(to_torch(net), rows[:50]).shap_values(rows[50:53])
    found = values.reshape(3, 3).sum(axis=1) + net.predict(plane.X[:50]).mean()
    np.testing.assert_allclose(found, net.predict(plane.X[50:53]), atol=1e-3)


def test_gradient_explainer_of_images():
    """Expected gradients of a CNN point at the bright half that makes the class."""
    import shap

    rng = np.random.default_rng(0)
    X = rng.random((80, 8, 8))
    y = np.arange(80) % 2
    X[y == 1, :, :4] += 1
    net = CNNClassifier((4,), hidden_layer_sizes=(8,), max_epochs=20, random_state=0)
    net.fit(X, y)
    rows = torch.from_numpy(X[:, None].astype(np.float32))
    explainer = shap.GradientExplainer(to_torch(net), rows[:40])
    values = explainer.shap_values(rows[40:44], nsamples=50, rseed=0)
    assert values.shape == (4, 1, 8, 8, 2)
    strength = np.abs(values[..., 1]).sum(axis=(0, 1, 2))
    assert strength[:4].sum() > strength[4:].sum()


def test_words_of_a_text_are_explained():
    """The masker of texts takes words away; the telling one carries the sum."""
    import shap

    texts = ["a good film", "a bad film", "good work", "bad work"] * 10
    net = TextClassifier(max_epochs=20, random_state=0).fit(texts, [1, 0, 1, 0] * 10)

    def predict_proba(rows):
        return net.predict_proba([str(row) for row in rows])

    masker = shap.maskers.Text(r"\W+")
    told = shap.Explainer(predict_proba, masker)(["a good film"])
    words = [word.strip() for word in told.data[0]]
    assert words[int(np.argmax(told.values[0][:, 1]))] == "good"
    total = told.values[0].sum(axis=0) + told.base_values[0]
    np.testing.assert_allclose(total, net.predict_proba(["a good film"])[0], atol=1e-6)
