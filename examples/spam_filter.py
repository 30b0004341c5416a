"""
A spam filter from raw strings
==============================

Messages go in as they are: no vectorizer, no vocabulary, no padding. Their words and
n-grams get vectors, which are learnt along with the classifier. Ten seconds on one CPU
core; the messages are made up here, so that nothing is downloaded.
"""

# %%
# Messages
# --------
# 1,000 short messages from templates, one in eight of them spam. Some honest ones speak
# of winning and calling, too; a tenth of all words is mistyped; and spammers write
# "pr1z3" or "c1@1m" to get past filters.

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, log_loss
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier, TextClassifier

SPAM = [
    "WINNER!! You have been chosen for a £{n} {prize}. Call {phone} to claim",
    "Free {prize} for our customers, text {code} to {phone} now!",
    "URGENT! Your {prize} of £{n} awaits. Reply {code} before {day}",
    "You have won {n} pounds. To collect your {prize} ring {phone}",
    "Get a free {prize} this {day}: send {code} to {phone}. T&Cs apply",
    "Dear customer, your account expires {day}. Verify at www.{code}.example",
]
HAM = [
    "Are you coming to {place} on {day}? Call me when you leave",
    "I won't be at {place} before {n}, sorry",
    "Did we win on {day}? Text me the score",
    "Can you get {n} eggs and some {food} on your way from {place}",
    "Free on {day}? We could have {food} at {place} :)",
    "ok, see you at {place}. Don't forget the {food}!",
    "My account of {day}'s trip to {place} is {n} pages long, will send it",
    "Happy birthday!! Your prize is {food} at {place} 🎉",
]
WORDS = {
    "prize": ["prize", "holiday", "phone", "voucher", "award", "cash bonus"],
    "day": ["Monday", "Friday", "Saturday", "Sunday", "tonight", "tomorrow"],
    "place": ["home", "work", "the pub", "mum's", "the station", "school"],
    "food": ["pizza", "bread", "noodles", "cake", "curry", "milk"],
}


DISGUISE = str.maketrans("aeiloAEILO", "@3110@3110")


def write(label: str, rng: np.random.Generator) -> str:
    """Fill a template in, mistype some words, and disguise those of spam."""
    template = str(rng.choice(SPAM if label == "spam" else HAM))
    values = {name: rng.choice(choices) for name, choices in WORDS.items()}
    values["n"] = str(rng.integers(2, 1000))
    values["phone"] = f"0{rng.integers(10**9, 10**10)}"
    values["code"] = "".join(rng.choice(list("ABCDEFGHIJ"), 4))
    words = template.format(**values).split(" ")
    for place, word in enumerate(words):
        if len(word) > 3 and rng.random() < 0.1:
            i = rng.integers(1, len(word) - 1)
            words[place] = word[:i] + word[i + 1 :]
        if label == "spam" and rng.random() < 0.5:
            words[place] = words[place].translate(DISGUISE)
    return " ".join(words)


rng = np.random.default_rng(0)
labels = np.where(rng.random(1000) < 1 / 8, "spam", "ham")
messages = [write(label, rng) for label in labels]
for message, label in zip(messages[:5], labels[:5], strict=True):
    print(f"{label:5s} {message}")

# %%
# Train, and look at the errors
# -----------------------------
# Emoji, marks and words alike are looked at; `char_ngram_range` lets mistyped words
# share most of what the right ones have learnt.

X_train, X_test, y_train, y_test = train_test_split(
    messages, labels, test_size=0.5, stratify=labels, random_state=0
)
spam_filter = TextClassifier(char_ngram_range=(2, 4), random_state=0)
spam_filter.fit(X_train, y_train)
predicted = spam_filter.predict(X_test)
print(classification_report(y_test, predicted))
wrong = [row for row in range(len(X_test)) if predicted[row] != y_test[row]]
for row in wrong[:5]:
    print(f"{y_test[row]} taken for {predicted[row]}: {X_test[row]}")

# %%
# What single words say
# ---------------------
# A word is a text as well.

words = ["claim", "c1@1m", "urgent", "pounds", "pizza", "home", "call", "zzz"]
for word, probability in zip(
    words, spam_filter.predict_proba(words)[:, 1], strict=True
):
    print(f"{word:8s} {'#' * round(20 * probability)} {probability:.2f}")

# %%
# Against others
# --------------
# The linear model on TF-IDF is the one to beat; the wide perceptron is trained on
# sparse rows, of which a batch at a time is made dense. TF-IDF is on scale already, so
# that `feature_scaling` is switched off.

models = {
    "TextClassifier": spam_filter,
    "TF-IDF + wide perceptron": make_pipeline(
        TfidfVectorizer(),
        MLPClassifier(
            (256,), dropout=0.5, feature_scaling=None, max_epochs=40, random_state=0
        ),
    ),
    "TF-IDF + logistic regression": make_pipeline(
        TfidfVectorizer(), LogisticRegression()
    ),
}
for name, model in models.items():
    model.fit(X_train, y_train)
    accuracy = model.score(X_test, y_test)
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(f"{name:30s} accuracy {accuracy:.2f}, log-loss {loss:.2f}")

# %%
# A transformer, too
# ------------------
# `transform` gives the vector of each message, for any estimator to go on with.

vectors = spam_filter.transform(X_test)
print(f"{vectors.shape[1]} numbers a message")
on_vectors = make_pipeline(
    TextClassifier(max_epochs=5, random_state=0), LogisticRegression()
)
scores = cross_val_score(on_vectors, X_train, y_train, cv=3)
print(f"logistic regression on vectors, three folds: {scores.mean():.2f}")

# sphinx_gallery_thumbnail_path = '_static/thumb_text.svg'
