"""Tests of loss classes that do not behave as torch's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from skdeep.losses import make_regression_loss


class MeanOnly(nn.Module):
    """Return one number for the batch."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean fourth power."""
        return (output - target).pow(4).mean()


class PerSample(nn.Module):
    """Return a loss for each sample without taking `reduction`."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the largest error of every row."""
        return (output - target).abs().amax(dim=1)


class Transposed(nn.Module):
    """Return losses with the samples on the second axis."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the errors."""
        return (output - target).T


OUTPUT = torch.tensor([[1.0, 2.0], [0.0, -3.0], [1.0, 1.0]])
TARGET = torch.zeros(3, 2)


def test_mean_only_class_works_without_weights() -> None:
    """A class that takes its own mean is left alone."""
    value = make_regression_loss(MeanOnly)(OUTPUT, TARGET)
    assert value.item() == pytest.approx((1 + 16 + 81 + 1 + 1) / 6)


def test_mean_only_class_refuses_weights() -> None:
    """Weights that could not be applied are an error, not ignored."""
    with pytest.raises(ValueError, match=r"loss=MeanOnly.*sample weights.*'reduction'"):
        make_regression_loss(MeanOnly)(OUTPUT, TARGET, torch.ones(3))


def test_per_sample_class_is_weighted() -> None:
    """Losses of shape (n_samples,) need no `reduction`."""
    module = make_regression_loss(PerSample)
    assert module(OUTPUT, TARGET).item() == pytest.approx(2.0)
    weighted = module(OUTPUT, TARGET, torch.tensor([0.0, 2.0, 1.0]))
    assert weighted.item() == pytest.approx((2 * 3 + 1) / 3)


def test_losses_of_other_samples_raise() -> None:
    """A first axis that is not the samples is refused."""
    with pytest.raises(ValueError, match=r"each of the 3 samples.*\(2, 3\)"):
        make_regression_loss(Transposed)(OUTPUT, TARGET)


def test_class_with_required_arguments_raises() -> None:
    """A class that cannot be created by itself says so."""
    with pytest.raises(TypeError, match=r"'loss' parameter.*Linear"):
        make_regression_loss(nn.Linear)
