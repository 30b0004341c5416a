"""
Which rows are held out
=======================

How scikit-learn's splitters deal rows out, training curves of five folds in one
picture, how far single hold-outs scatter, and two leaks that make a network look much
better than it is. Half a minute on one CPU core.
"""

# %%
# Splitters
# ---------
# Thirty rows of three classes, in the order in which they came, in ten groups of three.
# Each line is a fold; orange rows are held out. Two bars below show the classes and the
# groups. Plain folds may hold a class out as a whole; `StratifiedKFold` gives each fold
# its share of all classes; `GroupKFold` never splits a group; `TimeSeriesSplit` trains
# on what came before.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier, MLPRegressor, TrainingCurveDisplay

BLUE, ORANGE = "#0072B2", "#E69F00"
labels, groups = np.repeat([0, 1, 2], 10), np.arange(30) // 3
splitters = [KFold(3), StratifiedKFold(3), GroupKFold(3), TimeSeriesSplit(3)]
figure, axes = plt.subplots(2, 2, figsize=(11, 4), sharex=True, layout="constrained")
for ax, splitter in zip(axes.flat, splitters, strict=True):
    of = groups if isinstance(splitter, GroupKFold) else None
    for fold, (train, test) in enumerate(splitter.split(labels, labels, of)):
        ax.scatter(train, [fold] * len(train), c=BLUE, marker="s", s=40)
        ax.scatter(test, [fold] * len(test), c=ORANGE, marker="s", s=40)
    ax.scatter(range(30), [3.2] * 30, c=labels, cmap="Greys", vmin=-1, marker="s", s=40)
    ax.scatter(range(30), [4.2] * 30, c=groups, cmap="tab20", marker="s", s=40)
    ax.set_yticks([0, 1, 2, 3.2, 4.2], ["fold 1", "fold 2", "fold 3", "class", "group"])
    ax.set(title=type(splitter).__name__, ylim=(4.8, -0.7))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
for ax in axes[1]:
    ax.set_xlabel("row")

# %%
# Five folds in one picture
# -------------------------
# The lines are means, the bands one standard deviation to either side: does the network
# learn alike on all folds, and does it overfit on all? This one does, from the tenth
# epoch or so. Each fold holds a fifth of its training rows out to be watched; the
# scores that `cross_validate` returns are of the rows held out by the fold.

X, y = load_breast_cancer(return_X_y=True)
network = MLPClassifier(
    (64,),
    learning_rate=0.01,
    early_stopping=True,
    validation_fraction=0.2,
    scoring="accuracy",
    max_epochs=40,
    tol=None,
    random_state=0,
)
results = cross_validate(network, X, y, return_estimator=True)
TrainingCurveDisplay.from_cv_results(results)
print("accuracy of the folds:", results["test_score"].round(2))

# %%
# One split, or five
# ------------------
# The accuracy on a single fifth of the rows depends on which fifth it is. The mean over
# five folds, with all rows held out once, scatters much less.

network = MLPClassifier((32,), max_epochs=25, random_state=0)
single, folded = [], []
for seed in range(15):
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=seed
    )
    single.append(network.fit(X_train, y_train).score(X_test, y_test))
    cv = StratifiedKFold(5, shuffle=True, random_state=seed)
    folded.append(cross_val_score(network, X, y, cv=cv).mean())
figure, ax = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
for height, (scores, colour) in enumerate(((single, ORANGE), (folded, BLUE))):
    ax.plot(scores, [height] * 15, "o", color=colour, alpha=0.6)
    print(f"from {min(scores):.2f} to {max(scores):.2f}")
ax.set_yticks([0, 1], ["one hold-out", "five folds"])
ax.set(ylim=(-0.5, 1.5), xlabel="accuracy, with fifteen shuffles")
ax.spines[["top", "right"]].set_visible(False)

# %%
# Two leaks
# ---------
# A hundred rows with 5000 columns of noise, and labels by tossing a coin. Whoever picks
# the hundred best columns on all rows, and validates after that, has used the labels of
# the rows held out. In a `Pipeline` the choice is made again in each fold, from its
# training rows, and what is left is chance.

rng = np.random.default_rng(0)
coins = rng.permutation(np.arange(100) % 2)
noise = rng.standard_normal((100, 5000))
network = MLPClassifier((16,), max_epochs=30, random_state=0)
chosen = SelectKBest(k=100).fit_transform(noise, coins)
leaks = {
    "columns chosen": (
        cross_val_score(network, chosen, coins).mean(),
        cross_val_score(
            make_pipeline(SelectKBest(k=100), network), noise, coins
        ).mean(),
    )
}

# %%
# The diabetes patients, each measured three times, up to a little noise. Plain folds
# put one measurement of a patient into training and another one into the test, and the
# network recognises the patient. `GroupKFold` keeps patients together.

X, y = load_diabetes(return_X_y=True)
patient = np.repeat(np.arange(len(y)), 3)
X = X[patient] + 0.05 * X.std() * rng.standard_normal((len(patient), X.shape[1]))
y = y[patient]
regressor = MLPRegressor((128, 128), learning_rate=0.003, max_epochs=40, random_state=0)
shuffled = KFold(3, shuffle=True, random_state=0)
leaks["patients split"] = (
    cross_val_score(regressor, X, y, cv=shuffled).mean(),
    cross_val_score(regressor, X, y, cv=GroupKFold(3), groups=patient).mean(),
)
figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
details = (
    ("accuracy", 0.6, "of all rows", "in the fold"),
    ("R2", 0.5, "KFold", "GroupKFold"),
)
for ax, (name, scores), (metric, good, leaky, honest) in zip(
    axes, leaks.items(), details, strict=True
):
    bars = ax.bar([leaky, honest], scores, color=[ORANGE, BLUE], width=0.5)
    ax.bar_label(bars, fmt="%.2f", label_type="center", color="white")
    ax.set(title=name, ylabel=metric, ylim=(0, 1))
    ax.spines[["top", "right"]].set_visible(False)
    print(f"{name}: {metric} above {good} with the leak: {scores[0] > good}", end="")
    print(f", without: {scores[1] > good}")
axes[0].axhline(0.5, color="#333333", linewidth=0.8, linestyle="--")
axes[0].text(0.5, 0.52, "chance", ha="center", fontsize="small")
plt.show()
