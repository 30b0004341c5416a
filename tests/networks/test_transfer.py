"""Tests of standardised features and of a head on a backbone."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from skdeep.networks import Backbone, FeatureScale, TransferNet


def test_scale_standardises_by_weighted_moments(seed: int) -> None:
    """Mean 0 and deviation 1 under the weights, as NumPy has them."""
    rng = np.random.default_rng(seed)
    features = rng.normal(3.0, [1.0, 5.0, 0.5], (40, 3))
    weight = rng.random(40)
    scaled = FeatureScale(3, torch.float64).fit_(features, weight)(
        torch.from_numpy(features)
    )
    np.testing.assert_allclose(np.average(scaled, axis=0, weights=weight), 0, atol=1e-9)
    squares = np.average(scaled.numpy() ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(squares, 1, rtol=1e-9)


def test_scale_silences_what_never_varied() -> None:
    """A constant feature becomes zero, whatever it is later."""
    scale = FeatureScale(2).fit_(np.array([[5.0, 1.0], [5.0, 3.0]]))
    np.testing.assert_allclose(scale(torch.tensor([[7.0, 5.0]])), [[0.0, 3.0]])


def test_scale_does_not_blow_up_what_nearly_never_varied(seed: int) -> None:
    """A unit that fired once, and faintly, counts as a hundredth of the others."""
    rng = np.random.default_rng(seed)
    features = rng.normal(0.0, 1.0, (50, 4))
    features[:, 3] = 0.0
    features[7, 3] = 1e-4
    scale = FeatureScale(4, torch.float64).fit_(features)
    typical = np.sqrt(features.var(axis=0).mean())
    np.testing.assert_allclose(float(scale.inverse[3]), 1 / (0.01 * typical), rtol=1e-9)


def test_network_takes_images_and_their_features() -> None:
    """What the backbone would find can be given in its stead, in either layout."""
    with torch.random.fork_rng():
        convolution, head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)
    backbone = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    images = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    parts = (backbone, FeatureScale(4), head)
    plain, last = TransferNet(*parts), TransferNet(*parts, channels_last=True)
    assert torch.equal(plain(images), plain(backbone(images)))
    torch.testing.assert_close(last(images), plain(images))


def test_map_modules_are_the_ends_of_the_stages() -> None:
    """As many as there are stages to train, each inside the backbone."""
    with torch.random.fork_rng():
        body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3))
        head = nn.Linear(5, 2)
    backbone = Backbone(body, "tiny", 5)
    network = TransferNet(backbone, FeatureScale(5), head)
    assert network.map_modules() == [body[0], body[1]]
    assert not backbone.maps_channels_last
