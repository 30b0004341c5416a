"""Sets of texts kept as one compressed CSV file each."""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "shared/data/text"
SETS = ("sms_spam", "movie_polarity", "banking77", "trec_questions")


@dataclass(frozen=True)
class TextSet:
    """Training and test texts of a set, with labels in words."""

    name: str
    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any


def read_set(name: str, folder: Path) -> TextSet:
    """Read a set of texts.

    Parameters
    ----------
    name : str
        Of the set: its file is ``<folder>/<name>.csv.gz``, with the columns text, label
        and split.
    folder : Path
        With the files.

    Returns
    -------
    texts : TextSet
        Texts as arrays of objects.
    """
    with gzip.open(
        folder / f"{name}.csv.gz", "rt", encoding="utf-8", newline=""
    ) as file:
        rows = list(csv.DictReader(file))
    parts: list[Any] = []
    for split in ("train", "test"):
        chosen = [row for row in rows if row["split"] == split]
        texts = np.empty(len(chosen), dtype=object)
        texts[:] = [row["text"] for row in chosen]
        parts += [texts, np.array([row["label"] for row in chosen])]
    return TextSet(name, *parts)


def small_part(texts: TextSet, n_train: int, seed: int) -> tuple[Any, Any]:
    """Return some training texts drawn at random, at least one of each class."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(texts.y_train))
    _, first = np.unique(texts.y_train[order], return_index=True)
    rest = np.setdiff1d(np.arange(len(order)), first)
    chosen = order[np.concatenate([first, rest])[: max(n_train, len(first))]]
    return texts.X_train[chosen], texts.y_train[chosen]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file of JSON lines; none where there is no file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
