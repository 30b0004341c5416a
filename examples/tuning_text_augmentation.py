"""
How much augmentation of texts is good?
=======================================

Few texts with labels, and an augmenter whose strengths a search finds. New texts are
made of training texts only, inside each fold: the ones that a candidate is scored on
are as they came. Half a minute on one CPU core, nothing is downloaded.
"""

# %%
# Eighty reviews
# --------------
# Made up from templates, with opinions in words of which most stand in few reviews.

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skdeep import AugmentedClassifier, TextAugmenter, TextClassifier

GOOD = ["great", "excellent", "superb", "lovely", "delightful", "charming", "brilliant"]
BAD = ["awful", "terrible", "dreadful", "boring", "dull", "tedious", "disappointing"]
THINGS = ["film", "room", "meal", "book", "phone", "hotel", "story", "service"]
TEMPLATES = [
    "The {thing} was {word}, and the {other} was {again} as well.",
    "What a {word} {thing}! My friends found it {again}, too.",
    "I expected a {against} {thing}, but it was {word}.",
    "{word}. Not {against} at all, as some say of the {other}.",
    "A rather {word} {thing} with a {again} {other}.",
]


def write(label: int, rng: np.random.Generator) -> str:
    """Return a review."""
    own, others = (GOOD, BAD) if label else (BAD, GOOD)
    return str(rng.choice(TEMPLATES)).format(
        word=rng.choice(own),
        again=rng.choice(own),
        against=rng.choice(others),
        thing=rng.choice(THINGS),
        other=rng.choice(THINGS),
    )


rng = np.random.default_rng(0)
labels = np.arange(580) % 2
reviews = [write(label, rng) for label in labels]
X, y, X_test, y_test = reviews[:80], labels[:80], reviews[80:], labels[80:]
print(*X[:4], sep="\n")

# %%
# What an augmenter makes of a text
# ---------------------------------
# Each new text is made by one operation; they take turns. Synonyms come from a table of
# one's own here; `synonyms="wordnet"` takes WordNet where it is installed.

synonyms = {word: [other for other in GOOD if other != word] for word in GOOD}
synonyms |= {word: [other for other in BAD if other != word] for word in BAD}
augmenter = TextAugmenter(synonyms=synonyms, n_aug=6, random_state=0)
print(*augmenter.augment(X[:1]), sep="\n")

# %%
# A search in a Pipeline
# ----------------------
# Augmentation makes more rows, which no step of a Pipeline may. `AugmentedClassifier`
# therefore holds the steps that learn, and is itself the last one of a Pipeline; its
# parameters are found by their prefix. `None` is no augmentation at all.

model = Pipeline(
    [
        ("strip", FunctionTransformer(lambda texts: [text.strip() for text in texts])),
        (
            "model",
            AugmentedClassifier(
                make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)), augmenter
            ),
        ),
    ]
)
shares = [
    {"model__augmenter": [None]},
    {
        "model__augmenter__synonym": [0.0, 0.1, 0.3],
        "model__augmenter__delete": [0.0, 0.1],
    },
]
search = GridSearchCV(model, shares, cv=5).fit(X, y)
results = zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
)
for parameters, score in results:
    told = {name.rsplit("__", 1)[1]: value for name, value in parameters.items()}
    print(f"{score:.3f} {told}")
plain = model.set_params(model__augmenter=None).fit(X, y)
print(f"on 500 other reviews without augmentation: {plain.score(X_test, y_test):.1f}")
print(f"with the best one: {search.score(X_test, y_test):.1f}")

# %%
# The same in a network
# ---------------------
# `TextClassifier` takes the augmenter itself, and changes the texts anew in each epoch.
# Here it does well without.

for kind, chosen in (("as they are", None), ("augmented", augmenter)):
    network = TextClassifier(augmenter=chosen, max_epochs=20, random_state=0)
    accuracy = network.fit(X, y).score(X_test, y_test)
    print(f"network on texts {kind}: more than 90 % right: {accuracy > 0.9}")

# sphinx_gallery_thumbnail_path = '_static/thumb_text.svg'
