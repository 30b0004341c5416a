"""Tests of what pretrained estimators take, and of how they predict."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import nn

from skdeep import ImageClassifier, ImageRegressor

QUICK: dict[str, Any] = {"head_epochs": 30, "max_epochs": 3, "random_state": 0}


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


class Dropping(nn.Module):
    """A network that drops channels by torch's own generator."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Dropout2d(0.5))
        self.head = nn.Linear(8 * 4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        maps = nn.functional.adaptive_avg_pool2d(self.body(x), 2)
        logits: torch.Tensor = self.head(maps.flatten(1))
        return logits


def test_backbone_that_draws_is_reproducible(coloured: Any) -> None:
    """It is lent torch's generator, wherever that stands, and leaves it there."""
    X, y = coloured
    net = ImageClassifier(
        Dropping, weights=None, trainable_layers="all", max_epochs=2, random_state=0
    )
    said = net.fit(X, y).predict_proba(X)
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(5)
        np.testing.assert_array_equal(clone(net).fit(X, y).predict_proba(X), said)
    other = clone(net).set_params(random_state=1).fit(X, y).predict_proba(X)
    assert np.abs(other - said).max() > 1e-3


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
