"""Tests of a head that learns on a pretrained network, and of stages that follow."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from torch import nn

from skdeep import ImageAugmenter, ImageClassifier, ImageRegressor
from skdeep.exceptions import WeightsError

QUICK: dict[str, Any] = {"head_epochs": 30, "max_epochs": 3, "random_state": 0}


class Counting(nn.Module):
    """A tiny network that counts the images it sees, copies and all."""

    seen = 0

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))
        self.second = nn.Sequential(nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8))
        self.head = nn.Linear(8 * 4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits, and count."""
        type(self).seen += len(x)
        maps = self.second(self.first(x))
        logits: torch.Tensor = self.head(
            nn.functional.adaptive_max_pool2d(maps, 2).flatten(1)
        )
        return logits


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counting]:
    """Return the counting network, with nothing counted."""
    monkeypatch.setattr(Counting, "seen", 0)
    return Counting


@pytest.fixture
def coloured(seed: int) -> Any:
    """Return 80 images with a bright half, above or below, and labels for it."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 120, (80, 12, 12, 3), dtype=np.uint8)
    above = np.arange(80) % 2 == 0
    X[above, :6] += 100
    X[~above, 6:] += 100
    return X, np.where(above, "above", "below")


def test_each_image_goes_through_the_backbone_once(counted: Any, coloured: Any) -> None:
    """Five folds, four candidates, refit and predictions: eighty images, no more."""
    X, y = coloured
    net = ImageClassifier(counted, head_epochs=3, random_state=0)
    search = GridSearchCV(net, {"head_learning_rate": [1e-3, 3e-3, 1e-2, 3e-2]}, cv=5)
    search.fit(X, y)
    assert counted.seen == len(X)
    search.predict(X)
    search.predict_proba(X[3:5])
    assert counted.seen == len(X)


def test_folder_serves_the_next_process(
    counted: Any, coloured: Any, tmp_path: Path
) -> None:
    """What a folder has is found by estimators that never saw it filled."""
    X, y = coloured
    net = ImageClassifier(counted, cache_features=tmp_path / "features", **QUICK)
    said = net.fit(X, y).predict_proba(X)
    assert counted.seen == len(X)
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(twin.predict_proba(X), said)
    assert counted.seen == len(X)
    assert len([*(tmp_path / "features").iterdir()]) >= 1


def test_without_a_cache_a_fit_asks_once(counted: Any, coloured: Any) -> None:
    """A fit needs each image once all the same, and a prediction again."""
    X, y = coloured
    net = ImageClassifier(counted, cache_features=False, **QUICK).fit(X, y)
    assert counted.seen == len(X)
    net.predict(X)
    assert counted.seen == 2 * len(X)


def test_frozen_backbone_stays_as_it_came(counted: Any, coloured: Any) -> None:
    """The head learns, and nothing else moves."""
    X, y = coloured
    net = ImageClassifier(counted, **QUICK).fit(X, y)
    other = ImageClassifier(counted, **{**QUICK, "head_epochs": 1}).fit(X, y)
    assert net.score(X, y) > 0.95
    assert (net.n_iter_, net.n_head_epochs_, other.n_iter_) == (30, 30, 1)
    states = [n.module_.backbone.state_dict() for n in (net, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_trained_stages_move_and_frozen_ones_do_not(
    counted: Any, coloured: Any
) -> None:
    """After the head's epochs come those of the last stage."""
    X, y = coloured
    frozen = ImageClassifier(counted, **QUICK).fit(X, y)
    net = ImageClassifier(counted, trainable_layers=1, **QUICK).fit(X, y)
    assert (net.n_head_epochs_, net.n_iter_, len(net.loss_curve_)) == (30, 33, 33)
    np.testing.assert_allclose(
        net.loss_curve_[:30], frozen.loss_curve_, rtol=1e-4, atol=1e-6
    )
    before, after = (n.module_.backbone.body.state_dict() for n in (frozen, net))
    same = {name: torch.equal(before[name], after[name]) for name in before}
    assert all(same[name] for name in same if name.startswith("first"))
    assert not same["second.1.weight"]
    assert same["second.2.running_mean"]
    assert net.score(X, y) > 0.95


