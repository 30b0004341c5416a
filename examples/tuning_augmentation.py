"""
Tuning the augmentation of an image classifier
==============================================

How much training images are turned and shifted is a parameter like any other: it is
searched by name, here along with dropout, on scikit-learn's digits. Half a minute on
one CPU core, nothing is downloaded.
"""

# %%
# The images
# ----------
# 300 small digits to learn from, so few that augmentation helps; the others to test on.

from __future__ import annotations

from optuna.distributions import FloatDistribution
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdeep import CNNClassifier, ImageAugmenter, OptunaSearchCV

digits = load_digits()
X, X_test, y, y_test = train_test_split(
    digits.images, digits.target, train_size=300, stratify=digits.target, random_state=0
)

# %%
# The search
# ----------
# The augmenter is an object inside the network, and its strengths are reached by two
# underscores. The first trial has the parameters as they are given here: neither
# augmentation nor dropout.

net = CNNClassifier(
    conv_channels=(16, 32),
    augmenter=ImageAugmenter(padding_mode="zeros"),
    max_epochs=12,
    learning_rate=0.003,
    random_state=0,
)
space = {
    "augmenter__rotation": FloatDistribution(0.0, 30.0),
    "augmenter__translate": FloatDistribution(0.0, 0.25),
    "augmenter__scale": FloatDistribution(0.0, 0.3),
    "dropout": FloatDistribution(0.0, 0.5),
}
search = OptunaSearchCV(net, space, n_trials=15, cv=3, report_every=2, random_state=0)
search.fit(X, y)

# %%
# What came of it
# ---------------
# The strengths that are best may differ from computer to computer, since several are
# nearly as good.

without = search.cv_results_["mean_test_score"][0]
print("found, in search.best_params_:", *search.best_params_, sep="\n  ")
print(f"more than 85 % right without augmentation: {without > 0.85}")
print(f"the best of {search.n_trials} is better: {search.best_score_ > without}")
print(f"more than 90 % right on new images: {search.score(X_test, y_test) > 0.9}")

# sphinx_gallery_thumbnail_path = '_static/thumb_digit.svg'
