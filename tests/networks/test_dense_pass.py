"""Tests of the forward and backward pass without autograd, against autograd."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import nn

from skdeep.networks import ACTIVATIONS, MLP, DensePass, attach_generator

N_ROWS, N_INPUTS, N_OUTPUTS = 11, 5, 3
SHAPES: tuple[dict[str, Any], ...] = (
    {},
    {"normalization": "layer"},
    {"residual": True},
    {"dropout": 0.4},
    {"normalization": "layer", "residual": True, "dropout": (0.0, 0.5)},
)


def perceptron(hidden: tuple[int, ...] = (5, 5), **options: Any) -> MLP:
    """Return a network in float64 with parameters that all differ."""
    module = MLP(N_INPUTS, hidden, N_OUTPUTS, dtype=torch.float64, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(-1.0, 1.0, generator=generator)
    return module.train()


def inputs(seed: int = 0) -> torch.Tensor:
    """Return rows of inputs, some of which saturate an activation."""
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(N_ROWS, N_INPUTS, dtype=torch.float64, generator=generator)


def by_layers(module: MLP, X: torch.Tensor, grad: torch.Tensor) -> Any:
    """Return the outputs and the gradients of a pass without autograd."""
    attach_generator(module, torch.Generator().manual_seed(7))
    gradients = {p: torch.full_like(p, torch.nan) for p in module.parameters()}
    dense = module.dense_pass(gradients)
    assert isinstance(dense, DensePass)
    with torch.inference_mode():
        output = dense.forward(X)
        dense.backward(grad)
    return output, list(gradients.values())


def by_autograd(module: MLP, X: torch.Tensor, grad: torch.Tensor) -> Any:
    """Return the outputs and the gradients of torch."""
    attach_generator(module, torch.Generator().manual_seed(7))
    output = module(X)
    return output.detach(), torch.autograd.grad(output, [*module.parameters()], grad)


@pytest.mark.parametrize("options", SHAPES, ids="-".join)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_dense_pass_gives_the_gradients_of_autograd(
    activation: str, options: dict[str, Any]
) -> None:
    """Every activation, alone and with all that may stand beside it in a layer."""
    module, X = perceptron(activation=activation, **options), inputs()
    grad = inputs(seed=1)[:, :N_OUTPUTS].contiguous()
    output, gradients = by_layers(module, X, grad)
    expected, theirs = by_autograd(module, X, grad)
    torch.testing.assert_close(output, expected, rtol=1e-12, atol=1e-12)
    for ours, other in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "activation",
    [
        functools.partial(nn.LeakyReLU, 0.3),
        functools.partial(nn.ELU, 0.5),
        functools.partial(nn.GELU, approximate="tanh"),
        functools.partial(nn.Softplus, beta=2.0, threshold=1.0),
        functools.partial(nn.ReLU, inplace=True),
    ],
)
def test_dense_pass_takes_the_arguments_of_an_activation(activation: Any) -> None:
    """Slopes and the like are read from the module."""
    module, X = perceptron(activation=activation), inputs()
    grad = inputs(seed=1)[:, :N_OUTPUTS].contiguous()
    _, gradients = by_layers(module, X, grad)
    _, theirs = by_autograd(module, X, grad)
    for ours, other in zip(gradients, theirs, strict=True):
        torch.testing.assert_close(ours, other, rtol=1e-10, atol=1e-12)


def test_dense_pass_of_a_linear_model_and_of_other_rows() -> None:
    """Without a hidden layer; and again with fewer rows, as in a last batch."""
    module = perceptron(hidden=())
    for n_rows in (N_ROWS, 1):
        X = inputs()[:n_rows]
        grad = inputs(seed=1)[:n_rows, :N_OUTPUTS].contiguous()
        _, (weight, bias) = by_layers(module, X, grad)
        torch.testing.assert_close(weight, grad.T @ X)
        torch.testing.assert_close(bias, grad.sum(0))


class _Twice(nn.ReLU):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def _hooked() -> MLP:
    module = perceptron()
    module.layers[1].register_forward_hook(lambda *_: None)
    return module


def _watched() -> MLP:
    module = perceptron()
    module.layers.register_full_backward_hook(lambda *_: None)
    return module


def _with_a_hook_on_a_weight() -> MLP:
    module = perceptron()
    next(module.parameters()).register_hook(lambda grad: 2 * grad)
    return module


def _frozen() -> MLP:
    module = perceptron()
    module.layers[0].requires_grad_(False)
    return module


class _OfTheUser(MLP):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -super().forward(x)


@pytest.mark.parametrize(
    "make",
    [
        functools.partial(perceptron, activation=torch.sin),
        functools.partial(perceptron, activation=_Twice),
        functools.partial(
            perceptron, activation=functools.partial(nn.ELU, inplace=True)
        ),
        functools.partial(perceptron, normalization="batch"),
        _hooked,
        _watched,
        _with_a_hook_on_a_weight,
        _frozen,
        lambda: _OfTheUser(N_INPUTS, (4,), N_OUTPUTS),
    ],
)
def test_dense_pass_leaves_to_autograd_what_it_does_not_know(make: Any) -> None:
    """Foreign activations, batch statistics, hooks, frozen weights and subclasses."""
    module = make()
    gradients = {p: torch.empty_like(p) for p in module.parameters()}
    assert module.dense_pass(gradients) is None