def test_fine_tuning_goes_on_from_where_the_head_got(
    counted: Any, coloured: Any
) -> None:
    """Statistics of normalizations stay: the head sees what it has learnt on."""
    X, y = coloured
    net = ImageClassifier(counted, trainable_layers="all", batch_size=16, **QUICK)
    net.fit(X, y)
    backbone = net.module_.backbone.body
    assert int(backbone.first[1].num_batches_tracked) == 0
    assert not torch.equal(backbone.first[1].weight, torch.ones(8))
    assert net.loss_curve_[30] < 2 * net.loss_curve_[29] + 0.01


def test_random_normalizations_learn_their_statistics(
    counted: Any, coloured: Any
) -> None:
    """Where all starts at random there are none to keep, in small batches too."""
    X, y = coloured
    net = ImageClassifier(
        counted, weights=None, trainable_layers="all", batch_size=8, **QUICK
    )
    backbone = net.fit(X, y).module_.backbone.body
    assert int(backbone.first[1].num_batches_tracked) == 30


def test_rates_fall_towards_the_input(counted: Any, coloured: Any) -> None:
    """The last stage learns at `backbone_lr_mult`, each before it more slowly."""
    X, y = coloured
    rates: dict[str, set[float]] = {}

    def keep(net: Any, **_: Any) -> None:
        for group in net.optimizer_.param_groups:
            rates.setdefault("seen", set()).add(round(group["lr"], 12))

    from skorch.callbacks import Callback

    class Keep(Callback):
        on_epoch_begin = staticmethod(keep)

    net = ImageClassifier(
        counted,
        trainable_layers=2,
        learning_rate=0.01,
        backbone_lr_mult=0.5,
        layer_decay=0.1,
        lr_schedule=None,
        head_epochs=1,
        max_epochs=1,
        callbacks=[Keep()],
        random_state=0,
    )
    net.fit(X, y)
    assert rates["seen"] == {0.01, 0.005, 0.0005}


def test_random_weights_are_trained_as_a_whole(coloured: Any) -> None:
    """Without weights there is nothing to be careful with, and no head's turn."""
    X, y = coloured
    net = ImageClassifier(
        "shufflenet_v2_x0_5",
        weights=None,
        trainable_layers="all",
        max_epochs=2,
        random_state=0,
    ).fit(X, y)
    assert (net.n_head_epochs_, net.n_iter_, net.weights_) == (0, 2, None)
    assert float(net.module_.scale.mean.abs().max()) == 0.0


def test_weights_of_a_file_bring_their_preprocessing(
    coloured: Any, tmp_path: Path
) -> None:
    """A path is loaded, told by its digest, and pixels are put to its scale."""
    import torchvision

    from skdeep._seeding import isolated_global_rng

    with isolated_global_rng(1, torch.device("cpu")):
        network = torchvision.models.shufflenet_v2_x0_5(weights=None, num_classes=5)
    path = tmp_path / "net.pth"
    torch.save(network.state_dict(), path)
    X, y = coloured
    net = ImageClassifier(
        "shufflenet_v2_x0_5", weights=path, image_size=32, head_epochs=3, random_state=0
    ).fit(X, y)
    assert net.weights_ == str(path)
    assert len(net.weights_sha256_) == 64
    assert net.weights_license_ is None
    assert net.preprocessing_["mean"] == [0.485, 0.456, 0.406]
    assert net.preprocessing_["size"] == (32, 32)
    assert net.n_backbone_features_ == 1024
    loaded = net.module_.backbone.body.conv1[0].weight
    assert torch.equal(loaded, network.conv1[0].weight)


def test_missing_weights_leave_the_estimator_as_it_was(
    coloured: Any, tmp_path: Path, counted: Any
) -> None:
    """A fit that fails for want of a file loses nothing."""
    X, y = coloured
    net = ImageClassifier(counted, **QUICK).fit(X, y)
    said = net.predict_proba(X)
    with pytest.raises(WeightsError, match="There is no weights file"):
        net.set_params(weights=tmp_path / "none.pth").fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), said)


