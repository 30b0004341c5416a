"""What weights learnt elsewhere are worth: probe, fine-tuning, and from scratch.

Weights are those that `transfer_pretrain.py` saved, of eight classes of CIFAR-10. Each
set is learnt from few labels. Results are added to a CSV file, and what is in it is not
run again; ``--report`` makes a table and a picture of it.
"""

from __future__ import annotations

from _timing import one_blas_thread

# isort: split
import argparse
import csv
import statistics
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _image_sets import DATA, HERE, ImageSet, read_set

from skdeep import ImageClassifier

# Set -> side of its images in pixels: those that the network was pretrained on.
SETS = {"cifar10_transfer": 32, "flowers": 48, "trashnet": 48}
LABELS = (20, 50)
N_TEST = 800
SCRATCH_EPOCHS = 30
COMMON: dict[str, Any] = {"batch_size": 16, "n_threads": 1, "cache_features": False}
SIDES: dict[str, dict[str, Any]] = {
    "linear probe": {},
    "LP-FT": {"trainable_layers": "all", "augmenter": "light"},
    # Rates and epochs as from scratch, with the weights to start from.
    "LP-FT, full rates": {
        "trainable_layers": "all",
        "augmenter": "light",
        "backbone_lr_mult": 1.0,
        "layer_decay": 1.0,
        "max_epochs": SCRATCH_EPOCHS,
    },
    "from scratch": {
        "weights": None,
        "trainable_layers": "all",
        "augmenter": "light",
        "max_epochs": SCRATCH_EPOCHS,
    },
}
COLUMNS = ("set", "labels", "seed", "side", "accuracy", "seconds", "test_seconds")
RESULTS = HERE / "results/transfer.csv"
PICTURE = HERE.parent / "docs/images/transfer.png"


def few(images: ImageSet, n_each: int, seed: int) -> Any:
    """Return rows of `n_each` training images of every class."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(images.y_train))
    labels = images.y_train[order]
    chosen = [order[labels == label][:n_each] for label in np.unique(labels)]
    return rng.permutation(np.concatenate(chosen))


def run(images: ImageSet, side: str, rows: Any, seed: int, weights: Path) -> list[Any]:
    """Return accuracy on the test images, and CPU seconds of fit and predict."""
    params = {"weights": weights, **COMMON, **SIDES[side]}
    # Its own size, not the 224 pixels of published weights.
    size = images.X_train.shape[1]
    model = ImageClassifier("resnet18", image_size=size, random_state=seed, **params)
    began = time.process_time()
    model.fit(images.X_train[rows], images.y_train[rows])
    fitted = time.process_time()
    accuracy = model.score(images.X_test[:N_TEST], images.y_test[:N_TEST])
    ended = time.process_time()
    return [round(accuracy, 4), round(fitted - began, 1), round(ended - fitted, 1)]


def measure(weights: Path, data: Path, seeds: int, out: Path) -> None:
    """Run what the file does not have yet, a row at a time."""
    rows = read(out)
    known = {(r["set"], int(r["labels"]), int(r["seed"]), r["side"]) for r in rows}
    if not rows:
        out.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
    sets = {name: read_set(name, data, size=size) for name, size in SETS.items()}
    for labels, seed, name, side in product(LABELS, range(seeds), SETS, SIDES):
        if (name, labels, seed, side) in known:
            continue
        images = sets[name]
        found = run(images, side, few(images, labels, seed), seed, weights)
        with out.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow([name, labels, seed, side, *found])
        print(name, labels, seed, side, *found, flush=True)


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file, none where there is none."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def of(rows: list[dict[str, str]], column: str, **where: Any) -> list[float]:
    """Return a column of the rows that are so."""
    return [
        float(row[column])
        for row in rows
        if all(row[name] == str(value) for name, value in where.items())
    ]


def report(path: Path, picture: Path) -> None:
    """Print a table in Markdown, and draw it."""
    rows = read(path)
    print(f"| set | labels a class | {' | '.join(SIDES)} |")
    print("|---|---|" + "---|" * len(SIDES))
    for name in SETS:
        for labels in LABELS:
            cells = []
            for side in SIDES:
                scores = of(rows, "accuracy", set=name, labels=labels, side=side)
                seconds = of(rows, "seconds", set=name, labels=labels, side=side)
                spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
                cells.append(
                    f"{statistics.mean(scores):.3f} ± {spread:.3f} "
                    f"({statistics.mean(seconds):.0f} s)"
                )
            print(f"| {name} | {labels} | {' | '.join(cells)} |")
    draw(rows, picture)


def draw(rows: list[dict[str, str]], picture: Path) -> None:
    """Draw the accuracy of each side by the number of labels, a panel a set."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, len(SETS), figsize=(9, 3.2), layout="constrained")
    colours = ("#0072B2", "#D55E00", "#CC79A7", "#009E73")
    for panel, name in zip(panels, SETS, strict=True):
        for place, (side, colour) in enumerate(zip(SIDES, colours, strict=True)):
            where = np.arange(len(LABELS)) + (place - 1.5) * 0.2
            scores = [
                of(rows, "accuracy", set=name, labels=labels, side=side)
                for labels in LABELS
            ]
            means = [statistics.mean(each) for each in scores]
            panel.bar(where, means, 0.18, color=colour, alpha=0.75, label=side)
            for x, each in zip(where, scores, strict=True):
                panel.plot([x] * len(each), each, "k.", markersize=4)
        panel.set(title=name, xlabel="labels a class", ylim=(0, 1))
        panel.set_xticks(range(len(LABELS)), LABELS)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("test accuracy")
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=4)
    picture.parent.mkdir(exist_ok=True)
    figure.savefig(picture, dpi=110)


def main() -> None:
    """Measure, or report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="?", help="file of a state dict")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.out, arguments.picture)
    elif arguments.weights is None:
        parser.error("name the file of weights that transfer_pretrain.py saved")
    else:
        with one_blas_thread():
            measure(arguments.weights, arguments.data, arguments.seeds, arguments.out)


if __name__ == "__main__":
    main()
