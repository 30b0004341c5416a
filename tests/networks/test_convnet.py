"""Tests of the convolutional network against torch's own layers, and its limits."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own name for it

from skdeep.networks import ChannelDropout, ConvNet, attach_generator, map_sizes


def images(*shape: int, seed: int = 0) -> torch.Tensor:
    """Return normal numbers in the shape of a batch of images."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_outputs_are_those_of_torchs_functions(pooling):
    """Two blocks and a hidden layer written out by hand give the same numbers."""
    net: Any = ConvNet(3, (9, 8), (4, 5), (6,), 2, kernel_size=(3, 5), pooling=pooling)
    x = images(7, 3, 9, 8)
    pool = F.max_pool2d if pooling == "max" else F.avg_pool2d
    expected = x
    for block, pad in zip(net.blocks, (1, 2), strict=True):
        layer = block.layers[0]
        kept = F.conv2d(expected, layer.weight, layer.bias, padding=pad)
        expected = pool(F.relu(kept), 2)
    dense, last = net.head.linear_layers()
    expected = F.linear(F.relu(dense(expected.flatten(1))), last.weight, last.bias)
    torch.testing.assert_close(net(x), expected)


def test_global_pooling_gives_one_number_a_channel():
    """The dense layers see the mean, or the largest, of each channel's pixels."""
    x = images(4, 1, 8, 8)
    kinds: Any = (("average", torch.mean), ("max", torch.amax))
    for kind, reduce in kinds:
        net: Any = ConvNet(1, (8, 8), (5,), (), 3, global_pooling=kind)
        maps = net.blocks(x)
        assert maps.shape == (4, 5, 4, 4)
        torch.testing.assert_close(net.features(x), reduce(maps, dim=(2, 3)))
        assert net.head.linear_layers()[0].in_features == 5


@pytest.mark.parametrize("size", [(1, 1), (1, 10), (2, 2), (3, 7)])
def test_windows_are_cut_to_small_maps(size):
    """Images smaller than a window are still taken, and no map vanishes."""
    net: Any = ConvNet(1, size, (3, 3, 3), (4,), 2, kernel_size=5, pool_size=3)
    assert net(images(6, 1, *size)).shape == (6, 2)
    assert min(side for _, *sides in net.map_sizes for side in sides) == 1
    first = net.blocks[0].layers[0].kernel_size
    assert first == tuple(min(5, 2 * side - 1) for side in size)


def test_cut_window_answers_as_the_whole_one():
    """What is cut off a window meets only padding, so that nothing changes."""
    net: Any = ConvNet(1, (1, 6), (2,), (), 1, kernel_size=3, pool_size=1)
    layer = net.blocks[0].layers[0]
    whole = torch.zeros(2, 1, 3, 3)
    whole[:, :, 1:2] = layer.weight.detach()
    x = images(3, 1, 1, 6)
    torch.testing.assert_close(
        layer(x), F.conv2d(x, whole, layer.bias, padding=1), rtol=1e-5, atol=1e-6
    )


def test_pool_size_one_keeps_the_map():
    """A block can convolve without pooling, as the stages of VGG do."""
    assert map_sizes(3, (8, 9), (4, 5), (1, 2)) == ((3, 8, 9), (4, 8, 9), (5, 4, 4))
    net: Any = ConvNet(3, (8, 9), (4, 5), (), 1, pool_size=(1, 2))
    assert net.blocks(images(2, 3, 8, 9)).shape == (2, 5, 4, 4)


def test_residual_adds_the_input_where_channels_agree():
    """With all weights of a block at zero only its input comes through."""
    net: Any = ConvNet(1, (4, 4), (3, 3), (), 1, pool_size=1, residual=True)
    assert [block.skips for block in net.blocks] == [False, True]
    second = net.blocks[1]
    nn.init.zeros_(second.layers[0].weight)
    x = images(2, 3, 4, 4)
    torch.testing.assert_close(second(x), x)


@pytest.mark.parametrize(
    ("activation", "variance"), [("relu", 2.0), ("gelu", 2.0), ("tanh", 1.0)]
)
def test_initial_weights_have_the_variance_of_he(activation, variance):
    """Uniform weights of variance 2 or 1 over the numbers in a window, no biases."""
    net: Any = ConvNet(16, (8, 8), (64,), (), 1, activation=activation)
    layer = net.blocks[0].layers[0]
    weight = layer.weight.detach().numpy()
    fan_in = 16 * 9
    assert weight.var() == pytest.approx(variance / fan_in, rel=0.05)
    assert np.abs(weight).max() <= math.sqrt(3.0 * variance / fan_in)
    assert not layer.bias.any()


