"""
Over- and underfitting, and what helps
======================================

Training curves of networks that are too small, too free, and held back by penalties,
dropout or early stopping, with the learning rate found by a range test. Half a minute
on one CPU core.
"""

# %%
# Few rows, some of them wrong
# ----------------------------
# 100 points of two half moons; a seventh of the training labels is wrong. A network
# with many neurons can learn these mistakes by heart.

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import cross_validate

from skdeep import (
    MLPClassifier,
    ScheduleDisplay,
    TrainingCurveDisplay,
    lr_range_test,
    top_losses,
)

X, truth = make_moons(100, noise=0.25, random_state=0)
X_val, y_val = make_moons(500, noise=0.25, random_state=2)
X_test, y_test = make_moons(1000, noise=0.25, random_state=1)
rng = np.random.default_rng(0)
wrong = rng.random(len(truth)) < 0.15
y = np.where(wrong, 1 - truth, truth)

# %%
# Which learning rate?
# --------------------
# The range test takes one step at each of many learning rates. Where the loss falls
# fastest is a safe one; where it turns up training would diverge. We take one between.

wide: dict[str, Any] = {
    "hidden_layer_sizes": (256, 256),
    "batch_size": 100,
    "l2": 0.0,
    "tol": None,
    "random_state": 0,
}
found = lr_range_test(MLPClassifier(**wide), X, y)
print(f"suggested learning rate: {found.suggestion:.1g}")
found.plot()

# %%
# Six networks
# ------------
# All but one have 256 neurons in each of two layers. The loss of 500 other points is
# watched, and only the last network stops by it.

shared: dict[str, Any] = {
    **wide,
    "learning_rate": 0.01,
    "max_epochs": 300,
}
models = {
    "too small": MLPClassifier(**{**shared, "hidden_layer_sizes": ()}),
    "too free": MLPClassifier(**shared),
    "L1 penalty": MLPClassifier(**{**shared, "l1": 5e-4}),
    "L2 penalty": MLPClassifier(**{**shared, "l2": 0.003}),
    "dropout": MLPClassifier(**{**shared, "dropout": 0.5}),
    "early stopping": MLPClassifier(**{**shared, "early_stopping": True, "tol": 1e-4}),
}
figure, axes = plt.subplots(2, 3, figsize=(12, 6.5), layout="constrained")
for ax, (name, model) in zip(axes.flat, models.items(), strict=True):
    model.fit(X, y, X_val=X_val, y_val=y_val)
    TrainingCurveDisplay.from_estimator(model, ax=ax)
    ax.set(ylim=(0.0, 1.3))
    ax.set_title(f"{name}: test accuracy {model.score(X_test, y_test):.2f}")
    print(
        f"{name:15} training {model.score(X, y):.2f}  test "
        f"{model.score(X_test, y_test):.2f}"
    )

# %%
# The one that is too small stays above the noise in both curves: it underfits. In the
# one that is too free the loss of the training rows falls on and on while that of the
# others rises: it overfits. Penalties and dropout keep the two together; early
# stopping ends before they part, and keeps the weights of the epoch that is marked.

figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for ax, name in zip(axes, ("too free", "early stopping"), strict=True):
    DecisionBoundaryDisplay.from_estimator(
        models[name],
        X,
        ax=ax,
        response_method="predict_proba",
        cmap="RdBu_r",
    )
    ax.scatter(*X.T, c=y, cmap="RdBu_r", s=22, edgecolor="white", linewidth=0.6)
    ax.set_title(name)

# %%
# Which rows does the cautious network not believe? Mostly those whose labels are wrong.

suspects = top_losses(models["early stopping"], X, y, n=15)
n_wrong = wrong[suspects.indices].sum()
print(f"of the 15 largest losses more than ten have a wrong label: {n_wrong > 10}")

# %%
# Does it depend on the fold?
# ---------------------------
# The lines are means over five folds, the bands a standard deviation to either side.
# Each fold holds rows out by itself and stops when it likes. The learning rate follows
# a schedule here, which has a panel of its own.

scheduled = MLPClassifier(
    **{
        **shared,
        "dropout": 0.3,
        "early_stopping": True,
        "max_epochs": 100,
        "scoring": "accuracy",
        "lr_schedule": "one_cycle",
    }
)
results = cross_validate(scheduled, X, y, cv=5, return_estimator=True)
TrainingCurveDisplay.from_cv_results(results)
print(f"accuracy over five folds: {results['test_score'].mean():.2f}")

# %%
# All schedules, for a largest rate of 1:

ScheduleDisplay.from_names()
plt.show()
