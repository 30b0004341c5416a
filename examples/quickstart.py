"""
Quickstart
==========

Two estimators of skdeep in scikit-learn's hands: cross-validated in a Pipeline,
grid-searched, saved and loaded again. A minute on one CPU core, nothing is downloaded.
"""

# %%
# Cross-validation
# ----------------
# An estimator of skdeep stands wherever one of scikit-learn's would. The perceptron
# scales its inputs itself; a scaler before it does no harm and shows the Pipeline.

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.model_selection import GridSearchCV, cross_validate, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, MLPRegressor


def compare(models: dict[str, Any], X: Any, y: Any, metrics: dict[str, str]) -> None:
    """Print the mean of each metric over five folds, one line for each model."""
    print(f"{'':24}" + "".join(f"{name:>12}" for name in metrics))
    for name, model in models.items():
        scores = cross_validate(model, X, y, scoring=metrics, cv=5)
        print(f"{name:24}", end="")
        for metric, scorer in metrics.items():
            sign = -1 if scorer.startswith("neg_") else 1
            print(f"{sign * scores[f'test_{metric}'].mean():12.2f}", end="")
        print()


X, y = load_breast_cancer(return_X_y=True)
print(f"Breast cancer: {X.shape[0]} rows, {X.shape[1]} features, 2 classes")
classifier = make_pipeline(
    StandardScaler(),
    MLPClassifier(
        hidden_layer_sizes=(32,), batch_size=64, max_epochs=60, random_state=0
    ),
)
compare(
    {"most frequent class": DummyClassifier(), "MLPClassifier": classifier},
    X,
    y,
    metrics={"accuracy": "accuracy", "ROC AUC": "roc_auc", "log loss": "neg_log_loss"},
)

# %%
# Regression
# ----------
# The target is standardised inside and comes back in its own unit.

X_diabetes, y_diabetes = load_diabetes(return_X_y=True)
print(f"\nDiabetes: {X_diabetes.shape[0]} rows, {X_diabetes.shape[1]} features")
regressor = MLPRegressor(
    hidden_layer_sizes=(32,), l2=1e-2, early_stopping=True, random_state=0
)
compare(
    {"mean": DummyRegressor(), "MLPRegressor": regressor},
    X_diabetes,
    y_diabetes,
    metrics={
        "R2": "r2",
        "MAE": "neg_mean_absolute_error",
        "RMSE": "neg_root_mean_squared_error",
    },
)

# %%
# Grid search
# -----------
# Every parameter can be searched, under the name that the Pipeline gives it.

X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)
search = GridSearchCV(
    classifier,
    {
        "mlpclassifier__hidden_layer_sizes": [(8,), (64,), (32, 32)],
        "mlpclassifier__dropout": [0.0, 0.3],
    },
    scoring="neg_log_loss",
    cv=3,
).fit(X_train, y_train)

print("\nGrid search over layers and dropout, 3 folds")
print(f"{'layers':>12}{'dropout':>12}{'log loss':>12}")
for i in np.argsort(search.cv_results_["rank_test_score"]):
    candidate = search.cv_results_["params"][i]
    layers = "-".join(map(str, candidate["mlpclassifier__hidden_layer_sizes"]))
    dropout = candidate["mlpclassifier__dropout"]
    log_loss = -search.cv_results_["mean_test_score"][i]
    print(f"{layers:>12}{dropout:>12}{log_loss:>12.2f}")

# %%
# Saving
# ------
# A fitted Pipeline goes into a file and comes back predicting the same bits.

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "model.joblib"
    joblib.dump(search.best_estimator_, path)
    size = path.stat().st_size
    loaded = joblib.load(path)

same = np.array_equal(loaded.predict_proba(X_test), search.predict_proba(X_test))
print(f"\nSaved in less than 50 kB: {size < 50_000}")
print(f"Loaded again, it predicts the same: {same}")
print(f"Accuracy on {len(y_test)} rows never seen: {loaded.score(X_test, y_test):.2f}")

# sphinx_gallery_thumbnail_path = '_static/thumb_table.svg'
