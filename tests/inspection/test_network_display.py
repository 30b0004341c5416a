"""Pictures of networks: what is drawn, by the artists."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep import MLPClassifier, NetworkDisplay
from skdeep.exceptions import MissingDependencyError
from skdeep.inspection._canvas import BLUE, RED


def test_small_network_is_drawn_neuron_by_neuron(iris, pyplot):
    """4, 8 and 3 circles, and a line for each weight."""
    display = NetworkDisplay.from_estimator(iris.estimator)
    assert [len(n.get_offsets()) for n in display.neurons_] == [4, 8, 3]
    assert [len(w.get_segments()) for w in display.weights_] == [32, 24]
    assert display.figure_ is display.ax_.figure


def test_lines_show_sign_and_size_of_the_weights(iris, pyplot):
    """Negative ones are blue, positive ones red, the largest the widest."""
    from matplotlib.colors import to_hex

    lines = NetworkDisplay.from_estimator(iris.estimator).weights_[0]
    weights = iris.estimator.coefs_[0].ravel()
    colours = [to_hex(colour).upper() for colour in lines.get_colors()]
    assert colours == [BLUE if weight < 0 else RED for weight in weights]
    assert np.argmax(lines.get_linewidths()) == np.argmax(np.abs(weights))
    # From the first input to the second neuron.
    segment = lines.get_segments()[1]
    assert segment[0][0] == 0
    assert segment[1][0] == 1
    assert segment[0][1] > 0


def test_words_tell_shapes_and_parameters(iris, pyplot):
    """Below each layer stands what it is."""
    display = NetworkDisplay.from_estimator(iris.estimator)
    assert [text.get_text() for text in display.texts_] == [
        "input\n4 values",
        "hidden layer 1\n8 neurons\nReLU\n40 parameters",
        "output layer\n3 neurons\n27 parameters",
    ]
    assert display.ax_.get_title() == "MLPClassifier: 67 parameters"
    written = {text.get_text() for text in display.ax_.texts}
    assert {"setosa", "versicolor", "virginica"} <= written


def test_frame_columns_label_the_inputs(pyplot, tiny_table):
    """Names of features stand beside their circles."""
    pandas = pytest.importorskip("pandas", reason="the frame is one of pandas")
    frame = pandas.DataFrame(tiny_table.X, columns=["wide", "tall", "deep", "old"])
    mlp = MLPClassifier((3,), max_epochs=1).fit(frame, tiny_table.labels)
    written = {t.get_text() for t in NetworkDisplay.from_estimator(mlp).ax_.texts}
    assert {"wide", "tall", "deep", "old", "ant", "bee", "cat"} <= written


def test_wide_layer_is_summarised(pyplot, tiny_table):
    """A few neurons at either end stand for all; lines show no weights then."""
    mlp = MLPClassifier((50,), max_epochs=1).fit(tiny_table.X, tiny_table.labels)
    display = NetworkDisplay.from_estimator(mlp)
    assert [len(n.get_offsets()) for n in display.neurons_] == [4, 8, 3]
    assert "50 neurons" in display.texts_[1].get_text()
    assert len(display.weights_[0].get_colors()) == 1
    whole = NetworkDisplay.from_estimator(mlp, max_neurons=50)
    assert len(whole.neurons_[1].get_offsets()) == 50


def test_weights_can_be_left_out(iris, pyplot):
    """Then all lines are of one colour."""
    display = NetworkDisplay.from_estimator(iris.estimator, show_weights=False)
    assert all(len(lines.get_colors()) == 1 for lines in display.weights_)


def test_maps_are_sheets(cnn, pyplot):
    """One sheet for a gray image, several for several channels."""
    display = NetworkDisplay.from_estimator(cnn.estimator)
    assert len(display.ax_.patches) == 1 + 4 + 4
    assert "4 × 4 × 4" in display.texts_[1].get_text()  # noqa: RUF001 - times
    assert [len(n.get_offsets()) for n in display.neurons_] == [4, 10]


def test_pretrained_network_is_a_tower(frozen, pyplot):
    """One box a stage, from the input to the output."""
    display = NetworkDisplay.from_estimator(frozen.estimator)
    assert len(display.ax_.patches) == 1 + 5 + 1 + 1
    assert display.neurons_ == []
    assert "of them frozen" in display.ax_.get_title()


def test_members_of_an_ensemble_are_told(tabular, pyplot):
    """An ensemble's layer says how many networks it belongs to."""
    display = NetworkDisplay.from_estimator(tabular.estimator)
    words = [text.get_text() for text in display.texts_]
    assert any("3 members × 8" in text for text in words)  # noqa: RUF001 - times


def test_axes_that_are_given_are_drawn_in(iris, cnn, pyplot):
    """Two networks stand side by side in one figure."""
    figure, axes = pyplot.subplots(1, 2)
    for ax, fitted in zip(axes, (iris, cnn), strict=True):
        display = NetworkDisplay.from_estimator(fitted.estimator, ax=ax)
        assert display.ax_ is ax
        assert display.figure_ is figure
    assert len(pyplot.get_fignums()) == 1


def test_axes_of_a_part_of_a_figure_will_do(iris, pyplot):
    """Where a figure has figures in it, one of them is drawn in."""
    left, _ = pyplot.figure(layout="constrained").subfigures(1, 2)
    display = NetworkDisplay.from_estimator(iris.estimator, ax=left.subplots())
    assert display.figure_ is left


def test_words_lie_inside_the_axes(iris, cnn, tabular, pyplot):
    """No text is cut at the edge of the picture."""
    for fitted in (iris, cnn, tabular):
        display = NetworkDisplay.from_estimator(fitted.estimator)
        display.figure_.draw_without_rendering()
        frame = display.figure_.bbox
        for text in display.ax_.texts:
            box = text.get_window_extent()
            assert frame.x0 <= box.x0
            assert box.x1 <= frame.x1
            assert frame.y0 <= box.y0
            assert box.y1 <= frame.y1


def test_without_matplotlib_the_error_says_how_to_install_it(iris, hide_module):
    """All displays say the same sentence."""
    hide_module("matplotlib")
    with pytest.raises(
        MissingDependencyError, match=r"^NetworkDisplay requires matplotlib\."
    ):
        NetworkDisplay.from_estimator(iris.estimator)
