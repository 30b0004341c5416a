"""How the parts of a network are called."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from skdeep.inspection._parts import describe, parts_of
from skdeep.inspection._tracing import trace
from skdeep.networks import (
    MLP,
    ConvNet,
    GeneratorDropout,
    ParametricActivation,
    make_activation,
)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (nn.Linear(4, 8), "Linear(4, 8)"),
        (nn.Conv2d(1, 16, (3, 5)), "Conv2d(1, 16, 3x5)"),
        (nn.MaxPool2d(2), "MaxPool2d(2x2)"),
        (nn.AvgPool2d((1, 3)), "AvgPool2d(1x3)"),
        (GeneratorDropout(0.25), "Dropout(0.25)"),
        (nn.ReLU(), "ReLU"),
        (make_activation(torch.sin), "sin"),
        (ParametricActivation("mish", 3), "ParametricActivation(mish)"),
        (MLP(4, (8,), 3).layers[0], "Linear(4, 8)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_describe_says_it_in_a_few_words(module, words):
    """Private classes go by the name of torch's."""
    assert describe(module) == words


def test_parts_of_a_foreign_network_are_its_innermost_modules():
    """A network that nobody knows is listed as torch lists it."""

    class Foreign(nn.Module):
        def __init__(self):
            super().__init__()
            self.shift = nn.Parameter(torch.zeros(3))
            self.body = nn.Sequential(nn.Linear(3, 5), nn.Sigmoid())

        def forward(self, x):
            return self.body(x + self.shift)

    with torch.random.fork_rng():
        module = Foreign()
    parts = parts_of(module)
    assert [part.path for part in parts] == ["", "body.0", "body.1"]
    counted = [p for part in parts for p in part.parameters]
    assert sorted(map(id, counted)) == sorted(map(id, module.parameters()))


def test_parts_of_a_convolutional_network_are_in_order():
    """Blocks, what is handed on, dense layers."""
    module = ConvNet(1, (8, 8), (2, 2), (5,), 3, residual=True)
    names = [part.name for part in parts_of(module)]
    assert names == [
        "block 1: weighted sums",
        "block 1: activations",
        "block 1: pooled",
        "block 2: weighted sums",
        "block 2: activations",
        "block 2: sums with the input",
        "block 2: pooled",
        "features: flattened",
        "hidden layer 1: weighted sums",
        "hidden layer 1: activations",
        "output layer: weighted sums",
    ]


def test_trace_keeps_what_is_written_over_later():
    """Modules that work in place do not change what came before."""
    with torch.random.fork_rng():
        module = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True))
    x = torch.tensor([[1.0, -1.0]])
    with torch.no_grad():
        (before, after), raw = trace(module, parts_of(module), x)
        expected = module[0](x)
    assert before is not None
    assert after is not None
    assert torch.equal(before, expected)
    assert torch.equal(after, expected.relu())
    assert torch.equal(after, raw)
