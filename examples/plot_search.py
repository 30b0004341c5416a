"""
What a search has tried
=======================

`OptunaSearchCV` on handwritten digits, in five pictures: the course of the search, the
parameters that mattered, the epochs that pruning saved; and what a random search finds
with as many epochs. Half a minute on one CPU core.
"""

# %%
# The search
# ----------
# Five parameters, most on a logarithmic scale, and 30 trials of up to 15 epochs on
# three folds. The first trial has the parameters of the estimator itself. All folds of
# a trial are trained side by side, and a trial that is not among the best quarter of
# the finished ones at the same epoch is stopped.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from optuna.distributions import FloatDistribution, IntDistribution
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import RandomizedSearchCV, train_test_split

from skdeep import MLPClassifier, OptunaSearchCV, SearchDisplay

X, y = load_digits(return_X_y=True)
X, X_test, y, y_test = train_test_split(
    X, y, train_size=600, stratify=y, random_state=0
)
network = MLPClassifier(
    learning_rate=0.003, batch_size=64, max_epochs=15, random_state=0
)
search = OptunaSearchCV(
    network,
    {
        "learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
        "hidden_layer_sizes": IntDistribution(8, 128, log=True),
        "dropout": FloatDistribution(0.0, 0.6),
        "batch_size": [16, 32, 64, 128],
        "activation": ["relu", "tanh", "gelu"],
    },
    n_trials=30,
    cv=3,
    scoring="neg_log_loss",
    random_state=0,
)
search.fit(X, y)
results = search.cv_results_
n_epochs = results["n_epochs"].sum()
n_pruned = np.sum(results["state"] == "PRUNED")
before = -results["mean_test_score"][0]
accuracy = search.best_estimator_.score(X_test, y_test)
print(f"a third of the 30 trials or more were pruned: {n_pruned >= 10}")
print(f"a quarter of the epochs or more were saved: {n_epochs <= 0.75 * 30 * 3 * 15}")
print(f"log loss below 0.3 as the estimator was: {before < 0.3}")
print(f"lower by more than 0.03 at best: {-search.best_score_ < before - 0.03}")
print("found, in search.best_params_:", *search.best_params_, sep="\n  ")
print(f"more than 90 % of new digits are right: {accuracy > 0.9}")
SearchDisplay.from_search(search, kind="history")

# %%
# Epoch by epoch
# --------------
# Where trials were pruned a line ends in a cross.

SearchDisplay.from_search(search, kind="curves")

# %%
# What mattered
# -------------
# The share of each parameter in the variance of the score, and the score against each.

SearchDisplay.from_search(search, kind="importance")

# %%

SearchDisplay.from_search(search, kind="slice")

# %%
# Each line is a finished trial. Bright ones scored better.

SearchDisplay.from_search(search, kind="parallel")

# %%
# A random search for the same money
# ----------------------------------
# It draws blindly and trains every candidate to the end; it is given as many trials as
# the epochs above pay for.

randomized = RandomizedSearchCV(
    network,
    {
        "learning_rate": loguniform(1e-4, 1e-1),
        "hidden_layer_sizes": np.geomspace(8, 128, 40).astype(int).tolist(),
        "dropout": uniform(0.0, 0.6),
        "batch_size": [16, 32, 64, 128],
        "activation": ["relu", "tanh", "gelu"],
    },
    n_iter=round(n_epochs / (3 * 15)),
    cv=3,
    scoring="neg_log_loss",
    random_state=0,
)
randomized.fit(X, y)
print(
    "the random search lowers the log loss by more than 0.03, too:",
    -randomized.best_score_ < before - 0.03,
)
plt.show()
