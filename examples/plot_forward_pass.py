"""
What a network computes, number by number
=========================================

A perceptron of 4 inputs, 8 hidden neurons and 3 outputs learns the irises. We draw it,
follow one flower through it, and do the same with NumPy. Some seconds on one CPU core.
"""

# %%
# Fit and look
# ------------
# Each line of the picture is a weight: blue ones are negative, red ones positive, and
# the wider, the larger. Below each layer stands what it has learnt: every one of the 8
# hidden neurons has 4 weights and a bias, every output 8 weights and a bias.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris

from skdeep import (
    ActivationDisplay,
    ForwardPassDisplay,
    MLPClassifier,
    NetworkDisplay,
    forward_pass,
    summary,
)

iris = load_iris()
X, y = iris.data, iris.target_names[iris.target]
classifier = MLPClassifier((8,), learning_rate=0.01, random_state=0).fit(X, y)
print(f"accuracy: {classifier.score(X, y):.2f}")
print(summary(classifier))
NetworkDisplay.from_estimator(classifier)

# %%
# One flower
# ----------
# ``forward_pass`` computes what ``predict_proba`` computes, and keeps every step.

flower = X[100:101]
steps = forward_pass(classifier, flower)
print(steps)
ForwardPassDisplay.from_estimator(classifier, flower)

# %%
# The same by hand
# ----------------
# First the inputs are put to scale, by the mean and the deviation of the training rows.

scaled = (flower - X.mean(axis=0)) / X.std(axis=0)
print("scaled inputs  ", np.round(scaled[0], 3))

# %%
# Each hidden neuron weighs the four numbers, adds them up, and adds its bias. These are
# the weighted sums; ``coefs_`` and ``intercepts_`` hold the weights, as in
# scikit-learn's own perceptron.

weighted_sums = scaled @ classifier.coefs_[0] + classifier.intercepts_[0]
print("weighted sums  ", np.round(weighted_sums[0], 3))

# %%
# The activation function decides what a neuron passes on: "relu" is the sum itself
# where it is positive, else zero. Without it two layers would be no more than one.

activations = np.maximum(weighted_sums, 0.0)
print("activations    ", np.round(activations[0], 3))
ActivationDisplay.from_names(["relu", "tanh", "gelu"])

# %%
# The output layer weighs the eight activations: one sum for each species. Softmax turns
# the three sums into probabilities, which are positive and add up to one.

logits = activations @ classifier.coefs_[1] + classifier.intercepts_[1]
odds = np.exp(logits)
probabilities = odds / odds.sum()
for species, probability in zip(classifier.classes_, probabilities[0], strict=True):
    print(f"{species:12} {probability:.4f}")

# %%
# All of it agrees with the steps that skdeep computed, and so do the predictions.

np.testing.assert_allclose(scaled, steps["scaled inputs"], rtol=1e-4)
np.testing.assert_allclose(
    weighted_sums, steps["hidden layer 1: weighted sums"], rtol=1e-3, atol=1e-5
)
np.testing.assert_allclose(
    probabilities, classifier.predict_proba(flower), rtol=1e-3, atol=1e-6
)
print("predicted:", classifier.predict(flower)[0], "| in truth:", y[100])
plt.show()
