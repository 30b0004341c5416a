"""Fit of the textbook perceptron against scikit-learn, skorch and a loop in torch."""

from __future__ import annotations

from _timing import finish, measure, parse_arguments, report

# isort: split
import warnings
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as ScikitLearnMLP
from skorch import NeuralNetClassifier
from torch import nn

from skdeep import MLPClassifier

N_ROWS, N_FEATURES, N_CLASSES = 20_000, 50, 5
SMALL_EPOCHS, LARGE_EPOCHS = 10, 4


def perceptron(hidden: tuple[int, ...] = (100,)) -> nn.Sequential:
    """Return the network as one writes it by hand."""
    layers: list[nn.Module] = []
    n_in = N_FEATURES
    for width in hidden:
        layers += [nn.Linear(n_in, width), nn.ReLU()]
        n_in = width
    return nn.Sequential(*layers, nn.Linear(n_in, N_CLASSES))


def raw_torch(
    X: np.ndarray, y: np.ndarray, *, batch_size: int, epochs: int
) -> list[float]:
    """Train as one writes it by hand, with care: fused, shuffled, slices of tensors."""
    inputs, labels = torch.from_numpy(X), torch.from_numpy(y)
    module = perceptron()
    optimizer = torch.optim.Adam(
        module.parameters(), lr=1e-3, weight_decay=1e-4, fused=True
    )
    curve = []
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        shuffled, targets = inputs[order], labels[order]
        total = 0.0
        for start in range(0, len(inputs), batch_size):
            rows = slice(start, start + batch_size)
            loss = nn.functional.cross_entropy(module(shuffled[rows]), targets[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(targets[rows])
        curve.append(total / len(inputs))
    return curve


def ours(hidden: tuple[int, ...], batch_size: int, epochs: int) -> MLPClassifier:
    """Return skdeep's estimator, which also scales its inputs."""
    return MLPClassifier(
        hidden, batch_size=batch_size, max_epochs=epochs, tol=None, random_state=0
    )


def scikit_learn(
    hidden: tuple[int, ...], batch_size: int, epochs: int
) -> ScikitLearnMLP:
    """Return scikit-learn's estimator."""
    return ScikitLearnMLP(
        hidden,
        batch_size=batch_size,
        max_iter=epochs,
        n_iter_no_change=epochs + 1,
        random_state=0,
    )


def skorch_net(epochs: int) -> NeuralNetClassifier:
    """Return skorch's estimator with the small network and its own defaults."""
    return NeuralNetClassifier(
        perceptron,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=200,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__)
    warnings.simplefilter("ignore", ConvergenceWarning)
    data: Any = make_classification(
        N_ROWS, N_FEATURES, n_informative=20, n_classes=N_CLASSES, random_state=0
    )
    X, y = data[0].astype(np.float32), data[1].astype(np.int64)
    epochs = SMALL_EPOCHS
    small = measure(
        {
            "skdeep": lambda: ours((100,), 200, epochs).fit(X, y),
            "scikit-learn": lambda: scikit_learn((100,), 200, epochs).fit(X, y),
            "skorch": lambda: skorch_net(epochs).fit(X, y),
            "raw torch": partial(raw_torch, X, y, batch_size=200, epochs=epochs),
        },
        repeats=arguments.repeats,
    )
    rows = report(
        f"fit (100,), batch 200, {N_ROWS:,} x {N_FEATURES}, {epochs} epochs",
        small,
        {"scikit-learn": 1.0, "skorch": 0.33, "raw torch": 1.10},
    )
    epochs = LARGE_EPOCHS
    large = measure(
        {
            "skdeep": lambda: ours((256, 256), 256, epochs).fit(X, y),
            "scikit-learn": lambda: scikit_learn((256, 256), 256, epochs).fit(X, y),
        },
        repeats=arguments.repeats,
    )
    rows += report(
        f"fit (256, 256), batch 256, {N_ROWS:,} x {N_FEATURES}, {epochs} epochs",
        large,
        {"scikit-learn": 0.75},
    )
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
