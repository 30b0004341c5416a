"""
Holding a network back
======================

A large network, 300 handwritten digits, and three labels in ten drawn at random: what
penalties, dropout and early stopping do to its training curves, how strong they should
be, and which weights they leave. Half a minute on one CPU core.
"""

# %%
# Wrong labels
# ------------
# All networks but one have two layers of 256 neurons, 85,000 weights and more for 300
# rows. What they are to find is in most labels, and not in some. The loss of 500 other
# digits with right labels is watched; the test digits are others again.

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullFormatter
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeep import MLPClassifier, TrainingCurveDisplay

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(
    X, y, train_size=800, stratify=y, random_state=0
)
X, X_val, y, y_val = train_test_split(X, y, train_size=300, stratify=y, random_state=0)
rng = np.random.default_rng(0)
drawn = rng.random(len(y)) < 0.3
noisy = np.where(drawn, rng.integers(0, 10, len(y)), y)

free: dict[str, Any] = {
    "hidden_layer_sizes": (256, 256),
    "learning_rate": 0.003,
    "batch_size": 50,
    "l2": 0.0,
    "max_epochs": 50,
    "tol": None,
    "random_state": 0,
}
settings: dict[str, dict[str, Any]] = {
    "too small": {"hidden_layer_sizes": (3,)},
    "too free": {},
    "l1=0.003": {"l1": 0.003},
    "l2=0.03": {"l2": 0.03},
    "dropout=0.7": {"dropout": 0.7},
    "early_stopping=True": {"early_stopping": True, "tol": 1e-4},
}

# %%
# Six trainings
# -------------
# Where the network is too small both losses stay high: it underfits. Where it is too
# free the loss of the training rows goes to zero, wrong labels and all, while the other
# one rises: it overfits. Penalties and dropout keep the loss of the validation rows
# from rising; early stopping ends the training when it does, and goes back to the epoch
# that is marked. The training loss holds the penalty, and is taken on the noisy labels,
# so that it may well lie above the other.

models = {}
figure, axes = plt.subplots(
    2, 3, figsize=(12, 6.5), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, params) in zip(axes.flat, settings.items(), strict=True):
    model = MLPClassifier(**{**free, **params})
    models[name] = model.fit(X, noisy, X_val=X_val, y_val=y_val)
    display = TrainingCurveDisplay.from_estimator(model, ax=ax)
    if not model.early_stopping:
        # The last weights are kept: no epoch is to be marked.
        for mark in display.best_:
            mark.remove()
        ax.legend(frameon=False)
    ax.set(ylim=(0, 4), xlabel="epoch" if ax in axes[1] else "")
    training, test = model.score(X, noisy), model.score(X_test, y_test)
    ax.set_title(f"{name}: test accuracy {test:.2f}")
    print(
        f"{name:20} training above 0.97: {training > 0.97!s:6} "
        f"test above 0.8: {test > 0.8}"
    )

# %%
# How strong?
# -----------
# Each has a strength with a best value between too weak and too strong, which a search
# has to find. The training accuracy, on the noisy labels, falls all the way.

strengths = {
    "l1": [0.0003, 0.001, 0.002, 0.004, 0.008],
    "l2": [0.003, 0.01, 0.03, 0.06, 0.12],
    "dropout": [0.1, 0.3, 0.5, 0.7, 0.85],
}
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True, layout="constrained")
for ax, (name, values) in zip(axes, strengths.items(), strict=True):
    scores = []
    for value in values:
        model = MLPClassifier(**{**free, name: value}).fit(X, noisy)
        scores.append((model.score(X, noisy), model.score(X_test, y_test)))
    for curve, colour, label in zip(
        np.transpose(scores), ("#0072B2", "#E69F00"), ("training", "test"), strict=True
    ):
        ax.plot(values, curve, "o-", color=colour, label=label)
    ax.set_xlabel(name)
    if name != "dropout":
        ax.set_xscale("log")
        ax.xaxis.set_minor_formatter(NullFormatter())
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("accuracy")
axes[0].legend(frameon=False)

# %%
# Which weights are left
# ----------------------
# L2 makes all weights small. L1 sets most to exactly zero, and first those of pixels
# that say little. Shown is the sum of the absolute weights that leave each pixel.

figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), layout="constrained")
for ax, name in zip(axes, ("too free", "l2=0.03", "l1=0.003"), strict=True):
    weights = models[name].coefs_[0]
    of_pixel = np.abs(weights).sum(axis=1).reshape(8, 8)
    image = ax.imshow(of_pixel, cmap="viridis", vmin=0)
    figure.colorbar(image, ax=ax, shrink=0.8)
    ax.set(xticks=[], yticks=[], title=f"{name}: {np.mean(weights == 0):.0%} are zero")
plt.show()
