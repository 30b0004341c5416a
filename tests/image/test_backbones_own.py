"""Tests of networks of a user's own as backbones, and of what can be wrong with one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from torch import nn

from skdeep import (
    CNNClassifier,
    CNNRegressor,
    ImageAugmenter,
    ImageClassifier,
    ImageFeatureExtractor,
    ImageRegressor,
    OptunaSearchCV,
    VectorizedSearchCV,
)
from skdeep._seeding import isolated_global_rng
from skdeep.exceptions import WeightsError
from skdeep.inspection import grad_cam

QUICK: dict[str, Any] = {"head_epochs": 5, "max_epochs": 2, "random_state": 0}


class OfTimm(nn.Sequential):
    """A network with the configuration and the methods of one of timm."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, 10),
        )
        self.num_features = 6
        self.pretrained_cfg = {
            "mean": (0.5, 0.4, 0.3),
            "std": (0.1, 0.2, 0.3),
            "interpolation": "bicubic",
            "input_size": (3, 16, 16),
            "crop_pct": 0.9,
            "classifier": "3",
        }

    def reset_classifier(self, num_classes: int) -> None:
        """Take the head off."""
        assert num_classes == 0
        self[3] = nn.Identity()


def made(function: Any) -> Any:
    """Return what a function makes, without a trace in torch's generator."""
    with isolated_global_rng(0, torch.device("cpu")):
        return function()


@pytest.mark.parametrize("kind", [ImageClassifier, ImageRegressor])
def test_configuration_of_a_network_is_read(kind: Any, coloured: Any) -> None:
    """Its mean, deviation, interpolation and size are those of a name's."""
    X, _ = coloured
    net = kind(OfTimm, **QUICK).fit(X, np.arange(len(X)) % 2)
    found = net.preprocessing_
    assert found["mean"] == [0.5, 0.4, 0.3]
    assert found["std"] == [0.1, 0.2, 0.3]
    assert (found["size"], found["interpolation"]) == ((16, 16), "bicubic")
    # 16 / 0.9, rounded down as timm rounds it.
    assert found["margin"] == 17 / 16
    assert net.n_backbone_features_ == 6


def test_configuration_counts_in_features_and_with_a_file(
    coloured: Any, tmp_path: Path
) -> None:
    """An extractor reads it too, and weights from a file go with it."""
    X, _ = coloured
    network = made(OfTimm)
    path = tmp_path / "net.pth"
    torch.save(network.state_dict(), path)
    for backbone, weights in ((OfTimm, path), (network, "DEFAULT")):
        extractor = ImageFeatureExtractor(backbone, weights=weights).fit(X)
        assert extractor.preprocessing_["mean"] == [0.5, 0.4, 0.3]
    random = ImageFeatureExtractor(OfTimm, weights=None, image_size=12).fit(X)
    assert random.preprocessing_["mean"] != [0.5, 0.4, 0.3]


@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_module_is_taken_as_a_copy(
    trainable_layers: int, counted: Any, coloured: Any
) -> None:
    """With the weights that it has, which a fit does not touch."""
    X, y = coloured
    module = made(counted)
    before = copy.deepcopy(module.state_dict())
    net = ImageClassifier(module, trainable_layers=trainable_layers, **QUICK)
    said = net.fit(X, y).predict_proba(X)
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert net.backbone is module
    fitted: Any = net.module_
    first = fitted.backbone.body.first[0]
    assert torch.equal(first.weight, module.first[0].weight)
    np.testing.assert_array_equal(clone(net).fit(X, y).predict_proba(X), said)
    by_function = ImageClassifier(
        lambda: copy.deepcopy(module), trainable_layers=trainable_layers, **QUICK
    )
    np.testing.assert_array_equal(by_function.fit(X, y).predict_proba(X), said)


def test_module_gives_its_features(counted: Any, coloured: Any) -> None:
    """Those that its head is given."""
    X, _ = coloured
    module = made(counted).eval()
    extractor = ImageFeatureExtractor(module, feature_scaling=None)
    found = extractor.fit_transform(X)
    images = torch.from_numpy(X / 255).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        maps = module.second(module.first(images))
        expected = nn.functional.adaptive_max_pool2d(maps, 2).flatten(1)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "kind", [ImageClassifier, ImageRegressor, ImageFeatureExtractor]
)
def test_weights_of_another_network_are_a_weights_error(
    kind: Any, counted: Any, coloured: Any, tmp_path: Path
) -> None:
    """By that class, from fit, with the file and what is wrong."""
    X, _ = coloured
    path = tmp_path / "other.pth"
    torch.save({"first.weight": torch.ones(3)}, path)
    net = kind(counted, weights=path)
    with pytest.raises(WeightsError, match=r"other\.pth are not those of the Counting"):
        net.fit(X, np.arange(len(X)) % 2)
    assert not hasattr(net, "module_")


