"""Accuracy and cost on sets of texts: networks, linear models and fastText.

    python benchmarks/text_suite.py --out benchmarks/results/text_suite.jsonl

All on one thread, with their default parameters but for what `SIDES` says; seconds are
CPU seconds. One line of the file is one fit, written as soon as it is done; what is
there is not run again. `--cv` reports three-fold cross-validation on the training texts
instead, which is what defaults were chosen by. `--report` makes tables of a file.
fastText needs the package fasttext-wheel.
"""

from __future__ import annotations

from _timing import machine, one_blas_thread

# isort: split
import argparse
import json
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _text_sets import DATA, SETS, TextSet, read_lines, read_set
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skdeep import MLPClassifier, TextClassifier

HERE = Path(__file__).resolve().parent
# What says which fit a line is of, and what is measured of it.
KEYS = ("set", "side", "seed", "part")
METRICS = ("accuracy", "macro_f1", "log_loss", "fit", "predict")
FIELDS = (*KEYS, *METRICS)


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
            # It reads lines in their order, and some sets come class by class.
            order = np.random.default_rng(self.params["seed"]).permutation(len(codes))
            lines = (f"__label__{codes[row]} {_plain(X[row])}\n" for row in order)
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
        proba = np.zeros((len(X), len(self.classes_)))
        for row, text in enumerate(X):
            # Its `predict` for lists answers with the wrong numbers under NumPy 2.
            line = f"{_plain(text)}\n"
            for value, name in self.model_.f.predict(line, -1, 0.0, "strict"):
                proba[row, int(name[9:])] = value
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
    "TextClassifier, rate 0.01": lambda seed: TextClassifier(
        learning_rate=0.01, random_state=seed
    ),
    "TF-IDF + logistic regression": lambda seed: make_pipeline(
        TfidfVectorizer(), LogisticRegression(max_iter=1000)
    ),
    "TF-IDF + linear SVM": lambda seed: make_pipeline(TfidfVectorizer(), LinearSVC()),
    "fastText": lambda seed: FastText(seed=seed + 1),
    "fastText, 25 epochs of bigrams": lambda seed: FastText(
        lr=0.5, epoch=25, wordNgrams=2, bucket=200_000, seed=seed + 1
    ),
    "wide MLP on TF-IDF": wide_mlp,
    "TextClassifier, convolutions": lambda seed: TextClassifier(
        conv_channels=64, embedding_dropout=0.5, random_state=seed
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
    loss = None if proba is None else log_loss(y, proba, labels=model.classes_)
    return {
        "accuracy": round(float(np.mean(said == y)), 4),
        "macro_f1": round(f1_score(y, said, average="macro"), 4),
        "log_loss": None if loss is None else round(loss, 4),
        "fit": round(fitted - begin, 3),
        "predict": round(end - fitted, 4),
    }


def folds(texts: TextSet) -> list[TextSet]:
    """Return three folds of the training texts, without the test texts."""
    splitter = StratifiedKFold(3, shuffle=True, random_state=0)
    X, y = texts.X_train, texts.y_train
    return [
        TextSet(texts.name, X[train], y[train], X[test], y[test])
        for train, test in splitter.split(X, y)
    ]


def warm_up() -> None:
    """Fit once, since a first fit loads modules."""
    TextClassifier(max_epochs=1).fit(["a", "b"] * 10, [0, 1] * 10)


def run(arguments: argparse.Namespace) -> None:
    """Fit what the file does not have yet, one seed of everything after the other."""
    lines = read_lines(arguments.out)
    done = {tuple(line[key] for key in KEYS) for line in lines}
    sets = {name: read_set(name, arguments.data) for name in arguments.sets}
    part = "cv" if arguments.cv else "test"
    parts = {
        name: folds(texts) if arguments.cv else [texts] * 3
        for name, texts in sets.items()
    }
    about = machine()
    warm_up()
    with arguments.out.open("a", encoding="utf-8") as file, one_blas_thread():
        for seed in arguments.seeds:
            for side in arguments.sides:
                for name in sets:
                    key = (name, side, seed, part)
                    if key in done:
                        continue
                    found = measure(side, seed, parts[name][seed])
                    line = {**dict(zip(KEYS, key, strict=True)), **found}
                    print(*line.values(), sep=", ", flush=True)
                    file.write(json.dumps({**line, "machine": about}) + "\n")
                    file.flush()


def report(lines: list[dict[str, Any]], part: str) -> None:
    """Print a table in Markdown: means over seeds, and how far accuracies spread."""
    print("| set | estimator | " + " | ".join(METRICS) + " | spread | seeds |")
    print("|" + "---|" * (len(METRICS) + 4))
    formats = {"fit": "{:.1f}", "predict": "{:.2f}"}
    for name in SETS:
        for side in SIDES:
            chosen = [
                line
                for line in lines
                if (line["set"], line["side"], line["part"]) == (name, side, part)
            ]
            if not chosen:
                continue
            cells = []
            for metric in METRICS:
                values = [line[metric] for line in chosen]
                known = None not in values
                form = formats.get(metric, "{:.3f}")
                cells.append(form.format(statistics.fmean(values)) if known else "")
            values = [line["accuracy"] for line in chosen]
            cells += [f"{max(values) - min(values):.3f}", str(len(chosen))]
            print(f"| {name} | {side} | " + " | ".join(cells) + " |")


def main() -> None:
    """Print a line for each fit, or a table of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--cv", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--out", type=Path, default=HERE / "results/text_suite.jsonl")
    arguments = parser.parse_args()
    # A class of five texts in a fold of three.
    warnings.filterwarnings("ignore", message="The least populated class")
    if arguments.report:
        report(read_lines(arguments.out), "cv" if arguments.cv else "test")
    else:
        run(arguments)


if __name__ == "__main__":
    main()
