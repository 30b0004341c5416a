"""Tests of convolutions that take their normalization in."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from skdeep._seeding import isolated_global_rng
from skdeep.networks import Backbone, fused


def norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    """Return the batch normalizations of a network."""
    return [part for part in network.modules() if isinstance(part, nn.BatchNorm2d)]


def used(body: nn.Module) -> Backbone:
    """Return a backbone whose norms have seen something."""
    backbone = Backbone(body, "body", 4)
    generator = torch.Generator().manual_seed(0)
    for norm in norms(body):
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.normal_(generator=generator)
        norm.running_var.uniform_(0.5, 2.0, generator=generator)
    return backbone.eval()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121"])
def test_folded_networks_find_the_same_features(name: str) -> None:
    """Fewer norms, equal features up to rounding, and the original as it was."""
    import torchvision

    with isolated_global_rng(0, torch.device("cpu")):
        backbone = used(torchvision.models.get_model(name, weights=None))
    before = copy.deepcopy(backbone.state_dict())
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    twin = fused(backbone)
    with torch.inference_mode():
        expected, found = backbone(images), twin(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert len(norms(twin)) < len(norms(backbone))
    assert all(torch.equal(before[k], v) for k, v in backbone.state_dict().items())


class Branching(nn.Module):
    """A network whose way depends on what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return features of one sign or the other."""
        y: torch.Tensor = self.norm(self.convolution(x))
        return y if x.sum() > 0 else -y


def test_what_cannot_be_followed_is_left_unfolded() -> None:
    """Control flow keeps the copy as it was, and right."""
    with isolated_global_rng(0, torch.device("cpu")):
        backbone = used(Branching())
    twin = fused(backbone)
    images = -torch.ones(2, 3, 8, 8)
    assert len(norms(twin)) == 1
    assert torch.equal(twin(images), backbone(images))


def test_a_norm_not_alone_behind_a_convolution_stays() -> None:
    """Where another layer reads the convolution too, folding would change it."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3)
            self.norm = nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.convolution(x)
            both: torch.Tensor = self.norm(y) + y
            return both

    with isolated_global_rng(0, torch.device("cpu")):
        assert len(norms(fused(used(Twice())))) == 1
