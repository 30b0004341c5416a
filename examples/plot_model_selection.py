"""
Choosing a model
================

Is this digit an 8? One in ten is. Three models are compared by accuracy, precision,
recall and F1, by curves, and by how far their probabilities can be believed; then the
threshold is moved. Fifteen seconds on one CPU core.
"""

# %%
# A rare class
# ------------
# 600 images to learn from, 60 of them eights. The first network weighs all images
# alike, the second gives both classes the same total weight.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibrationDisplay
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    RocCurveDisplay,
    precision_recall_curve,
)
from sklearn.model_selection import (
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier

X, digit = load_digits(return_X_y=True)
is_eight = (digit == 8).astype(int)
X_train, X_test, y_train, y_test = train_test_split(
    X, is_eight, train_size=600, stratify=is_eight, random_state=0
)

plain = MLPClassifier((32,), batch_size=32, max_epochs=30, random_state=0)
models = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression()),
    "network": plain,
    "network, balanced": clone(plain).set_params(class_weight="balanced"),
}

# %%
# Five folds, five numbers
# ------------------------
# The mean over the folds, and one standard deviation.

folds = StratifiedKFold(5, shuffle=True, random_state=0)
scores = ["accuracy", "precision", "recall", "f1", "average_precision"]
print(f"{'':18}" + "".join(f"{name:>18}" for name in scores))
for name, model in models.items():
    results = cross_validate(model, X_train, y_train, scoring=scores, cv=folds)
    told = [results[f"test_{score}"] for score in scores]
    row = "".join(f"{fold.mean():11.2f} ± {fold.std():.2f}" for fold in told)
    print(f"{name:17}{row}")

# %%
# Pictures of mistakes
# --------------------
# Above the confusion matrices of the two networks: with balanced weights more eights
# are found, and more other digits are taken for one. Below ROC and precision-recall
# curves, which look at all thresholds, and calibration curves: of the images that a
# model gives a probability of 0.3, three in ten should be an 8. Balanced weights push
# the probabilities up.

figure, axes = plt.subplots(2, 3, figsize=(12, 7.6), layout="constrained")
for model in models.values():
    model.fit(X_train, y_train)
for ax, name in zip(axes[0], ("network", "network, balanced"), strict=False):
    ConfusionMatrixDisplay.from_estimator(
        models[name],
        X_test,
        y_test,
        display_labels=["other", "eight"],
        cmap="Blues",
        colorbar=False,
        ax=ax,
    )
    ax.set_title(name)
for name, model in models.items():
    RocCurveDisplay.from_estimator(model, X_test, y_test, name=name, ax=axes[0, 2])
    PrecisionRecallDisplay.from_estimator(
        model, X_test, y_test, name=name, ax=axes[1, 0]
    )
    CalibrationDisplay.from_estimator(
        model, X_test, y_test, name=name, n_bins=5, ax=axes[1, 1]
    )
axes[0, 2].set(title="ROC, the upper left corner", xlim=(-0.01, 0.3), ylim=(0.7, 1.01))
axes[1, 0].set(title="precision and recall", xlim=(0.5, 1.01), ylim=(0.5, 1.01))
axes[1, 1].set_title("calibration")
for ax in (axes[0, 2], axes[1, 0], axes[1, 1]):
    ax.set(aspect="auto")
    ax.set_xlabel(ax.get_xlabel().split(" (")[0])
    ax.set_ylabel(ax.get_ylabel().split(" (")[0])
    ax.legend(fontsize="x-small")

# The threshold is chosen on probabilities of folds that a network has not learnt from.
proba = cross_val_predict(plain, X_train, y_train, cv=folds, method="predict_proba")[
    :, 1
]
precision, recall, thresholds = precision_recall_curve(y_train, proba)
f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
tuned = TunedThresholdClassifierCV(plain, scoring="f1", cv=folds)
tuned.fit(X_train, y_train)
ax = axes[1, 2]
for label, curve in {"precision": precision, "recall": recall, "F1": f1}.items():
    ax.plot(thresholds, curve[:-1], label=label)
ax.axvline(tuned.best_threshold_, color="0.3", linestyle="--", label="chosen")
ax.axvline(0.5, color="0.7", linestyle=":", label="one half")
ax.set(title="the threshold of the network", xlabel="threshold", ylim=(0.4, 1.01))
ax.legend(fontsize="x-small")

# %%
# Another threshold
# -----------------
# The last panel shows what a threshold does to the network's answers. The one with the
# best F1 lies below one half: without another training, more eights are found.

for name, model in {"one half": plain, "tuned": tuned}.items():
    found = model.predict(X_test)
    hits = (found & y_test).sum()
    print(
        f"{name:9} recall {hits / y_test.sum():.2f}, precision {hits / found.sum():.2f}"
    )
plt.show()
