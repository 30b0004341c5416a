"""Curves of a training: what is drawn, by the lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_validate

from skdeep import MLPClassifier, TrainingCurveDisplay


def test_lines_hold_the_history(stopped, pyplot):
    """Loss, score and learning rate each have a panel of their own."""
    estimator = stopped.estimator
    display = TrainingCurveDisplay.from_estimator(estimator)
    assert list(display.axes_) == ["loss", "score", "learning_rate"]
    for column, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_ydata(), estimator.history_[column])
        np.testing.assert_array_equal(line.get_xdata(), estimator.history_["epoch"])
    assert sorted(display.lines_) == [
        "learning_rate",
        "train_loss",
        "valid_loss",
        "valid_score",
    ]
    assert display.axes_["score"].get_ylabel() == "accuracy"
    assert display.bands_ == {}


def test_best_epoch_is_marked(stopped, pyplot):
    """A line and a point stand at the epoch whose weights were kept."""
    estimator = stopped.estimator
    display = TrainingCurveDisplay.from_estimator(estimator)
    best = estimator.best_epoch_
    line, point = display.best_[:2]
    assert set(line.get_xdata()) == {best}
    assert point.get_xydata().tolist() == [
        [best, estimator.history_["valid_loss"][best - 1]]
    ]
    legend: Any = display.ax_.get_legend()
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["training", "validation", f"best epoch, {best}"]


def test_best_epoch_is_marked_on_the_loss_that_was_watched(pyplot):
    """Without early stopping it is the training loss, whatever other rows say."""
    history = {
        "epoch": np.arange(1, 5),
        "train_loss": np.array([4.0, 3.0, 2.0, 1.0]),
        "valid_loss": np.array([1.0, 2.0, 3.0, 4.0]),
        "learning_rate": np.full(4, 0.1),
    }
    for best, watched in ((4, "train_loss"), (1, "valid_loss")):
        _, point = (
            TrainingCurveDisplay(
                histories=[history], best_epochs=[best], estimator_name="MLPClassifier"
            )
            .plot()
            .best_
        )
        assert point.get_xydata().tolist() == [[best, history[watched][best - 1]]]


def test_constant_rate_and_no_score_have_no_panel(iris, pyplot):
    """What does not change is not drawn, unless it is asked for."""
    display = TrainingCurveDisplay.from_estimator(iris.estimator)
    assert list(display.axes_) == ["loss"]
    assert list(display.lines_) == ["train_loss"]
    asked = TrainingCurveDisplay.from_estimator(
        iris.estimator, show=("loss", "learning_rate")
    )
    assert list(asked.axes_) == ["loss", "learning_rate"]


@pytest.fixture(scope="module")
def folds():
    """Return three folds that stop at different epochs."""
    X, y = load_iris(return_X_y=True)
    mlp = MLPClassifier(
        (4,),
        early_stopping=True,
        n_iter_no_change=1,
        learning_rate=0.1,
        max_epochs=15,
        random_state=0,
    )
    return cross_validate(mlp, X, y, cv=3, return_estimator=True)


def test_folds_are_a_mean_and_a_band(folds, pyplot):
    """Mean and deviation at an epoch are over the folds that reached it."""
    display = TrainingCurveDisplay.from_cv_results(folds)
    curves = [est.loss_curve_ for est in folds["estimator"]]
    longest = max(map(len, curves))
    line = display.lines_["train_loss"]
    assert len(line.get_xdata()) == longest
    at_end = [curve[-1] for curve in curves if len(curve) == longest]
    np.testing.assert_allclose(line.get_ydata()[-1], np.mean(at_end))
    first = [curve[0] for curve in curves]
    np.testing.assert_allclose(line.get_ydata()[0], np.mean(first))
    edge = display.bands_["train_loss"].get_paths()[0].vertices
    at_first = edge[edge[:, 0] == 1, 1]
    np.testing.assert_allclose(at_first.max(), np.mean(first) + np.std(first))
    np.testing.assert_allclose(at_first.min(), np.mean(first) - np.std(first))
    (points,) = display.best_
    assert points.get_xdata().tolist() == [e.best_epoch_ for e in folds["estimator"]]
    assert display.ax_.get_title() == "MLPClassifier, 3 fits"


def test_results_without_estimators_are_refused(pyplot):
    """The error says which argument cross_validate lacked."""
    with pytest.raises(ValueError, match="Pass return_estimator=True"):
        TrainingCurveDisplay.from_cv_results({"test_score": np.ones(3)})


def test_given_axes_take_one_panel(stopped, pyplot):
    """Curves go into a figure of the user's."""
    _, axes = pyplot.subplots(1, 2)
    loss = TrainingCurveDisplay.from_estimator(
        stopped.estimator, ax=axes[0], log_loss_axis=True
    )
    score = TrainingCurveDisplay.from_estimator(
        stopped.estimator, ax=axes[1], show="score"
    )
    assert loss.ax_ is axes[0]
    assert axes[0].get_yscale() == "log"
    assert list(score.lines_) == ["valid_score"]
    assert len(pyplot.get_fignums()) == 1


def test_panels_that_are_none_are_refused(iris, pyplot):
    """A misspelt panel, and a score that was never taken."""
    with pytest.raises(ValueError, match=r"must name panels among .* Got \['losses'\]"):
        TrainingCurveDisplay.from_estimator(iris.estimator, show=["losses"])
    with pytest.raises(ValueError, match="kept no validation scores"):
        TrainingCurveDisplay.from_estimator(iris.estimator, show="score")


def test_epochs_of_the_head_are_told_apart(pyplot):
    """A line stands where more than the head begins to learn."""
    history = {
        "epoch": np.arange(1, 7),
        "train_loss": np.linspace(1, 0, 6),
        "learning_rate": np.full(6, 0.1),
    }
    display = TrainingCurveDisplay(
        histories=[history], best_epochs=[6], estimator_name="ImageClassifier"
    ).plot()
    n_lines = len(display.ax_.lines)
    parted = TrainingCurveDisplay(
        histories=[history],
        best_epochs=[6],
        estimator_name="ImageClassifier",
        head_epochs=4,
    ).plot()
    assert len(parted.ax_.lines) == n_lines + 1
    assert [4.5, 4.5] in [
        list(np.asarray(line.get_xdata())) for line in parted.ax_.lines
    ]


def test_one_epoch_is_a_point(pyplot, tiny_table):
    """A training of one epoch can be seen."""
    mlp = MLPClassifier((2,), max_epochs=1).fit(tiny_table.X, tiny_table.labels)
    display = TrainingCurveDisplay.from_estimator(mlp)
    assert display.lines_["train_loss"].get_marker() == "o"
    display.figure_.draw_without_rendering()
    assert all(float(tick).is_integer() for tick in display.ax_.get_xticks())
