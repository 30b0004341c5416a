"""TabularMLP against what else is used on tables: metrics and CPU seconds of every fit.

Five folds of every set, the sides by turns, each on the DataFrame as it comes. One row
of the CSV file is one fit, written as soon as it is done; what is there is not run
again. `tabular_report.py` makes tables of it.
"""

from __future__ import annotations

from _timing import cpu_seconds, machine, one_blas_thread

# isort: split
import argparse
import contextlib
import csv
import fcntl
import importlib.metadata
import itertools
import logging
import sys
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd
from _tabular_sides import SIDES, SLOW, Side, available, is_regression, n_epochs
from mlp_datasets import data_module, folds, load
from sklearn import datasets
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from skdeep._threads import limit_threads

HERE = Path(__file__).resolve().parent
COLUMNS = (
    "set",
    "task",
    "n_rows",
    "side",
    "fold",
    "seed",
    "accuracy",
    "log_loss",
    "roc_auc",
    "rmse",
    "r2",
    "fit_cpu_s",
    "predict_cpu_s",
    "n_epochs",
    "error",
)
# Sets with fewer rows than this are run with three seeds, others with one.
SMALL = 2_000
OWN_SETS = ("wine", "breast_cancer", "digits", "diabetes", "friedman1", "synth_clf")


class Fit(NamedTuple):
    """What tells one fit from all others."""

    set: str
    side: str
    fold: int
    seed: int


class Table(NamedTuple):
    """A set: inputs, target, and which columns are what."""

    name: str
    X: pd.DataFrame
    y: np.ndarray
    task: str
    categorical: list[str]

    @property
    def numeric(self) -> list[str]:
        """Return the names of the columns of numbers."""
        return [name for name in self.X.columns if name not in self.categorical]


def own_set(name: str) -> tuple[pd.DataFrame, np.ndarray, str]:
    """Return inputs, target and task of a set that comes with scikit-learn."""
    if name == "friedman1":
        X, y = datasets.make_friedman1(5000, 10, noise=1, random_state=0)
        return _frame(X), y, "regression"
    if name == "synth_clf":
        X, y = datasets.make_classification(
            5000,
            20,
            n_informative=6,
            n_redundant=6,
            n_classes=3,
            n_clusters_per_class=4,
            flip_y=0.03,
            random_state=0,
        )
        return _frame(X), y, "multiclass"
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
    if name == "diabetes":
        return X, y.to_numpy(), "regression"
    return X, y.to_numpy(), "binary" if y.nunique() == 2 else "multiclass"


