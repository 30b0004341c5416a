"""Tests of the activations: each against its formula, each way of naming one."""

import functools
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skdeep.networks import (
    ACTIVATIONS,
    FunctionActivation,
    activation_name,
    make_activation,
)
from tests.naming import shown

POINTS = np.array([-7.0, -3.2, -2.5, -1.0, -0.3, 0.0, 0.2, 1.7, 2.9, 3.1, 6.0])


def _sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def _softplus(x):
    return np.log1p(np.exp(x))


def _elu(x):
    return np.where(x > 0, x, np.exp(x) - 1.0)


def _selu(x):
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return scale * np.where(x > 0, x, alpha * (np.exp(x) - 1.0))


FORMULAS: dict[str, Callable[..., Any]] = {
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "sigmoid": _sigmoid,
    "logistic": _sigmoid,
    "tanh": np.tanh,
    "identity": lambda x: x,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": _elu,
    "selu": _selu,
    "gelu": lambda x: x * 0.5 * (1.0 + np.vectorize(math.erf)(x / math.sqrt(2.0))),
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "softplus": _softplus,
    "hardswish": lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
}


def test_every_name_has_a_formula():
    """No activation goes unchecked."""
    assert set(FORMULAS) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_follows_its_formula(name):
    """A name stands for the function that the literature calls by it."""
    x = torch.from_numpy(POINTS)
    result = make_activation(name)(x)
    np.testing.assert_allclose(result.numpy(), FORMULAS[name](POINTS), atol=1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_activation_leaves_its_input_alone(name):
    """No activation works in place."""
    x = torch.from_numpy(POINTS.copy())
    make_activation(name)(x)
    np.testing.assert_array_equal(x.numpy(), POINTS)


def test_names_cannot_be_changed():
    """The table is read-only."""
    with pytest.raises(TypeError, match="does not support item assignment"):
        ACTIVATIONS["relu"] = nn.Tanh  # type: ignore[index]


def test_class_is_instantiated():
    """A class gives a new module at each call."""
    first, second = make_activation(nn.PReLU), make_activation(nn.PReLU)
    assert type(first) is nn.PReLU
    assert first is not second


@pytest.mark.parametrize(
    "factory",
    [functools.partial(nn.LeakyReLU, 0.2), lambda: nn.LeakyReLU(0.2)],
    ids=["partial", "lambda"],
)
def test_factory_is_called(factory):
    """A callable that asks for no argument makes the module."""
    module = make_activation(factory)
    assert type(module) is nn.LeakyReLU
    assert module.negative_slope == 0.2


def test_instance_is_copied():
    """A module that the caller holds is never shared."""
    mine = nn.PReLU()
    theirs = make_activation(mine)
    assert type(theirs) is nn.PReLU
    with torch.no_grad():
        theirs.weight.fill_(0.9)
    assert mine.weight.item() == 0.25


@pytest.mark.parametrize(
    ("function", "formula"),
    [
        (torch.sin, np.sin),
        (nn.functional.relu, FORMULAS["relu"]),
        (lambda x: x * x, np.square),
        (functools.partial(torch.clamp, min=-1.0, max=1.0), lambda x: x.clip(-1, 1)),
    ],
    ids=["builtin", "python", "lambda", "partial"],
)
def test_function_is_wrapped(function, formula):
    """A callable that asks for an argument is applied to the tensor."""
    module = make_activation(function)
    assert type(module) is FunctionActivation
    result = module(torch.from_numpy(POINTS))
    np.testing.assert_allclose(result.numpy(), formula(POINTS), atol=1e-12)


def test_function_activation_pickles():
    """A wrapped function survives pickling and shows in the repr."""
    module = pickle.loads(pickle.dumps(make_activation(torch.sin)))
    assert repr(module) == "FunctionActivation(sin)"
    assert module(torch.tensor(0.5)).item() == pytest.approx(math.sin(0.5))


def test_unknown_name_lists_the_choices():
    """A misspelt name is answered with the names there are."""
    with pytest.raises(ValueError, match=r"'leaky_relu', .* Got 'rleu' instead"):
        make_activation("rleu")


@pytest.mark.parametrize(
    "activation", [3, None, dict, nn.Threshold], ids=["int", "none", "dict", "needy"]
)
def test_other_objects_are_refused(activation):
    """What cannot be an activation is a TypeError, a class with needs included."""
    with pytest.raises(TypeError, match="'activation' parameter must be one of"):
        make_activation(activation)


def test_factory_of_something_else_is_refused():
    """A factory must return a module."""
    with pytest.raises(TypeError, match="which returned 3 instead"):
        make_activation(lambda: 3)


def test_error_inside_a_factory_is_not_hidden():
    """A factory that fails is not mistaken for a function of a tensor."""

    def factory():
        return nn.Threshold()  # type: ignore[call-arg]

    with pytest.raises(TypeError, match="missing 2 required positional arguments"):
        make_activation(factory)


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        ("logistic", "logistic"),
        (nn.Sigmoid, "sigmoid"),
        (nn.SELU(), "selu"),
        (nn.PReLU(), "PReLU"),
        (torch.sin, "sin"),
        (FunctionActivation(torch.sin), "sin"),
        (functools.partial(nn.LeakyReLU, 0.2), "leaky_relu"),
    ],
    ids=shown,
)
def test_activation_name_is_short(activation, name):
    """A known activation goes by its name in the table, others by their own."""
    assert activation_name(activation) == name
