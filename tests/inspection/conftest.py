"""Fitted estimators to look into, each fitted once, and a place to draw."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from torchvision.models import ShuffleNetV2

from skdeep import (
    CNNClassifier,
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TextClassifier,
    TextRegressor,
)


class Fitted(NamedTuple):
    """A fitted estimator and rows that it knows."""

    estimator: Any
    X: np.ndarray
    y: np.ndarray


@pytest.fixture
def pyplot() -> Iterator[Any]:
    """Return matplotlib's pyplot without a screen; close what a test has drawn."""
    plt = pytest.importorskip("matplotlib.pyplot", reason="pictures need matplotlib")
    plt.switch_backend("Agg")
    yield plt
    plt.close("all")


@pytest.fixture(scope="session")
def iris() -> Fitted:
    """Return a perceptron of 4, 8 and 3 neurons with names of species."""
    data = load_iris()
    y = data.target_names[data.target]
    mlp = MLPClassifier((8,), learning_rate=0.01, max_epochs=20, random_state=0)
    return Fitted(mlp.fit(data.data, y), data.data, y)


@pytest.fixture(scope="session")
def stopped() -> Fitted:
    """Return a classifier that watched its accuracy and has a schedule."""
    X, y = load_iris(return_X_y=True)
    mlp = MLPClassifier(
        (8,),
        early_stopping=True,
        scoring="accuracy",
        lr_schedule="cosine",
        learning_rate=0.05,
        max_epochs=12,
        random_state=0,
    )
    return Fitted(mlp.fit(X, y), X, y)


@pytest.fixture(scope="session")
def regressor() -> Fitted:
    """Return a deep regressor with everything between its layers."""
    X, _ = load_iris(return_X_y=True)
    y = 3.0 * X[:, 0] - X[:, 3]
    mlp = MLPRegressor(
        (6, 6),
        activation=("tanh", "gelu"),
        normalization="batch",
        dropout=0.1,
        residual=True,
        max_epochs=3,
        random_state=0,
    )
    return Fitted(mlp.fit(X, y), X, y)


@pytest.fixture(scope="session")
def tabular() -> Fitted:
    """Return an ensemble on embedded numbers."""
    X, y = load_iris(return_X_y=True)
    mlp = TabularMLPClassifier(
        (8, 8), n_ensemble=3, feature_gate=6.0, max_epochs=3, random_state=0
    )
    return Fitted(mlp.fit(X, y), X, y)


@pytest.fixture(scope="session")
def cnn() -> Fitted:
    """Return a convolutional network with skips, and a linear head on mean maps."""
    digits = load_digits()
    X, y = digits.images[:200], digits.target[:200]
    network = CNNClassifier(
        (4, 4),
        pool_size=(2, 1),
        normalization="batch",
        residual=True,
        global_pooling="average",
        hidden_layer_sizes=(),
        learning_rate=0.02,
        max_epochs=5,
        random_state=0,
    )
    return Fitted(network.fit(X, y), X, y)


@pytest.fixture(scope="session")
def frozen() -> Fitted:
    """Return a head on a frozen backbone of five tiny stages."""
    X, y = load_digits(return_X_y=True)
    images = X[:30].reshape(-1, 8, 8)
    classifier = ImageClassifier(
        partial(ShuffleNetV2, [1, 1, 1], [8, 8, 16, 32, 32]),
        weights=None,
        image_size=64,
        head_epochs=3,
        random_state=0,
    )
    return Fitted(classifier.fit(images, y[:30]), images, y[:30])


TEXTS = np.array(
    [
        "a good film, a fine film",
        "so fine",
        "",
        "a bad film",
        "so dull, so bad a film",
        "awful",
    ]
    * 5,
    dtype=object,
)


@pytest.fixture(scope="session")
def bags() -> Fitted:
    """Return a perceptron on sums of the vectors of n-grams."""
    y = np.array(["good", "good", "none", "bad", "bad", "bad"] * 5)
    net = TextClassifier(
        embedding_dim=4,
        hidden_layer_sizes=6,
        embedding_dropout=0.2,
        max_epochs=4,
        random_state=0,
    )
    return Fitted(net.fit(TEXTS, y), TEXTS, y)


@pytest.fixture(scope="session")
def windows() -> Fitted:
    """Return convolutions over words, with two answers."""
    y = np.arange(30) % 6 > 2
    net = TextClassifier(
        conv_channels=3,
        kernel_sizes=(1, 2),
        embedding_dim=4,
        max_length=5,
        max_epochs=4,
        random_state=0,
    )
    return Fitted(net.fit(TEXTS, y), TEXTS, y)


@pytest.fixture(scope="session")
def rated() -> Fitted:
    """Return a regressor on the largest numbers of hashed vectors."""
    y = np.arange(30) % 6 / 2
    net = TextRegressor(
        n_features=32, pooling="max", embedding_dim=4, max_epochs=4, random_state=0
    )
    return Fitted(net.fit(TEXTS, y), TEXTS, y)
