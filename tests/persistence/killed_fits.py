"""A process that kills its own fits, for `test_checkpoint_kill.py`.

It is called as ``python killed_fits.py FOLDER N_KILLS SEED``. Each fit runs in a child,
which is forked before torch has computed anything, and gets SIGKILL somewhere within
one of its epochs; the next one resumes. The last child is left alone. It saves what it
has fitted; another child fits without any checkpoint, and saves that too.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skdeep import Checkpoint, TabularMLPClassifier, save
from skdeep.persistence._container import read_bytes, unpack

# Of each of the two trainings of a fit.
EPOCHS_PER_KILL = 3


def make(max_epochs: int) -> Any:
    """Return an estimator whose outcome depends on every part of its training."""
    return TabularMLPClassifier(
        hidden_layer_sizes=(16,),
        n_ensemble=2,
        n_bins=4,
        dropout=0.2,
        batch_size=64,
        max_epochs=max_epochs,
        early_stopping=True,
        n_iter_no_change=max_epochs,
        refit=True,
        lr_schedule="cosine",
        weight_averaging="ema",
        random_state=0,
    )


def data() -> tuple[Any, Any]:
    """Return the rows of every fit."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 4))
    return X, (X[:, 0] + X[:, 1] ** 2 + rng.standard_normal(150) > 1).astype(int)


class SlowCheckpoint(Checkpoint):
    """A checkpoint that leaves time to be killed before it writes and after it."""

    def write(self, training: dict[str, Any], estimator: Any) -> None:
        """Wait, write and wait."""
        time.sleep(0.02)
        super().write(training, estimator)
        time.sleep(0.02)


def fit_and_save(path: Path, max_epochs: int, checkpoint: Any) -> None:
    """Fit to the end and save the result."""
    save(make(max_epochs).fit(*data(), checkpoint=checkpoint), path)


def start(work: Callable[[], None]) -> int:
    """Do something in a child, and return its process id."""
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException:  # the parent asks for nothing but the status
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def epochs_kept(path: Path) -> int:
    """Return how many epochs a checkpoint holds; whatever is there must be whole."""
    if not path.exists():
        return 0
    payload, _ = unpack(read_bytes(path), str(path))
    return sum(phase["epoch"] for phase in payload["content"]["training"]["phases"])


def kill_within(child: int, path: Path, draw: random.Random) -> bool:
    """Kill a child some epochs from now, within one; False if it was faster."""
    target = epochs_kept(path) + draw.randint(0, 2)
    while epochs_kept(path) < target:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.005)
    time.sleep(draw.uniform(0.0, 0.06))
    if os.waitpid(child, os.WNOHANG)[0]:
        return False
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def main(folder: Path, n_kills: int, seed: int) -> None:
    """Kill so many fits, let one end, and print after how many epochs each was."""
    draw, path = random.Random(seed), folder / "checkpoint"
    n_epochs = max(10, EPOCHS_PER_KILL * n_kills)
    kept: list[int] = []
    while len(kept) < n_kills:
        before = epochs_kept(path)
        checkpoint = SlowCheckpoint(path, resume=True)
        child = start(partial(fit_and_save, folder / "ended", n_epochs, checkpoint))
        if kill_within(child, path, draw):
            kept.append(epochs_kept(path))
            assert kept[-1] >= before, "an epoch was lost"
        else:
            # It was faster than this process, on a machine that has other work to do.
            path.unlink()
    last = Checkpoint(path, resume=True)
    works = [
        partial(fit_and_save, folder / "resumed", n_epochs, last),
        partial(fit_and_save, folder / "whole", n_epochs, None),
    ]
    for work in works:
        _, status = os.waitpid(start(work), 0)
        if status:
            raise SystemExit("A fit that was left alone failed.")
    sys.stdout.write(f"{kept}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