@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_only_training_images_are_augmented(
    trainable_layers: int, counted: Any, coloured: Any, monkeypatch: Any
) -> None:
    """Neither images held out nor those predicted are made harder."""
    X, y = coloured
    n_harder = 0
    augment = ImageAugmenter.augment

    def count(self: Any, images: Any, generator: Any) -> Any:
        nonlocal n_harder
        n_harder += len(images)
        return augment(self, images, generator)

    monkeypatch.setattr(ImageAugmenter, "augment", count)
    net = ImageClassifier(
        counted,
        augmenter=ImageAugmenter(rotation=5),
        n_views=2,
        trainable_layers=trainable_layers,
        early_stopping=True,
        validation_fraction=0.25,
        **QUICK,
    )
    net.fit(X, y)
    # 60 images learn: two views of each, or each anew in three epochs.
    assert n_harder == (3 * 60 if trainable_layers else 2 * 60)
    net.predict(X)
    assert n_harder == (3 * 60 if trainable_layers else 2 * 60)
    assert net.validation_loss_curve_ is not None


def test_views_are_averaged(counted: Any, coloured: Any) -> None:
    """With the mirror image as a second view, left and right do not matter."""
    X, y = coloured
    net = ImageClassifier(counted, tta=1, **QUICK).fit(X, y)
    mirrored = np.ascontiguousarray(X[:, :, ::-1])
    np.testing.assert_allclose(
        net.predict_proba(mirrored), net.predict_proba(X), rtol=1e-4, atol=1e-6
    )
    logits = []
    for images in (X, mirrored):
        single = copy.copy(net).set_params(tta=0)
        logits.append(np.log(single.predict_proba(images)))
    mean = np.exp(np.mean(logits, axis=0))
    np.testing.assert_allclose(
        net.predict_proba(X), mean / mean.sum(axis=1, keepdims=True), rtol=1e-3
    )


def test_trained_network_takes_views_too(counted: Any, coloured: Any) -> None:
    """Where the backbone was trained the views go through all of it."""
    X, y = coloured
    net = ImageClassifier(counted, tta=9, trainable_layers=1, **QUICK).fit(X, y)
    assert net.score(X, y) > 0.9
    assert net.predict_proba(X[:3]).shape == (3, 2)


def test_gray_images_are_seen_as_colours(counted: Any, coloured: Any) -> None:
    """One channel is repeated: the same as three equal ones."""
    X, y = coloured
    gray, net = X[..., 0], ImageClassifier(counted, **QUICK)
    said = net.fit(gray, y).predict_proba(gray)
    as_colours = np.repeat(gray[..., np.newaxis], 3, axis=3)
    np.testing.assert_array_equal(
        net.fit(as_colours, y).predict_proba(as_colours), said
    )


@pytest.mark.parametrize("n_channels", [1, 4])
def test_first_convolution_is_adapted(
    n_channels: int, counted: Any, coloured: Any
) -> None:
    """Other numbers of channels are learnt from as well."""
    X, y = coloured
    X = np.concatenate([X, X[..., :1]], axis=3)[..., :n_channels]
    net = ImageClassifier(counted, channel_mode="adapt", **QUICK).fit(X, y)
    assert net.module_.backbone.body.first[0].in_channels == n_channels
    assert net.score(X, y) > 0.9


@pytest.mark.parametrize("channels_last", [True, False])
def test_layout_in_memory_changes_nothing(
    channels_last: bool, counted: Any, coloured: Any
) -> None:
    """It is about speed alone."""
    X, y = coloured
    params = {**QUICK, "cache_features": False, "trainable_layers": 1}
    expected = ImageClassifier(counted, **params).fit(X, y).predict_proba(X)
    net = ImageClassifier(counted, channels_last=channels_last, **params).fit(X, y)
    np.testing.assert_allclose(net.predict_proba(X), expected, rtol=1e-2, atol=1e-3)


