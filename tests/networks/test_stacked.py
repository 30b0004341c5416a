"""Tests of perceptrons that are computed together."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from skdeep.networks import MLP, StackedMLP, attach_generator

SHAPES: list[dict[str, Any]] = [
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": (5,)},
    {"hidden_layer_sizes": (5, 4), "activation": ["tanh", "gelu"]},
    {"hidden_layer_sizes": (5,), "normalization": "layer"},
    {"hidden_layer_sizes": (3, 3), "residual": True, "dropout": 0.3},
    {"hidden_layer_sizes": (4, 4), "residual": True, "normalization": "layer"},
]


def members(shape: dict[str, Any], n: int, **varied: Any) -> list[MLP]:
    """Return networks of one shape with weights of their own, in float64."""
    params = {**shape, **varied}
    widths = params.pop("hidden_layer_sizes")
    made = [
        MLP(
            3,
            widths,
            2,
            dtype=torch.float64,
            generator=torch.Generator().manual_seed(seed),
            **params,
        )
        for seed in range(n)
    ]
    for network in made:
        for parameter in network.parameters():
            parameter.data += 0.1
    return made


def generators(n: int) -> list[torch.Generator]:
    """Return a generator for each member."""
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_outputs_are_those_of_the_members(shape: dict[str, Any], seed: int) -> None:
    """Each member maps its own rows by its own weights."""
    networks = members(shape, 4)
    stacked = StackedMLP(networks, generators(4)).eval()
    x = torch.randn(
        4, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    outputs = stacked(x)
    assert outputs.shape == (4, 2, 7)
    for network, rows, output in zip(networks, x, outputs, strict=True):
        torch.testing.assert_close(output.T, network.eval()(rows))


@pytest.mark.parametrize(
    "shape", [*SHAPES, {"hidden_layer_sizes": (3,), "residual": True}], ids=str
)
def test_inputs_in_common_may_come_once(shape: dict[str, Any], seed: int) -> None:
    """Outputs and gradients are the same as with a copy for each member."""
    stacked = StackedMLP(members(shape, 6, dropout=0.0), generators(6))
    x = torch.randn(
        2, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    found = []
    for inputs in (x, x.repeat_interleave(3, dim=0)):
        outputs = stacked(inputs)
        gradients = torch.autograd.grad(
            outputs.square().sum(), list(stacked.parameters())
        )
        found.append((outputs, *gradients))
    assert found[0][0].shape == (6, 2, 5)
    for once, copied in zip(*found, strict=True):
        torch.testing.assert_close(once, copied)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gradients_are_those_of_the_members(shape: dict[str, Any], seed: int) -> None:
    """No member has a part in what another learns; parameters keep their order."""
    networks = members(shape, 3)
    for network, generator in zip(networks, generators(3), strict=True):
        attach_generator(network, generator)
    stacked = StackedMLP(networks, generators(3)).train()
    x = torch.randn(
        3, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    stacked(x, [6, 6, 6]).square().sum().backward()
    for place, network in enumerate(networks):
        network.train()(x[place]).square().sum().backward()
        pairs = zip(stacked.parameters(), network.parameters(), strict=True)
        for together, alone in pairs:
            assert together.grad is not None
            torch.testing.assert_close(together.grad[place], alone.grad)


def test_masks_are_drawn_for_own_rows_by_own_rates() -> None:
    """Rows that fill up, and members without dropout, draw nothing."""
    networks = [
        members({"hidden_layer_sizes": (50,)}, 1, dropout=rate)[0]
        for rate in (0.0, 0.5, 0.5)
    ]
    drawn = generators(3)
    before = drawn[0].get_state()
    stacked = StackedMLP(networks, drawn).train()
    x = torch.ones(3, 4, 3, dtype=torch.float64)
    output = stacked(x, [4, 4, 2])
    assert torch.equal(drawn[0].get_state(), before)
    attach_generator(networks[2], generators(3)[2])
    torch.testing.assert_close(output[2, :, :2].T, networks[2].train()(x[2, :2]))


def test_members_that_are_kept_keep_their_generators() -> None:
    """After some have left, masks are still those of each member."""
    networks = members({"hidden_layer_sizes": (20,)}, 3, dropout=0.4)
    stacked = StackedMLP(networks, generators(3)).train()
    stacked.keep([2])
    for parameter in stacked.parameters():
        parameter.data = parameter.data[[2]]
    attach_generator(networks[2], generators(3)[2])
    x = torch.ones(1, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(stacked(x, [5])[0].T, networks[2].train()(x[0]))