def test_initial_weights_come_from_the_generator():
    """One seed gives the same weights in both dtypes, and torch's state stays."""
    state = torch.random.get_rng_state()
    nets = [
        ConvNet(1, (8, 8), (4,), (5,), 2, dtype=dtype, generator=generator)
        for dtype, generator in (
            (torch.float32, torch.Generator().manual_seed(3)),
            (torch.float64, torch.Generator().manual_seed(3)),
        )
    ]
    for single, double in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(single, double.float())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalization_makes_maps_standard(normalization):
    """Before the activation a channel, or a row, has mean 0 and variance 1."""
    net: Any = ConvNet(2, (6, 6), (5,), (), 1, normalization=normalization)
    kept = net.blocks[0].layers[:2](images(9, 2, 6, 6))
    axes = (0, 2, 3) if normalization == "batch" else (1, 2, 3)
    torch.testing.assert_close(
        kept.mean(axes), torch.zeros(kept.mean(axes).shape), atol=1e-5, rtol=0
    )
    spread = kept.var(axes, correction=0)
    torch.testing.assert_close(spread, torch.ones(spread.shape), atol=1e-3, rtol=0)


def test_batch_normalization_takes_a_single_number():
    """One row with a map of one pixel has no variance, and trains all the same."""
    net: Any = ConvNet(1, (1, 1), (3,), (), 1, normalization="batch")
    before = copy.deepcopy(net.blocks[0].layers[1].running_mean)
    assert torch.isfinite(net.train()(images(1, 1, 1, 1))).all()
    assert torch.equal(net.blocks[0].layers[1].running_mean, before)


def test_channel_dropout_drops_whole_channels():
    """A channel of a row is kept and scaled, or zero; a third are zero at p=1/3."""
    dropout = ChannelDropout(1 / 3)
    attach_generator(dropout, torch.Generator().manual_seed(0))
    dropped = dropout(torch.ones(500, 20, 2, 2))
    assert torch.equal(dropped.amax((2, 3)), dropped.amin((2, 3)))
    zero = (dropped[:, :, 0, 0] == 0).double().mean().item()
    # Three standard deviations of the share of 10,000 draws.
    assert abs(zero - 1 / 3) < 3 * math.sqrt(2 / 9 / 10_000)
    assert dropped.max().item() == pytest.approx(1.5)
    x = images(2, 3, 2, 2)
    assert dropout.eval()(x) is x


def test_dropout_of_channels_and_neurons_draws_from_the_generator():
    """The same seed drops the same, and none of it in evaluation."""
    net: Any = ConvNet(1, (8, 8), (4,), (16,), 3, conv_dropout=0.4, dropout=0.4)
    x = images(5, 1, 8, 8)
    outputs = []
    for _ in range(2):
        attach_generator(net, torch.Generator().manual_seed(1))
        outputs.append(net.train()(x))
    assert torch.equal(*outputs)
    assert not torch.equal(outputs[0], net.eval()(x))
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize("name", ["kernel_size", "pool_size", "conv_dropout"])
def test_one_value_a_block_is_demanded(name):
    """Two values for three blocks are refused by name."""
    wrong: Any = {name: (1, 1)}
    with pytest.raises(ValueError, match=f"'{name}' parameter .* expected 3 values"):
        ConvNet(1, (8, 8), (4, 4, 4), (), 1, **wrong)


def test_network_without_blocks_is_a_perceptron():
    """No convolution at all leaves the dense layers on the pixels."""
    net: Any = ConvNet(2, (3, 4), (), (5,), 2)
    assert net.head.linear_layers()[0].in_features == 24
    x = images(3, 2, 3, 4)
    torch.testing.assert_close(net(x), net.head(x.flatten(1)))


def test_map_modules_put_out_what_is_pooled_next():
    """One a block, with the map before its pooling."""
    net: Any = ConvNet(1, (8, 8), (4, 6), (), 3)
    seen = []
    for module in net.map_modules():
        module.register_forward_hook(lambda _m, _args, out: seen.append(out.shape[1:]))
    net(images(2, 1, 8, 8))
    assert seen == [(4, 8, 8), (6, 4, 4)]
