"""What augmentation is worth where few texts have labels.

    python benchmarks/text_augmentation.py

100, 500 and 2,000 training texts of each set, drawn once a seed (77 classes need at
least 77 texts); accuracy on all test texts. EDA as its authors advise for few texts:
shares of 0.05; here with eight new texts each, and the synonyms of `_small_synonyms`.
"copies" are of the texts as they are, as many as EDA makes new ones: what more rows do
by themselves, which loosens the penalty of logistic regression and lets networks take
more steps. "EDA each epoch" gives the augmenter to `TextClassifier`, which changes its
texts anew in each epoch and has no more of them; "30 epochs" are three times as many
as it takes by default, and "rate 0.01" is three times its learning rate, both on the
texts as they are. One line of the file is one fit, written as soon as it is done; what
is there is not run again. `--report` makes tables.
"""

from __future__ import annotations

from _timing import machine, one_blas_thread

# isort: split
import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _small_synonyms import SYNONYMS
from _text_sets import DATA, SETS, TextSet, read_lines, read_set, small_part
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdeep import AugmentedClassifier, TextAugmenter, TextClassifier

HERE = Path(__file__).resolve().parent
KEYS = ("set", "n_train", "model", "augmentation", "seed")
SIZES = (100, 500, 2000)
N_AUG = 8
EACH_EPOCH = "EDA each epoch"
# Parameters of `TextClassifier` in the place of an augmentation.
PARAMETERS: dict[str, dict[str, Any]] = {
    "30 epochs": {"max_epochs": 30},
    "rate 0.01": {"learning_rate": 0.01},
}

MODELS: dict[str, Callable[[int], Any]] = {
    "TF-IDF + logistic regression": lambda seed: make_pipeline(
        TfidfVectorizer(), LogisticRegression(max_iter=1000)
    ),
    "TextClassifier": lambda seed: TextClassifier(random_state=seed),
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


class Copies(BaseEstimator):
    """Repeats texts as they are."""

    def augment(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return texts and labels, `N_AUG` more times."""
        return np.tile(X, 1 + N_AUG), np.tile(y, 1 + N_AUG)


AUGMENTATIONS: dict[str, Callable[[int], Any]] = {
    "none": lambda seed: None,
    "copies": lambda seed: Copies(),
    "EDA": eda,
    EACH_EPOCH: eda,
    **{kind: lambda seed: None for kind in PARAMETERS},
    "AEDA": aeda,
    "replace": replacing,
}


def make(model: str, kind: str, seed: int) -> Any:
    """Return a model with an augmentation around it, or in it."""
    made, augmenter = MODELS[model](seed), AUGMENTATIONS[kind](seed)
    if kind == EACH_EPOCH:
        return made.set_params(augmenter=augmenter)
    if kind in PARAMETERS:
        return made.set_params(**PARAMETERS[kind])
    return AugmentedClassifier(made, augmenter)


def is_senseless(model: str, kind: str) -> bool:
    """Tell what means nothing to logistic regression, or changes nothing: marks."""
    return model != "TextClassifier" and kind in ("AEDA", EACH_EPOCH, *PARAMETERS)


def measure(texts: TextSet, n_train: int, model: str, kind: str, seed: int) -> Any:
    """Fit on some training texts, and score on all test texts."""
    X, y = small_part(texts, n_train, seed)
    fitted = make(model, kind, seed)
    begin = time.process_time()
    fitted.fit(X, y)
    taken = time.process_time() - begin
    said = fitted.predict(texts.X_test)
    accuracy = round(float(np.mean(said == texts.y_test)), 4)
    return {"accuracy": accuracy, "fit": round(taken, 3)}


def run(arguments: argparse.Namespace) -> None:
    """Fit what the file does not have yet."""
    done = {tuple(line[key] for key in KEYS) for line in read_lines(arguments.out)}
    sets = {name: read_set(name, arguments.data) for name in arguments.sets}
    keys = [
        (name, n_train, model, kind, seed)
        for kind in arguments.kinds
        for seed in range(arguments.seeds)
        for n_train in SIZES
        for model in MODELS
        for name in sets
        if not is_senseless(model, kind)
    ]
    about = machine()
    # A first fit loads modules.
    TextClassifier(max_epochs=1).fit(["a", "b"] * 10, [0, 1] * 10)
    with arguments.out.open("a", encoding="utf-8") as file, one_blas_thread():
        for key in keys:
            if key in done:
                continue
            found = measure(sets[key[0]], *key[1:])
            line = {**dict(zip(KEYS, key, strict=True)), **found}
            print(*line.values(), sep=", ", flush=True)
            file.write(json.dumps({**line, "machine": about}) + "\n")
            file.flush()


def report(lines: list[dict[str, Any]]) -> None:
    """Print a table in Markdown: means over seeds, and gains over no augmentation."""
    kinds = list(AUGMENTATIONS)
    print("| set | texts | estimator | " + " | ".join(kinds) + " |")
    print("|" + "---|" * (3 + len(kinds)))
    for name in SETS:
        for n_train in SIZES:
            for model in MODELS:
                cells, before = [], 0.0
                for kind in kinds:
                    scores = [
                        line["accuracy"]
                        for line in lines
                        if tuple(line[key] for key in KEYS[:4])
                        == (name, n_train, model, kind)
                    ]
                    mean = statistics.fmean(scores) if scores else float("nan")
                    if kind == "none":
                        before = mean
                        cells.append(f"{mean:.3f} ({len(scores)})")
                    else:
                        gain = f"{100 * (mean - before):+.1f} ({len(scores)})"
                        cells.append(gain if scores else "")
                print(f"| {name} | {n_train} | {model} | " + " | ".join(cells) + " |")


def main() -> None:
    """Print a line for each fit, or a table of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--kinds", nargs="+", default=list(AUGMENTATIONS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--report", action="store_true")
    out = HERE / "results/text_augmentation.jsonl"
    parser.add_argument("--out", type=Path, default=out)
    arguments = parser.parse_args()
    # As many classes as texts, or nearly so.
    warnings.filterwarnings("ignore", message="The least populated class")
    warnings.filterwarnings("ignore", message="The number of unique classes")
    if arguments.report:
        report(read_lines(arguments.out))
    else:
        run(arguments)


if __name__ == "__main__":
    main()
