"""The perceptron against one written out in NumPy, and against differences."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skdeep.networks import MLP
from tests.naming import shown


def _sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


# Each activation and its derivative.
FUNCTIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z: 1.0 - np.tanh(z) ** 2),
    "sigmoid": (_sigmoid, lambda z: _sigmoid(z) * (1.0 - _sigmoid(z))),
    "silu": (
        lambda z: z * _sigmoid(z),
        lambda z: _sigmoid(z) * (1.0 + z * (1.0 - _sigmoid(z))),
    ),
    "softplus": (lambda z: np.log1p(np.exp(z)), _sigmoid),
}
EPS = 1e-5  # torch's default in both normalizations


class Perceptron:
    """Forward and backward pass of an MLP by hand.

    Parameters are lists with one array per layer; `scales` and `shifts` are those of
    the normalization, whose statistics run over `axis` (None: no normalization).
    """

    def __init__(self, weights, biases, scales, shifts, activations, axis, residual):
        self.weights, self.biases = weights, biases
        self.scales, self.shifts = scales, shifts
        self.functions = [FUNCTIONS[name] for name in activations]
        self.axis, self.residual = axis, residual

    def _skips(self, layer):
        n_outputs, n_inputs = self.weights[layer].shape
        return self.residual and n_inputs == n_outputs

    def forward(self, x):
        """Compute the outputs, and keep what backpropagation needs."""
        self.inputs, self.normed, self.deviations, self.arguments = [x], [], [], []
        for layer, (function, _) in enumerate(self.functions):
            z = x @ self.weights[layer].T + self.biases[layer]
            if self.axis is not None:
                deviation = np.sqrt(z.var(axis=self.axis, keepdims=True) + EPS)
                normed = (z - z.mean(axis=self.axis, keepdims=True)) / deviation
                self.normed.append(normed)
                self.deviations.append(deviation)
                z = normed * self.scales[layer] + self.shifts[layer]
            self.arguments.append(z)
            x = function(z) + (x if self._skips(layer) else 0.0)
            self.inputs.append(x)
        return x @ self.weights[-1].T + self.biases[-1]

    def backward(self, grad):
        """Return the gradients of sum(grad * outputs): by parameter, and of x."""
        grads: dict[str, list[Any]]
        grads = {"weights": [], "biases": [], "scales": [], "shifts": []}

        def through_linear(layer, grad):
            grads["weights"].insert(0, grad.T @ self.inputs[layer])
            grads["biases"].insert(0, grad.sum(axis=0))
            return grad @ self.weights[layer]

        grad = through_linear(len(self.functions), grad)
        for layer in reversed(range(len(self.functions))):
            around = grad if self._skips(layer) else 0.0
            grad = grad * self.functions[layer][1](self.arguments[layer])
            if self.axis is not None:
                normed = self.normed[layer]
                grads["scales"].insert(0, (grad * normed).sum(axis=0))
                grads["shifts"].insert(0, grad.sum(axis=0))
                grad = grad * self.scales[layer]
                mean = grad.mean(axis=self.axis, keepdims=True)
                tilt = (grad * normed).mean(axis=self.axis, keepdims=True)
                grad = (grad - mean - normed * tilt) / self.deviations[layer]
            grad = through_linear(layer, grad) + around
        return grads, grad


def _case(sizes, activation, normalization, residual):
    """Return a module with random parameters, inputs and an output gradient."""
    rng = np.random.default_rng(0)
    module = MLP(
        4,
        sizes,
        2,
        activation=activation,
        normalization=normalization,
        residual=residual,
        dtype=torch.float64,
    )
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(rng.normal(0.0, 0.7, parameter.shape)))
    return module, rng.normal(size=(7, 4)), rng.normal(size=(7, 2))


def _by_hand(module, sizes, activation, normalization, residual):
    """Return the NumPy perceptron with the parameters of a module."""
    linears = module.linear_layers()
    norms = [
        m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.LayerNorm)
    ]
    names = [activation] * len(sizes) if isinstance(activation, str) else activation
    return Perceptron(
        [linear.weight.detach().numpy() for linear in linears],
        [linear.bias.detach().numpy() for linear in linears],
        [norm.weight.detach().numpy() for norm in norms],
        [norm.bias.detach().numpy() for norm in norms],
        names,
        {None: None, "batch": 0, "layer": 1}[normalization],
        residual,
    )


CASES = [
    *itertools.product([(), (5,), (5, 3)], FUNCTIONS, [None], [False]),
    *itertools.product([(4, 5, 5)], ["relu", "tanh"], [None, "layer", "batch"], [True]),
    *itertools.product([(6, 5)], ["silu"], ["layer", "batch"], [False]),
    ((5, 5, 3), ["relu", "sigmoid", "softplus"], "layer", True),
]


@pytest.mark.parametrize(
    ("sizes", "activation", "normalization", "residual"), CASES, ids=shown
)
def test_passes_agree_with_numpy(sizes, activation, normalization, residual):
    """Outputs, hidden activations and all gradients are those worked out by hand."""
    settings = (sizes, activation, normalization, residual)
    module, x, grad = _case(*settings)
    perceptron = _by_hand(module, *settings)
    inputs = torch.from_numpy(x).requires_grad_()

    outputs = module(inputs)
    outputs.backward(torch.from_numpy(grad))
    np.testing.assert_allclose(outputs.detach(), perceptron.forward(x), atol=1e-12)
    for layer in range(len(sizes)):
        hidden = module.hidden(inputs, layer).detach()
        np.testing.assert_allclose(hidden, perceptron.inputs[layer + 1], atol=1e-12)

    grads, grad_inputs = perceptron.backward(grad)
    linears = module.linear_layers()
    norms = [
        m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.LayerNorm)
    ]
    pairs = [
        (inputs.grad, grad_inputs),
        *((m.weight.grad, g) for m, g in zip(linears, grads["weights"], strict=True)),
        *((m.bias.grad, g) for m, g in zip(linears, grads["biases"], strict=True)),
        *((m.weight.grad, g) for m, g in zip(norms, grads["scales"], strict=True)),
        *((m.bias.grad, g) for m, g in zip(norms, grads["shifts"], strict=True)),
    ]
    assert len(pairs) == 1 + len(list(module.parameters()))
    for actual, expected in pairs:
        np.testing.assert_allclose(actual, expected, atol=1e-11)


@pytest.mark.parametrize(
    ("sizes", "activation", "normalization", "residual"),
    [
        ((), "relu", None, False),
        ((5, 5), "gelu", None, True),
        ((5, 3), "mish", "layer", False),
        ((4, 4, 4), "selu", "layer", True),
        ((6,), "elu", "batch", False),
        ((6, 6), torch.sin, None, True),
    ],
    ids=shown,
)
def test_gradients_agree_with_differences(sizes, activation, normalization, residual):
    """The slope along random directions of the parameters is the gradient's."""
    module, x, grad = _case(sizes, activation, normalization, residual)
    inputs, weights = torch.from_numpy(x), torch.from_numpy(grad)
    parameters = list(module.parameters())
    (module(inputs) * weights).sum().backward()
    rng = np.random.default_rng(1)
    step = 1e-5
    for _ in range(4):
        direction = [torch.from_numpy(rng.normal(size=p.shape)) for p in parameters]
        values = []
        with torch.no_grad():
            for move in (step, -2.0 * step):
                for parameter, way in zip(parameters, direction, strict=True):
                    parameter.add_(way, alpha=move)
                values.append((module(inputs) * weights).sum().item())
            for parameter, way in zip(parameters, direction, strict=True):
                parameter.add_(way, alpha=step)
        slope = sum(
            (parameter.grad * way).sum().item()
            for parameter, way in zip(parameters, direction, strict=True)
        )
        assert slope == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-6)
