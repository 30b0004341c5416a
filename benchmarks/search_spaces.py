"""Are the spaces any good: random draws from each profile against the defaults.

On three real tables, each cross-validated with the same three folds, 15 configurations
are drawn from every profile. A good space holds something better than the defaults, and
half of what it holds is not much worse. One row of the CSV file is one configuration,
written as soon as it is done; what is there is not run again. With ``--report`` the
tables of docs/benchmarks_search.md are printed.
"""

from __future__ import annotations

from _timing import cpu_seconds, one_blas_thread

# isort: split
import argparse
import csv
import itertools
import json
import statistics
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
import pandas as pd
from mlp_datasets import data_module, load, preprocessing
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline

from skdeep import (
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    search_space,
)

HERE = Path(__file__).resolve().parent
SETS = ("german_credit", "phoneme", "concrete")
PROFILES = ("fast", "balanced", "wide")
FAMILIES: dict[str, tuple[type, type]] = {
    "MLP": (MLPClassifier, MLPRegressor),
    "TabularMLP": (TabularMLPClassifier, TabularMLPRegressor),
}
MAX_ROWS = 2_000
COLUMNS = ("family", "set", "profile", "draw", "loss", "cpu_s", "params")


class Trial(NamedTuple):
    """What tells one configuration from all others; draw 0 is the defaults."""

    family: str
    set: str
    profile: str
    draw: int


class Task(NamedTuple):
    """A table, an estimator with its defaults, and how it is scored."""

    X: Any
    y: np.ndarray
    estimator: Any
    scoring: str
    cv: Any


def make_task(module: Any, family: str, name: str) -> Task:
    """Return a set as a task of one family; the textbook one sees it encoded."""
    X, y, meta = load(module, name, MAX_ROWS)
    regression = meta["task"] == "regression"
    estimator = FAMILIES[family][regression](random_state=0)
    if family == "MLP":
        numeric = [column for column in X.columns if column not in meta["categorical"]]
        prepare = preprocessing(meta["categorical"], numeric)
        estimator = Pipeline([("prepare", prepare), ("mlp", estimator)])
    splitter = KFold if regression else StratifiedKFold
    return Task(
        X,
        y,
        estimator,
        "neg_root_mean_squared_error" if regression else "neg_log_loss",
        splitter(3, shuffle=True, random_state=0),
    )


def draws(task: Task, profile: str, n_draws: int) -> Iterator[dict[str, Any]]:
    """Yield random configurations of a profile, always the same ones."""
    space = search_space(task.estimator, profile, X=task.X, y=task.y)  # type: ignore[arg-type]  # a str
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(n_draws):
        yield study.ask(space).params


def run(task: Task, params: dict[str, Any]) -> tuple[float, float]:
    """Return the mean loss over the folds, infinite where training diverged."""
    estimator = clone(task.estimator).set_params(**params)
    kept: list[float] = []

    def validate() -> None:
        scores = cross_val_score(
            estimator, task.X, task.y, scoring=task.scoring, cv=task.cv
        )
        kept.append(float(-scores.mean()))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)
        try:
            seconds = cpu_seconds(validate)
        except ValueError:  # all folds failed
            return float("inf"), float("nan")
    return kept[0] if np.isfinite(kept[0]) else float("inf"), seconds


def wanted(families: list[str], sets: list[str], n_draws: int) -> Iterator[Trial]:
    """Yield all configurations that are to be run."""
    for family, name in itertools.product(families, sets):
        yield Trial(family, name, "default", 0)
        for profile in PROFILES:
            for draw in range(1, n_draws + 1):
                yield Trial(family, name, profile, draw)


def measure(out: Path, families: list[str], sets: list[str], n_draws: int) -> None:
    """Run what is not in the file yet."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    module = data_module(HERE.parents[1] / "shared/data")
    done = set() if not out.exists() else {Trial(*key) for key in _keys(out)}
    for (family, name), group in itertools.groupby(
        wanted(families, sets, n_draws), key=lambda trial: trial[:2]
    ):
        task = make_task(module, family, name)
        configurations = {
            profile: list(draws(task, profile, n_draws)) for profile in PROFILES
        }
        for trial in group:
            if trial in done:
                continue
            params = (
                {}
                if trial.profile == "default"
                else configurations[trial.profile][trial.draw - 1]
            )
            loss, seconds = run(task, params)
            _append(out, trial, loss, seconds, params)


def _keys(out: Path) -> Iterator[tuple[str, str, str, int]]:
    with out.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield row["family"], row["set"], row["profile"], int(row["draw"])


def _append(
    out: Path, trial: Trial, loss: float, seconds: float, params: dict[str, Any]
) -> None:
    new = not out.exists()
    with out.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(COLUMNS)
        writer.writerow([*trial, f"{loss:.6g}", f"{seconds:.2f}", json.dumps(params)])


def report(out: Path) -> None:
    """Print a table of best and median losses, and what the best draws were."""
    table = pd.read_csv(out)
    print(
        "| family | set | profile | defaults | best | median | worst quarter from | "
        "better than defaults | CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for (family, name), rows in table.groupby(["family", "set"], sort=False):
        default = float(rows.loc[rows["profile"] == "default", "loss"].iloc[0])
        for profile in PROFILES:
            found = rows[rows["profile"] == profile]
            if not len(found):
                continue
            losses = found["loss"].to_numpy()
            gain = 100 * (1 - losses.min() / default)
            print(
                f"| {family} | {name} | {profile} | {default:.4g} | "
                f"{losses.min():.4g} ({gain:+.1f} %) | "
                f"{statistics.median(losses):.4g} | {np.quantile(losses, 0.75):.4g} | "
                f"{np.mean(losses < default):.0%} of {len(losses)} | "
                f"{found['cpu_s'].sum():.0f} |"
            )


def marginals(out: Path) -> None:
    """Print by parameter the median loss, over that of the defaults, of its thirds."""
    table = pd.read_csv(out)
    for family, rows in table.groupby("family", sort=False):
        default = rows[rows["profile"] == "default"].set_index("set")["loss"]
        drawn = rows[rows["profile"] != "default"]
        relative = drawn["loss"].to_numpy() / default[drawn["set"]].to_numpy()
        params = pd.DataFrame(
            [
                {
                    name.split("__")[-1]: value
                    for name, value in json.loads(text).items()
                }
                for text in drawn["params"]
            ]
        )
        print(f"\n{family}")
        for name in params:
            values = params[name]
            known = values.notna().to_numpy()
            numbers = pd.to_numeric(values, errors="coerce")
            many = numbers.nunique() > 6 and not isinstance(values[known].iloc[0], bool)
            parts = (
                pd.qcut(numbers, 4, duplicates="drop") if many else values.astype(str)
            )
            medians = pd.Series(relative).groupby(parts, observed=True).median()
            shown = "  ".join(f"{key}: {value:.3f}" for key, value in medians.items())
            print(f"  {name:<20}{shown}")


def _bare(text: str) -> dict[str, Any]:
    """Return parameters without the name of the step they belong to."""
    return {name.split("__")[-1]: value for name, value in json.loads(text).items()}


def main() -> None:
    """Measure, or report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES))
    parser.add_argument("--sets", nargs="+", default=list(SETS))
    parser.add_argument("--draws", type=int, default=15)
    parser.add_argument(
        "--out", type=Path, default=HERE / "results" / "search_spaces.csv"
    )
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    if arguments.report:
        report(arguments.out)
        marginals(arguments.out)
        return
    with one_blas_thread():
        measure(arguments.out, arguments.families, arguments.sets, arguments.draws)


if __name__ == "__main__":
    main()
