"""captum: attributions of the module that to_torch makes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeep import CNNClassifier, MLPClassifier, MLPRegressor, to_torch

pytestmark = pytest.mark.ecosystem("captum")

METHODS = ("IntegratedGradients", "DeepLift", "ShapleyValueSampling")


def attribute(method, module, rows, **options):
    """Return what a method of captum attributes to the columns, from zeros on."""
    from captum import attr

    steps = {"n_steps": 300} if method == "IntegratedGradients" else {}
    explainer = getattr(attr, method)(module)
    return explainer.attribute(rows, torch.zeros_like(rows), **steps, **options)


def classifier(rows, n_classes):
    """Return a fitted network, and the rows it was fitted on."""
    X, y = rows
    y = np.where(X[:, 2] > 0.8, n_classes - 1, y)
    net = MLPClassifier((16,), max_epochs=30, learning_rate=0.01, random_state=0)
    return net.fit(X, y), X


@pytest.mark.parametrize("method", ["IntegratedGradients", "ShapleyValueSampling"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_attributions_add_up_to_the_probability(two_classes, n_classes, method):
    """From a row of zeros to a row, the columns explain the whole difference."""
    net, X = classifier(two_classes, n_classes)
    rows = torch.from_numpy(X[:5])
    found = attribute(method, to_torch(net), rows, target=1).detach().numpy()
    expected = (net.predict_proba(X[:5]) - net.predict_proba(np.zeros((5, 4))))[:, 1]
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=2e-3)


@pytest.mark.parametrize("method", METHODS)
def test_attributions_add_up_to_the_logit(two_classes, method):
    """Captum's rule for softmax does not add up: DeepLift is for logits."""
    net, X = classifier(two_classes, 3)
    module = to_torch(net, output="logits")
    rows = torch.from_numpy(X[:5])
    found = attribute(method, module, rows, target=1).detach().numpy()
    with torch.no_grad():
        expected = (module(rows) - module(torch.zeros_like(rows)))[:, 1].numpy()
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_attributions_add_up_to_the_number(plane, method):
    """The module of a regressor is explained in the target's units."""
    net = MLPRegressor((16,), max_epochs=60, learning_rate=0.01, random_state=0)
    net.fit(*plane)
    rows = torch.from_numpy(plane.X[:5])
    found = attribute(method, to_torch(net), rows, target=0).detach().numpy()
    expected = net.predict(plane.X[:5]) - net.predict(np.zeros((5, 3)))
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=2e-2)
    np.testing.assert_allclose(found, plane.X[:5] * [3, -2, 0], atol=1)


def test_occlusion_finds_the_half_of_an_image_that_counts():
    """Covering the bright half moves the probability, covering the other does not."""
    from captum.attr import Occlusion

    rng = np.random.default_rng(0)
    X = rng.random((80, 8, 8))
    y = np.arange(80) % 2
    X[y == 1, :, :4] += 1
    net = CNNClassifier((4,), hidden_layer_sizes=(8,), max_epochs=20, random_state=0)
    rows = torch.from_numpy(X[:4, None].astype(np.float32))
    found = Occlusion(to_torch(net.fit(X, y))).attribute(
        rows, sliding_window_shapes=(1, 8, 4), strides=(1, 8, 4), target=1
    )
    moved = np.abs(found.numpy()[:, 0]).mean(axis=(0, 1))
    assert moved[:4].mean() > 3 * moved[4:].mean()