def test_training_goes_on(counted: Any, coloured: Any) -> None:
    """A warm start keeps the head, and calls of partial_fit add epochs."""
    X, y = coloured
    net = ImageClassifier(counted, warm_start=True, **{**QUICK, "head_epochs": 2})
    first = net.fit(X, y).loss_
    assert net.fit(X, y).loss_ < first
    pieces = ImageClassifier(counted, random_state=0)
    for _ in range(4):
        pieces.partial_fit(X, y, classes=["above", "below"])
    assert pieces.n_iter_ == 4
    assert pieces.loss_curve_ == sorted(pieces.loss_curve_, reverse=True)
    trained = ImageClassifier(counted, trainable_layers=1, random_state=0)
    for _ in range(2):
        trained.partial_fit(X, y, classes=["above", "below"])
    assert trained.score(X, y) > 0.5
    with pytest.raises(ValueError, match="can only go on training the same network"):
        net.set_params(trainable_layers=1).fit(X, y)


def test_head_can_be_deep_and_features_mixed(counted: Any, coloured: Any) -> None:
    """Hidden layers, dropout and mixup are of the head where all else is frozen."""
    X, y = coloured
    net = ImageClassifier(
        counted, hidden_layer_sizes=(16,), dropout=0.2, mixup=0.2, **QUICK
    ).fit(X, y)
    assert net.score(X, y) > 0.9


def test_lbfgs_finds_the_head(counted: Any, coloured: Any) -> None:
    """All features at once, a line search: the way of logistic regression."""
    X, y = coloured
    net = ImageClassifier(
        counted, optimizer="lbfgs", weight_decay=0, l2=1e-3, max_grad_norm=None, **QUICK
    )
    assert net.fit(X, y).score(X, y) == 1.0


def test_numbers_are_learnt_as_well(counted: Any, coloured: Any) -> None:
    """A regressor standardises its target inside, frozen or not."""
    X, _ = coloured
    y = 100.0 + X[:, :6].mean(axis=(1, 2, 3))
    for trainable_layers in (0, 1):
        net = ImageRegressor(
            counted, trainable_layers=trainable_layers, **{**QUICK, "max_epochs": 20}
        )
        assert net.fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"cutmix": 1.0}, "pastes pixels, which a frozen backbone never sees"),
        ({"trainable_layers": 9}, "must be at most 2, the stages of Counting. Got 9"),
        ({"trainable_layers": -1}, "an int of at least 0, 'all', or a list of str"),
        ({"trainable_layers": ["no*"]}, "Got 'no\\*', which matches none"),
        (
            {"trainable_layers": 1, "optimizer": "lbfgs"},
            "layers at rates of their own, which optimizer='lbfgs' does not have",
        ),
        ({"weights": 3.5}, "The 'weights' parameter of ImageClassifier must be a str"),
        ({"backbone": "resnet81"}, "Did you mean 'resnet18'"),
        ({"tta": 10}, r"'tta' parameter .* must be an int in the range \[0, 9\]"),
        ({"backbone": "vgg11", "weights": None}, "at least 32 by 32 pixels for vgg11"),
    ],
)
def test_wrong_parameters_are_refused(
    params: Any, sentence: str, counted: Any, coloured: Any
) -> None:
    """Each sentence names the parameter, the rule, and what was got."""
    X, y = coloured
    net = ImageClassifier(**{"backbone": counted, **QUICK, **params})
    if "optimizer" in params:
        net.set_params(weight_decay=0, max_grad_norm=None)
    with pytest.raises(ValueError, match=sentence):
        net.fit(X, y)
    assert not hasattr(net, "module_")


def test_files_of_all_sizes_are_brought_to_one(tmp_path: Path, counted: Any) -> None:
    """Photographs differ; `image_size` decides, and only a batch is in memory."""
    from PIL import Image

    rng = np.random.default_rng(0)
    paths, y = [], []
    for i in range(24):
        side = 16 + i
        pixels = rng.integers(0, 120, (side, 40 - i, 3), dtype=np.uint8)
        pixels[: side // 2] += np.uint8(120 * (i % 2))
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(pixels).save(paths[-1])
        y.append(i % 2)
    net = ImageClassifier(counted, image_size=12, resize_mode="stretch", **QUICK)
    assert net.fit(paths, y).score(paths, y) > 0.9
