"""A pretrained network with a head of one's own."""

from __future__ import annotations

import torch
from torch import nn

from skdeep.networks import Backbone, FeatureScale, TransferNet


def test_map_modules_are_the_ends_of_the_stages():
    """As many as there are stages to train, each inside the backbone."""
    with torch.random.fork_rng():
        body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3))
        head = nn.Linear(5, 2)
    backbone = Backbone(body, "tiny", 5)
    network = TransferNet(backbone, FeatureScale(5), head)
    assert network.map_modules() == [body[0], body[1]]
    assert not backbone.maps_channels_last