@pytest.mark.parametrize("kind", [ImageClassifier, ImageRegressor])
def test_lbfgs_finds_a_head_by_default(kind: Any, counted: Any, coloured: Any) -> None:
    """What a head does without need not be switched off."""
    X, _ = coloured
    y = np.arange(len(X)) % 2
    net = kind(counted, optimizer="lbfgs", head_epochs=20, random_state=0)
    explicit = clone(net).set_params(weight_decay=0.0, max_grad_norm=None)
    said = net.fit(X, y).predict(X)
    assert net.score(X, y) > 0.9
    np.testing.assert_array_equal(explicit.fit(X, y).predict(X), said)
    with pytest.raises(ValueError, match="no decoupled weight decay with optimizer='l"):
        net.set_params(weight_decay=0.5).fit(X, y)
    with pytest.raises(ValueError, match="layers at rates of their own"):
        clone(explicit).set_params(trainable_layers=1).fit(X, y)


def test_report_says_what_learns(counted: Any, coloured: Any, capsys: Any) -> None:
    """The head's epochs are counted by themselves, and called so."""
    X, y = coloured
    net = ImageClassifier(
        counted, trainable_layers=1, head_epochs=2, max_epochs=1, verbose=2
    )
    net.set_params(random_state=0).fit(X, y)
    lines = [line.partition("  ")[0] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "[ImageClassifier, head] epoch 1/2",
        "[ImageClassifier, head] epoch 2/2",
        "[ImageClassifier, head and last stages] epoch 1/1",
    ]
    net.set_params(trainable_layers="all").fit(X, y)
    assert "[ImageClassifier, all layers] epoch 1/1" in capsys.readouterr().out


@pytest.mark.parametrize("augmenter", [None, "light", "strong"])
@pytest.mark.parametrize(
    "kind", [CNNClassifier, CNNRegressor, ImageClassifier, ImageRegressor]
)
def test_strengths_of_a_named_augmenter_can_be_set(kind: Any, augmenter: Any) -> None:
    """A name becomes its strengths, and None becomes none of them."""
    net = kind(augmenter=augmenter).set_params(augmenter__rotation=45.0)
    expected = ImageAugmenter() if augmenter is None else None
    if expected is None:
        expected = getattr(ImageAugmenter, augmenter)()
    expected.set_params(rotation=45.0)
    assert net.augmenter.get_params() == expected.get_params()
    both = kind().set_params(augmenter=augmenter, augmenter__rotation=45.0)
    assert both.augmenter.get_params() == expected.get_params()
    with pytest.raises(ValueError, match="Invalid parameter 'rotate' for estimator"):
        kind(augmenter=augmenter).set_params(augmenter__rotate=1)


@pytest.mark.parametrize("augmenter", [None, "light"])
def test_searches_set_strengths(augmenter: Any, coloured: Any) -> None:
    """In every kind of search, also inside a Pipeline."""
    X, y = coloured
    net = CNNClassifier(2, augmenter=augmenter, max_epochs=1, random_state=0)
    grid = {"augmenter__rotation": [5.0, 10.0]}
    pipeline = Pipeline([("net", net)])
    searches = [
        GridSearchCV(net, grid, cv=2, error_score="raise"),
        GridSearchCV(
            pipeline, {"net__augmenter__rotation": [5.0]}, cv=2, error_score="raise"
        ),
        RandomizedSearchCV(net, grid, n_iter=1, cv=2, random_state=0),
        VectorizedSearchCV(net, grid, cv=2),
        OptunaSearchCV(
            net, {"augmenter__rotation": (5.0, 10.0)}, n_trials=1, cv=2, random_state=0
        ),
        OptunaSearchCV(
            pipeline,
            {"net__augmenter__rotation": (5.0, 10.0)},
            n_trials=1,
            cv=2,
            random_state=0,
        ),
    ]
    for search in searches:
        best = search.fit(X[:20], y[:20]).best_estimator_
        found = best[-1] if isinstance(best, Pipeline) else best
        assert 5.0 <= found.augmenter.rotation <= 10.0
        assert found.augmenter.hflip == (0.5 if augmenter == "light" else 0.0)
    wrong = OptunaSearchCV(net, {"augmenter__rotate": (5.0, 10.0)}, n_trials=1, cv=2)
    with pytest.raises(ValueError, match="names 'augmenter__rotate', which is no par"):
        wrong.fit(X, y)