def _frame(X: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(X, columns=[f"x{number}" for number in range(X.shape[1])])


def read_table(module: Any, name: str, max_rows: int) -> Table:
    """Return a set, at most `max_rows` rows of it, always the same ones."""
    if name not in OWN_SETS:
        X, y, meta = load(module, name, max_rows)
        return Table(name, X, y, meta["task"], list(meta["categorical"]))
    X, y, task = own_set(name)
    if len(X) > max_rows:
        kept = np.random.default_rng(0).permutation(len(X))[:max_rows]
        X, y = X.iloc[kept].reset_index(drop=True), y[kept]
    return Table(name, X, y, task, [])


def mean_auc(classes: np.ndarray, y: np.ndarray, proba: np.ndarray) -> float:
    """Return the mean over the classes of the area of each against the rest."""
    areas = [
        roc_auc_score(y == label, proba[:, column])
        for column, label in enumerate(classes)
        # A fold may lack a rare class.
        if 0 < np.count_nonzero(y == label) < len(y)
    ]
    return float(np.mean(areas))


def scores(task: str, fitted: Any, X: pd.DataFrame, y: np.ndarray) -> dict[str, float]:
    """Return the metrics of the task on held-out rows, and CPU seconds of predicting.

    Those of a classifier are of its probabilities.
    """
    answers: list[np.ndarray] = []
    predict = fitted.predict if is_regression(task) else fitted.predict_proba
    seconds = cpu_seconds(lambda: answers.append(predict(X)))
    found = {"predict_cpu_s": seconds}
    if is_regression(task):
        predicted = np.asarray(answers[0], dtype=np.float64)
        return found | {
            "rmse": float(root_mean_squared_error(y, predicted)),
            "r2": float(r2_score(y, predicted)),
        }
    proba = np.asarray(answers[0], dtype=np.float64)
    proba = proba / proba.sum(axis=1, keepdims=True)
    return found | {
        "accuracy": float(accuracy_score(y, fitted.predict(X))),
        "log_loss": float(log_loss(y, proba, labels=fitted.classes_)),
        "roc_auc": mean_auc(fitted.classes_, y, proba),
    }


def run_fit(
    table: Table, fit: Fit, make: Side, train: np.ndarray, test: np.ndarray
) -> dict[str, Any]:
    """Return the row of one fit; of one that raised, with its error."""
    row: dict[str, Any] = {"task": table.task, "n_rows": len(table.X), **fit._asdict()}
    try:
        estimator = make(
            table.task, table.categorical, table.numeric, 10 * fit.fold + fit.seed
        )
        seconds = cpu_seconds(
            partial(estimator.fit, table.X.iloc[train], table.y[train])
        )
        found: dict[str, Any] = {"fit_cpu_s": seconds}
        found |= scores(table.task, estimator, table.X.iloc[test], table.y[test])
        found["n_epochs"] = n_epochs(estimator)
    except Exception as error:
        # Whatever a peer stumbles over, the others go on.
        text = " ".join(str(error).split())[:200]
        return row | {"error": f"{type(error).__name__}: {text}"}
    return row | {
        name: f"{value:.6g}" if isinstance(value, float) else value
        for name, value in found.items()
    }


def plan(
    table: Table, sides: list[str], arguments: argparse.Namespace
) -> Iterator[Fit]:
    """Yield the fits of a set, the sides by turns."""
    n_seeds = arguments.seeds or (3 if len(table.X) < SMALL else 1)
    for fold, seed in itertools.product(range(arguments.max_folds), range(n_seeds)):
        for side in sides:
            if side not in SLOW or fold < arguments.slow_folds:
                yield Fit(table.name, side, fold, seed)


def warm_up(make: Side) -> None:
    """Let a side load what it loads at a first fit and a first prediction."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"n": rng.standard_normal(90), "c": ["a", "b", "c"] * 30})
    X = X.astype({"c": "category"})
    for task in ("regression", "binary"):
        y = X["n"].to_numpy()
        # An error comes again at the fits of the sets, which note it.
        with contextlib.suppress(Exception):
            estimator = make(task, ["c"], ["n"], 0)
            estimator.fit(X, y if task == "regression" else y > 0)
            estimator.predict(X)


@contextlib.contextmanager
def results_file(path: Path) -> Iterator[IO[str]]:
    """Open the file to append to, and keep any other process from it meanwhile."""
    with path.open("a", encoding="utf-8", newline="") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"Another process writes {path.name}.")
        yield file


def read_done(path: Path, *, retry: bool) -> tuple[set[Fit], dict[str, int]]:
    """Return the fits that the file holds, and the number of rows of each set."""
    done: set[Fit] = set()
    n_rows: dict[str, int] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            n_rows[row["set"]] = int(row["n_rows"])
            fit = Fit(row["set"], row["side"], int(row["fold"]), int(row["seed"]))
            if row["error"] and retry:
                continue
            done.add(fit)
    return done, n_rows


def run_table(
    table: Table, fits: list[Fit], makers: dict[str, Side], file: IO[str]
) -> None:
    """Run the fits and append a row for each."""
    splits = folds(table.task, table.y)
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    for fit in fits:
        row = run_fit(table, fit, makers[fit.side], *splits[fit.fold])
        writer.writerow(row)
        file.flush()
        cost = row.get("error") or f"{float(row['fit_cpu_s']):.2f} CPU s"
        print(f"  {fit.side}, fold {fit.fold}, seed {fit.seed}: {cost}", flush=True)


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=HERE.parents[1] / "shared/data")
    add("--out", type=Path, default=HERE / "results" / "tabular_suite.csv")
    add("--sets", nargs="*", help="names; all unless given")
    add("--sides", nargs="*", choices=SIDES, help="names; all unless given")
    add("--seeds", type=int, help="3 for sets of less than 2,000 rows, else 1")
    add("--max-rows", type=int, default=4_000, help="of a set (%(default)s)")
    add("--max-folds", type=int, default=5, choices=range(1, 6))
    add("--slow-folds", type=int, default=2, help="of the slow sides (%(default)s)")
    add("--retry", action="store_true", help="run again what raised")
    return parser.parse_args()


def run(arguments: argparse.Namespace, file: IO[str]) -> None:
    """Run what is missing from the file."""
    if arguments.out.stat().st_size == 0:
        csv.DictWriter(file, COLUMNS, lineterminator="\n").writeheader()
        file.flush()
    module = data_module(arguments.data)
    done, n_rows = read_done(arguments.out, retry=arguments.retry)
    makers = available(arguments.sides or SIDES)
    warm: set[str] = set()
    names = arguments.sets or [*module.list_datasets("tabular"), *OWN_SETS]
    for name in names:
        table = read_table(module, name, arguments.max_rows)
        if n_rows.get(name, len(table.X)) != len(table.X):
            sys.exit(
                f"{arguments.out.name} has {name} with {n_rows[name]:,} rows, not "
                f"{len(table.X):,}: name another file with --out."
            )
        fits = [f for f in plan(table, list(makers), arguments) if f not in done]
        for side in dict.fromkeys(fit.side for fit in fits):
            if side not in warm:
                warm_up(makers[side])
                warm.add(side)
        print(f"{name}: {len(table.X):,} rows, {len(fits)} fits", flush=True)
        run_table(table, fits, makers, file)


def main() -> None:
    """Run what is missing, then print what ran it."""
    arguments = parse()
    warnings.simplefilter("ignore")
    # pytorch-lightning tells at every fit that there is no GPU.
    logging.disable(logging.INFO)
    with (
        results_file(arguments.out) as file,
        one_blas_thread(),
        limit_threads(1),
    ):
        run(arguments, file)
    about = machine()
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        about["pytabkit"] = importlib.metadata.version("pytabkit")
    print("; ".join(f"{name} {value}" for name, value in about.items()))


if __name__ == "__main__":
    main()
