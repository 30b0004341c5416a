"""Tests of the initial weights."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from skdeep.networks import initialize_linear_


def _linear(activation_name, seed=0, dtype=torch.float64, shape=(300, 200), bias=True):
    linear = nn.utils.skip_init(nn.Linear, *shape, bias=bias, dtype=dtype)
    initialize_linear_(linear, activation_name, torch.Generator().manual_seed(seed))
    return linear


@pytest.mark.parametrize(
    ("activation_name", "factor"),
    [("relu", 6.0), ("tanh", 6.0), ("sin", 6.0), ("sigmoid", 2.0), ("logistic", 2.0)],
)
def test_weights_are_uniform_within_the_bound(activation_name, factor):
    """Weights and biases fill [-bound, bound] evenly."""
    linear = _linear(activation_name)
    bound = math.sqrt(factor / (300 + 200))
    for values in (linear.weight.detach(), linear.bias.detach()):
        assert values.abs().max() <= bound
        assert values.max() > 0.95 * bound
        assert values.min() < -0.95 * bound
    weight = linear.weight.detach()
    assert abs(weight.mean().item()) < 5.0 * bound / math.sqrt(3 * weight.numel())
    assert weight.var().item() == pytest.approx(bound**2 / 3.0, rel=0.02)


def test_selu_weights_are_normal():
    """Self-normalising layers start at variance 1 / fan_in and no bias."""
    linear = _linear("selu")
    weight = linear.weight.detach() * math.sqrt(300)
    assert weight.mean().item() == pytest.approx(0.0, abs=0.02)
    assert weight.var().item() == pytest.approx(1.0, rel=0.02)
    assert weight.pow(4).mean().item() == pytest.approx(3.0, rel=0.05)
    assert torch.equal(linear.bias, torch.zeros(200, dtype=torch.float64))


@pytest.mark.parametrize("activation_name", ["relu", "selu"])
def test_dtypes_start_at_the_same_numbers(activation_name):
    """Single precision is double precision rounded."""
    single = _linear(activation_name, dtype=torch.float32)
    double = _linear(activation_name, dtype=torch.float64)
    assert single.weight.dtype == torch.float32
    assert torch.equal(single.weight, double.weight.float())
    assert torch.equal(single.bias, double.bias.float())


def test_seed_decides():
    """The same seed repeats the weights, another does not."""
    assert torch.equal(_linear("relu", 1).weight, _linear("relu", 1).weight)
    assert not torch.equal(_linear("relu", 1).weight, _linear("relu", 2).weight)


def test_layer_without_bias_gets_the_same_weights():
    """A missing bias is left out and changes nothing else."""
    linear = _linear("relu", bias=False)
    assert linear.bias is None
    assert torch.equal(linear.weight, _linear("relu").weight)


def test_global_generator_is_not_moved():
    """torch's own random state stays where it was."""
    state = torch.get_rng_state()
    _linear("relu")
    _linear("selu")
    assert torch.equal(torch.get_rng_state(), state)


def test_default_device_is_not_used():
    """Numbers come from the CPU even if the caller made another device the default."""
    with torch.device("meta"):
        linear = nn.utils.skip_init(nn.Linear, 3, 2, device="cpu")
        initialize_linear_(linear, "relu", torch.Generator().manual_seed(0))
    expected = _linear("relu", dtype=torch.float32, shape=(3, 2))
    assert torch.equal(linear.weight, expected.weight)


def test_generator_of_another_device_is_refused():
    """The generator belongs to the CPU."""
    elsewhere: Any = SimpleNamespace(device=torch.device("cuda:0"))
    with pytest.raises(ValueError, match=r"on the CPU, .* Got one on 'cuda:0' instead"):
        initialize_linear_(nn.utils.skip_init(nn.Linear, 3, 2), "relu", elsewhere)
