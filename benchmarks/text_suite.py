"""Accuracy and cost on sets of texts: networks, linear models and fastText.

    python benchmarks/text_suite.py --out benchmarks/results/text_suite.csv

All on one thread, with their default parameters but for what `SIDES` says; seconds are
CPU seconds. `--cv` reports three-fold cross-validation on the training texts instead,
which is what defaults were chosen by. fastText needs a package of that name.
"""

from __future__ import annotations

import argparse
import csv
import re
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _text_sets import DATA, SETS, TextSet, read_set
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdeep import MLPClassifier, TextClassifier

FIELDS = ("set", "side", "seed", "accuracy", "macro_f1", "log_loss", "fit", "predict")


class FastText(ClassifierMixin, BaseEstimator):
    """The authors' fastText, on words and marks in lower case."""

    def __init__(self, **params: Any) -> None:
        self.params = params

    def fit(self, X: Any, y: Any) -> FastText:
        """Train by way of a file, which is how fastText reads."""
        import fasttext

        self.classes_, codes = np.unique(y, return_inverse=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.txt"
            lines = (
                f"__label__{code} {_plain(text)}\n"
                for code, text in zip(codes, X, strict=True)
            )
            path.write_text("".join(lines), encoding="utf-8")
            self.model_ = self._train(fasttext, str(path))
        return self

    def _train(self, fasttext: Any, path: str) -> Any:
        """Train, with another seed where the first ones end in "Encountered NaN"."""
        for attempt in range(20):
            try:
                return fasttext.train_supervised(
                    path,
                    thread=1,
                    verbose=0,
                    **{**self.params, "seed": self.params["seed"] + 100 * attempt},
                )
            except RuntimeError as error:
                if "NaN" not in str(error):
                    raise
        raise RuntimeError("fastText met NaN with twenty seeds.")

    def predict_proba(self, X: Any) -> Any:
        """Return probabilities in the order of `classes_`."""
        labels, shares = self.model_.predict([_plain(text) for text in X], k=-1)
        proba = np.zeros((len(labels), len(self.classes_)))
        for row, (names, values) in enumerate(zip(labels, shares, strict=True)):
            proba[row, [int(name[9:]) for name in names]] = values
        return proba / proba.sum(axis=1, keepdims=True)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))


def wide_mlp(seed: int) -> Any:
    """Return the wide perceptron on TF-IDF of Galke & Scherp (ACL 2022).

    TF-IDF is on a scale of its own, which standardising would undo; ten epochs in place
    of their hundred keep it affordable.
    """
    perceptron = MLPClassifier(
        (1024,), dropout=0.5, feature_scaling=None, max_epochs=10, random_state=seed
    )
    return make_pipeline(TfidfVectorizer(), perceptron)


SIDES: dict[str, Callable[[int], Any]] = {
    "TextClassifier": lambda seed: TextClassifier(random_state=seed),
    "TextClassifier, characters": lambda seed: TextClassifier(
        char_ngram_range=(2, 4), random_state=seed
    ),
    "TextClassifier, convolutions": lambda seed: TextClassifier(
        conv_channels=64, embedding_dropout=0.5, random_state=seed
    ),
    "wide MLP on TF-IDF": wide_mlp,
    "TF-IDF + logistic regression": lambda seed: make_pipeline(
        TfidfVectorizer(), LogisticRegression(max_iter=1000)
    ),
    "TF-IDF + linear SVM": lambda seed: make_pipeline(TfidfVectorizer(), LinearSVC()),
    "fastText": lambda seed: FastText(seed=seed + 1),
    "fastText, 25 epochs of bigrams": lambda seed: FastText(
        lr=0.5, epoch=25, wordNgrams=2, bucket=200_000, seed=seed + 1
    ),
}


def measure(side: str, seed: int, texts: TextSet) -> dict[str, Any]:
    """Fit and score one side on one set."""
    model = SIDES[side](seed)
    begin = time.process_time()
    model.fit(texts.X_train, texts.y_train)
    fitted = time.process_time()
    probabilities = hasattr(model, "predict_proba")
    proba = model.predict_proba(texts.X_test) if probabilities else None
    said = (
        model.predict(texts.X_test)
        if proba is None
        else model.classes_[proba.argmax(axis=1)]
    )
    end = time.process_time()
    y = texts.y_test
    return {
        "set": texts.name,
        "side": side,
        "seed": seed,
        "accuracy": f"{np.mean(said == y):.4f}",
        "macro_f1": f"{f1_score(y, said, average='macro'):.4f}",
        "log_loss": ""
        if proba is None
        else f"{log_loss(y, proba, labels=model.classes_):.4f}",
        "fit": f"{fitted - begin:.2f}",
        "predict": f"{end - fitted:.3f}",
    }


def folds(texts: TextSet) -> list[TextSet]:
    """Return three folds of the training texts, without the test texts."""
    splitter = StratifiedKFold(3, shuffle=True, random_state=0)
    X, y = texts.X_train, texts.y_train
    return [
        TextSet(texts.name, X[train], y[train], X[test], y[test])
        for train, test in splitter.split(X, y)
    ]


def main() -> None:
    """Print a line for each set, side and seed, and write them to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--cv", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    # A class of five texts in a fold of three.
    warnings.filterwarnings("ignore", message="The least populated class")
    rows = []
    for name in arguments.sets:
        texts = read_set(name, arguments.data)
        parts = folds(texts) if arguments.cv else [texts] * len(arguments.seeds)
        for side in arguments.sides:
            for seed, part in zip(arguments.seeds, parts, strict=True):
                rows.append(measure(side, seed, part))
                print(*rows[-1].values(), sep=", ", flush=True)
    if arguments.out:
        with arguments.out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
