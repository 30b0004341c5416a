"""
A first network
===============

A network of two hidden layers learns two half moons: what it is made of, how it
learns, and where it draws the line. Five seconds on one CPU core.
"""

# %%
# Points of two classes
# ---------------------
# No straight line can part them.

from __future__ import annotations

import matplotlib.pyplot as plt
from sklearn.datasets import make_moons
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skdeep import MLPClassifier, NetworkDisplay, TrainingCurveDisplay, summary

X, y = make_moons(400, noise=0.2, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=1)

# %%
# Fit
# ---
# A quarter of the points is watched while it learns, and teaches it nothing. When the
# loss on them stands still it stops, and goes back to the best epoch.

classifier = MLPClassifier(
    hidden_layer_sizes=(8, 4),
    activation="tanh",
    learning_rate=0.01,
    batch_size=32,
    max_epochs=60,
    early_stopping=True,
    random_state=0,
)
classifier.fit(X_train, y_train, X_val=X_test, y_val=y_test)

# %%
# Look
# ----
# Left the network: a line for each weight, blue ones negative, orange ones positive,
# wide ones large. In the middle the loss after each epoch. Right what it has learnt:
# the probability of the red class at each point of the plane.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
NetworkDisplay.from_estimator(classifier, ax=axes[0])
axes[0].set_title("the network")
TrainingCurveDisplay.from_estimator(classifier, ax=axes[1])
axes[1].set_title("its loss")
DecisionBoundaryDisplay.from_estimator(
    classifier,
    X,
    ax=axes[2],
    response_method="predict_proba",
    eps=0.4,
    cmap="RdBu_r",
    alpha=0.6,
    vmin=0,
    vmax=1,
    levels=20,
)
axes[2].scatter(*X.T, c=y, cmap="RdBu_r", s=16, edgecolor="white", linewidth=0.4)
axes[2].set(title="what it has learnt", xticks=[], yticks=[])

# %%
# In numbers
# ----------
# A linear model is what a network without hidden layers would be.

print(summary(classifier))
linear = LogisticRegression().fit(X_train, y_train)
print(f"accuracy on these points: {classifier.score(X_test, y_test):.2f}")
print(f"of a linear model:        {linear.score(X_test, y_test):.2f}")
plt.show()
