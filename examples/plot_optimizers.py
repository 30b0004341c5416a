"""
Ways down a slope
=================

Gradient descent, momentum, RMSprop and Adam on a loss that can be drawn, then on
handwritten digits; a range test for the learning rate, and schedules that lower it.
Half a minute on one CPU core.
"""

# %%
# A ravine
# --------
# Two blood values of diabetes patients go together closely. The squared error of a
# linear network with a weight for each is a long ravine: steep across, nearly flat
# along. ``partial_fit`` makes one step at a time here, with all rows in one batch, so
# that the path of the weights can be drawn. All start at the same weights.

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

from skdeep import MLPClassifier, MLPRegressor, ScheduleDisplay, lr_range_test

BLUE, ORANGE, GREEN, RED, PURPLE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
)

X, y = load_diabetes(return_X_y=True)
X = X[:, [4, 5]] / X[:, [4, 5]].std(axis=0)
y = (y - y.mean()) / y.std()
rng = np.random.default_rng(0)


def path(batch_size: int = len(X), **params: Any) -> np.ndarray:
    """Return the two weights at the beginning and after each of 60 steps."""
    network = MLPRegressor(
        (), l2=0.0, feature_scaling=None, target_scaling=None, random_state=0
    )
    # A step so short that it leads nowhere.
    start = network.set_params(learning_rate=1e-12).partial_fit(X, y)
    places = [start.coefs_[0][:, 0]]
    network = clone(network).set_params(batch_size=len(X), **params)
    for _ in range(60):
        rows = rng.permutation(len(X))[:batch_size]
        places.append(network.partial_fit(X[rows], y[rows]).coefs_[0][:, 0])
    return np.array(places)


paths = {
    "gradient descent": path(optimizer="sgd", momentum=0.0, learning_rate=0.9),
    "batches of 20 rows": path(20, optimizer="sgd", momentum=0.0, learning_rate=0.3),
    "momentum": path(optimizer="sgd", nesterov=False, learning_rate=0.1),
    "RMSprop": path(optimizer="rmsprop", learning_rate=0.05),
    "Adam": path(optimizer="adam", learning_rate=0.1),
}
first, second = np.meshgrid(np.linspace(-1.6, 1.4, 101), np.linspace(-1.3, 1.3, 101))
errors = y - (first[..., None] * X[:, 0] + second[..., None] * X[:, 1])
surface = (errors**2).mean(axis=-1) / 2
best = np.linalg.lstsq(X, y, rcond=None)[0]

figure, axes = plt.subplots(
    1, 5, figsize=(13, 3), sharex=True, sharey=True, layout="constrained"
)
for ax, (name, places) in zip(axes, paths.items(), strict=True):
    levels = surface.min() + np.geomspace(0.01, 3.0, 9)
    ax.contour(first, second, surface, levels, colors="#B0B0B0", linewidths=0.7)
    ax.plot(*places.T, "o-", color=BLUE, markersize=2.5, linewidth=1)
    ax.plot(*best, "*", color=RED, markersize=10)
    ax.set(title=name, xlabel="first weight", aspect="equal")
axes[0].set_ylabel("second weight")

# %%
# Gradient descent jumps from wall to wall and creeps along the floor. Batches of a few
# rows make the same way, trembling, at a fraction of the cost of a step. Momentum adds
# up what steps have in common, and overshoots. RMSprop and Adam give each weight a rate
# of its own, by the size of its gradients so far; since the ravine lies across the two
# weights, that alone does not straighten the way.
#
# Eight optimizers on digits
# --------------------------
# Each has the learning rate that ``lr_range_test`` suggests for it; L-BFGS searches the
# length of its steps itself, and takes one of all rows in an epoch.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.3, stratify=y, random_state=0
)
figure, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
styles = {
    "sgd": (BLUE, "-"),
    "rmsprop": (GREEN, "-"),
    "adagrad": (GREEN, "--"),
    "adam": (RED, "-"),
    "adamw": (ORANGE, ":"),
    "nadam": (RED, "--"),
    "radam": (RED, ":"),
    "lbfgs": (PURPLE, "-"),
}
for name, (colour, dash) in styles.items():
    network = MLPClassifier(
        (64,), optimizer=name, max_epochs=20, tol=None, random_state=0
    )
    if name == "adamw":
        # Without it it is the same as "adam".
        network.set_params(weight_decay=0.1)
    if name != "lbfgs":
        rate = lr_range_test(network, X_train, y_train).suggestion
        network.set_params(learning_rate=rate)
    network.fit(X_train, y_train)
    ax.semilogy(range(1, 21), network.loss_curve_, dash, color=colour, label=name)
    print(
        f"{name:8} rate {network.learning_rate:.3f}  loss {network.loss_:.2f}  "
        f"test accuracy {network.score(X_test, y_test):.2f}"
    )
ax.set(xlabel="epoch", ylabel="training loss")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.xaxis.get_major_locator().set_params(integer=True)
ax.spines[["top", "right"]].set_visible(False)

# %%
# The learning rate
# -----------------
# The range test takes a step at each of many rates, ever larger ones. Its suggestion is
# where the loss falls fastest. To the right, trainings with the suggestion, and with
# much less and much more.

network = MLPClassifier((64,), max_epochs=20, tol=None, random_state=0)
found = lr_range_test(network, X_train, y_train)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
found.plot(ax=left)
for factor, colour in (
    (0.03, PURPLE),
    (0.3, ORANGE),
    (1, BLUE),
    (10, GREEN),
    (100, RED),
):
    network.set_params(learning_rate=factor * found.suggestion).fit(X_train, y_train)
    right.semilogy(
        range(1, 21), network.loss_curve_, color=colour, label=f"{factor:g} times"
    )
right.set(xlabel="epoch", ylabel="training loss")
right.legend(frameon=False, title="the suggestion", bbox_to_anchor=(1, 1))
right.xaxis.get_major_locator().set_params(integer=True)
right.spines[["top", "right"]].set_visible(False)

# %%
# Schedules
# ---------
# A large rate finds its way, a small one settles. A schedule has both. All that go by
# the share of the training done:

ScheduleDisplay.from_names()

# %%
# A linear network on the diabetes data again, now with all ten columns, and stochastic
# gradient descent in batches of eight rows. Each batch pulls another way, so at a
# constant rate the weights never come to rest, and where they are at the end is chance.
# Shown is how much the loss of an epoch lies above the least there is.

X, y = load_diabetes(return_X_y=True)
least = np.mean((LinearRegression().fit(X, y).predict(X) - y) ** 2) / y.var() / 2
figure, ax = plt.subplots(figsize=(7.5, 4), layout="constrained")
for schedule, colour in (
    ("constant", RED),
    ("step", ORANGE),
    ("exponential", GREEN),
    ("cosine", BLUE),
    ("one_cycle", PURPLE),
):
    curves, scores = [], []
    for seed in range(5):
        network = MLPRegressor(
            (),
            optimizer="sgd",
            learning_rate=0.01,
            lr_schedule=schedule,
            batch_size=8,
            l2=0.0,
            max_epochs=30,
            tol=None,
            random_state=seed,
        ).fit(X, y)
        curves.append(np.array(network.loss_curve_) - least)
        scores.append(network.score(X, y))
    mean = np.mean(curves, axis=0)
    ax.semilogy(range(1, 31), mean, color=colour, label=schedule)
    good = np.mean(scores) > 0.5
    print(f"{schedule:12} R2 above 0.5: {good}, give or take {np.std(scores):.3f}")
ax.set(xlabel="epoch", ylabel="training loss above the least")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()
