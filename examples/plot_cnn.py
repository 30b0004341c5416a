"""
What a convolution does
=======================

A filter slides over a photograph and finds edges; a network learns filters of its own
on handwritten digits, and we look at them, at the maps they make, and at what happens
when the digits move by a pixel. Fifteen seconds on one CPU core.
"""

# %%
# A filter by hand
# ----------------
# A filter is a small window of weights. At each place of the image the pixels under it
# are multiplied by the weights and added up. Weights of -1 left and 1 right answer
# where it gets brighter from left to right: vertical edges. Turned by a quarter they
# find horizontal ones. Max pooling keeps the largest answer in each window of 8 by 8.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import correlate, maximum_filter
from sklearn.datasets import load_digits, load_sample_image
from sklearn.model_selection import train_test_split

from skdeep import CNNClassifier, MLPClassifier, NetworkDisplay, forward_pass, summary

photo = load_sample_image("china.jpg").mean(axis=2)[40:360, 0:480] / 255
vertical = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
edges = np.abs(correlate(photo, vertical))
horizontal = np.abs(correlate(photo, vertical.T))
pooled = maximum_filter(edges, 8)[4::8, 4::8]

figure, axes = plt.subplots(2, 2, figsize=(9, 6.8), layout="constrained")
pictures = {
    f"the photograph, {photo.shape[0]} x {photo.shape[1]}": photo,
    "vertical edges": edges,
    "horizontal edges": horizontal,
    f"vertical edges, pooled to {pooled.shape[0]} x {pooled.shape[1]}": pooled,
}
for ax, (name, picture) in zip(axes.flat, pictures.items(), strict=True):
    ax.imshow(picture, cmap="gray")
    ax.set(title=name, xticks=[], yticks=[])

# %%
# Filters that are learnt
# -----------------------
# In a convolutional network nobody chooses the weights: they are learnt, like all
# others. Here are two blocks, of 8 and 16 filters; the first one has 80 parameters,
# which serve all 64 places of the image.

digits = load_digits()
X, X_test, y, y_test = train_test_split(
    digits.images, digits.target, stratify=digits.target, random_state=0
)
cnn = CNNClassifier(
    conv_channels=(8, 16),
    pool_size=(1, 2),
    learning_rate=0.003,
    max_epochs=12,
    random_state=0,
)
cnn.fit(X, y)
print(summary(cnn))
NetworkDisplay.from_estimator(cnn)

# %%
# The filters of the first block, blue for weights below zero and red above, and what
# each of them answers to one image. Every map shows another side of the digit.

steps = forward_pass(cnn, X_test[:1])
maps = steps["block 1: activations"][0]
filters = next(cnn.module_.parameters()).detach().numpy()[:, 0]
largest = np.abs(filters).max()
figure, axes = plt.subplots(2, 9, figsize=(12, 2.9), layout="constrained")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].axis("off")
axes[1, 0].imshow(X_test[0], cmap="gray_r")
axes[1, 0].set_title("image", fontsize=9)
for place, (weights, answers) in enumerate(zip(filters, maps, strict=True), start=1):
    axes[0, place].imshow(weights, cmap="RdBu_r", vmin=-largest, vmax=largest)
    axes[0, place].set_title(f"filter {place}", fontsize=9)
    axes[1, place].imshow(answers, cmap="gray_r", vmin=0, vmax=maps.max())
    axes[1, place].set_title(f"map {place}", fontsize=9)

# %%
# Digits that move
# ----------------
# The same filter looks everywhere, so that a stroke is found wherever it is. A
# perceptron has weights of its own for each pixel, and has to learn each place anew.
# All test images are pushed to the right by one pixel, which neither has seen:

perceptron = MLPClassifier((128,), max_epochs=60, random_state=0)
perceptron.fit(X.reshape(len(X), -1), y)
moved = np.roll(X_test, 1, axis=2)
moved[:, :, 0] = 0
for name, model, form in (
    ("perceptron", perceptron, (-1, 64)),
    ("convolutional network", cnn, (-1, 8, 8)),
):
    still = model.score(X_test.reshape(form), y_test)
    pushed = model.score(moved.reshape(form), y_test)
    print(f"{name:22} more than 95 % right in place: {still > 0.95}", end="")
    print(f", more than half when moved: {pushed > 0.5}")
plt.show()
