"""Tests of timm's networks: names, sizes, stages, and files that timm has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from skdeep._seeding import isolated_global_rng
from skdeep.exceptions import WeightsError
from skdeep.networks import Backbone, Weights, build_backbone, resolve_weights
from skdeep.networks._backbone_heads import find_head, remove_head_
from skdeep.networks._backbone_stages import backbone_stages
from skdeep.networks._timm import cached_file, check_reachable

timm = pytest.importorskip("timm")

# One small network of ten families, and the side of its images. The heads are named
# fc, classifier, head, head.fc and (head, head_dist); a norm goes with some of them.
SAVED = {
    "resnet10t": 32,
    "mobilenetv3_small_050": 32,
    "efficientnet_lite0": 32,
    "ghostnet_100": 32,
    "regnetx_002": 32,
    "convnext_atto": 32,
    "vit_tiny_patch16_224": 224,
    "deit_tiny_distilled_patch16_224": 224,
    "levit_128s": 224,
    "mobilevit_xxs": 64,
}
# Networks that both packages have, by torchvision's and by timm's name.
TWINS = {
    "resnet18": "resnet18",
    "resnet50": "resnet50",
    "resnext50_32x4d": "resnext50_32x4d",
    "wide_resnet50_2": "wide_resnet50_2",
    "densenet121": "densenet121",
    "vgg11": "vgg11",
    "vgg16_bn": "vgg16_bn",
    "efficientnet_b0": "efficientnet_b0",
    "efficientnet_v2_s": "tf_efficientnetv2_s",
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
    "mobilenet_v3_large": "tf_mobilenetv3_large_100",
    "mnasnet1_0": "mnasnet_100",
    "convnext_tiny": "convnext_tiny",
    "swin_t": "swin_tiny_patch4_window7_224",
    "vit_b_16": "vit_base_patch16_224",
    "regnet_y_400mf": "regnety_004",
    "inception_v3": "inception_v3",
}


def make(name: str, **arguments: Any) -> Any:
    """Return a network of timm with random weights, in evaluation mode."""
    with isolated_global_rng(3, torch.device("cpu")):
        network = timm.create_model(name, **arguments)
        # Statistics that are not those of every new network.
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
    return network.eval()


def build(name: Any, weights: Weights | None = None, size: int = 32) -> Backbone:
    """Return a backbone for images of one size."""
    return build_backbone(
        name,
        weights=weights,
        n_channels=3,
        image_size=(size, size),
        generator=torch.Generator().manual_seed(0),
        owner="Owner",
    )


def pictures(size: int) -> torch.Tensor:
    """Return two images of random pixels."""
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(5))


def stage_sizes(body: nn.Module) -> list[int]:
    """Return the number of weights in each stage."""
    return [
        sum(body.get_parameter(name).numel() for name in stage)
        for stage in backbone_stages(body)
    ]


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", SAVED)
def test_file_that_timm_saved_gives_its_features(
    name: str, suffix: str, tmp_path: Path
) -> None:
    """The head's names are those of timm's configuration, and are left out."""
    size = SAVED[name]
    network = make(name)
    path = tmp_path / f"net{suffix}"
    if suffix == ".pth":
        torch.save(network.state_dict(), path)
    else:
        safetensors.torch.save_file(network.state_dict(), path)
    weights = resolve_weights(f"timm/{name}", path, owner="Owner")
    backbone = build(f"timm/{name}", weights, size)
    images = pictures(size)
    with torch.inference_mode():
        maps = network.forward_features(images)
        expected = network.forward_head(maps, pre_logits=True)
        if isinstance(expected, tuple):
            expected = sum(expected) / len(expected)
        found = backbone(images)
    assert found.shape == (2, backbone.n_features)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_file_of_other_classes_gives_the_same_features(tmp_path: Path) -> None:
    """A head of five classes is as good as one of a thousand."""
    network = make("mobilenetv3_small_050", num_classes=5)
    path = tmp_path / "net.pth"
    torch.save({"state_dict": network.state_dict()}, path)
    weights = resolve_weights("timm/mobilenetv3_small_050", path, owner="Owner")
    images = pictures(32)
    with torch.inference_mode():
        expected = network.forward_head(network.forward_features(images), True)
        found = build("timm/mobilenetv3_small_050", weights)(images)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_positions_of_a_file_are_interpolated(tmp_path: Path) -> None:
    """A transformer saved at 64 pixels takes 96, as timm would have it."""
    network = make("vit_tiny_patch16_224", img_size=64)
    path = tmp_path / "vit.pth"
    torch.save(network.state_dict(), path)
    weights = resolve_weights("timm/vit_tiny_patch16_224", path, owner="Owner")
    body: Any = build("timm/vit_tiny_patch16_224", weights, 96).body
    assert body.pos_embed.shape == (1, 1 + 36, 192)
    torch.testing.assert_close(body.pos_embed[:, 0], network.pos_embed[:, 0])


@pytest.mark.parametrize("other", ["resnet14t", "mobilenetv3_small_050"])
def test_file_of_another_network_is_refused(other: str, tmp_path: Path) -> None:
    """At once, with what is missing or of another size."""
    path = tmp_path / "net.pth"
    torch.save(make(other).state_dict(), path)
    weights = resolve_weights("timm/resnet10t", path, owner="Owner")
    with pytest.raises(WeightsError, match="are not those of the ResNet that 'backb"):
        build("timm/resnet10t", weights)


@pytest.mark.parametrize(
    ("name", "n_features"),
    [
        ("mobilenetv3_small_050", 1024),
        ("ghostnet_100", 1280),
        ("lcnet_050", 1280),
        ("hgnetv2_b0", 2048),
        ("efficientvit_b0", 1280),
    ],
)
def test_features_are_counted_as_they_come_out(name: str, n_features: int) -> None:
    """Layers of a head that stay change the number that timm calls num_features."""
    backbone = build(f"timm/{name}")
    with torch.inference_mode():
        assert backbone(pictures(32)).shape == (2, n_features)
    assert backbone.n_features == n_features


@pytest.mark.parametrize("size", [96, (64, 96)])
def test_size_of_images_is_handed_on(size: Any) -> None:
    """A transformer of fixed size is built for the images that there are."""
    height, width = size if isinstance(size, tuple) else (size, size)
    backbone = build_backbone(
        "timm/vit_tiny_patch16_224",
        weights=None,
        n_channels=3,
        image_size=(height, width),
        generator=torch.Generator(),
        owner="Owner",
    )
    with torch.inference_mode():
        assert backbone(torch.zeros(1, 3, height, width)).shape == (1, 192)


def test_size_that_does_not_fit_is_refused() -> None:
    """The sentence names the network, the size, and one that it takes."""
    with pytest.raises(
        ValueError,
        match=r"Owner cannot use timm/vit_tiny_patch16_224 on images of 8 by 8 pix.*"
        r"Set image_size to a size that it takes, such as 224",
    ):
        build("timm/vit_tiny_patch16_224", None, 8)


@pytest.mark.parametrize("ours", TWINS)
def test_same_network_has_the_same_stages(ours: str) -> None:
    """Whether torchvision made it or timm: as many, with as many weights in each."""
    auxiliary = {"aux_logits": False, "init_weights": False}
    arguments = auxiliary if ours == "inception_v3" else {}
    with (
        isolated_global_rng(0, torch.device("cpu")),
        torch.device("cpu" if "regnet" in ours else "meta"),
    ):
        body = torchvision.models.get_model(ours, **arguments)
        twin = timm.create_model(TWINS[ours], num_classes=0)
    remove_head_(body, find_head(body))
    assert stage_sizes(twin) == stage_sizes(body)


@pytest.mark.parametrize(
    "name",
    ["efficientnet_lite0", "convnext_atto", "levit_128s", "mobilevit_xxs", "resnet10t"],
)
def test_last_stage_is_more_than_a_normalization(name: str) -> None:
    """What `trainable_layers=1` trains has a kernel or a matrix, as every stage."""
    with torch.device("meta"):
        body = timm.create_model(name, num_classes=0)
    stages = backbone_stages(body)
    for stage in stages:
        assert any(body.get_parameter(name).ndim > 1 for name in stage)
    in_stages = sorted(name for stage in stages for name in stage)
    assert in_stages == sorted(name for name, _ in body.named_parameters())


def test_maps_with_channels_last_are_averaged_over_space() -> None:
    """Swin's maps have their channels last, in timm as in torchvision."""
    backbone = build("timm/swin_tiny_patch4_window7_224")
    assert backbone.maps_channels_last
    with torch.inference_mode():
        assert backbone.stage_features(pictures(32), 1).shape == (2, 96)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("timm/resnet81", r"Got 'timm/resnet81'. Did you mean 'timm/resnet"),
        ("timm/ResNet18", r"Did you mean 'timm/resnet18'"),
        ("timm/mobilnetv3_small_050", r"Did you mean 'timm/mobilenetv3_small_050'"),
        ("timm/resnet18.a1_in1kk", r"Did you mean 'timm/resnet18.a1_in1k'"),
        ("timm/hf-hub:timm/resnet18", r"an address. Download its weights"),
        ("resnet10t", r"Did you mean 'timm/resnet10t'"),
        ("resnet_18", r"Did you mean 'resnet18'"),
    ],
)
def test_misspelt_name_gets_the_nearest(name: str, sentence: str) -> None:
    """In both packages, with the prefix that the parameter wants."""
    with pytest.raises(ValueError, match=sentence):
        build(name)
    with pytest.raises(ValueError, match=sentence):
        resolve_weights(name, "DEFAULT", owner="Owner")


