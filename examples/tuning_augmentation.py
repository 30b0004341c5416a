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
search = OptunaSearchCV(
    net, space, n_trials=15, cv=3, report_every=2, random_state=0, verbose=1
)
search.fit(X, y)

# %%
# What came of it
# ---------------

results = search.cv_results_
print(f"\nwithout augmentation  {results['mean_test_score'][0]:.3f}")
print(f"best of 15            {search.best_score_:.3f}")
for name, value in search.best_params_.items():
    print(f"  {name}: {value:.3g}")
print(f"on new images         {search.score(X_test, y_test):.3f}")

# sphinx_gallery_thumbnail_path = '_static/thumb_digit.svg'
