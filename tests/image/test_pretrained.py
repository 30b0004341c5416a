"""Tests of a head that learns on a pretrained network, and of stages that follow."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV

from skdeep import ImageAugmenter, ImageClassifier
from skdeep.exceptions import WeightsError

QUICK: dict[str, Any] = {"head_epochs": 30, "max_epochs": 3, "random_state": 0}


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
    module: Any = net.module_
    backbone = module.backbone.body
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


def test_rare_class_is_watched_in_both_phases(coloured: Any, tmp_path: Path) -> None:
    """The head and the stages after it train on all of its rows, and see them."""
    import torchvision

    from skdeep._seeding import isolated_global_rng

    with isolated_global_rng(1, torch.device("cpu")):
        network = torchvision.models.shufflenet_v2_x0_5(weights=None)
    path = tmp_path / "net.pth"
    torch.save(network.state_dict(), path)
    X, y = coloured
    y = y.copy()
    y[[3, 40]] = "dark"
    seen: list[list[str]] = []

    def scorer(model: Any, X: Any, y: Any) -> float:
        seen.append(sorted(y))
        return float(model.score(X, y))

    net = ImageClassifier(
        "shufflenet_v2_x0_5",
        weights=path,
        image_size=32,
        trainable_layers=1,
        early_stopping=True,
        scoring=scorer,
        head_epochs=2,
        max_epochs=2,
        random_state=0,
    ).fit(X, y)
    assert (net.n_head_epochs_, net.n_iter_) == (2, 4)
    assert len(seen) == 4
    assert all(labels == seen[0] for labels in seen)
    assert seen[0].count("dark") == 2
    assert np.isfinite(net.history_["valid_loss"]).all()


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
