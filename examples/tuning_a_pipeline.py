"""
Tuning a Pipeline
=================

A Pipeline on a DataFrame with numbers and categories, tuned by `OptunaSearchCV`: folds
trained side by side, an epoch at a time, and poor trials stopped early. Half a minute
on one CPU core, nothing is downloaded.
"""

# %%
# The table
# ---------
# Eight columns of numbers and one of categories, made up: a price that depends on some
# of them.

from __future__ import annotations

import numpy as np
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.compose import make_column_transformer
from sklearn.model_selection import RandomizedSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeep import MLPRegressor, OptunaSearchCV

rng = np.random.default_rng(0)
n_rows = 600
table = pd.DataFrame(
    rng.standard_normal((n_rows, 8)), columns=[f"x{number}" for number in range(8)]
)
table["town"] = rng.choice(["A", "B", "C"], n_rows)
price = (
    np.sin(2 * table["x0"])
    + table["x1"] * table["x2"]
    + table["town"].map({"A": 0.0, "B": 1.0, "C": -1.0})
    + 0.1 * rng.standard_normal(n_rows)
)
X, X_test, y, y_test = train_test_split(table, price, random_state=0)

# %%
# The search
# ----------
# Names of parameters go through the Pipeline as in any search of scikit-learn. What
# stands before the network is fitted once for each fold of a trial, not at each epoch.

columns = make_column_transformer(
    (StandardScaler(), [f"x{number}" for number in range(8)]),
    (OneHotEncoder(), ["town"]),
)
model = Pipeline(
    [("columns", columns), ("net", MLPRegressor(max_epochs=15, random_state=0))]
)
space = {
    "net__learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    "net__hidden_layer_sizes": IntDistribution(16, 128, log=True),
    "net__n_hidden_layers": IntDistribution(1, 3),
    "net__l2": FloatDistribution(1e-6, 1e-2, log=True),
    "net__batch_size": [32, 64, 128],
}
search = OptunaSearchCV(model, space, n_trials=20, cv=3, scoring="r2", random_state=0)
search.fit(X, y)
print("found, in search.best_params_:", *search.best_params_, sep="\n  ")

# %%
# What pruning saved
# ------------------
# `cv_results_` is that of scikit-learn's searches, with the state of each trial and the
# epochs it took. Which trials are pruned hangs on the last digits of their scores, and
# may differ from computer to computer. So may the parameters that are best.

results = search.cv_results_
n_pruned = (results["state"] == "PRUNED").sum()
share = results["n_epochs"].sum() / (20 * 3 * 15)
print(f"at least a quarter of the 20 trials were pruned: {n_pruned >= 5}")
print(f"at least a quarter of the epochs were saved: {share <= 0.75}")
print(f"R2 of the best trial is above 0.75: {search.best_score_ > 0.75}")
print(f"R2 on new rows is above 0.85: {search.score(X_test, y_test) > 0.85}")

# %%
# The same with scikit-learn's own search
# ---------------------------------------
# The estimators of skdeep need nothing special for it. Here it is given as many trials
# as the epochs above would have paid for.

randomized = RandomizedSearchCV(
    model,
    {
        "net__learning_rate": [1e-4, 1e-3, 1e-2, 1e-1],
        "net__hidden_layer_sizes": [16, 32, 64, 128],
        "net__n_hidden_layers": [1, 2, 3],
        "net__l2": [1e-6, 1e-4, 1e-2],
        "net__batch_size": [32, 64, 128],
    },
    n_iter=int(20 * share),
    cv=3,
    scoring="r2",
    random_state=0,
)
randomized.fit(X, y)
better = search.best_score_ > randomized.best_score_
print(f"OptunaSearchCV finds better ones than RandomizedSearchCV: {better}")

# %%
# Which parameters mattered
# -------------------------

print("what mattered most:", next(iter(search.param_importances_)))

# sphinx_gallery_thumbnail_path = '_static/thumb_search.svg'
