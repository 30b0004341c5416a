"""Activations and schedules: what is drawn, by the lines."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeep import ActivationDisplay, MLPClassifier, ScheduleDisplay
from skdeep.networks import ACTIVATIONS


def test_activation_and_its_slope_are_drawn(pyplot):
    """The sigmoid and its derivative, by their formulas."""
    display = ActivationDisplay.from_names("sigmoid", limits=(-3, 3))
    function, slope = display.lines_["sigmoid"]
    x = function.get_xdata()
    y = 1 / (1 + np.exp(-x))
    assert x[[0, -1]].tolist() == [-3.0, 3.0]
    np.testing.assert_allclose(function.get_ydata(), y, rtol=1e-6)
    np.testing.assert_allclose(slope.get_ydata(), y * (1 - y), rtol=1e-6)


def test_all_named_activations_can_be_told_apart(pyplot):
    """Each has a colour, or a dash, of its own."""
    display = ActivationDisplay.from_names()
    assert set(display.lines_) == set(ACTIVATIONS) - {"logistic"}
    looks = {(a.get_color(), a.get_linestyle()) for a, _ in display.lines_.values()}
    assert len(looks) == len(display.lines_)


def test_functions_and_classes_are_drawn_by_their_names(pyplot):
    """What the activation parameter takes can be drawn."""
    display = ActivationDisplay.from_names([torch.sin, torch.nn.Softsign])
    assert list(display.values) == ["sin", "Softsign"]
    np.testing.assert_allclose(display.slopes["sin"], np.cos(display.x), atol=1e-12)
    with pytest.raises(ValueError, match="'rellu'"):
        ActivationDisplay.from_names("rellu")


def test_schedule_is_drawn_over_the_epochs(pyplot):
    """The cosine by its formula, from the first epoch to the last."""
    display = ScheduleDisplay.from_names("cosine", learning_rate=0.1, max_epochs=50)
    line = display.lines_["cosine"]
    share = line.get_xdata() / 50
    np.testing.assert_allclose(
        line.get_ydata(), 0.05 * (1 + np.cos(np.pi * share)), atol=1e-12
    )
    assert line.get_xdata()[-1] == 50


def test_schedule_of_an_estimator(pyplot):
    """Its parameters say it, with the warm-up at the start."""
    mlp = MLPClassifier(learning_rate=0.2, max_epochs=10, warmup_fraction=0.5)
    display = ScheduleDisplay.from_estimator(mlp)
    rates = display.lines_["constant"].get_ydata()
    assert rates[0] < 0.01
    assert rates[len(rates) // 4] == pytest.approx(0.1, rel=0.02)
    assert rates[-1] == 0.2


def test_schedules_that_cannot_be_drawn_are_refused(pyplot):
    """A plateau goes by the loss, and nobody knows that beforehand."""
    assert "plateau" not in ScheduleDisplay.from_names().lines_
    with pytest.raises(ValueError, match=r"'cosine'.*Got 'plateau'"):
        ScheduleDisplay.from_names(["cosine", "plateau"])
