"""
Where a network looks
=====================

Grad-CAM shows which pixels speak for a class. A convolutional network learns to tell
drawn shapes apart, and we see that it looks at them; then it is given a shortcut, and
we see that it cheats. Half a minute on one CPU core.
"""

# %%
# Drawn shapes
# ------------
# Circles, squares and triangles of random size, place and brightness, on noise.

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw

from skdeep import (
    AugmentationDisplay,
    CNNClassifier,
    ForwardPassDisplay,
    GradCAMDisplay,
    ImageAugmenter,
    NetworkDisplay,
    TrainingCurveDisplay,
    grad_cam,
)

SHAPES = ("circle", "square", "triangle")
SIZE = 32


def draw(shape: str, rng: np.random.Generator) -> np.ndarray:
    """Return an image of bytes with one shape in it."""
    noise = rng.integers(0, 90, (SIZE, SIZE)).astype(np.uint8)
    image = Image.fromarray(noise)
    side = int(rng.integers(9, 15))
    left, top = (int(corner) for corner in rng.integers(1, SIZE - side - 1, 2))
    box = [left, top, left + side, top + side]
    colour = int(rng.integers(140, 240))
    pen = ImageDraw.Draw(image)
    if shape == "circle":
        pen.ellipse(box, fill=colour)
    elif shape == "square":
        pen.rectangle(box, fill=colour)
    else:
        corners = [
            (left, top + side),
            (left + side, top + side),
            (left + side // 2, top),
        ]
        pen.polygon(corners, fill=colour)
    return np.asarray(image)


rng = np.random.default_rng(0)
y = rng.choice(SHAPES, 900)
X = np.stack([draw(shape, rng) for shape in y])
X_train, X_test, y_train, y_test = X[:600], X[600:], y[:600], y[600:]

# %%
# The training images are made harder, which can be looked at before any training.

augmenter = ImageAugmenter(rotation=10, translate=0.1, hflip=0.5)
AugmentationDisplay.from_augmenter(augmenter, X_train[:3], random_state=0)

# %%
# A network that learns
# ---------------------
# Global pooling hands one number for each map to the dense layer, so that what counts
# is that a map finds something, wherever it is.

cnn = CNNClassifier(
    conv_channels=(8, 16, 32),
    normalization="batch",
    global_pooling="max",
    hidden_layer_sizes=(),
    augmenter=augmenter,
    learning_rate=0.01,
    lr_schedule="one_cycle",
    max_epochs=15,
    random_state=0,
)
cnn.fit(X_train, y_train, X_val=X_test, y_val=y_test)
accuracy = cnn.score(X_test, y_test)
print(f"more than 95 % of the test images are right: {accuracy > 0.95}")
NetworkDisplay.from_estimator(cnn)
TrainingCurveDisplay.from_estimator(cnn)

# %%
# Through the layers
# ------------------
# What the maps of each block make of one image.

ForwardPassDisplay.from_estimator(cnn, X_test[:1])

# %%
# Where it looks
# --------------
# What speaks for a square, or a circle, lies on it; what speaks for a triangle is
# mostly what is missing beside its slanting sides.

GradCAMDisplay.from_estimator(cnn, X_test[:12], y_test[:12])

# %%
# A shortcut
# ----------
# Now every training image of a square has a small bright mark in a corner, as labels,
# rulers or the name of a hospital may be in photographs. Tested on images with the
# mark the network seems fine; without it, it is not.


def mark(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return copies with a mark in the corner of every square."""
    marked = images.copy()
    marked[labels == "square", 1:4, 1:4] = 255
    return marked


cheat = CNNClassifier(**{**cnn.get_params(deep=False), "augmenter": None})
cheat.fit(mark(X_train, y_train), y_train)
squares = y_test == "square"
marked = mark(X_test, y_test)
with_mark = cheat.score(marked[squares], y_test[squares])
without = cheat.score(X_test[squares], y_test[squares])
print(f"more than 95 % of the squares with the mark are right:    {with_mark > 0.95}")
print(f"more than 20 % of the squares without the mark are right: {without > 0.2}")
GradCAMDisplay.from_estimator(
    cheat, marked[squares][:6], y_test[squares][:6], target="square"
)

# %%
# The maps say why: much of what speaks for a square lies in the corner.

maps = {
    name: grad_cam(model, marked[squares], target="square", normalize=False)
    for name, model in (("honest", cnn), ("cheating", cheat))
}
for name, heat in maps.items():
    share = heat[:, :6, :6].sum() / heat.sum()
    print(
        f"{name:9} network: a fifth of the map in that corner, or more: {share > 0.2}"
    )
plt.show()
