"""What pruning inside cross-validation saves, and what it loses, on real tables.

First, on each set, random parameters are trained to their end, every epoch of every
fold scored; pruners are then replayed on these curves in many orders, which tells their
cost and regret without the luck of a single search. Then whole searches: ours with and
without pruning, optuna-integration's and scikit-learn's, with the same estimator, space
and folds. Each result is one line of the file; what is there is not run again.
"""

from __future__ import annotations

from _timing import cpu_seconds, finish, one_blas_thread

# isort: split
import argparse
import json
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from mlp_datasets import data_module, load, preprocessing
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import (
    HyperbandPruner,
    MedianPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from sklearn.model_selection import KFold, RandomizedSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline

from skdeep import MLPClassifier, MLPRegressor, OptunaSearchCV
from skdeep._threads import limit_threads

HERE = Path(__file__).resolve().parent
SETS = ("german_credit", "phoneme", "concrete")
N_FOLDS, N_EPOCHS, N_TRIALS, N_CURVES, N_ORDERS = 5, 20, 40, 60, 20
# With pruning two thirds to three quarters of the fold-epochs of `N_TRIALS` without.
MORE_TRIALS = "OptunaSearchCV, 100 trials"
SPACE = {
    "net__learning_rate": FloatDistribution(1e-4, 1e-1, log=True),
    "net__hidden_layer_sizes": IntDistribution(16, 256, log=True),
    "net__n_hidden_layers": IntDistribution(1, 3),
    "net__dropout": FloatDistribution(0.0, 0.5),
    "net__l2": FloatDistribution(1e-6, 1e-1, log=True),
    "net__batch_size": CategoricalDistribution([32, 64, 128, 256]),
    "net__activation": CategoricalDistribution(["relu", "silu", "tanh"]),
}
PRUNERS: dict[str, Callable[[], Any]] = {
    "median, from epoch 2": lambda: MedianPruner(5, 2),
    "median, from epoch 4": lambda: MedianPruner(5, 4),
    "best quarter, from epoch 2": lambda: PercentilePruner(25.0, 5, 2),
    "best quarter, from epoch 4": lambda: PercentilePruner(25.0, 5, 4),
    "halving, from epoch 2, a quarter": lambda: SuccessiveHalvingPruner(2, 4),
    "halving, from epoch 1, a third": lambda: SuccessiveHalvingPruner(1, 3),
    "hyperband, from epoch 1, a third": lambda: HyperbandPruner(1, N_EPOCHS, 3),
}


def task_of(module: Any, name: str, max_rows: int) -> tuple[Pipeline, Any, Any, Any]:
    """Return the estimator, inputs, target and folds of a set."""
    X, y, meta = load(module, name, max_rows)
    categorical = meta["categorical"]
    numeric = [column for column in X.columns if column not in categorical]
    regression = meta["task"] == "regression"
    kind = MLPRegressor if regression else MLPClassifier
    net = kind(max_epochs=N_EPOCHS, tol=None, lr_schedule="cosine", random_state=0)
    splitter = KFold if regression else StratifiedKFold
    cv = splitter(N_FOLDS, shuffle=True, random_state=0)
    steps = [("columns", preprocessing(categorical, numeric)), ("net", net)]
    return Pipeline(steps), X, y, cv


def curves(module: Any, name: str, max_rows: int) -> dict[str, Any]:
    """Return the mean score of the folds after each epoch, of random parameters."""
    model, X, y, cv = task_of(module, name, max_rows)
    search = OptunaSearchCV(
        model,
        SPACE,
        n_trials=N_CURVES,
        cv=cv,
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.NopPruner(),
        refit=False,
        enqueue=None,
    ).fit(X, y)
    found = [
        [trial.intermediate_values[step] for step in range(1, N_EPOCHS + 1)]
        for trial in search.study_.trials
        if trial.state.name == "COMPLETE"
    ]
    return {"curves": found}


def replay(found: list[list[float]], pruner: Any, seed: int) -> tuple[float, float]:
    """Return the share of epochs that a pruner lets run, and the score it loses."""
    order = np.random.default_rng(seed).permutation(len(found))
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=seed),
        pruner=pruner,
    )
    n_epochs, best = 0, -np.inf
    for place in order:
        trial, curve = study.ask(), found[place]
        for step, value in enumerate(curve, start=1):
            n_epochs += 1
            trial.report(value, step)
            if step < len(curve) and trial.should_prune():
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, curve[-1])
            best = max(best, curve[-1])
    whole = max(curve[-1] for curve in found)
    return n_epochs / (len(found) * len(found[0])), whole - best


def ours(pruning: str) -> Callable[..., Any]:
    """Return a maker of our search."""

    def make(model: Any, cv: Any, seed: int, n_trials: int) -> Any:
        return OptunaSearchCV(
            model,
            SPACE,
            n_trials=n_trials,
            cv=cv,
            pruning=pruning,
            refit=False,
            random_state=seed,
        )

    return make


def randomized(model: Any, cv: Any, seed: int, n_trials: int) -> Any:
    """Return scikit-learn's search over the same space."""
    from scipy.stats import loguniform, randint, uniform

    def of_scipy(distribution: Any) -> Any:
        if isinstance(distribution, CategoricalDistribution):
            return list(distribution.choices)
        low, high = distribution.low, distribution.high
        if isinstance(distribution, IntDistribution):
            if distribution.log:
                return np.unique(np.geomspace(low, high, 50).round().astype(int))
            return randint(low, high + 1)
        return loguniform(low, high) if distribution.log else uniform(low, high - low)

    space = {name: of_scipy(distribution) for name, distribution in SPACE.items()}
    return RandomizedSearchCV(
        model, space, n_iter=n_trials, cv=cv, refit=False, random_state=seed
    )


