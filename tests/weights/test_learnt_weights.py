"""Tests on real weights of ImageNet: run by ``tox -e weights``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdeep import ImageClassifier, ImageFeatureExtractor, load, save, to_onnx
from skdeep._seeding import isolated_global_rng

pytestmark = pytest.mark.weights

# Numbers of ImageNet's classes that are right.
RIGHT = {
    "temple": {698},  # palace
    "cat": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "coffee": {967},  # espresso
    "tripod": {872},
    "moped": {665, 670},  # or motor scooter
}
QUICK: dict[str, Any] = {"head_epochs": 30, "max_epochs": 2, "random_state": 0}


def probabilities(learnt: Any, features: Any) -> torch.Tensor:
    """Return what the network's own head makes of features."""
    logits = torch.nn.functional.linear(torch.as_tensor(features), **learnt.head)
    return logits.softmax(1)


@pytest.mark.parametrize("form", ["paths", "pictures", "arrays", "bytes"])
def test_photographs_are_recognised(
    form: str, learnt: Any, photographs: dict[str, Path]
) -> None:
    """Features go with the head that they were learnt with, whatever the form."""
    paths = [str(path) for path in photographs.values()]
    pictures = [Image.open(path).convert("RGB") for path in paths]
    forms: dict[str, list[Any]] = {
        "paths": paths,
        "pictures": pictures,
        "arrays": [np.asarray(picture) for picture in pictures],
        "bytes": [Path(path).read_bytes() for path in paths],
    }
    X = forms[form]
    extractor = ImageFeatureExtractor(learnt.backbone, weights=learnt.weights)
    found = probabilities(learnt, extractor.fit_transform(X)).argmax(1).tolist()
    for name, number in zip(photographs, found, strict=True):
        assert number in RIGHT[name], name


def test_features_equal_those_of_torchvision(
    mobilenet: Any, views: tuple[np.ndarray, np.ndarray]
) -> None:
    """With its own network and its own preprocessing."""
    import torchvision

    with torch.device("meta"):
        network = torchvision.models.mobilenet_v2()
    state = torch.load(mobilenet.weights, weights_only=True)
    network.load_state_dict(state, assign=True)
    prepare = torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
    # Numbers, since bytes are rounded when they are resized, one way or another.
    X = (views[0][::6] / 255).astype(np.float32)
    images = torch.from_numpy(X).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = network.eval()(prepare(images)).softmax(1)
    extractor = ImageFeatureExtractor("mobilenet_v2", weights=mobilenet.weights)
    found = probabilities(mobilenet, extractor.fit_transform(X))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_features_equal_those_of_timm(
    lite0: Any, views: tuple[np.ndarray, np.ndarray]
) -> None:
    """On images that are brought to its size and scale already."""
    timm = pytest.importorskip("timm")
    with isolated_global_rng(0, torch.device("cpu")):
        network = timm.create_model("tf_efficientnet_lite0")
    network.load_state_dict(torch.load(lite0.weights, weights_only=True))
    extractor = ImageFeatureExtractor(
        lite0.backbone, weights=lite0.weights, resize_mode="stretch"
    )
    found = extractor.fit_transform(views[0][::6])
    images = torch.from_numpy(views[0][::6]).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        maps = network.eval().forward_features((images - 0.5) / 0.5)
        expected = network.forward_head(maps, pre_logits=True)
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-3, atol=1e-4)
    assert extractor.preprocessing_["mean"] == [0.5, 0.5, 0.5]
    assert extractor.preprocessing_["margin"] == 256 / 224


def test_few_images_are_enough(
    learnt: Any, views: tuple[np.ndarray, np.ndarray]
) -> None:
    """A head on learnt features tells three things apart by four pieces of each."""
    X, y = views
    net = ImageClassifier(learnt.backbone, weights=learnt.weights, **QUICK)
    net.fit(X[::3], y[::3])
    rest = np.arange(len(X)) % 3 > 0
    assert net.score(X[rest], y[rest]) > 0.95
    digest = hashlib.sha256(Path(learnt.weights).read_bytes()).hexdigest()
    assert net.weights_sha256_ == digest
    assert net.n_stages_ == learnt.n_stages


def test_features_suit_other_estimators(
    learnt: Any, views: tuple[np.ndarray, np.ndarray]
) -> None:
    """An early stage knows less than the last, and all know something."""
    X, y = views
    rest = np.arange(len(X)) % 3 > 0
    for stage in (None, -1, 2):
        extractor = ImageFeatureExtractor(
            learnt.backbone, weights=learnt.weights, stage=stage
        )
        model = make_pipeline(extractor, LogisticRegression(max_iter=1000))
        assert model.fit(X[::3], y[::3]).score(X[rest], y[rest]) > 0.9


def test_last_stage_learns_and_no_other(
    learnt: Any, views: tuple[np.ndarray, np.ndarray]
) -> None:
    """It has a convolution, and frozen stages keep their learnt numbers."""
    X, y = views
    net = ImageClassifier(
        learnt.backbone, weights=learnt.weights, trainable_layers=1, **QUICK
    )
    frozen = ImageClassifier(learnt.backbone, weights=learnt.weights, **QUICK)
    net.fit(X[::3], y[::3])
    frozen.fit(X[::3], y[::3])
    backbones: list[Any] = [n.module_.backbone for n in (frozen, net)]
    bodies = [backbone.body.state_dict() for backbone in backbones]
    moved = {n for n in bodies[0] if not torch.equal(bodies[0][n], bodies[1][n])}
    last = set(backbones[1].stages[-1])
    assert moved <= last
    assert any(bodies[0][name].ndim == 4 for name in moved)
    rest = np.arange(len(X)) % 3 > 0
    assert net.score(X[rest], y[rest]) > 0.95


@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_saved_network_answers_alike(
    trainable_layers: int,
    learnt: Any,
    views: tuple[np.ndarray, np.ndarray],
    tmp_path: Path,
) -> None:
    """From a file without pickle, which needs the weights' file no more."""
    X, y = views
    net = ImageClassifier(
        learnt.backbone,
        weights=learnt.weights,
        trainable_layers=trainable_layers,
        **QUICK,
    )
    said = net.fit(X[::3], y[::3]).predict_proba(X)
    save(net, tmp_path / "net.skdeep")
    twin = load(tmp_path / "net.skdeep")
    np.testing.assert_allclose(twin.predict_proba(X), said, rtol=1e-5, atol=1e-7)
    assert twin.weights_sha256_ == net.weights_sha256_


def test_saved_features_are_the_same(
    learnt: Any, views: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    """An extractor is rebuilt from its file."""
    extractor = ImageFeatureExtractor(
        learnt.backbone, weights=learnt.weights, cache_features=False
    )
    found = extractor.fit_transform(views[0][:3])
    save(extractor, tmp_path / "features.skdeep")
    twin = load(tmp_path / "features.skdeep")
    np.testing.assert_allclose(
        twin.transform(views[0][:3]), found, rtol=1e-5, atol=1e-6
    )


def test_network_is_exported(learnt: Any, views: tuple[np.ndarray, np.ndarray]) -> None:
    """At the default tolerance, by which the graph's own answers are compared."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    X, y = views
    net = ImageClassifier(learnt.backbone, weights=learnt.weights, **QUICK)
    net.fit(X[::3], y[::3])
    model = to_onnx(net, X[:3])
    assert model.graph.output
