"""A small fit of every public estimator, for tests that go through all of them.

Whoever adds an estimator places it here; `test_saving_matrix.py` fails until then.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone

import skdeep
from skdeep.persistence._checkpoint import Checkpoint

_RNG = np.random.default_rng(0)
ROWS = _RNG.standard_normal((48, 4)) * [1.0, 10.0, 0.1, 1.0]
LABELS = np.array(["no", "yes", "well"])[np.arange(48) % 3]
NUMBERS = ROWS[:, 0] + 0.1 * ROWS[:, 1]
SMALL_IMAGES = _RNG.integers(0, 255, (24, 8, 8), dtype=np.uint8)
IMAGES = _RNG.integers(0, 255, (12, 32, 32, 3), dtype=np.uint8)
SPAM = np.where(np.arange(24) % 2, "spam", "ham")
TEXTS = [
    f"{'win a prize' if row % 2 else 'see you at noon'} {row}" for row in range(24)
]
SIDES = np.where(np.arange(24) % 2, "left", "right")


def mixed_rows() -> np.ndarray:
    """Return numbers with holes, a few categories and many, as objects."""
    table = np.empty((48, 4), dtype=object)
    table[:, :2] = ROWS[:, :2]
    table[::7, 0] = np.nan
    table[:, 2] = np.array(["a", "b", "c"])[np.arange(48) % 3]
    table[:, 3] = [f"level {i % 12}" for i in range(48)]
    table[5, 2] = None
    return table


@dataclass(frozen=True)
class Placed:
    """How one estimator is fitted, and what it can do.

    Attributes
    ----------
    parameters : dict
        Of a small fit.
    X, y : object
        Its data.
    partial_fit, resumes, onnx, saves : bool
        What it offers.
    estimator : BaseEstimator or None
        What it wraps, its first argument.
    """

    parameters: dict[str, Any]
    X: Any
    y: Any = None
    partial_fit: bool = True
    resumes: bool = True
    onnx: bool = True
    saves: bool = True
    estimator: Any = None


_QUICK: dict[str, Any] = {"max_epochs": 4, "random_state": 0}
_MLP: dict[str, Any] = {
    **_QUICK,
    "hidden_layer_sizes": (8,),
    "batch_size": 16,
    "dropout": 0.1,
}
_TABULAR: dict[str, Any] = {
    **_QUICK,
    "hidden_layer_sizes": (8,),
    "n_ensemble": 2,
    "n_bins": 4,
}
_CNN: dict[str, Any] = {
    **_QUICK,
    "conv_channels": 4,
    "hidden_layer_sizes": (8,),
    "batch_size": 8,
}
_IMAGE: dict[str, Any] = {
    "backbone": "shufflenet_v2_x0_5",
    "weights": None,
    "random_state": 0,
}
_TEXT: dict[str, Any] = {
    **_QUICK,
    "embedding_dim": 4,
    "hidden_layer_sizes": 4,
    "batch_size": 8,
}
_HEAD: dict[str, Any] = {**_IMAGE, "head_epochs": 3}

# Of a search the best estimator is saved; the search itself is for pickle.
_SEARCH: dict[str, Any] = {
    "estimator": skdeep.MLPClassifier(**_MLP),
    "partial_fit": False,
    "resumes": False,
    "onnx": False,
    "saves": False,
}

_COPIES = skdeep.TextAugmenter(synonym=0, insert=0, n_aug=1, random_state=0)

PLACED: dict[str, Placed] = {
    "MLPClassifier": Placed({**_MLP, "early_stopping": True}, ROWS, LABELS),
    "MLPRegressor": Placed({**_MLP, "weight_averaging": "ema"}, ROWS, NUMBERS),
    "TabularMLPClassifier": Placed(
        {**_TABULAR, "early_stopping": True, "refit": True}, mixed_rows(), LABELS
    ),
    "TabularMLPRegressor": Placed(
        {**_TABULAR, "numeric_embedding": "periodic", "max_onehot": 4},
        mixed_rows(),
        NUMBERS,
    ),
    "CNNClassifier": Placed(
        {**_CNN, "normalization": "batch", "augmenter": skdeep.ImageAugmenter()},
        SMALL_IMAGES,
        SIDES,
    ),
    "CNNRegressor": Placed(
        {**_CNN, "mixup": 0.2}, SMALL_IMAGES / 255.0, SMALL_IMAGES.mean(axis=(1, 2))
    ),
    "ImageClassifier": Placed({**_HEAD, "augmenter": "light"}, IMAGES, SIDES[:12]),
    "ImageRegressor": Placed(
        {**_HEAD, "trainable_layers": 1, "max_epochs": 2},
        IMAGES,
        IMAGES.mean(axis=(1, 2, 3)),
    ),
    "ImageFeatureExtractor": Placed(
        {**_IMAGE, "tta": 1}, IMAGES, partial_fit=False, resumes=False
    ),
    "ImageAugmenter": Placed(
        {"rotation": 20.0, "scale": (0.9, 1.2)},
        IMAGES,
        partial_fit=False,
        resumes=False,
        onnx=False,
    ),
    "TextClassifier": Placed(
        {**_TEXT, "early_stopping": True}, TEXTS, SPAM, onnx=False
    ),
    "TextRegressor": Placed(
        {**_TEXT, "conv_channels": 4, "kernel_sizes": (2, 3), "embedding_dropout": 0.1},
        TEXTS,
        np.arange(24.0),
        onnx=False,
    ),
    "TextAugmenter": Placed(
        {"replace": 0.2, "random_state": 0},
        TEXTS,
        partial_fit=False,
        resumes=False,
        onnx=False,
    ),
    "AugmentedClassifier": Placed(
        {"augmenter": _COPIES},
        TEXTS,
        SPAM,
        **{**_SEARCH, "saves": True, "estimator": skdeep.TextClassifier(**_TEXT)},
    ),
    "AugmentedRegressor": Placed(
        {"augmenter": _COPIES},
        TEXTS,
        np.arange(24.0),
        **{**_SEARCH, "saves": True, "estimator": skdeep.TextRegressor(**_TEXT)},
    ),
    "OptunaSearchCV": Placed(
        {"space": {"dropout": [0.0, 0.1]}, "n_trials": 2, "cv": 2, "random_state": 0},
        ROWS,
        LABELS,
        **_SEARCH,
    ),
    "VectorizedSearchCV": Placed(
        {"param_grid": {"dropout": [0.0, 0.1]}, "cv": 2}, ROWS, LABELS, **_SEARCH
    ),
}


def public_estimators() -> list[str]:
    """Return the names of all estimators that skdeep offers."""
    return [
        name
        for name in skdeep.__all__
        if inspect.isclass(getattr(skdeep, name))
        and issubclass(getattr(skdeep, name), BaseEstimator)
    ]


def those_that(able: Callable[[Placed], bool]) -> list[str]:
    """Return the names of the estimators placed that can do something."""
    return [name for name, placed in PLACED.items() if able(placed)]


def make(name: str, **others: Any) -> Any:
    """Return an estimator that is not fitted."""
    placed = PLACED[name]
    wrapped = () if placed.estimator is None else (placed.estimator,)
    estimator = getattr(skdeep, name)(*wrapped, **{**placed.parameters, **others})
    return clone(estimator)


def fit(estimator: Any, name: str, **extra: Any) -> Any:
    """Fit an estimator to the data of its place, if it is one to be fitted."""
    if not hasattr(estimator, "fit"):
        return estimator
    placed = PLACED[name]
    y = () if placed.y is None else (placed.y,)
    return estimator.fit(placed.X, *y, **extra)


def on_gpu(name: str, **others: Any) -> Any:
    """Return an estimator fitted on a GPU."""
    return fit(make(name, device="cuda", **others), name)


@cache
def fitted(name: str) -> Any:
    """Return an estimator fitted once, not to be changed."""
    return fit(make(name), name)


def answers(estimator: Any, X: Any) -> list[np.ndarray]:
    """Return all that an estimator says of some rows."""
    methods = ("predict", "predict_proba", "transform")
    return [
        np.asarray(getattr(estimator, method)(X))
        for method in methods
        if hasattr(estimator, method)
    ]


def assert_same_answers(one: Any, two: Any, X: Any) -> None:
    """Compare all answers, bits and dtypes."""
    for a, b in zip(answers(one, X), answers(two, X), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


class Cut(BaseException):
    """A fit is cut off here; no error that anything would catch."""


class CuttingCheckpoint(Checkpoint):
    """A checkpoint that cuts the fit off after it has written so many times."""

    def __init__(self, path: Any, after: int) -> None:
        super().__init__(path)
        self.after = after

    def write(self, training: dict[str, Any], estimator: Any) -> None:
        """Write, and cut."""
        super().write(training, estimator)
        self.after -= 1
        if self.after == 0:
            raise Cut


def assert_same_weights(one: Any, two: Any) -> None:
    """Compare the weights and statistics of two networks on any device, bit for bit."""
    theirs = two.module_.state_dict()
    for name, tensor in one.module_.state_dict().items():
        np.testing.assert_array_equal(
            tensor.cpu().numpy(), theirs[name].cpu().numpy(), name
        )


def assert_same_fit(one: Any, two: Any) -> None:
    """Compare weights and history of two fits, bit for bit, but for the clock."""
    assert_same_weights(one, two)
    for name, column in one.history_.items():
        if name != "duration":
            np.testing.assert_array_equal(column, two.history_[name], name)
    for name in ("n_iter_", "best_epoch_", "loss_", "best_loss_"):
        assert getattr(one, name) == getattr(two, name)
