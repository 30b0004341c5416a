"""
Handwritten digits with a convolutional network
===============================================

A small convolutional network on scikit-learn's digits: what it looks like, how well it
does in cross-validation, and what augmentation and a Pipeline search make of it. Two
minutes on one CPU core, nothing is downloaded.
"""

# %%
# The images
# ----------
# 1,797 gray images of 8 by 8 pixels. They can be given as they are; the flat rows of
# `digits.data` would do as well.

from __future__ import annotations

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import f1_score
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline

from skdeep import CNNClassifier, ImageAugmenter, MLPClassifier

digits = load_digits()
X, X_test, y, y_test = train_test_split(
    digits.images, digits.target, stratify=digits.target, random_state=0
)
print(f"{len(X)} images of {X.shape[1]} by {X.shape[2]} pixels to learn from")

# %%
# A network, and what it looks like
# ---------------------------------
# Two blocks of convolution, of which the second halves height and width, then a dense
# layer. Batch normalization lets it learn in few epochs.

cnn = CNNClassifier(
    conv_channels=(16, 32),
    pool_size=(1, 2),
    normalization="batch",
    max_epochs=15,
    random_state=0,
)
cnn.fit(X, y)
for n_channels, height, width in cnn.module_.map_sizes:
    print(f"{n_channels:3d} channels of {height} by {width}")
accuracy = cnn.score(X_test, y_test)
print(f"more than 97 % of the test images are right: {accuracy > 0.97}")

# %%
# Against a perceptron
# --------------------
# The perceptron sees 64 columns and knows nothing of neighbours. Both are validated
# with the same folds.

perceptron = MLPClassifier(random_state=0)
flat = X.reshape(len(X), -1)
of_perceptron = cross_val_score(perceptron, flat, y, cv=3).mean()
of_cnn = cross_val_score(cnn, X, y, cv=3).mean()
print(f"more than 95 % right: {of_perceptron > 0.95} and {of_cnn > 0.95}")
print(f"the convolutional network makes fewer mistakes: {of_cnn > of_perceptron}")

# %%
# How much augmentation is good?
# ------------------------------
# The strengths of the augmenter are parameters like any others, found in a Pipeline by
# their prefix. Only training images are made harder; those of the test folds are
# scored as they are. Digits are never mirrored.

augmented = clone(cnn).set_params(augmenter=ImageAugmenter(padding_mode="zeros"))
search = GridSearchCV(
    Pipeline([("cnn", augmented)]),
    {
        "cnn__augmenter__rotation": [0, 10],
        "cnn__augmenter__translate": [0.0, 0.1],
    },
    cv=3,
)
search.fit(X, y)
scores = search.cv_results_["mean_test_score"]
print(f"accuracies of {len(scores)} candidates differ by less than 0.02:", end=" ")
print(scores.max() - scores.min() < 0.02)

# %%
# None stands out: with more than a thousand images to learn from, and digits that all
# stand upright in the middle, there is little left to gain. With 200 images, or with
# digits that are moved, augmentation is worth much, as the example on augmentation
# shows.
#
# The best of them, digit by digit
# --------------------------------

of_digits = f1_score(y_test, search.predict(X_test), average=None)
print(f"F1 is above 0.9 for each of the {len(of_digits)} digits:", end=" ")
print((of_digits > 0.9).all())

# sphinx_gallery_thumbnail_path = '_static/thumb_digit.svg'
