"""Defaults of the textbook perceptrons against scikit-learn's on real tables.

Five folds of every set, three seeds on each, the same preprocessing for all sides, the
sides by turns. Each side of a set is one line of the results file; what is there is not
run again.
"""

from __future__ import annotations

from _timing import cpu_seconds, machine, one_blas_thread

# isort: split
import argparse
import importlib.util
import itertools
import json
import math
import statistics
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, log_loss, r2_score, root_mean_squared_error
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier
from sklearn.neural_network import MLPRegressor as ScikitLearnRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeep import MLPClassifier, MLPRegressor

HERE = Path(__file__).resolve().parent
OURS, PEER, SCALED = "skdeep", "scikit-learn", "scikit-learn, target scaled"
N_FOLDS, N_SEEDS = 5, 3
# Student's t with four degrees of freedom: a difference of means that five pairs of
# folds without one exceed in one case of twenty.
T_95 = 2.776
# Metric -> whether more of it is better.
METRICS = {"accuracy": True, "log_loss": False, "r2": True, "rmse": False}

Side = Callable[[int], Any]


def sides(task: str) -> dict[str, Side]:
    """Return a maker of an unfitted estimator, from its seed, for each side."""
    if task != "regression":
        return {
            OURS: lambda seed: MLPClassifier(random_state=seed),
            PEER: lambda seed: ScikitLearnClassifier(random_state=seed),
        }
    return {
        OURS: lambda seed: MLPRegressor(random_state=seed),
        PEER: lambda seed: ScikitLearnRegressor(random_state=seed),
        SCALED: lambda seed: TransformedTargetRegressor(
            ScikitLearnRegressor(random_state=seed), transformer=StandardScaler()
        ),
    }


def preprocessing(categorical: list[str], numeric: list[str]) -> ColumnTransformer:
    """Return what every side sees the table through; its output is float32."""
    return ColumnTransformer(
        [
            (
                "n",
                make_pipeline(SimpleImputer(strategy="median"), StandardScaler()),
                numeric,
            ),
            (
                "c",
                make_pipeline(
                    SimpleImputer(strategy="most_frequent"),
                    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                ),
                categorical,
            ),
        ]
    )


