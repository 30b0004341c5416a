"""Maps of where a network saw its class, against closed forms."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import SwinTransformer, VisionTransformer

from skdeep import CNNClassifier, CNNRegressor, ImageClassifier, forward_pass, grad_cam


@pytest.mark.parametrize("target", [None, 3, [0, 3, 7, 9, 1]], ids=str)
def test_grad_cam_of_a_linear_head_on_means_is_cam(cnn, target):
    """The gradient by a mean map is the weight of its channel over its pixels."""
    estimator, X, _ = cnn
    steps = forward_pass(estimator, X[:5])
    shown = steps["prediction"] if target is None else np.broadcast_to(target, 5)
    weights = estimator.module_.head.linear_layers()[0].weight.detach().numpy()
    # The last block adds its input, which the maps before the sum do not hold.
    maps = steps["block 2: activations"]
    expected = np.einsum("nc,nchw->nhw", weights[shown], maps) / 16
    found = grad_cam(estimator, X[:5], target=target, normalize=False)
    small = nn.functional.interpolate(
        torch.from_numpy(np.maximum(expected, 0.0)[:, None]), (8, 8), mode="bilinear"
    )
    np.testing.assert_allclose(found, small[:, 0], rtol=1e-4, atol=1e-6)


def test_grad_cam_finds_the_patch_that_tells():
    """Where a bright square decides between two classes the map lies on it."""
    rng = np.random.default_rng(0)
    X = 0.2 * rng.random((80, 12, 12))
    y = np.arange(80) % 2
    corners = rng.integers(0, 8, (80, 2))
    for image, (top, left), bright in zip(X, corners, y, strict=True):
        image[top : top + 4, left : left + 4] += 0.8 * bright
    cnn = CNNClassifier(
        (6, 6), global_pooling="max", learning_rate=0.02, max_epochs=30, random_state=0
    ).fit(X, y)
    assert cnn.score(X, y) == 1.0
    bright = y == 1
    maps = grad_cam(cnn, X[bright], target=1)
    inside = [
        np.unravel_index(np.argmax(heat), heat.shape) - corner
        for heat, corner in zip(maps, corners[bright], strict=True)
    ]
    hit = np.mean([(np.abs(where - 1.5) <= 3).all() for where in inside])
    assert hit > 0.9


def test_grad_cam_of_two_classes_is_for_one_and_against_the_other(tiny_images_2):
    """One logit speaks for the second class; its negative for the first."""
    cnn, X = tiny_images_2
    first = grad_cam(cnn, X, target="lies", normalize=False)
    second = grad_cam(cnn, X, target="stands", normalize=False)
    said = cnn.predict(X)
    chosen = np.where((said == "lies")[:, None, None], first, second)
    np.testing.assert_allclose(grad_cam(cnn, X, normalize=False), chosen)
    assert not np.allclose(first, second)


@pytest.fixture(scope="module")
def tiny_images_2():
    """Return a fitted classifier of two classes and images."""
    rng = np.random.default_rng(0)
    X = rng.random((24, 8, 8))
    y = np.where(X[:, 0, 0] > 0.5, "stands", "lies")
    return CNNClassifier((4,), max_epochs=3, random_state=0).fit(X, y), X


def test_grad_cam_is_normalised_by_image(cnn):
    """Each map goes up to one, unless nothing spoke for the class."""
    maps = grad_cam(cnn.estimator, cnn.X[:20])
    largest = maps.max(axis=(1, 2))
    assert set(np.round(largest, 6)) <= {0.0, 1.0}
    assert largest.max() == 1.0
    raw = grad_cam(cnn.estimator, cnn.X[:20], normalize=False)
    np.testing.assert_allclose(
        maps * raw.max(axis=(1, 2), keepdims=True), raw, rtol=1e-5
    )


def test_grad_cam_does_not_depend_on_blocks(cnn):
    """A map is that of its image alone."""
    whole = grad_cam(cnn.estimator, cnn.X[:40])
    np.testing.assert_allclose(
        grad_cam(cnn.estimator, cnn.X[33:35]), whole[33:35], atol=1e-5
    )


def test_grad_cam_of_layers_by_number_and_name(cnn, frozen):
    """Numbers count blocks and stages; names are those of modules."""
    by_number = grad_cam(cnn.estimator, cnn.X[:3], layer=0)
    by_name = grad_cam(cnn.estimator, cnn.X[:3], layer="blocks.0.layers")
    np.testing.assert_array_equal(by_number, by_name)
    assert grad_cam(frozen.estimator, frozen.X[:2]).shape == (2, 64, 64)
    named = grad_cam(frozen.estimator, frozen.X[:2], layer="backbone.body.stage3")
    np.testing.assert_array_equal(
        named, grad_cam(frozen.estimator, frozen.X[:2], layer=2)
    )


@pytest.mark.parametrize(
    "backbone",
    [
        partial(
            VisionTransformer,
            image_size=32,
            patch_size=8,
            num_layers=2,
            num_heads=2,
            hidden_dim=8,
            mlp_dim=8,
        ),
        partial(SwinTransformer, [4, 4], 8, [1, 1], [1, 2], [4, 4]),
    ],
    ids=["tokens", "channels_last"],
)
def test_grad_cam_of_transformers(backbone):
    """Patches in a row, and channels in the last place, are laid out as maps."""
    X = np.random.default_rng(0).random((6, 32, 32, 3))
    classifier = ImageClassifier(
        backbone, weights=None, image_size=32, head_epochs=2, random_state=0
    ).fit(X, np.arange(6) % 3)
    maps = [grad_cam(classifier, X, target=t, normalize=False) for t in range(3)]
    assert maps[0].shape == (6, 32, 32)
    assert np.max(maps) > 0


def test_grad_cam_of_a_regressor_explains_an_output():
    """Outputs go by their numbers."""
    X = np.random.default_rng(0).random((20, 6, 6))
    y = np.stack([X[:, :3].mean(axis=(1, 2)), X[:, 3:].mean(axis=(1, 2))], axis=1)
    cnn = CNNRegressor((4,), pool_size=1, max_epochs=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(grad_cam(cnn, X), grad_cam(cnn, X, target=0))
    assert not np.array_equal(grad_cam(cnn, X), grad_cam(cnn, X, target=1))
    with pytest.raises(ValueError, match=r"number of an output .* \[0, 1\]\. Got 2\."):
        grad_cam(cnn, X, target=2)


def test_grad_cam_refuses_what_it_cannot_explain(cnn, iris):
    """Tables, unknown classes, unknown layers, too many targets."""
    estimator, X, _ = cnn
    with pytest.raises(TypeError, match=r"^grad_cam takes an estimator of images"):
        grad_cam(iris.estimator, iris.X)
    with pytest.raises(ValueError, match=r"a class of CNNClassifier.* Got 12\."):
        grad_cam(estimator, X[:2], target=12)
    with pytest.raises(ValueError, match=r"one for each of the 2 images\. Got 3"):
        grad_cam(estimator, X[:2], target=[1, 2, 3])
    with pytest.raises(ValueError, match=r"in the range \[-2, 1\]"):
        grad_cam(estimator, X[:2], layer=2)
    with pytest.raises(ValueError, match=r"such as 'blocks\.1\.layers'\. Got 'conv'"):
        grad_cam(estimator, X[:2], layer="conv")
    with pytest.raises(ValueError, match=r"must put out maps\. Got a Linear"):
        grad_cam(estimator, X[:2], layer="head.layers.0")


def test_grad_cam_needs_more_than_one_pixel():
    """Where every map is one pixel, there is no where."""
    X = np.random.default_rng(0).random((6, 1, 1, 3))
    cnn = CNNClassifier((2,), max_epochs=1, channel_axis="last").fit(X, [0, 1] * 3)
    with pytest.raises(ValueError, match="maps of more than one pixel"):
        grad_cam(cnn, X)


def test_grad_cam_leaves_the_estimator_as_it_is(cnn):
    """No gradient and no hook stays behind, and predictions are the same."""
    before = cnn.estimator.predict_proba(cnn.X[:5])
    grad_cam(cnn.estimator, cnn.X[:5])
    module = cnn.estimator.module_
    assert all(p.grad is None for p in module.parameters())
    assert not any(inner._forward_hooks for inner in module.modules())
    np.testing.assert_array_equal(cnn.estimator.predict_proba(cnn.X[:5]), before)
