"""Tests of the draws of single parameters."""

import math

import pytest
import torch

from skdeep.networks._drawing import (
    constant_parameter,
    normal_parameter,
    uniform_parameter,
)


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_uniform_fills_the_interval_evenly():
    """Values reach both bounds, and have the variance of the distribution."""
    values = uniform_parameter((100, 200), 0.3, torch.float64, _generator()).detach()
    assert values.abs().max() <= 0.3
    assert values.max() > 0.299
    assert values.min() < -0.299
    assert values.var().item() == pytest.approx(0.3**2 / 3.0, rel=0.02)


def test_normal_has_the_moments():
    """Mean, variance and kurtosis are those of the normal distribution."""
    values = normal_parameter((100, 200), 3.0, torch.float64, _generator()) / 3.0
    assert values.mean().item() == pytest.approx(0.0, abs=4.0 / math.sqrt(20_000))
    assert values.var().item() == pytest.approx(1.0, rel=0.03)
    assert values.pow(4).mean().item() == pytest.approx(3.0, rel=0.05)


@pytest.mark.parametrize("draw", [uniform_parameter, normal_parameter])
def test_seed_decides_in_every_dtype(draw):
    """Single precision is double precision rounded; another seed differs."""
    single = draw((7, 3), 1.0, torch.float32, _generator(1))
    double = draw((7, 3), 1.0, torch.float64, _generator(1))
    assert single.dtype == torch.float32
    assert single.requires_grad
    assert torch.equal(single, double.float())
    assert not torch.equal(double, draw((7, 3), 1.0, torch.float64, _generator(2)))


def test_constant_is_everywhere():
    """All values are the number."""
    values = constant_parameter((2, 3), 0.25, torch.float64)
    assert values.requires_grad
    assert values.tolist() == [[0.25] * 3] * 2
