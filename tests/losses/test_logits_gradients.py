"""Tests of the gradients that losses give without autograd."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from skdeep.losses import (
    CLASSIFICATION_KINDS,
    LOSSES_REGRESSION,
    make_classification_loss,
    make_regression_loss,
)

N_ROWS = 9
WEIGHT = torch.linspace(0.0, 2.0, N_ROWS, dtype=torch.float64)


def check(loss: Any, output: torch.Tensor, target: torch.Tensor) -> None:
    """Compare value and gradient with autograd, with weights and without."""
    for weight in (None, WEIGHT):
        tracked = output.clone().requires_grad_()
        expected = loss(tracked, target, weight)
        (gradient,) = torch.autograd.grad(expected, tracked)
        before = output.clone()
        with torch.inference_mode():
            value, ours = loss.value_and_gradient(output, target, weight)
        torch.testing.assert_close(value, expected.detach(), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(ours, gradient, rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(output, before, rtol=0.0, atol=0.0)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize(
    ("loss", "gamma"), [("cross_entropy", 0.0), ("focal", 2.0), ("focal", 0.5)]
)
@pytest.mark.parametrize("kind", CLASSIFICATION_KINDS)
def test_gradient_of_a_loss_on_logits_is_that_of_autograd(
    kind: Any, loss: str, gamma: float, smoothing: float
) -> None:
    """Every kind of target, plain and smoothed; the first row is sure and right."""
    generator = torch.Generator().manual_seed(0)
    n_outputs = 1 if kind == "binary" else 4
    output = torch.randn(N_ROWS, n_outputs, generator=generator, dtype=torch.float64)
    output[0] = -20.0
    output[0, 0] = 60.0
    if kind == "multiclass":
        target = torch.arange(N_ROWS) % n_outputs
    else:
        target = (torch.arange(N_ROWS * n_outputs) % 3 == 0).double()
        target = target.reshape(N_ROWS, n_outputs)
    module = make_classification_loss(
        loss, kind=kind, label_smoothing=smoothing, focal_gamma=gamma
    )
    check(module, output, target)


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        *((name, {}) for name in LOSSES_REGRESSION),
        ("huber", {"huber_delta": 0.3}),
        ("quantile", {"quantile": 0.9}),
        ("quantile", {"quantile": (0.1, 0.5, 0.9)}),
    ],
)
def test_gradient_of_a_loss_on_numbers_is_that_of_autograd(
    loss: str, options: dict[str, Any]
) -> None:
    """Three outputs, of which one is exactly right."""
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(N_ROWS, 3, generator=generator, dtype=torch.float64)
    target = torch.randn(N_ROWS, 3, generator=generator, dtype=torch.float64).abs()
    if loss != "poisson":
        target[0, 0] = output[0, 0]
    check(make_regression_loss(loss, **options).double(), output, target)