@pytest.mark.parametrize(
    "name",
    [
        "mobilenetv3_small_050",
        "test_convnext",
        "test_vit",
        "test_efficientnet",
        "convit_tiny",
    ],
)
@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_families_of_timm_are_backbones(
    name: str, trainable_layers: int, coloured: Any
) -> None:
    """Convolutions, transformers and what is between them, frozen or not."""
    pytest.importorskip("timm")
    X, y = coloured
    net = ImageClassifier(
        f"timm/{name}",
        weights=None,
        image_size=32,
        trainable_layers=trainable_layers,
        head_epochs=1,
        max_epochs=1,
        random_state=0,
    ).fit(X[:8], y[:8])
    assert net.module_.head.layers[-1].in_features == net.n_backbone_features_
    assert np.isfinite(net.predict_proba(X[:8])).all()
    extractor = ImageFeatureExtractor(
        f"timm/{name}", weights=None, image_size=32, stage=-1, random_state=0
    )
    assert extractor.fit_transform(X[:2]).shape == (2, extractor.n_features_out_)


def families_of_timm() -> list[Any]:
    """Return the files of timm that define networks; none where it is missing."""
    try:
        import timm
    except ImportError:
        return []
    # These have no classes, and 412 million parameters at least.
    return [name for name in timm.list_modules() if name != "deepseek_vit"]


def smallest_of(family: str) -> str:
    """Return a network of a family with few parameters."""
    import timm

    def usual_size(name: str) -> int:
        config = timm.get_pretrained_cfg(name)
        return 224 if config is None else int(config.input_size[-1])

    def count(name: str) -> int:
        try:
            with torch.device("meta"):
                parameters = timm.create_model(name).parameters()
        # Networks that compute while they are built.
        except (NotImplementedError, RuntimeError):
            return 10**12
        return sum(parameter.numel() for parameter in parameters)

    small = (
        "test",
        "atto",
        "femto",
        "pico",
        "nano",
        "xxt",
        "xxs",
        "tiny",
        "mini",
        "_s",
    )
    names = timm.list_models(module=family)
    names.sort(key=lambda n: (usual_size(n), not any(w in n for w in small), len(n)))
    return str(min(names[:8], key=count))


@pytest.mark.slow
@pytest.mark.parametrize("family", families_of_timm())
def test_every_family_of_timm_is_a_backbone(family: str) -> None:
    """Its smallest network fits at 32, at 64, or at its own number of pixels."""
    timm = pytest.importorskip("timm")
    name = smallest_of(family)
    config = timm.get_pretrained_cfg(name)
    sizes = [32, 64, 224 if config is None else int(config.input_size[-1])]
    rng = np.random.default_rng(0)
    for size in sizes:
        X = rng.integers(0, 256, (4, size, size, 3), dtype=np.uint8)
        net = ImageClassifier(
            f"timm/{name}",
            weights=None,
            image_size=size,
            head_epochs=1,
            cache_features=False,
            random_state=0,
        )
        try:
            net.fit(X, [0, 1] * 2)
        except ValueError as error:
            told = f"cannot use timm/{name} on images of {size} by" in str(error)
            if size == sizes[-1] or not told:
                raise
            continue
        assert np.isfinite(net.predict_proba(X)).all()
        module: Any = net.module_
        backbone = module.backbone
        for stage in backbone.stages:
            assert any(backbone.body.get_parameter(n).ndim > 1 for n in stage)
        return


def test_branches_of_several_sizes_are_no_maps(coloured: Any) -> None:
    """A stage that puts out a list is passed over, or refused by a sentence."""
    pytest.importorskip("timm")
    X, y = coloured
    net = ImageClassifier(
        "timm/hrnet_w18_small", weights=None, image_size=64, head_epochs=1
    )
    net.set_params(random_state=0).fit(X[:4], y[:4])
    assert grad_cam(net, X[:2]).shape == (2, 64, 64)
    backbone: Any = net.module_.backbone
    lists = 0
    for stage in range(net.n_stages_):
        try:
            found = backbone.stage_features(torch.zeros(1, 3, 64, 64), stage)
            assert found.ndim == 2
        except ValueError as error:
            lists += "must put out one map" in str(error)
    assert lists >= 1