def folds(task: str, y: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return five folds, always the same."""
    splitter = KFold if task == "regression" else StratifiedKFold
    cv = splitter(N_FOLDS, shuffle=True, random_state=0)
    return list(cv.split(np.zeros(len(y)), y))


def scores(task: str, fitted: Any, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Return the metrics of the task on rows that were held out."""
    if task == "regression":
        predicted = fitted.predict(X)
        return {
            "r2": float(r2_score(y, predicted)),
            "rmse": float(root_mean_squared_error(y, predicted)),
        }
    proba = fitted.predict_proba(X).astype(np.float64)
    return {
        "accuracy": float(accuracy_score(y, fitted.predict(X))),
        "log_loss": float(
            log_loss(
                y, proba / proba.sum(axis=1, keepdims=True), labels=fitted.classes_
            )
        ),
    }


def load(
    module: Any, name: str, max_rows: int
) -> tuple[Any, np.ndarray, dict[str, Any]]:
    """Return inputs, target and description of a set, at most `max_rows` rows of it."""
    X, y, meta = module.load_tabular(name)
    if len(X) > max_rows:
        kept = np.random.default_rng(0).permutation(len(X))[:max_rows]
        X, y = X.iloc[kept], y.iloc[kept]
    return X.reset_index(drop=True), y.to_numpy(), meta


def run_set(
    X: Any, y: np.ndarray, meta: dict[str, Any], makers: dict[str, Side]
) -> dict[str, list[dict[str, float]]]:
    """Return the scores and CPU seconds of every fit of every side."""
    task, categorical = meta["task"], meta["categorical"]
    numeric = [column for column in X.columns if column not in categorical]
    results: dict[str, list[dict[str, float]]] = {side: [] for side in makers}
    for number, (train, test) in enumerate(folds(task, y)):
        prepare = preprocessing(categorical, numeric)
        X_train = prepare.fit_transform(X.iloc[train]).astype(np.float32)
        X_test = prepare.transform(X.iloc[test]).astype(np.float32)
        for seed, side in itertools.product(range(N_SEEDS), makers):
            estimator = makers[side](10 * number + seed)
            seconds = cpu_seconds(partial(estimator.fit, X_train, y[train]))
            inner: Any = getattr(estimator, "regressor_", estimator)
            results[side].append(
                {
                    "fold": number,
                    **scores(task, estimator, X_test, y[test]),
                    "cpu_seconds": round(seconds, 3),
                    "epochs": int(inner.n_iter_),
                }
            )
    return results


def warm_up() -> None:
    """Let every side load what it loads at a first fit."""
    X = np.random.default_rng(0).standard_normal((20, 2)).astype(np.float32)
    for task in ("regression", "binary"):
        for make in sides(task).values():
            make(0).fit(X, X[:, 0] if task == "regression" else X[:, 0] > 0)


def of_folds(line: dict[str, Any], metric: str) -> list[float]:
    """Return a metric of each fold, averaged over the seeds."""
    return [
        statistics.mean(fit[metric] for fit in line["fits"] if fit["fold"] == number)
        for number in range(N_FOLDS)
    ]


def compare(
    lines: dict[tuple[str, str], dict[str, Any]], name: str, peer: str, metric: str
) -> dict[str, Any] | None:
    """Return means, and who is better by more than the noise of the paired folds."""
    ours, other = lines.get((name, OURS)), lines.get((name, peer))
    if ours is None or other is None or metric not in ours["fits"][0]:
        return None
    a, b = of_folds(ours, metric), of_folds(other, metric)
    sign = 1.0 if METRICS[metric] else -1.0
    gains = [sign * (x - z) for x, z in zip(a, b, strict=True)]
    gain = statistics.mean(gains)
    noise = T_95 * statistics.stdev(gains) / math.sqrt(len(gains))
    outcome = "tie" if abs(gain) <= noise else ("win" if gain > 0 else "loss")
    return {
        "set": name,
        "metric": metric,
        "ours": statistics.mean(a),
        "peer": statistics.mean(b),
        "gain": gain,
        "noise": noise,
        "outcome": outcome,
    }


def read_lines(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the lines of the results file by set and side."""
    if not path.exists():
        return {}
    found = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {(line["set"], line["side"]): line for line in found}


def summarise(lines: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Print a table for each peer, wins and losses, and the CPU seconds in all."""
    names = list(dict.fromkeys(name for name, _ in lines))
    for peer in (PEER, SCALED):
        print(f"\n{OURS} against {peer}: mean of five folds")
        tally: dict[str, dict[str, int]] = {}
        for name in names:
            for metric in METRICS:
                row = compare(lines, name, peer, metric)
                if row is None:
                    continue
                counts = tally.setdefault(metric, {"win": 0, "tie": 0, "loss": 0})
                counts[row["outcome"]] += 1
                print(
                    f"  {name:<20}{metric:<10}{row['ours']:12.4f}{row['peer']:12.4f}"
                    f"  better by {row['gain']:+.4f} (noise {row['noise']:.4f})"
                    f"  {row['outcome']}"
                )
        for metric, counts in tally.items():
            listed = ", ".join(f"{count} {word}" for word, count in counts.items())
            print(f"  {metric}: {listed}")
        both = [name for name in names if (name, peer) in lines]
        totals = [_seconds(lines, both, side) for side in (OURS, peer)]
        print(
            f"  CPU seconds of fit: {totals[0]:.1f} against {totals[1]:.1f}, ratio "
            f"{totals[0] / totals[1]:.2f}"
        )


def _seconds(
    lines: dict[tuple[str, str], dict[str, Any]], names: list[str], side: str
) -> float:
    fits = (fit for name in names for fit in lines[name, side]["fits"])
    return sum(float(fit["cpu_seconds"]) for fit in fits)


def data_module(folder: Path) -> Any:
    """Return the loader that lies with the data, or leave with a sentence."""
    path = folder / "load.py"
    spec = importlib.util.spec_from_file_location("_benchmark_data", path)
    if not path.exists() or spec is None or spec.loader is None:
        sys.exit(
            f"No data sets at {str(folder)!r}: name the folder that holds load.py and "
            "tabular/ with --data."
        )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Run what is missing, then print the whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared/data")
    parser.add_argument("--max-rows", type=int, default=10_000)
    parser.add_argument("--sets", nargs="*", help="names; all unless given")
    parser.add_argument(
        "--out", type=Path, default=HERE / "results" / "mlp_datasets.jsonl"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    module = data_module(arguments.data)
    lines = read_lines(arguments.out)
    warm_up()
    print(f"at most {arguments.max_rows:,} rows of a set, drawn with a fixed seed")
    for name in arguments.sets or module.list_datasets("tabular"):
        X, y, meta = load(module, name, arguments.max_rows)
        makers = {
            side: make
            for side, make in sides(meta["task"]).items()
            if (name, side) not in lines
        }
        if not makers:
            continue
        with one_blas_thread():
            results = run_set(X, y, meta, makers)
        for side, fits in results.items():
            line = {"set": name, "side": side, "task": meta["task"], "n_rows": len(X)}
            line |= {"fits": fits, "machine": machine()}
            lines[name, side] = line
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        print(f"{name}: {len(X):,} rows", flush=True)
    summarise(lines)


if __name__ == "__main__":
    main()
