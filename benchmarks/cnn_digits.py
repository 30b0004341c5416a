"""Five-fold accuracy of the convolutional network on scikit-learn's digits."""

from __future__ import annotations

from _timing import finish, parse_arguments, verdict

# isort: split
import time
from typing import Any

from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold

from skdeep import CNNClassifier, ImageAugmenter, MLPClassifier

ACCURACY, SECONDS = 0.985, 60.0
SHIFTS = ImageAugmenter(rotation=10, translate=0.1, scale=0.1, padding_mode="zeros")
CONTESTANTS: dict[str, Any] = {
    "CNN, defaults": CNNClassifier(n_threads=1, random_state=0),
    "CNN, batch norm, augmented": CNNClassifier(
        conv_channels=(32, 64),
        pool_size=(1, 2),
        normalization="batch",
        augmenter=SHIFTS,
        max_epochs=30,
        lr_schedule="cosine",
        n_threads=1,
        random_state=0,
    ),
    "MLP, defaults": MLPClassifier(n_threads=1, random_state=0),
}


def main() -> None:
    """Fit five times each, print accuracy and the CPU seconds of the slowest fold."""
    arguments = parse_arguments(__doc__, repeats=1)
    digits = load_digits()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    rows = []
    for name, estimator in CONTESTANTS.items():
        scores, seconds = [], []
        for train, test in folds.split(digits.images, digits.target):
            began = time.process_time()
            net = clone(estimator)
            images = digits.data if "MLP" in name else digits.images
            net.fit(images[train], digits.target[train])
            scores.append(net.score(images[test], digits.target[test]))
            seconds.append(time.process_time() - began)
        mean, slowest = sum(scores) / len(scores), max(seconds)
        reached = ""
        if name.startswith("CNN"):
            reached = (
                f"; >= {ACCURACY}: {verdict(ACCURACY, mean)}, within {SECONDS:g} s a "
                f"fold: {verdict(slowest, SECONDS)}"
            )
        print(f"{name}: accuracy {mean:.4f}, slowest fold {slowest:.1f} s{reached}")
        rows.append({"claim": name, "accuracy": mean, "seconds": slowest})
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
