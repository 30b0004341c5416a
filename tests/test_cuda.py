"""What runs on a GPU, and goes from it to a CPU and back: run by ``tox -e gpu``."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.utils.estimator_checks import check_estimator
from torch import nn

import skdeep
from tests.checks import WEIGHTS_AND_REPETITION
from tests.placed import (
    PLACED,
    Cut,
    CuttingCheckpoint,
    answers,
    assert_same_answers,
    fit,
    make,
    those_that,
)

pytestmark = pytest.mark.gpu


@pytest.fixture
def numpys_generator() -> Iterator[None]:
    """Put NumPy's state back after the one check of scikit-learn that draws from it."""
    state = np.random.get_state(legacy=False)
    yield
    np.random.set_state(state)


PLACES = [name for name in PLACED if hasattr(make(name), "to")]
TRAINED = those_that(lambda placed: placed.resumes)

# Matrix products and convolutions in float32 keep about six digits on either device,
# convolutions on a GPU three: cuDNN computes them in TF32.
RTOL, ATOL = 1e-2, 5e-3

# Reads a pickle where no GPU is to be seen, and prints what it predicts.
WITHOUT_GPU = """
import pickle, sys, warnings
import numpy as np
from tests.placed import PLACED
with open(sys.argv[1], "rb") as file, warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    estimator = pickle.load(file)
assert [w.category.__name__ for w in caught] == ["DeviceWarning"], caught
assert estimator.device_ == "cpu"
np.save(sys.argv[2], estimator.predict_proba(PLACED[sys.argv[3]].X))
"""


def on_gpu(name: str, **others: Any) -> Any:
    """Return an estimator fitted on the GPU."""
    return fit(make(name, device="cuda", **others), name)


def weights_of(estimator: Any) -> list[np.ndarray]:
    """Return the parameters and statistics of a network."""
    return [t.detach().cpu().numpy() for t in estimator.module_.state_dict().values()]


@pytest.mark.parametrize("name", PLACES)
def test_moved_estimator_answers_alike(name: str) -> None:
    """From the CPU to the GPU, up to rounding; and back, to the bit."""
    before = fit(make(name, device="cpu"), name)
    X = PLACED[name].X
    moved = pickle.loads(pickle.dumps(before)).to("cuda")
    assert moved.device_ == "cuda:0"
    for ours, theirs in zip(answers(moved, X), answers(before, X), strict=True):
        assert ours.dtype == theirs.dtype
        if ours.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=RTOL, atol=ATOL)
    assert_same_answers(moved.to("cpu"), before, X)


@pytest.mark.parametrize("name", TRAINED)
def test_fit_with_the_same_seed_is_the_same(name: str) -> None:
    """To the bit, as on a CPU."""
    for one, two in zip(
        weights_of(on_gpu(name)), weights_of(on_gpu(name)), strict=True
    ):
        np.testing.assert_array_equal(one, two)


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
    one, two = (weights_of(clone(model).fit(X, y)) for _ in range(2))
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, theirs)


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
    one, two = (weights_of(clone(model).fit(texts, y)) for _ in range(2))
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, theirs)


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
    one, two = (weights_of(clone(model).fit(X, y)) for _ in range(2))
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, theirs)
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
    for one, two in zip(weights_of(resumed), weights_of(whole), strict=True):
        np.testing.assert_array_equal(one, two)


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
    for one, two in zip(weights_of(back), weights_of(estimator), strict=True):
        np.testing.assert_array_equal(one, two)
    there = skdeep.load(tmp_path / "file", device="cpu").set_params(device="cpu")
    there.partial_fit(placed.X, placed.y)
    assert there.device_ == "cpu"


@pytest.mark.parametrize("name", PLACES)
def test_file_goes_from_device_to_device(name: str, tmp_path: Any) -> None:
    """What was trained on a GPU loads there, and on the CPU."""
    estimator, X = on_gpu(name), PLACED[name].X
    skdeep.save(estimator, tmp_path / "file")
    back = skdeep.load(tmp_path / "file")
    assert back.device_ == "cuda:0"
    assert_same_answers(back, estimator, X)
    assert pickle.loads(pickle.dumps(estimator)).device_ == "cuda:0"
    there = skdeep.load(tmp_path / "file", device="cpu")
    assert there.device_ == "cpu"
    for ours, theirs in zip(answers(there, X), answers(estimator, X), strict=True):
        if ours.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("name", ["MLPClassifier", "CNNClassifier", "TextClassifier"])
