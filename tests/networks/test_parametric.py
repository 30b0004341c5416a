"""Tests of activations that learn how strongly they bend."""

import copy
import pickle

import numpy as np
import pytest
import torch

from skdeep.networks._parametric import ParametricActivation
from skdeep.training._flat import FlatParameters

FORMULAS = {
    "relu": lambda x: np.maximum(x, 0.0),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "selu": lambda x: (
        1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x))
    ),
}


def _inputs(n_rows=20):
    return torch.from_numpy(2.0 * np.random.default_rng(0).normal(size=(n_rows, 4)))


@pytest.mark.parametrize("name", FORMULAS)
def test_starts_as_the_activation_itself(name):
    """With a share of 1 the identity has no part."""
    module, x = ParametricActivation(name, 4, dtype=torch.float64), _inputs()
    np.testing.assert_allclose(
        module(x).detach().numpy(), FORMULAS[name](x.numpy()), atol=1e-12
    )


@pytest.mark.parametrize("name", FORMULAS)
def test_blends_with_the_identity_by_unit(name):
    """x + share * (f(x) - x), the share being stored over the rate factor."""
    module = ParametricActivation(name, 4, rate_factor=0.5, dtype=torch.float64)
    shares = np.array([0.0, 0.3, 1.0, 1.7])
    module.share.data.copy_(torch.from_numpy(shares / 0.5))
    x = _inputs()
    expected = x.numpy() + shares * (FORMULAS[name](x.numpy()) - x.numpy())
    np.testing.assert_allclose(module(x).detach().numpy(), expected, atol=1e-12)


def test_gradients_are_those_of_the_formula():
    """Checked against finite differences, towards inputs and shares."""
    module = ParametricActivation("mish", 4, dtype=torch.float64)

    def call(x, share):
        return torch.func.functional_call(module, {"share": share}, (x,))

    share = torch.tensor([2.0, 5.0, 10.0, 12.0], dtype=torch.float64)
    inputs = (_inputs(5).requires_grad_(), share.requires_grad_())
    torch.autograd.gradcheck(call, inputs)


def test_rate_factor_scales_a_step_of_adam():
    """A first step moves a share by the factor times the learning rate."""
    module = ParametricActivation("relu", 4, rate_factor=0.1, dtype=torch.float64)
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2, eps=0.0)
    module(_inputs()).sum().backward()
    optimizer.step()
    moved = np.abs(0.1 * module.share.detach().numpy() - 1.0)
    np.testing.assert_allclose(moved, 1e-3)


def test_shares_do_not_decay():
    """The engine counts them among the biases."""
    assert len(FlatParameters(ParametricActivation("relu", 4)).weights) == 0


def test_activation_with_parameters_is_cast():
    """A module class of one's own gets the dtype as well."""
    module = ParametricActivation(torch.nn.PReLU, 4, dtype=torch.float64)
    assert module(_inputs()).dtype == torch.float64


def test_copies_say_the_same():
    """A pickle and a deep copy equal the first."""
    module, x = ParametricActivation("selu", 4), _inputs().float()
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(twin(x), module(x))
