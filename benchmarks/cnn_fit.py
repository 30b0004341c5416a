"""Fit of the convolutional network against a loop in torch, and skorch."""

from __future__ import annotations

from _timing import finish, measure, parse_arguments, report

# isort: split
from functools import partial

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn

from skdeep import CNNClassifier

N_IMAGES, SIDE, N_CLASSES, EPOCHS, BATCH = 2_000, 32, 10, 2, 64


def network() -> nn.Sequential:
    """Return the estimator's default network as one writes it by hand."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (SIDE // 4) ** 2, 128),
        nn.ReLU(),
        nn.Linear(128, N_CLASSES),
    )


def raw_torch(X: np.ndarray, y: np.ndarray) -> nn.Sequential:
    """Train as one writes it by hand: bytes to standardised floats, shuffled slices."""
    inputs = torch.from_numpy(X).permute(0, 3, 1, 2).float().div_(255)
    mean, deviation = inputs.mean((0, 2, 3)), inputs.std((0, 2, 3))
    inputs = (inputs - mean.view(1, 3, 1, 1)) / deviation.view(1, 3, 1, 1)
    labels = torch.from_numpy(y)
    module = network()
    optimizer = torch.optim.Adam(
        module.parameters(), lr=1e-3, weight_decay=1e-4, fused=True
    )
    for _ in range(EPOCHS):
        order = torch.randperm(len(inputs))
        for rows in order.split(BATCH):
            loss = nn.functional.cross_entropy(module(inputs[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return module


def with_skorch(X: np.ndarray, y: np.ndarray) -> NeuralNetClassifier:
    """Train by skorch as its tutorial does, on images that are floats already."""
    net = NeuralNetClassifier(
        network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=EPOCHS,
        batch_size=BATCH,
        train_split=None,
        verbose=0,
    )
    floats = np.ascontiguousarray(X.transpose(0, 3, 1, 2), dtype=np.float32) / 255
    return net.fit(floats, y)


def with_skdeep(X: np.ndarray, y: np.ndarray) -> CNNClassifier:
    """Train the estimator at its defaults."""
    return CNNClassifier(max_epochs=EPOCHS, tol=None, n_threads=1, random_state=0).fit(
        X, y
    )


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (N_IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    y = rng.integers(0, N_CLASSES, N_IMAGES)
    fits = measure(
        {
            "skdeep": partial(with_skdeep, X, y),
            "raw torch": partial(raw_torch, X, y),
            "skorch": partial(with_skorch, X, y),
        },
        repeats=arguments.repeats,
    )
    title = (
        f"fit of the default CNN, {N_IMAGES:,} RGB images of {SIDE} px, {EPOCHS} epochs"
    )
    rows = report(title, fits, {"raw torch": 1.1, "skorch": 1.0})
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
