"""What augmentation is worth where few texts have labels.

    python benchmarks/text_augmentation.py --out text_augmentation.csv

100, 500 and 2,000 training texts of each set, drawn once a seed (77 classes need at
least 77 texts); accuracy on all test texts. EDA as its authors advise for few texts:
shares of 0.05; here with eight new texts each, and the synonyms of `_small_synonyms`.
"""

from __future__ import annotations

import argparse
import csv
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _small_synonyms import SYNONYMS
from _text_sets import DATA, SETS, read_set, small_part
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdeep import AugmentedClassifier, TextAugmenter, TextClassifier

FIELDS = ("set", "n_train", "model", "augmentation", "seed", "accuracy")
SIZES = (100, 500, 2000)
N_AUG = 8

MODELS: dict[str, Callable[[int], Any]] = {
    "TextClassifier": lambda seed: TextClassifier(random_state=seed),
    "TF-IDF + logistic regression": lambda seed: make_pipeline(
        TfidfVectorizer(), LogisticRegression(max_iter=1000)
    ),
}


def eda(seed: int) -> TextAugmenter:
    """Return EDA with shares of 0.05."""
    shares = dict.fromkeys(("synonym", "insert", "swap", "delete"), 0.05)
    return TextAugmenter(synonyms=SYNONYMS, **shares, n_aug=N_AUG, random_state=seed)


def aeda(seed: int) -> TextAugmenter:
    """Return AEDA: punctuation only."""
    shares = dict.fromkeys(("synonym", "insert", "swap", "delete"), 0.0)
    return TextAugmenter(**shares, punctuation=1 / 3, n_aug=N_AUG, random_state=seed)


def replacing(seed: int) -> TextAugmenter:
    """Return the replacement of words that say little, a tenth of all."""
    shares = dict.fromkeys(("synonym", "insert", "swap", "delete"), 0.0)
    return TextAugmenter(**shares, replace=0.1, n_aug=N_AUG, random_state=seed)


AUGMENTATIONS: dict[str, Callable[[int], Any]] = {
    "none": lambda seed: None,
    "EDA": eda,
    "AEDA": aeda,
    "replace": replacing,
}


def main() -> None:
    """Print a line for each set, size, model and augmentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.sets:
        texts = read_set(name, arguments.data)
        for n_train in SIZES:
            for model, make in MODELS.items():
                for kind, augmenter in AUGMENTATIONS.items():
                    scores = []
                    for seed in range(arguments.seeds):
                        X, y = small_part(texts, n_train, seed)
                        fitted = AugmentedClassifier(make(seed), augmenter(seed))
                        said = fitted.fit(X, y).predict(texts.X_test)
                        scores.append(float(np.mean(said == texts.y_test)))
                        values = (name, n_train, model, kind, seed, scores[-1])
                        rows.append(dict(zip(FIELDS, values, strict=True)))
                    mean = statistics.fmean(scores)
                    print(
                        name, n_train, model, kind, f"{mean:.4f}", sep=", ", flush=True
                    )
    if arguments.out:
        with arguments.out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)


if __name__ == "__main__":
    main()
