"""Tests of the penalty and of its orthant-wise step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skdeep.losses import WeightPenalty

STRENGTHS = [(0.0, 0.0), (0.3, 0.0), (0.0, 0.7), (0.3, 0.7)]


def formula(weights: np.ndarray, l1: float, l2: float) -> float:
    """Compute the penalty of one array."""
    return float(l1 * np.abs(weights).sum() + l2 / 2 * (weights**2).sum())


@pytest.mark.parametrize(("l1", "l2"), STRENGTHS)
def test_value_equals_formula(l1: float, l2: float) -> None:
    """The value is that of the elastic net."""
    weights = np.random.default_rng(0).standard_normal(12)
    value = WeightPenalty(l1, l2).value(torch.tensor(weights))
    assert isinstance(value, float)
    assert value == pytest.approx(formula(weights, l1, l2), rel=1e-12)


def test_value_is_accumulated_in_double_precision() -> None:
    """A million small float32 weights lose no digits."""
    weights = torch.full((1_000_000,), 0.1)
    tenth = float(np.float32(0.1))
    expected = 1e6 * (tenth + tenth**2 / 2)
    assert WeightPenalty(1.0, 1.0).value(weights) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("l1", "l2"), STRENGTHS)
def test_gradient_equals_finite_differences(
    l1: float, l2: float, numeric_gradient: Any
) -> None:
    """What is added to the gradient is the slope of the formula."""
    weights = np.random.default_rng(0).standard_normal(12)
    grads = torch.ones(12, dtype=torch.float64)
    WeightPenalty(l1, l2).before_step(torch.tensor(weights), grads)
    slope = numeric_gradient(lambda w: formula(w, l1, l2), weights)
    np.testing.assert_allclose(grads, 1 + slope, rtol=1e-8)


def test_gradient_at_zero_is_the_subgradient_nearest_to_zero() -> None:
    """A zero weight moves only where the loss pulls harder than the penalty."""
    weights = torch.tensor([0.0, 0.0, 0.0, 2.0])
    grads = torch.tensor([0.4, -0.4, 0.8, 0.0])
    WeightPenalty(0.5, 0.0).before_step(weights, grads)
    np.testing.assert_allclose(grads, [0.0, 0.0, 0.3, 0.5], atol=1e-7)


def test_gradient_takes_one_operation_for_l2_and_none_for_nothing(
    operations: Any,
) -> None:
    """The penalty stays off the path of a step as far as it can."""
    weights, grads = torch.ones(3), torch.zeros(3)
    names = operations(lambda: WeightPenalty(0.0, 0.1).before_step(weights, grads))
    assert [name for name in names if "detach" not in name] == ["aten.add_.Tensor"]
    assert WeightPenalty(0.0, 0.1).active
    assert not WeightPenalty(0.0, 0.0).active


def test_step_without_l1_corrects_nothing() -> None:
    """Only l1 knows orthants."""
    penalty = WeightPenalty(0.0, 0.5)
    weights = torch.tensor([0.1])
    orthant = penalty.before_step(weights, torch.zeros(1))
    weights.sub_(1.0)
    penalty.after_step(weights, orthant)
    assert orthant is None
    assert weights.item() == pytest.approx(-0.9)


def test_step_keeps_nan_visible_and_zeros_unsigned() -> None:
    """A weight that diverged is not turned into a zero, and no zero is negative."""
    weights = torch.tensor([float("nan"), -0.3])
    WeightPenalty(0.5, 0.0).after_step(weights, torch.tensor([1.0, 1.0]))
    assert np.isnan(weights[0].item())
    assert str(weights[1].item()) == "0.0"


def test_orthant_steps_find_the_lasso_where_subgradients_hover() -> None:
    """For an orthonormal design the lasso is known: the threshold of least squares."""
    best = torch.tensor([2.0, 0.05, -0.08, -1.0], dtype=torch.float64)
    penalty, rate = WeightPenalty(0.1, 0.0), 0.3
    stepped, plain = torch.ones_like(best), torch.ones_like(best)
    for _ in range(200):
        grads = stepped - best
        orthant = penalty.before_step(stepped, grads)
        stepped -= rate * grads
        penalty.after_step(stepped, orthant)
        plain -= rate * (plain - best + 0.1 * plain.sign())
    np.testing.assert_allclose(stepped, [1.9, 0.0, 0.0, -0.9], atol=1e-12)
    assert (stepped == 0).tolist() == [False, True, True, False]
    assert not bool((plain == 0).any())
