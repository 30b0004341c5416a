"""Learning curves of convolutional networks on eight classes of CIFAR-10.

Accuracy on test images by the number of training images, and by the epoch; a row of a
CSV file for each epoch. ``--report`` makes a table and a picture of it.
"""

from __future__ import annotations

from _timing import one_blas_thread

# isort: split
import argparse
import csv
import time
from pathlib import Path
from typing import Any

from _image_sets import DATA, HERE, read_set
from sklearn.base import clone
from skorch.callbacks import Callback

from skdeep import CNNClassifier, MLPClassifier

SIZES = (1_000, 3_000, 10_000)
N_TEST, EPOCHS = 2_000, 15
RUNNING: dict[str, Any] = {"max_epochs": EPOCHS, "n_threads": 1, "random_state": 0}
CONTESTANTS: dict[str, Any] = {
    "MLPClassifier": MLPClassifier(**RUNNING),
    "CNNClassifier": CNNClassifier(**RUNNING),
    "CNNClassifier, deeper": CNNClassifier(
        conv_channels=(32, 64, 128),
        normalization="batch",
        global_pooling="average",
        hidden_layer_sizes=(),
        lr_schedule="one_cycle",
        learning_rate=0.01,
        augmenter="light",
        **RUNNING,
    ),
}
COLUMNS = ("contestant", "images", "epoch", "train_loss", "accuracy", "seconds")
RESULTS = HERE / "results/cnn_cifar.csv"
PICTURE = HERE.parent / "docs/images/cnn_cifar.png"


class CpuClock(Callback):  # type: ignore[misc]
    """Record the CPU seconds of each epoch in the net's history."""

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Look at the clock."""
        self.began_ = time.process_time()

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Write down what has passed."""
        net.history.record("cpu", time.process_time() - self.began_)


def measure(data: Path, out: Path) -> None:
    """Train each on each number of images; watch test images, but only watch."""
    images = read_set("cifar10_pretrain", data, size=32, n_train=max(SIZES))
    X_test, y_test = images.X_test[:N_TEST], images.y_test[:N_TEST]
    rows: list[list[Any]] = []
    for n_images in SIZES:
        for name, estimator in CONTESTANTS.items():
            X, y = images.X_train[:n_images], images.y_train[:n_images]
            seen = X_test
            if name == "MLPClassifier":
                X, seen = X.reshape(len(X), -1), X_test.reshape(len(X_test), -1)
            # Scored after each epoch; without early stopping nothing follows from it.
            net = clone(estimator).set_params(
                callbacks=[CpuClock()], scoring="accuracy", tol=None
            )
            net.fit(X, y, X_val=seen, y_val=y_test)
            history = net.history_
            rows += [
                [
                    name,
                    n_images,
                    epoch + 1,
                    round(float(history["train_loss"][epoch]), 4),
                    round(float(history["valid_score"][epoch]), 4),
                    round(net.net_.history[epoch]["cpu"], 2),
                ]
                for epoch in range(EPOCHS)
            ]
            print(*rows[-1], flush=True)
    with out.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def report(path: Path, picture: Path) -> None:
    """Print a table in Markdown, and draw the curves."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    print(f"| network | {' | '.join(f'{n:,} images' for n in SIZES)} |")
    print("|---|" + "---|" * len(SIZES))
    for name in CONTESTANTS:
        cells = []
        for n_images in SIZES:
            mine = curve(rows, name, n_images)
            seconds = sum(float(row["seconds"]) for row in mine)
            cells.append(f"{float(mine[-1]['accuracy']):.3f} ({seconds:.0f} s)")
        print(f"| {name} | {' | '.join(cells)} |")
    draw(rows, picture)


def curve(rows: list[dict[str, str]], name: str, n_images: int) -> list[dict[str, str]]:
    """Return the epochs of one training."""
    return [
        row
        for row in rows
        if row["contestant"] == name and int(row["images"]) == n_images
    ]


def draw(rows: list[dict[str, str]], picture: Path) -> None:
    """Draw accuracy by epoch for each number of images, and by that number."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(
        1, len(SIZES) + 1, figsize=(11, 3.2), sharey=True, layout="constrained"
    )
    colours = ("#999999", "#0072B2", "#D55E00")
    for name, colour in zip(CONTESTANTS, colours, strict=True):
        last = []
        for panel, n_images in zip(panels, SIZES, strict=False):
            scores = [float(row["accuracy"]) for row in curve(rows, name, n_images)]
            panel.plot(range(1, len(scores) + 1), scores, color=colour, label=name)
            panel.set(title=f"{n_images:,} images", xlabel="epoch")
            last.append(scores[-1])
        panels[-1].plot(SIZES, last, "o-", color=colour)
    panels[-1].set(title="last epoch", xlabel="training images", xscale="log")
    panels[-1].set_xticks(SIZES, [f"{n:,}" for n in SIZES])
    panels[-1].minorticks_off()
    panels[0].set_ylabel("test accuracy")
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper center", ncols=3)
    picture.parent.mkdir(exist_ok=True)
    figure.savefig(picture, dpi=110)


def main() -> None:
    """Measure, or report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.out, arguments.picture)
    else:
        with one_blas_thread():
            measure(arguments.data, arguments.out)


if __name__ == "__main__":
    main()