def test_pickle_opens_where_there_is_no_gpu(name: str, tmp_path: Any) -> None:
    """With one warning, and the same probabilities."""
    estimator = on_gpu(name, precision="full")
    (tmp_path / "pickle").write_bytes(pickle.dumps(estimator))
    files = [str(tmp_path / "pickle"), str(tmp_path / "proba.npy"), name]
    subprocess.run(
        [sys.executable, "-c", WITHOUT_GPU, *files],
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    there = np.load(tmp_path / "proba.npy")
    here = estimator.predict_proba(PLACED[name].X)
    np.testing.assert_allclose(there, here, rtol=RTOL, atol=ATOL)


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
    assert all(np.isfinite(w).all() for w in weights_of(model))


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


@pytest.mark.parametrize(
    "estimator",
    [
        skdeep.MLPClassifier(max_epochs=50, device="cuda"),
        skdeep.MLPRegressor(max_epochs=50, device="cuda"),
        skdeep.TabularMLPClassifier(max_epochs=10, device="cuda"),
        skdeep.CNNClassifier(max_epochs=20, device="cuda"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_checks_of_scikit_learn_pass(estimator: Any, numpys_generator: None) -> None:
    """All of them, in float32, but for those that want more digits than it has."""
    reason = "sums in float32 agree to six digits, the check wants seven"
    rounded = (*WEIGHTS_AND_REPETITION, "check_methods_subset_invariance")
    check_estimator(
        estimator,
        expected_failed_checks=dict.fromkeys(rounded, reason),
        on_skip=None,
    )


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


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_search_trains_in_slots_of_the_gpu(n_jobs: int, tmp_path: Any) -> None:
    """Workers share the one that is there, and the best estimator is on it."""
    X, y = load_iris(return_X_y=True)
    search = skdeep.OptunaSearchCV(
        skdeep.MLPClassifier((8,), max_epochs=5),
        {"learning_rate": [1e-2, 1e-3]},
        n_trials=4,
        cv=2,
        n_jobs=n_jobs,
        device="cuda:auto",
        slots_per_device=2,
        random_state=0,
    ).fit(X, y)
    assert list(search.cv_results_["state"]).count("COMPLETE") >= 1
    assert search.best_estimator_.device_ == "cuda:0"


def test_forward_pass_and_summary_of_a_fit_on_the_gpu() -> None:
    """What is shown are arrays, and those of the prediction."""
    for name in ("MLPClassifier", "CNNClassifier", "TextClassifier"):
        estimator, X = on_gpu(name, precision="full"), PLACED[name].X[:5]
        steps = skdeep.forward_pass(estimator, X)
        np.testing.assert_allclose(
            steps["probabilities"], estimator.predict_proba(X), rtol=1e-4, atol=1e-6
        )
        assert "parameters" in str(skdeep.summary(estimator))


def test_tools_of_practice_on_the_gpu() -> None:
    """Range test, largest losses and Grad-CAM."""
    placed = PLACED["CNNClassifier"]
    estimator = on_gpu("CNNClassifier")
    maps = skdeep.grad_cam(estimator, placed.X[:3])
    assert np.isfinite(np.asarray(maps)).all()
    losses = skdeep.top_losses(estimator, placed.X, placed.y, n=4)
    assert len(losses.indices) == 4
    model = make("CNNClassifier", device="cuda")
    tried = skdeep.lr_range_test(model, placed.X, placed.y)
    assert len(tried.learning_rates) == len(tried.losses) > 5


@pytest.mark.parametrize("name", ["MLPClassifier", "CNNClassifier", "ImageClassifier"])
def test_exports_answer_as_the_estimator(name: str, tmp_path: Any) -> None:
    """A plain module is on its device; ONNX, which is checked by itself, on none."""
    estimator, X = on_gpu(name, precision="full"), PLACED[name].X[:4]
    inputs = torch.from_numpy(X)
    if X.ndim > 2:
        inputs = inputs.view(len(X), *X.shape[1:3], -1).permute(0, 3, 1, 2)
    said = skdeep.to_torch(estimator)(inputs.cuda())
    assert said.device.type == "cuda"
    np.testing.assert_allclose(
        said.cpu().detach(), estimator.predict_proba(X), rtol=RTOL, atol=ATOL
    )
    pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    skdeep.to_onnx(estimator, X, tmp_path / "model.onnx")
    assert estimator.device_ == "cuda:0"
    assert {p.device.type for p in estimator.module_.parameters()} == {"cuda"}


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
    one, two = (weights_of(clone(model).fit(placed.X, placed.y)) for _ in range(2))
    for ours, theirs in zip(one, two, strict=True):
        np.testing.assert_array_equal(ours, theirs)
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
