"""Fits on a GPU: the same bits again, in any precision. Run by ``tox -e gpu``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, train_test_split
from torch import nn

import skdeep
from tests.placed import (
    PLACED,
    Cut,
    CuttingCheckpoint,
    answers,
    assert_same_weights,
    fit,
    make,
    on_gpu,
    those_that,
)

pytestmark = pytest.mark.gpu

PLACES = [name for name in PLACED if hasattr(make(name), "to")]
TRAINED = those_that(lambda placed: placed.resumes)


@pytest.mark.parametrize("name", TRAINED)
def test_fit_with_the_same_seed_is_the_same(name: str) -> None:
    """To the bit, as on a CPU."""
    assert_same_weights(on_gpu(name), on_gpu(name))


@pytest.mark.parametrize(
    "backbone", ["resnet18", "mobilenet_v2", "efficientnet_b0", "vit_b_16"]
)
def test_backbone_trains_to_the_same_bits(backbone: str) -> None:
    """In bfloat16, with its channels last, cuDNN adds up in one order, too."""
    X = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3), dtype=np.uint8)
    y = np.arange(24) % 3
    model = skdeep.ImageClassifier(
        backbone,
        weights=None,
        image_size=224 if backbone.startswith("vit") else 64,
        trainable_layers="all",
        augmenter="light",
        batch_size=12,
        max_epochs=2,
        precision="bfloat16",
        device="cuda",
        random_state=0,
    )
    assert_same_weights(clone(model).fit(X, y), clone(model).fit(X, y))


@pytest.mark.parametrize(
    "others",
    [
        {"pooling": "max", "n_features": 50, "char_ngram_range": (2, 3)},
        {"pooling": "mean", "min_df": 1},
        {"conv_channels": 8, "kernel_sizes": (2, 3)},
    ],
    ids=str,
)
def test_text_trains_to_the_same_bits(others: dict[str, Any]) -> None:
    """Gradients of n-grams that many texts share are added up in one order."""
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(60)])
    texts = [" ".join(rng.choice(words, 30)) for _ in range(300)]
    y = np.arange(300) % 2
    model = skdeep.TextClassifier(
        max_epochs=3, batch_size=64, device="cuda", random_state=0, **others
    )
    assert_same_weights(clone(model).fit(texts, y), clone(model).fit(texts, y))


def test_convolutions_train_to_the_same_bits() -> None:
    """With batches large enough for cuDNN to choose among algorithms."""
    X = np.random.default_rng(0).integers(0, 256, (512, 32, 32, 3), dtype=np.uint8)
    y = np.arange(512) % 5
    model = skdeep.CNNClassifier(
        normalization="batch",
        max_epochs=3,
        batch_size=128,
        device="cuda",
        random_state=0,
    )
    assert_same_weights(clone(model).fit(X, y), clone(model).fit(X, y))
    assert not torch.backends.cudnn.deterministic


@pytest.mark.parametrize("batch_size", [16, 60])
def test_divergence_is_told_as_on_the_cpu(batch_size: int) -> None:
    """The same sentence with the same place, though losses are read in groups."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int)
    said = []
    for device in ("cpu", "cuda"):
        model = skdeep.MLPClassifier(
            learning_rate=1e10, batch_size=batch_size, device=device, random_state=0
        )
        with pytest.raises(skdeep.exceptions.DivergenceError) as caught:
            model.fit(X, y)
        said.append((caught.value.epoch, caught.value.batch))
    assert said[0] == said[1]


@pytest.mark.parametrize("name", PLACES)
def test_fit_leaves_the_generator_of_the_gpu(name: str) -> None:
    """Nothing is drawn from the generator that belongs to everybody."""
    torch.cuda.init()
    before = torch.cuda.get_rng_state()
    estimator = on_gpu(name)
    answers(estimator, PLACED[name].X)
    assert estimator.device_ == "cuda:0"
    assert torch.equal(torch.cuda.get_rng_state(), before)


@pytest.mark.parametrize("name", TRAINED)
def test_fit_resumes_to_the_same_bits(name: str, tmp_path: Any) -> None:
    """A checkpoint holds the generators of the GPU, too."""
    whole, path = on_gpu(name), tmp_path / "checkpoint"
    with pytest.raises(Cut):
        fit(make(name, device="cuda"), name, checkpoint=CuttingCheckpoint(path, 2))
    again = skdeep.Checkpoint(path, resume=True)
    resumed = fit(make(name, device="cuda"), name, checkpoint=again)
    assert_same_weights(resumed, whole)


