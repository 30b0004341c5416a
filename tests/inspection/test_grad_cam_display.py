"""Images under their maps: what is drawn, by the images."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdeep import GradCAMDisplay, ImageClassifier, grad_cam


def test_maps_lie_over_the_images(cnn, pyplot):
    """As opaque as the map is strong."""
    estimator, X, _ = cnn
    display = GradCAMDisplay.from_estimator(estimator, X[:7], alpha=0.5)
    assert display.axes_.shape == (7,)
    maps = grad_cam(estimator, X[:7])
    for panel, overlay, image, heat in zip(
        display.axes_, display.overlays_, X, maps, strict=False
    ):
        np.testing.assert_allclose(overlay.get_alpha(), 0.5 * heat)
        below = panel.images[0].get_array()
        np.testing.assert_allclose(below, image / 16.0, atol=1e-6)


def test_titles_say_what_was_predicted_and_what_is_true(cnn, pyplot):
    """Where the two differ both are told."""
    estimator, X, y = cnn
    display = GradCAMDisplay.from_estimator(estimator, X[:30], y[:30])
    said = estimator.predict(X[:30])
    expected = [
        str(name) if name == truth else f"{name}, in truth {truth}"
        for name, truth in zip(said, y, strict=False)
    ]
    assert [panel.get_title() for panel in display.axes_] == expected


def test_pictures_in_colour_keep_their_colours(frozen, pyplot):
    """Red, green and blue are shown as such."""
    X = np.random.default_rng(0).integers(0, 255, (4, 48, 48, 3), dtype=np.uint8)
    classifier = ImageClassifier(
        frozen.estimator.backbone, weights=None, image_size=48, head_epochs=1
    ).fit(X, [0, 1, 0, 1])
    display = GradCAMDisplay.from_estimator(classifier, X[:2])
    np.testing.assert_allclose(
        display.axes_[0].images[0].get_array(), X[0] / 255, atol=1e-6
    )


def test_pipelines_show_what_the_network_sees(cnn, pyplot):
    """Steps before the estimator come first."""
    estimator, X, y = cnn
    pipeline = make_pipeline(FunctionTransformer(np.abs), estimator)
    pipeline.fit(X[:60], y[:60])
    display = GradCAMDisplay.from_estimator(pipeline, -X[:1])
    np.testing.assert_allclose(
        display.axes_[0].images[0].get_array(), X[0] / 16, atol=1e-6
    )


def test_tables_are_refused(iris, pyplot):
    """The error names the display."""
    with pytest.raises(TypeError, match=r"^GradCAMDisplay\.from_estimator takes"):
        GradCAMDisplay.from_estimator(iris.estimator, iris.X)
