"""Tables and a plot of what `tabular_suite.py` measured.

Prints Markdown: the metrics of every set, mean ranks with Nemenyi's critical
difference, wins and losses of one side against each of the others, and what a fit
costs. Sides are compared over the folds and seeds that both have.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

HERE = Path(__file__).resolve().parent
# Metric -> its name, and whether more of it is better.
METRICS = {
    "log_loss": ("log-loss", False),
    "rmse": ("RMSE", False),
    "accuracy": ("accuracy", True),
    "roc_auc": ("AUC", True),
}
# Log-loss of the sets with classes and RMSE of the others.
MAIN = "log-loss or RMSE"
LEVEL = 0.05

Fits = dict[tuple[int, int], dict[str, float]]


class Results(NamedTuple):
    """The fits of each side of each set by (fold, seed), and what raised."""

    fits: dict[str, dict[str, Fits]]
    n_rows: dict[str, int]
    errors: list[str]

    def common(self, name: str, sides: Iterable[str]) -> list[tuple[int, int]]:
        """Return the folds and seeds of a set that all these sides have."""
        found = [set(self.fits[name].get(side, ())) for side in sides]
        return sorted(set.intersection(*found))

    def mean(
        self, name: str, side: str, keys: Iterable[tuple[int, int]], column: str
    ) -> float:
        """Return the mean of a column over some fits of a side."""
        return statistics.mean(self.fits[name][side][key][column] for key in keys)

    def sets(self, metric: str, sides: Sequence[str]) -> list[str]:
        """Return the sets that have the metric and a fit common to these sides."""
        found = []
        for name in self.fits:
            keys = self.common(name, sides)
            if keys and metric in self.fits[name][sides[0]][keys[0]]:
                found.append(name)
        return found

    def main_sets(self, sides: Sequence[str]) -> list[tuple[str, str]]:
        """Return the sets common to these sides, each with its main metric."""
        return [
            (name, metric)
            for metric in ("log_loss", "rmse")
            for name in self.sets(metric, sides)
        ]


def read_results(path: Path) -> Results:
    """Return what the file holds; of fits that were run again, the last."""
    rows: dict[tuple[str, str, int, int], dict[str, str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["set"], row["side"], int(row["fold"]), int(row["seed"])] = row
    results = Results({}, {}, [])
    columns = (*METRICS, "fit_cpu_s", "predict_cpu_s")
    for (name, side, fold, seed), row in rows.items():
        if row["error"]:
            results.errors.append(
                f"{name}, {side}, fold {fold}, seed {seed}: {row['error']}"
            )
            continue
        results.n_rows[name] = int(row["n_rows"])
        fits = results.fits.setdefault(name, {}).setdefault(side, {})
        fits[fold, seed] = {key: float(row[key]) for key in columns if row[key]}
    return results


def compare(ours: Fits, peer: Fits, metric: str) -> tuple[float, str]:
    """Return how much better we are, and whether by more than the noise.

    The noise is that of the paired folds, each averaged over its seeds. One fold alone
    has none to tell by, and is a tie.
    """
    sign = 1.0 if METRICS[metric][1] else -1.0
    by_fold: dict[int, list[float]] = {}
    for fold, seed in sorted(set(ours) & set(peer)):
        difference = ours[fold, seed][metric] - peer[fold, seed][metric]
        by_fold.setdefault(fold, []).append(sign * difference)
    gains = [statistics.mean(values) for values in by_fold.values()]
    gain, n_folds = statistics.mean(gains), len(gains)
    if n_folds < 2:
        return gain, "tie"
    t = stats.t.ppf(1 - LEVEL / 2, n_folds - 1)
    noise = t * statistics.stdev(gains) / math.sqrt(n_folds)
    outcome = "tie" if abs(gain) <= noise else ("win" if gain > 0 else "loss")
    return gain, outcome


def show(rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table, its first row the head."""
    for number, row in enumerate(rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
        if number == 0:
            print("|---" * len(row) + "|")


def figure(value: float) -> str:
    """Return a metric in four digits, or all before the point where there are more."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.4g}"


def show_metric(results: Results, ours: str, sides: list[str], metric: str) -> None:
    """Print a metric of every set.

    A side that lacks some of our folds has our value on those it has behind a stroke.
    """
    names = results.sets(metric, [ours])
    if not names:
        return
    title, more = METRICS[metric]
    print(f"\n## {title} ({'higher' if more else 'lower'} is better)\n")
    rows = [["set", "rows", *sides]]
    for name in names:
        row = [name, f"{results.n_rows[name]:,}"]
        row += [_cell(results, name, ours, side, metric) for side in sides]
        rows.append(row)
    show(rows)


def _cell(results: Results, name: str, ours: str, side: str, metric: str) -> str:
    keys = results.common(name, [ours, side])
    if not keys:
        return ""
    text = figure(results.mean(name, side, keys, metric))
    if len(keys) < len(results.fits[name][ours]):
        text += " / " + figure(results.mean(name, ours, keys, metric))
    _, outcome = compare(results.fits[name][ours], results.fits[name][side], metric)
    return text + {"win": " ▼", "loss": " ▲", "tie": ""}[outcome]


def ranks(
    results: Results, sides: list[str], sets: list[tuple[str, str]]
) -> np.ndarray:
    """Return the rank of each side (column) in each set (row), 1 the best."""
    found = []
    for name, metric in sets:
        keys = results.common(name, sides)
        sign = -1.0 if METRICS[metric][1] else 1.0
        values = [sign * results.mean(name, side, keys, metric) for side in sides]
        found.append(stats.rankdata(values))
    return np.array(found)


def show_ranks(results: Results, sides: list[str]) -> None:
    """Print mean ranks over the sets that all sides have, and what may be read in."""
    columns = {MAIN: results.main_sets(sides)}
    for metric, (title, _) in METRICS.items():
        columns[title] = [(name, metric) for name in results.sets(metric, sides)]
    columns = {title: sets for title, sets in columns.items() if sets}
    print("\n## Mean ranks\n")
    if not columns:
        print("No set has fits of all sides.")
        return
    means = {
        title: ranks(results, sides, sets).mean(axis=0)
        for title, sets in columns.items()
    }
    heads = [f"{title} ({len(sets)} sets)" for title, sets in columns.items()]
    rows: list[Sequence[object]] = [["side", *heads]]
    rows += [
        [sides[number], *(f"{mean[number]:.2f}" for mean in means.values())]
        for number in np.argsort(means[MAIN], kind="stable")
    ]
    show(rows)
    if len(sides) > 1:
        print("\n" + statement(ranks(results, sides, columns[MAIN]), sides))


def critical_difference(n_sides: int, n_sets: int) -> float:
    """Return by how much mean ranks must differ: Nemenyi's test at 5 %."""
    q = stats.studentized_range.ppf(1 - LEVEL, n_sides, np.inf) / math.sqrt(2)
    return float(q * math.sqrt(n_sides * (n_sides + 1) / (6 * n_sets)))


def statement(table: np.ndarray, sides: list[str]) -> str:
    """Return in words which sides the ranks cannot tell apart."""
    n_sets, n_sides = table.shape
    difference = critical_difference(n_sides, n_sets)
    text = (
        f"Nemenyi's critical difference of the mean ranks by {MAIN} is "
        f"{difference:.2f} ({n_sides} sides, {n_sets} sets, {LEVEL:.0%})."
    )
    if n_sides > 2 and n_sets > 1:
        p = stats.friedmanchisquare(*table.T).pvalue
        text += f" Friedman's test that all sides are alike: p = {p:.2g}."
    groups = alike(table.mean(axis=0), difference)
    if not groups:
        return text + " All sides are told apart."
    listed = "; ".join(", ".join(sides[i] for i in group) for group in groups)
    return text + f" Not told apart, best first: {listed}."


def alike(means: np.ndarray, difference: float) -> list[list[int]]:
    """Return the largest groups whose mean ranks lie within the difference."""
    order = [int(number) for number in np.argsort(means, kind="stable")]
    groups: list[list[int]] = []
    for start, first in enumerate(order):
        group = [n for n in order[start:] if means[n] - means[first] <= difference]
        # One that ends where the last one does is a part of it.
        if len(group) > 1 and not (groups and groups[-1][-1] == group[-1]):
            groups.append(group)
    return groups


def show_duels(results: Results, ours: str, sides: list[str]) -> None:
    """Print wins, ties and losses against each peer."""
    print(f"\n## {ours} against each other side\n")
    head = ["peer", "metric", "sets", "wins", "ties", "losses", "better on average"]
    rows: list[Sequence[object]] = [head]
    for peer in sides:
        for metric, (title, _) in METRICS.items():
            names = results.sets(metric, [ours, peer])
            if peer == ours or not names:
                continue
            duels = [
                compare(results.fits[name][ours], results.fits[name][peer], metric)
                for name in names
            ]
            outcomes = [outcome for _, outcome in duels]
            counts = [outcomes.count(word) for word in ("win", "tie", "loss")]
            ahead = sum(gain > 0 for gain, _ in duels)
            rows.append([peer, title, len(names), *counts, ahead])
    show(rows)


def show_costs(results: Results, ours: str, sides: list[str]) -> None:
    """Print the geometric means of the CPU seconds and of their ratios to ours."""
    print("\n## CPU seconds, geometric means over the sets\n")
    head = ["side", "sets", "fit, s", f"fit / {ours}", "predict, ms"]
    rows: list[Sequence[object]] = [[*head, f"predict / {ours}"]]
    for side in sides:
        sets = results.main_sets([ours, side])
        if not sets:
            continue
        row: list[object] = [side, len(sets)]
        for column, factor in (("fit_cpu_s", 1.0), ("predict_cpu_s", 1e3)):
            pairs = [
                [results.mean(name, who, keys, column) for who in (side, ours)]
                for name, _ in sets
                for keys in [results.common(name, [ours, side])]
            ]
            seconds, of_ours = stats.gmean(np.array(pairs), axis=0)
            row += [f"{seconds * factor:.3g}", f"{seconds / of_ours:.3g}"]
        rows.append(row)
    show(rows)


def plot(results: Results, sides: list[str], path: Path) -> None:
    """Draw the mean rank of each side against what a fit costs it."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    sets = results.main_sets(sides)
    if not sets:
        print("\nNo plot: no set has fits of all sides.")
        return
    y = ranks(results, sides, sets).mean(axis=0)
    x = []
    for side in sides:
        seconds = [
            results.mean(name, side, results.common(name, sides), "fit_cpu_s")
            for name, _ in sets
        ]
        x.append(float(stats.gmean(seconds)))
    fig, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    ax.set_xscale("log")
    ax.scatter(x, y)
    ax.margins(0.15)
    ax.invert_yaxis()
    ax.grid(alpha=0.3)
    ax.set_xlabel("CPU seconds of a fit, geometric mean over the sets")
    ax.set_ylabel(f"mean rank by {MAIN} (1 is the best)")
    ax.set_title(f"{len(sets)} sets")
    fig.canvas.draw()
    label_points(ax, x, [float(value) for value in y], sides)
    fig.savefig(path, dpi=150)
    plt.close(fig)


def label_points(
    ax: Any, x: Sequence[float], y: Sequence[float], labels: Sequence[str]
) -> None:
    """Write a label beside each point, where it meets no other label and no point."""
    from matplotlib.transforms import Bbox

    places = [
        (dx, dy, side)
        for dy in (0, 9, -9, 18, -18, 27, -27, 36, -36)
        for dx, side in ((0, "center"), (8, "left"), (-8, "right"))
        if dx or dy
    ]
    radius = 5.0
    middles = ax.transData.transform(np.column_stack([x, y]))
    taken = [Bbox([middle - radius, middle + radius]) for middle in middles]
    frame = ax.get_window_extent()
    for point, text in zip(zip(x, y, strict=True), labels, strict=True):
        for dx, dy, side in places:
            label = ax.annotate(
                text,
                point,
                (dx, dy),
                textcoords="offset points",
                ha=side,
                va="center",
                fontsize=9,
            )
            box = label.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
            if inside and not any(box.overlaps(other) for other in taken):
                break
            label.remove()
        else:
            label = ax.annotate(text, point, fontsize=9)
            box = label.get_window_extent()
        taken.append(box)


def main() -> None:
    """Print the tables, and draw the plot where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("file", nargs="?", type=Path, default=HERE / "results" / "tabular_suite.csv")
    add("--ours", default="TabularMLP", help="the side compared with the others")
    add("--sides", nargs="*", help="names; all in the file unless given")
    add("--plot", type=Path, help="picture to write: mean rank against cost of a fit")
    arguments = parser.parse_args()
    results, ours = read_results(arguments.file), arguments.ours
    found = dict.fromkeys(side for sides in results.fits.values() for side in sides)
    if ours not in found:
        parser.error(f"no fit of {ours!r} in the file; --ours names another side")
    sides = [ours, *(s for s in arguments.sides or found if s != ours and s in found)]
    print(
        f"▲ marks a side that is better than {ours} by more than the noise of the "
        "paired folds (Student's t, 5 %), ▼ one that is worse. Behind a stroke: the "
        f"value of {ours} on the folds that the side has."
    )
    for metric in METRICS:
        show_metric(results, ours, sides, metric)
    show_ranks(results, sides)
    show_duels(results, ours, sides)
    show_costs(results, ours, sides)
    if results.errors:
        print("\n## Fits that raised\n")
        print("\n".join(f"- {error}" for error in results.errors))
    if arguments.plot:
        plot(results, sides, arguments.plot)


if __name__ == "__main__":
    main()
