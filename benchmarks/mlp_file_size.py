"""Size of a joblib file against the bytes of the weights it must hold."""

from __future__ import annotations

from _timing import finish, verdict

# isort: split
import argparse
import io
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from skdeep import MLPClassifier, MLPRegressor

FACTOR, CONSTANT = 1.1, 20_000
N_ROWS, N_EPOCHS = 2_000, 200
SIZES: list[tuple[int, tuple[int, ...]]] = [
    (10, (100,)),
    (50, (100,)),
    (50, (256, 256)),
    (500, (512, 512)),
    (500, ()),
    (2000, (10,)),
]


def file_bytes(estimator: Any) -> int:
    """Return the length of what `joblib.dump` writes."""
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    return buffer.tell()


def weight_bytes(estimator: Any) -> int:
    """Return the bytes of weights and biases."""
    return sum(array.nbytes for array in (*estimator.coefs_, *estimator.intercepts_))


def row(make: Any, n_features: int, hidden: tuple[int, ...]) -> dict[str, Any]:
    """Fit one estimator for as many epochs as by default, and weigh its file."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, n_features)).astype(np.float32)
    y = rng.integers(5, size=N_ROWS)
    # A large batch makes the epochs, whose history is kept, quick.
    estimator = make(
        hidden, max_epochs=N_EPOCHS, tol=None, batch_size=N_ROWS, random_state=0
    ).fit(X, y)
    weights, size = weight_bytes(estimator), file_bytes(estimator)
    return {
        "claim": f"{make.__name__}, {n_features} features, {hidden}",
        "weights": weights,
        "file": size,
        "target": int(FACTOR * weights + CONSTANT),
    }


def main() -> None:
    """Weigh and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    rows = [
        row(make, n_features, hidden)
        for make in (MLPClassifier, MLPRegressor)
        for n_features, hidden in SIZES
    ]
    print(f"joblib file after {N_EPOCHS} epochs, target <= 1.1 x weights + 20 kB")
    for each in rows:
        print(
            f"  {each['claim']:<44}weights {each['weights']:>10,} B, file "
            f"{each['file']:>10,} B (over by {each['file'] - each['weights']:,} B), "
            f"target {each['target']:,}: {verdict(each['file'], each['target'])}"
        )
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
