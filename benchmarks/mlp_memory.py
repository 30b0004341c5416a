"""Memory that a fit takes on top of its data: sparse rows and a memory map.

Linux only: anonymous memory is sampled while one epoch runs, each case in a process
of its own, so that pages of the mapped file do not count.
"""

from __future__ import annotations

from _timing import finish

# isort: split
import argparse
import re
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as ScikitLearnMLP

from skdeep import MLPClassifier

STATUS = Path("/proc/self/status")
SPARSE_ROWS, SPARSE_COLUMNS, DENSITY = 10_000, 20_000, 0.002
MAP_ROWS, MAP_COLUMNS = 500_000, 100


def anonymous_bytes() -> int:
    """Return the memory of this process that no file stands behind."""
    found = re.search(r"RssAnon:\s+(\d+) kB", STATUS.read_text(encoding="utf-8"))
    if found is None:
        sys.exit("This system does not tell the anonymous memory of a process.")
    return 1024 * int(found[1])


def peak_above(call: Callable[[], object]) -> int:
    """Return the bytes that a call takes at its peak beyond those before it."""
    done = threading.Event()
    before = anonymous_bytes()
    peak = before

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, anonymous_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    call()
    done.set()
    watcher.join()
    return peak - before


def table(kind: str, folder: Path) -> tuple[Any, int]:
    """Return the inputs and the bytes they take, or would take if dense."""
    rng = np.random.default_rng(0)
    if kind == "sparse":
        X = sp.random_array(
            (SPARSE_ROWS, SPARSE_COLUMNS),
            density=DENSITY,
            format="csr",
            dtype=np.float32,
            rng=rng,
        )
        return X, 4 * SPARSE_ROWS * SPARSE_COLUMNS
    shape = (MAP_ROWS, MAP_COLUMNS)
    path = folder / "rows.dat"
    written = np.memmap(path, np.float32, "w+", shape=shape)
    for start in range(0, MAP_ROWS, 10_000):
        written[start : start + 10_000] = rng.standard_normal((10_000, MAP_COLUMNS))
    written.flush()
    return np.memmap(path, np.float32, "r", shape=shape), 4 * MAP_ROWS * MAP_COLUMNS


def one(kind: str, side: str) -> None:
    """Print the dense size and the peak of one case."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    make: Callable[[], Any] = {
        "skdeep": lambda: MLPClassifier(max_epochs=1, random_state=0),
        "scikit-learn": lambda: ScikitLearnMLP(max_iter=1, random_state=0),
    }[side]
    with tempfile.TemporaryDirectory() as folder:
        X, dense = table(kind, Path(folder))
        y = np.random.default_rng(1).integers(3, size=X.shape[0])
        # What a first fit loads is not a cost of the data.
        make().fit(X[:1000], y[:1000])
        print(dense, peak_above(lambda: make().fit(X, y)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    if arguments.one:
        one(*arguments.one)
        return
    if not STATUS.exists():
        sys.exit("mlp_memory.py reads /proc: run it on Linux.")
    rows = []
    for kind in ("sparse", "memory map"):
        for side in ("skdeep", "scikit-learn"):
            command = [sys.executable, __file__, "--one", kind, side]
            printed = subprocess.run(
                command, check=True, capture_output=True, text=True
            )
            dense, peak = map(int, printed.stdout.split())
            print(
                f"{kind:<12}{side:<14}peak {peak / 2**20:8.1f} MiB on top of the data; "
                f"as a dense array they take {dense / 2**20:.1f} MiB"
            )
            rows.append({"claim": kind, "side": side, "dense": dense, "peak": peak})
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
