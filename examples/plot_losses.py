"""
What a loss asks for
====================

The losses of classifiers and regressors as curves, and what each makes a network learn:
the mean or the median of spoiled targets, a band of quantiles, cautious probabilities,
a rare class. Fifteen seconds on one CPU core.
"""

# %%
# The price of an error
# ---------------------
# To the left the losses of numbers. The squared error makes large errors very dear; the
# absolute error and, beyond one, Huber's loss grow in proportion. The loss of the 0.9
# quantile charges nine times as much for answers that are too low. To the right those
# of classes, by the probability that the network gives the true class.

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.metrics import log_loss, mean_absolute_error
from sklearn.model_selection import train_test_split

from skdeep import MLPClassifier, MLPRegressor

BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"

error = np.linspace(-3, 3, 301)
of_numbers = {
    "squared_error": (error**2 / 2, BLUE),
    "absolute_error": (np.abs(error), ORANGE),
    "huber": (np.where(np.abs(error) < 1, error**2 / 2, np.abs(error) - 0.5), GREEN),
    "quantile, 0.9": (np.maximum(error, 0) - 0.9 * error, RED),
}
p = np.linspace(0.005, 0.995, 300)
of_classes = {
    "cross_entropy": (-np.log(p), BLUE),
    "focal": (-((1 - p) ** 2) * np.log(p), ORANGE),
    "label_smoothing=0.2, two classes": (
        -0.9 * np.log(p) - 0.1 * np.log(1 - p),
        GREEN,
    ),
}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for ax, x, curves in ((axes[0], error, of_numbers), (axes[1], p, of_classes)):
    for name, (values, colour) in curves.items():
        ax.plot(x, values, color=colour, linewidth=2, label=name)
    ax.legend(frameon=False, fontsize="small")
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set(xlabel="prediction minus target", ylabel="loss", ylim=(0, 3.5))
axes[1].set(xlabel="probability of the true class", ylabel="loss", ylim=(0, 3.5))

# %%
# Mean, median, quantiles
# -----------------------
# Diabetes patients: how far the disease went in a year, by their body mass index. To
# the left one training target in ten is spoiled: ten times as large as it should be.
# The squared error, which asks for the mean, follows the spoiled ones; the absolute
# error, which asks for the median, hardly does. Huber's loss lies between, because it
# counts in deviations of the target, which the spoiled ones have made large. The errors
# below are those on the targets as they should be, rounded to tens. To the right, with
# the targets as they are, three quantiles at once make a band that should hold eight
# patients of ten.

X, y = load_diabetes(return_X_y=True, scaled=False)
bmi = X[:, [2]]
spoiled = np.random.default_rng(0).random(len(y)) < 0.1
along = np.linspace(18, 42, 100)[:, None]
shared: dict[str, Any] = {
    "hidden_layer_sizes": (32,),
    "learning_rate": 0.003,
    "l2": 0.01,
    "max_epochs": 100,
    "random_state": 0,
}
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4), sharey=True, layout="constrained"
)
for loss, colour in (
    ("squared_error", BLUE),
    ("huber", GREEN),
    ("absolute_error", ORANGE),
):
    model = MLPRegressor(loss=loss, **shared).fit(bmi, np.where(spoiled, 10 * y, y))
    left.plot(along, model.predict(along), color=colour, linewidth=2, label=loss)
    error = mean_absolute_error(y, model.predict(bmi))
    print(f"{loss:15} error about {round(error, -1):3.0f}")

model = MLPRegressor(loss="quantile", quantile=(0.1, 0.5, 0.9), **shared).fit(bmi, y)
low, middle, high = model.predict(along).T
right.fill_between(along[:, 0], low, high, color=BLUE, alpha=0.2, label="0.1 to 0.9")
right.plot(along, middle, color=BLUE, linewidth=2, label="0.5")
low, _, high = model.predict(bmi).T
share = np.mean((low <= y) & (y <= high))
print(f"in the band: {share:.1f} of the training patients")

for ax, title in ((left, "A tenth of the targets spoiled"), (right, "Quantiles")):
    ax.plot(bmi, y, ".", color="#B0B0B0", markersize=4, zorder=0)
    ax.set(xlabel="body mass index", ylim=(0, 500), title=title)
    ax.legend(frameon=False, loc="upper left")
    ax.spines[["top", "right"]].set_visible(False)
left.set_ylabel("progress of the disease")

# %%
# Cautious probabilities
# ----------------------
# Label smoothing asks for 0.91 for the true digit, not for 1. Fewer digits are wrong,
# but the probabilities are too modest now: 98 % of the digits are right, where the
# network gives 84 % on the mean. The log loss, which looks at probabilities, is worse.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.5, stratify=y, random_state=0
)
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for name, params, colour in (
    ("cross-entropy", {}, BLUE),
    ("label_smoothing=0.1", {"label_smoothing": 0.1}, GREEN),
    ("focal", {"loss": "focal"}, ORANGE),
):
    classifier = MLPClassifier(
        learning_rate=0.003, max_epochs=60, tol=None, random_state=0, **params
    )
    probabilities = classifier.fit(X_train, y_train).predict_proba(X_test)
    confidence = probabilities.max(axis=1)
    ax.hist(
        confidence,
        np.linspace(0.2, 1, 41),
        histtype="step",
        color=colour,
        linewidth=2,
        label=name,
    )
    print(
        f"{name:20} accuracy {classifier.score(X_test, y_test):.2f}  "
        f"log loss {log_loss(y_test, probabilities):.2f}  "
        f"mean confidence {confidence.mean():.2f}"
    )
ax.set(xlabel="probability of the predicted class", ylabel="test digits", yscale="log")
ax.legend(frameon=False, loc="upper left")
ax.spines[["top", "right"]].set_visible(False)

# %%
# A rare class
# ------------
# Of the malignant tumours the training rows hold ten only, beside 178 benign ones. With
# ``class_weight="balanced"`` the ten count as much as the others together, and many
# more of the malignant ones are found.

X, y = load_breast_cancer(return_X_y=True)
found: dict[str, list[float]] = {"None": [], "balanced": []}
for seed in range(8):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.5, stratify=y, random_state=seed
    )
    rows = np.concatenate(
        [np.flatnonzero(y_train == 0)[:10], np.flatnonzero(y_train == 1)]
    )
    for class_weight in (None, "balanced"):
        classifier = MLPClassifier(
            max_epochs=40, class_weight=class_weight, random_state=seed
        ).fit(X_train[rows], y_train[rows])
        malignant = X_test[y_test == 0]
        found[str(class_weight)].append(np.mean(classifier.predict(malignant) == 0))
for name, shares in found.items():
    print(f"class_weight={name:9} finds {np.mean(shares):.1f} of the malignant tumours")
plt.show()
