"""Tests of the factors of the inputs."""

import copy
import pickle

import numpy as np
import torch

from skdeep.networks._gate import FeatureGate
from skdeep.training._flat import FlatParameters


def _inputs():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(20, 3)))


def test_gate_starts_open():
    """At first every column passes as it is, under any rate factor."""
    x = _inputs()
    for factor in (1.0, 6.0, 96.0):
        gate = FeatureGate(3, rate_factor=factor, dtype=torch.float64)
        torch.testing.assert_close(gate(x), x, rtol=1e-15, atol=0)


def test_gate_multiplies_columns():
    """A column is multiplied by the stored number times the rate factor."""
    gate, x = FeatureGate(3, rate_factor=4.0, dtype=torch.float64), _inputs()
    stored = np.array([0.5, 0.0, -2.0])
    gate.weight.data[0] = torch.from_numpy(stored)
    np.testing.assert_allclose(gate(x).detach().numpy(), x.numpy() * stored * 4.0)


def test_gate_rate_factor_scales_a_step_of_adam():
    """A first step moves the factors by the rate factor times the learning rate."""
    gate = FeatureGate(3, rate_factor=6.0, dtype=torch.float64)
    optimizer = torch.optim.Adam(gate.parameters(), lr=1e-2, eps=0.0)
    gate(_inputs()).square().sum().backward()
    optimizer.step()
    np.testing.assert_allclose(6.0 * gate.weight.detach().numpy(), 1.0 - 0.06)


def test_gate_decays():
    """The engine counts the factors among the weights."""
    assert len(FlatParameters(FeatureGate(3)).weights) == 3


def test_copies_say_the_same():
    """A pickle and a deep copy equal the first."""
    gate, x = FeatureGate(3), _inputs().float()
    gate.weight.data.uniform_(generator=torch.Generator().manual_seed(0))
    for twin in (copy.deepcopy(gate), pickle.loads(pickle.dumps(gate))):
        assert torch.equal(twin(x), gate(x))
        assert repr(twin) == "FeatureGate(n_inputs=3, rate_factor=6.0)"