def test_missing_server_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No dozen tries: one question, and a sentence with what can be done."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("skdeep.networks._timm.cached_file", lambda config: None)
    with pytest.raises(WeightsError, match=r"http://127.0.0.1:9 cannot be reached.*Pa"):
        resolve_weights("timm/resnet10t", "DEFAULT", owner="Owner")


def test_architecture_without_weights_is_told_at_once() -> None:
    """timm knows networks that nobody has published weights of."""
    bare = next(
        name
        for name in timm.list_models()
        if not timm.get_pretrained_cfg(name).has_weights
    )
    with pytest.raises(WeightsError, match="timm publishes none under this name"):
        check_reachable(timm.get_pretrained_cfg(bare), f"timm/{bare}", "Owner")


def test_cached_weights_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the hub's cache holds is loaded without asking any server."""
    network = make("resnet10t")
    file = tmp_path / "model.safetensors"
    safetensors.torch.save_file(network.state_dict(), file)
    monkeypatch.setattr(
        "huggingface_hub.try_to_load_from_cache", lambda *_, **__: str(file)
    )
    assert cached_file(timm.get_pretrained_cfg("resnet10t")) == file
    weights = resolve_weights("timm/resnet10t", "DEFAULT", owner="Owner")
    backbone = build("timm/resnet10t", weights)
    loaded: Any = backbone.body
    assert torch.equal(loaded.layer4[0].conv1.weight, network.layer4[0].conv1.weight)


def test_function_that_makes_a_network_of_timm_loses_its_head() -> None:
    """Whether it comes with a head or without one."""
    images = pictures(32)
    for n_classes in (0, 7):
        network = make("mobilenetv3_small_050", num_classes=n_classes)
        backbone = build(lambda network=network: network)
        with torch.inference_mode():
            maps = network.forward_features(images)
            expected = network.forward_head(maps, pre_logits=True)
            assert torch.equal(backbone(images), expected)
        assert backbone.n_features == 1024
