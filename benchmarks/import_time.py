"""Time of imports and first fits, each in a fresh process, as in a pool of workers."""

from __future__ import annotations

from _timing import finish, in_turns, parse_arguments, report

# isort: split
import subprocess
import sys
from functools import partial

IMPORT = """
import time
start = time.process_time()
import {name}
print(time.process_time() - start)
"""
DATA = """
import time
start = time.process_time()
import numpy as np
rng = np.random.default_rng(0)
X = rng.standard_normal((1000, 20)).astype("float32")
y = (X[:, 0] * X[:, 1] > 0).astype("int64")
"""
FITS = {
    "skdeep": """
from skdeep import MLPClassifier
MLPClassifier(max_epochs=2).fit(X, y)
""",
    "skorch": """
import torch
from skorch import NeuralNetClassifier
from torch import nn
module = nn.Sequential(nn.Linear(20, 100), nn.ReLU(), nn.Linear(100, 2))
net = NeuralNetClassifier(
    module,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    batch_size=200,
    max_epochs=2,
    train_split=None,
    verbose=0,
)
net.fit(X, y)
""",
    "scikit-learn": """
import warnings
from sklearn.neural_network import MLPClassifier
warnings.simplefilter("ignore")
MLPClassifier(max_iter=2).fit(X, y)
""",
    "imports of torch, sklearn": """
import sklearn.base
import torch
""",
}
END = """
print(time.process_time() - start)
"""


def seconds_of(program: str) -> float:
    """Return the CPU seconds that a program counts in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__, repeats=21)
    imports = {
        name: partial(seconds_of, IMPORT.format(name=name))
        for name in ("skdeep", "numpy")
    }
    seconds = in_turns(imports, arguments.repeats)
    rows = report("import", seconds, {"numpy": 0.2}, unit="ms")
    fits = {name: partial(seconds_of, DATA + fit + END) for name, fit in FITS.items()}
    seconds = in_turns(fits, max(1, arguments.repeats // 4))
    rows += report("import and first fit", seconds, {"skorch": 1.0})
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