def integration(model: Any, cv: Any, seed: int, n_trials: int) -> Any:
    """Return the search of optuna-integration, which cannot prune a Pipeline."""
    from optuna_integration import OptunaSearchCV as Integration

    return Integration(
        model, SPACE, n_trials=n_trials, cv=cv, refit=False, random_state=seed
    )


SIDES: dict[str, Callable[..., Any]] = {
    "OptunaSearchCV": ours("lockstep"),
    MORE_TRIALS: ours("lockstep"),
    "OptunaSearchCV, offset": ours("offset"),
    "OptunaSearchCV, unpruned": ours("off"),
    "optuna-integration": integration,
    "RandomizedSearchCV": randomized,
}


def run_search(
    module: Any, name: str, side: str, seed: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return cost and best score of one search.

    scikit-learn's is given as many trials as the epochs of our pruned one allow.
    """
    model, X, y, cv = task_of(module, name, arguments.max_rows)
    n_trials = 100 if side == MORE_TRIALS else N_TRIALS
    if side == "RandomizedSearchCV":
        key = f"{name}/OptunaSearchCV/{seed}"
        n_trials = round(arguments.done[key]["fold_epochs"] / (N_EPOCHS * N_FOLDS))
    search = SIDES[side](model, cv, seed, n_trials)
    seconds = cpu_seconds(lambda: search.fit(X, y))
    whole = n_trials * N_FOLDS * N_EPOCHS
    results = getattr(search, "cv_results_", {})
    if "n_epochs" in results and side != "OptunaSearchCV, unpruned":
        whole = int(results["n_epochs"].sum())
    best = getattr(search, "best_score_", None)
    return {
        "cpu_s": round(seconds, 2),
        "fold_epochs": whole,
        "trials": n_trials,
        "best": float(search.best_score_ if best is None else best),
    }


def report(done: dict[str, Any]) -> list[dict[str, Any]]:
    """Print cost and regret of the pruners and of the searches."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rows = []
    print("\nreplayed: share of epochs / mean score lost / lost at most")
    for label, make in PRUNERS.items():
        cells = []
        for name in SETS:
            found = done[f"{name}/curves"]["curves"]
            pairs = [replay(found, make(), seed) for seed in range(N_ORDERS)]
            costs, losses = zip(*pairs, strict=True)
            cost, loss = statistics.mean(costs), statistics.mean(losses)
            cells.append(f"{cost:5.0%} {loss:.4f} {max(losses):.4f}")
            rows.append({"pruner": label, "set": name, "cost": cost, "regret": loss})
        print(f"  {label:<34}" + "  |  ".join(cells))
    print("\nsearches: fold-epochs, CPU seconds, best score (means over seeds)")
    for name in SETS:
        for side in SIDES:
            found = [
                line
                for key, line in done.items()
                if key.rpartition("/")[0] == f"{name}/{side}"
            ]
            if found:
                mean = {
                    column: statistics.mean(line[column] for line in found)
                    for column in ("fold_epochs", "cpu_s", "trials", "best")
                }
                print(
                    f"  {name:<14}{side:<27}{mean['trials']:5.1f} trials"
                    f"{mean['fold_epochs']:8.0f}{mean['cpu_s']:8.1f} s"
                    f"{mean['best']:9.4f}"
                )
                rows.append({"set": name, "side": side, **mean})
    return rows


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--data", type=Path, default=HERE.parents[1] / "shared/data")
    add("--results", type=Path, default=HERE / "results" / "search_pruning.jsonl")
    add("--max-rows", type=int, default=1_500, help="of a set (%(default)s)")
    add("--seeds", type=int, default=8, help="searches of each side (%(default)s)")
    add("--sets", nargs="+", default=list(SETS), choices=SETS)
    add("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    add("--report", action="store_true", help="print what is there, run nothing")
    add("--out", type=Path, help="JSON file to write the figures to")
    return parser.parse_args()


def main() -> None:
    """Run what is missing from the file, then report."""
    arguments = parse()
    lines = []
    if arguments.results.exists():
        text = arguments.results.read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
    arguments.done = {line.pop("key"): line for line in lines}
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if not arguments.report:
        module = data_module(arguments.data)
        with one_blas_thread(), limit_threads(1):
            for name in arguments.sets:
                key = f"{name}/curves"
                if key not in arguments.done:
                    keep(arguments, key, curves(module, name, arguments.max_rows))
                for seed in range(arguments.seeds):
                    for side in arguments.sides:
                        key = f"{name}/{side}/{seed}"
                        if key not in arguments.done:
                            line = run_search(module, name, side, seed, arguments)
                            keep(arguments, key, line)
    finish(report(arguments.done), arguments.out)


def keep(arguments: argparse.Namespace, key: str, line: dict[str, Any]) -> None:
    """Append a result to the file."""
    arguments.done[key] = line
    with arguments.results.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"key": key, **line}) + "\n")
    print(key, {name: line[name] for name in line if name != "curves"}, flush=True)


if __name__ == "__main__":
    main()
