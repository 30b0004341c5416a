"""Tests of image classifiers without their heads."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skdeep._seeding import isolated_global_rng
from skdeep.networks import Backbone, attach_generator, build_backbone

# The smallest of each family: its features, its stages, and the smallest images.
FAMILIES = {
    "alexnet": (4096, 4, 63),
    "convnext_tiny": (768, 5, 32),
    "densenet121": (1024, 5, 29),
    "efficientnet_b0": (1280, 9, 1),
    "efficientnet_v2_s": (1280, 8, 1),
    "googlenet": (1024, 12, 15),
    "inception_v3": (2048, 16, 75),
    "mnasnet0_5": (1280, 10, 1),
    "mobilenet_v2": (1280, 19, 1),
    "mobilenet_v3_small": (1024, 14, 1),
    "regnet_y_400mf": (440, 5, 1),
    "resnet18": (512, 5, 1),
    "resnext50_32x4d": (2048, 5, 1),
    "shufflenet_v2_x0_5": (1024, 5, 1),
    "squeezenet1_1": (512, 9, 21),
    "swin_t": (768, 5, 32),
    "swin_v2_t": (768, 5, 32),
    "vgg11": (4096, 6, 32),
    "vgg11_bn": (4096, 6, 32),
    "wide_resnet50_2": (2048, 5, 1),
}


def build(name: Any, size: int = 32, n_channels: int = 3, seed: int = 0) -> Backbone:
    """Return a backbone with random weights."""
    return build_backbone(
        name,
        weights=None,
        n_channels=n_channels,
        image_size=(size, size),
        generator=torch.Generator().manual_seed(seed),
        owner="Owner",
    )


def random_images(n: int, n_channels: int, size: int) -> torch.Tensor:
    """Return images of random pixels."""
    generator = torch.Generator().manual_seed(3)
    return torch.rand(n, n_channels, size, size, generator=generator)


def tiny() -> nn.Module:
    """Return a network of two normalised convolutions and a head."""
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
        nn.Sequential(nn.Conv2d(4, 6, 3, padding=1), nn.BatchNorm2d(6), nn.Dropout()),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10)),
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gives_features_down_to_its_smallest_image(name: str) -> None:
    """The head is gone, stages cover all parameters, one pixel less is refused."""
    n_features, n_stages, smallest = FAMILIES[name]
    backbone = build(name, smallest)
    with torch.inference_mode():
        features = backbone(torch.zeros(2, 3, smallest, smallest))
    assert features.shape == (2, n_features)
    assert backbone.n_features == n_features
    assert len(backbone.stages) == n_stages
    in_stages = sorted(name for stage in backbone.stages for name in stage)
    assert in_stages == sorted(name for name, _ in backbone.body.named_parameters())
    if smallest > 1:
        with pytest.raises(ValueError, match=f"at least {smallest} by {smallest} pix"):
            build(name, smallest - 1)


@pytest.mark.parametrize("name", ["resnet18", "swin_t", "vgg11", "densenet121"])
def test_a_stage_gives_the_mean_of_what_it_puts_out(name: str) -> None:
    """It equals a hook on the stage's last module, averaged over the image."""
    ends = {
        "resnet18": ("layer2", (2, 3)),
        "swin_t": ("features.3", (1, 2)),
        "vgg11": ("features.10", (2, 3)),
        "densenet121": ("features.transition2", (2, 3)),
    }
    backbone, seen = build(name), []
    path, space = ends[name]
    backbone.body.get_submodule(path).register_forward_hook(
        lambda _module, _inputs, output: seen.append(output.mean(space))
    )
    images = random_images(2, 3, 32)
    with torch.inference_mode():
        backbone(images)
        found = backbone.stage_features(images, 2)
    assert torch.equal(found, seen[0])


def test_class_token_stands_for_a_transformer() -> None:
    """A vision transformer takes squares of whole patches, and any number of them."""
    backbone = build("vit_b_16", 48)
    assert (backbone.n_features, len(backbone.stages)) == (768, 13)
    images = torch.zeros(1, 3, 48, 48)
    with torch.inference_mode():
        last = backbone.stage_features(images, -1)
        torch.testing.assert_close(last, backbone(images))
    with pytest.raises(
        ValueError, match="square images for vit_b_16, of a multiple of"
    ):
        build("vit_b_16", 50)


def test_maxvit_takes_multiples_of_its_windows() -> None:
    """Its partitions leave no other size."""
    with pytest.raises(ValueError, match=r"multiples of 224 pixels for maxvit_t"):
        build("maxvit_t", 64)


def test_stage_out_of_range_is_refused() -> None:
    """The sentence names the range."""
    with pytest.raises(ValueError, match=r"must be in the range \[-5, 4\]. Got 5"):
        build("resnet18").stage_features(torch.zeros(1, 3, 8, 8), 5)


def test_frozen_stages_are_left_alone() -> None:
    """A step with the last stage free moves no other parameter, and no statistic."""
    backbone = build(tiny).freeze_(1)
    attach_generator(backbone, torch.Generator())
    before = copy.deepcopy(backbone.state_dict())
    backbone.train()
    images = random_images(8, 3, 8)
    backbone(images).square().sum().backward()
    with torch.no_grad():
        for parameter in backbone.parameters():
            if parameter.grad is not None:
                parameter.sub_(parameter.grad)
    moved = {
        name
        for name, value in backbone.state_dict().items()
        if not torch.equal(value, before[name])
    }
    # A bias in front of a norm has no gradient but rounding.
    assert moved - {"body.1.0.bias"} == {
        "body.1.0.weight",
        "body.1.1.weight",
        "body.1.1.bias",
        "body.1.1.running_mean",
        "body.1.1.running_var",
        "body.1.1.num_batches_tracked",
    }


