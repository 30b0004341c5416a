"""Pictures of a forward pass: what is drawn, by the images."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep import ForwardPassDisplay, forward_pass


def test_every_step_of_a_row_has_a_panel(iris, pyplot):
    """Few values are a column of cells with their numbers."""
    display = ForwardPassDisplay.from_estimator(iris.estimator, iris.X[:3], row=2)
    steps = forward_pass(iris.estimator, iris.X[:3])
    assert list(display.axes_) == [name for name in steps if name != "prediction"]
    for name, image in display.images_.items():
        np.testing.assert_array_equal(image.get_array()[:, 0], steps[name][2])
    cells = display.axes_["inputs"].texts
    assert [cell.get_text() for cell in cells] == [f"{v:.3g}" for v in iris.X[2]]
    ticks = display.axes_["probabilities"].get_yticklabels()
    assert [tick.get_text() for tick in ticks] == ["setosa", "versicolor", "virginica"]
    title = display.figure_.get_suptitle()
    assert title == f"MLPClassifier: {iris.estimator.predict(iris.X[2:3])[0]}"


def test_maps_lie_side_by_side(cnn, pyplot):
    """Four maps of 8 by 8 are two rows of two, with a gap of one."""
    display = ForwardPassDisplay.from_estimator(cnn.estimator, cnn.X[:1])
    image = display.images_["block 1: activations"].get_array()
    maps = forward_pass(cnn.estimator, cnn.X[:1])["block 1: activations"][0]
    assert image.shape == (17, 17)
    np.testing.assert_array_equal(image[:8, 9:], maps[1])
    np.testing.assert_array_equal(image[9:, :8], maps[2])
    pixels = display.images_["inputs"]
    assert pixels.get_clim() == (0.0, 1.0)


def test_members_and_stages_are_drawn(tabular, frozen, pyplot):
    """Ensembles are a matrix, a backbone's features are tiles."""
    members = ForwardPassDisplay.from_estimator(tabular.estimator, tabular.X[:1])
    name = "hidden layer 1: activations"
    assert members.images_[name].get_array().shape == (3, 8)
    stages = ForwardPassDisplay.from_estimator(frozen.estimator, frozen.X[:1])
    assert stages.images_["features: standardised"].get_array().shape == (6, 6)


def test_given_axes_are_divided(iris, regressor, pyplot):
    """Panels lie inside the axes of the user's figure."""
    _, axes = pyplot.subplots(2)
    for ax, fitted in zip(axes, (iris, regressor), strict=True):
        display = ForwardPassDisplay.from_estimator(
            fitted.estimator, fitted.X[:1], ax=ax
        )
        assert display.ax_ is ax
        outer = ax.get_position()
        for panel in display.axes_.values():
            inner = panel.get_position()
            assert outer.x0 - 1e-9 <= inner.x0
            assert inner.x1 <= outer.x1 + 1e-9
    free = pyplot.figure().add_axes((0.1, 0.2, 0.5, 0.6))
    display = ForwardPassDisplay.from_estimator(iris.estimator, iris.X[:1], ax=free)
    assert display.axes_["inputs"].get_position().x0 == pytest.approx(0.1)


def test_row_that_is_not_there_is_refused(iris, pyplot):
    """The error says how many rows there are."""
    with pytest.raises(IndexError, match=r"one of the 2 rows of X\. Got 2\."):
        ForwardPassDisplay.from_estimator(iris.estimator, iris.X[:2], row=2)