@pytest.mark.parametrize("name", TRAINED)
def test_partial_fit_goes_on(name: str, tmp_path: Any) -> None:
    """From memory as from a file, on the GPU and on the CPU."""
    placed = PLACED[name]
    estimator = make(name, early_stopping=False, device="cuda")
    first = {"classes": np.unique(placed.y)} if "Classifier" in name else {}
    estimator.partial_fit(placed.X, placed.y, **first)
    skdeep.save(estimator, tmp_path / "file")
    back = skdeep.load(tmp_path / "file").partial_fit(placed.X, placed.y)
    estimator.partial_fit(placed.X, placed.y)
    assert_same_weights(back, estimator)
    there = skdeep.load(tmp_path / "file", device="cpu").set_params(device="cpu")
    there.partial_fit(placed.X, placed.y)
    assert there.device_ == "cpu"


@pytest.mark.parametrize("precision", ["auto", "full", "bfloat16", "float16"])
@pytest.mark.parametrize("kind", ["MLPClassifier", "CNNClassifier"])
def test_precision_learns_the_digits(kind: str, precision: str) -> None:
    """Half precision costs no accuracy that would be seen."""
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    parts = train_test_split(X, y, test_size=500, random_state=0, stratify=y)
    model = getattr(skdeep, kind)(
        max_epochs=20,
        batch_size=64,
        device="cuda",
        precision=precision,
        random_state=0,
    )
    score = model.fit(parts[0], parts[2]).score(parts[1], parts[3])
    assert score >= 0.96
    assert all(torch.isfinite(w).all() for w in model.module_.parameters())


@pytest.mark.parametrize("precision", ["auto", "full", "bfloat16", "float16"])
def test_precision_learns_a_function(precision: str) -> None:
    """A regressor comes within a hundredth of the variance of a smooth function."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2_000, 3)).astype(np.float32)
    y = 1e3 + 50 * (np.sin(X[:, 0]) + X[:, 1] * X[:, 2])
    model = skdeep.MLPRegressor(
        (64, 64), max_epochs=60, device="cuda", precision=precision, random_state=0
    )
    assert model.fit(X[:1_500], y[:1_500]).score(X[1_500:], y[1_500:]) >= 0.98


class Dropping(nn.Module):
    """Somebody's own network, which drops channels by torch's own generator."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=4), nn.ReLU(), nn.Dropout2d(0.5)
        )
        self.head = nn.Linear(8, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        logits: torch.Tensor = self.head(self.body(x).mean((2, 3)))
        return logits


def test_stacked_candidates_are_those_trained_alone() -> None:
    """One batched network on the GPU finds what a grid search does."""
    X, y = load_iris(return_X_y=True)
    X = X.astype(np.float32)
    model = skdeep.MLPClassifier(
        (16,), max_epochs=10, device="cuda", precision="full", random_state=0
    )
    grid = {"learning_rate": [1e-2, 1e-3], "l2": [0.0, 1e-2]}
    stacked = skdeep.VectorizedSearchCV(model, grid, cv=3, scoring="neg_log_loss")
    alone = GridSearchCV(model, grid, cv=3, scoring="neg_log_loss")
    ours, theirs = (s.fit(X, y).cv_results_ for s in (stacked, alone))
    for key in ("mean_test_score", "split1_test_score"):
        np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-4)


@pytest.mark.parametrize(
    "others",
    [
        {"trainable_layers": 1, "channels_last": True},
        {"trainable_layers": "all", "augmenter": "strong", "mixup": 0.2, "tta": 2},
        {"trainable_layers": 0, "precision": "float16"},
        {"trainable_layers": 1, "weight_averaging": "ema", "cutmix": 0.5},
    ],
    ids=str,
)
def test_backbone_trains_in_every_way(others: dict[str, Any]) -> None:
    """Frozen or not, augmented, mixed, averaged, and in half precision."""
    placed = PLACED["ImageClassifier"]
    options = {**placed.parameters, "max_epochs": 2, **others, "device": "cuda"}
    model = skdeep.ImageClassifier(**options).fit(placed.X, placed.y)
    proba = model.predict_proba(placed.X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-5)
    assert {p.device.type for p in model.module_.parameters()} == {"cuda"}


def test_network_of_ones_own_is_reproducible() -> None:
    """It draws from torch's generator, which is lent to it and put back."""
    placed = PLACED["ImageClassifier"]
    model = skdeep.ImageClassifier(
        Dropping,
        weights=None,
        trainable_layers="all",
        image_size=32,
        max_epochs=3,
        device="cuda",
        random_state=0,
    )
    torch.cuda.init()
    before = torch.cuda.get_rng_state()
    one, two = (clone(model).fit(placed.X, placed.y) for _ in range(2))
    assert_same_weights(one, two)
    assert torch.equal(torch.cuda.get_rng_state(), before)


# What torch's compiler says of matrix products on such a GPU, at every first step.
@pytest.mark.filterwarnings("ignore:TensorFloat32:UserWarning")
def test_compiled_network_learns() -> None:
    """The step of a compiled network runs on the GPU as well."""
    X, y = load_iris(return_X_y=True)
    model = skdeep.MLPClassifier(
        (16,), learning_rate=1e-2, compile=True, device="cuda", random_state=0
    )
    assert model.fit(X, y).score(X, y) >= 0.95