def test_everything_frozen_is_the_same_in_training() -> None:
    """With no stage to train, norms and dropout are as in prediction."""
    backbone = build(tiny).freeze_(0)
    images = random_images(4, 3, 8)
    still = backbone(images)
    assert torch.equal(backbone.train()(images), still)
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_norms_can_rest_while_their_stage_learns() -> None:
    """In small batches the statistics stay, and the weights are trained."""
    backbone = build(tiny).freeze_("all", norms=False).train()
    training = [m.training for m in backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert training == [False, False]
    assert all(parameter.requires_grad for parameter in backbone.parameters())


def test_patterns_choose_parameters() -> None:
    """Names with wild cards free what matches; one that matches nothing is a slip."""
    backbone = build(tiny).freeze_(["1.1.*"])
    free = [n for n, p in backbone.body.named_parameters() if p.requires_grad]
    assert free == ["1.1.weight", "1.1.bias"]
    with pytest.raises(ValueError, match=r"such as '0.0.weight'.*Got 'layer9.\*'"):
        backbone.freeze_(["layer9.*"])
    with pytest.raises(
        ValueError, match=r"must be at most 2, the stages of tiny. Got 3"
    ):
        backbone.freeze_(3)


def test_random_weights_follow_the_generator() -> None:
    """The same generator gives the same bits, and torch's own is not touched."""
    state = torch.random.get_rng_state()
    first, second, other = (build("resnet18", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = [
        backbone.body.get_parameter("conv1.weight")
        for backbone in (first, second, other)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_gray_weights_are_the_sum_of_colours() -> None:
    """An adapted network answers to gray as the first one to gray as three colours."""
    colour, gray = build("resnet18"), build("resnet18", n_channels=1)
    image = random_images(2, 1, 16)
    with torch.inference_mode():
        expected = colour(image.expand(-1, 3, -1, -1))
        torch.testing.assert_close(gray(image), expected, rtol=1e-4, atol=1e-5)


def test_more_channels_keep_the_scale() -> None:
    """Six channels of one image answer as its three: weights are halved."""
    colour, six = build("resnet18"), build("resnet18", n_channels=6)
    image = random_images(2, 3, 16)
    with torch.inference_mode():
        torch.testing.assert_close(
            six(torch.cat([image, image], dim=1)), colour(image), rtol=1e-4, atol=1e-5
        )


def test_backbone_survives_a_pickle() -> None:
    """Pickled and copied it gives the same features, frozen as before."""
    backbone = build(tiny).freeze_(1)
    images = random_images(2, 3, 8)
    for twin in (pickle.loads(pickle.dumps(backbone)), copy.deepcopy(backbone)):
        assert torch.equal(twin(images), backbone(images))
        assert [p.requires_grad for p in twin.parameters()] == [
            p.requires_grad for p in backbone.parameters()
        ]


def test_unknown_name_is_answered_by_close_ones() -> None:
    """A slip of the keyboard gets the name that was meant."""
    with pytest.raises(
        ValueError, match=r"Got 'resnet81' instead. Did you mean 'resne"
    ):
        build("resnet81")


@pytest.mark.parametrize(
    ("factory", "error", "sentence"),
    [
        (
            lambda: 3,
            TypeError,
            "must be a function that returns an nn.Module. Got a int",
        ),
        (lambda: nn.Sequential(nn.ReLU()), ValueError, "Got a Sequential without one"),
    ],
)
def test_function_must_make_a_network(factory: Any, error: Any, sentence: str) -> None:
    """What it returns has to be a network with a head."""
    with pytest.raises(error, match=sentence):
        build(factory)


def test_timm_is_asked_for_by_name(hide_module: Any) -> None:
    """Without timm the sentence says how to install it."""
    hide_module("timm")
    with pytest.raises(ImportError, match=r"needs timm for backbone=.timm/resnet10t."):
        build("timm/resnet10t")


def test_networks_of_timm_come_without_a_head() -> None:
    """Where timm is installed its names work, stages and all."""
    pytest.importorskip("timm")
    backbone = build("timm/resnet10t", 64)
    with torch.inference_mode():
        assert backbone(torch.zeros(1, 3, 64, 64)).shape == (1, backbone.n_features)
    assert len(backbone.freeze_(1).stages) > 3
    with pytest.raises(ValueError, match="must name a model of timm"):
        build("timm/resnet10000")


def test_features_are_those_in_front_of_the_head() -> None:
    """They equal what torchvision's network hands to its last layer."""
    import torchvision

    backbone = build("mobilenet_v3_small")
    with isolated_global_rng(0, torch.device("cpu")):
        whole = torchvision.models.mobilenet_v3_small(weights=None).eval()
    state = {
        name.removeprefix("body."): value
        for name, value in backbone.state_dict().items()
    }
    whole.load_state_dict(state, strict=False)
    seen: list[Any] = []
    whole.classifier[3].register_forward_pre_hook(
        lambda _module, inputs: seen.append(inputs[0])
    )
    images = random_images(2, 3, 32)
    with torch.inference_mode():
        whole(images)
        np.testing.assert_array_equal(backbone(images), seen[0])
