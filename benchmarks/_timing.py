"""Measure contestants turn by turn, in CPU seconds of one thread.

Import this before NumPy and torch: it sets the number of threads they start with.
"""

from __future__ import annotations

import argparse
import gc
import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

for _name in ("OMP", "MKL", "OPENBLAS"):
    os.environ[f"{_name}_NUM_THREADS"] = "1"

DISTRIBUTIONS = ("numpy", "scipy", "scikit-learn", "torch", "skorch")


def parse_arguments(description: str | None, *, repeats: int = 5) -> argparse.Namespace:
    """Return what the command line asks for: `repeats` and `out`.

    Parameters
    ----------
    description : str or None
        What the benchmark is about.
    repeats : int, default=5
        How many counted rounds there are unless the command line says otherwise.

    Returns
    -------
    arguments : argparse.Namespace
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--repeats", type=int, default=repeats, help="rounds that count (%(default)s)"
    )
    parser.add_argument("--out", type=Path, help="JSON file to write the figures to")
    return parser.parse_args()


def machine() -> dict[str, str]:
    """Return what ran the benchmark: processor, system and versions."""
    versions = {name: importlib.metadata.version(name) for name in DISTRIBUTIONS}
    return {
        "processor": f"{os.cpu_count()} cores, {_processor()}",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which NumPy's libraries use one thread."""
    # Loaded late, so that the variables above are set before NumPy starts.
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    limits: AbstractContextManager[Any] = threadpool_limits(1)
    return limits


def cpu_seconds(call: Callable[[], object], number: int = 1) -> float:
    """Return the CPU seconds of this process that one call takes.

    Parameters
    ----------
    call : callable
        What is measured.
    number : int, default=1
        Calls in a row, of which the mean is taken.
    """
    gc.collect()
    start = time.process_time()
    for _ in range(number):
        call()
    return (time.process_time() - start) / number


def in_turns(
    clocks: Mapping[str, Callable[[], float]], repeats: int
) -> dict[str, list[float]]:
    """Return the seconds of every contestant in every round.

    A round lets each run once, so that whatever else the machine does meets all of
    them; the first round warms up and does not count.

    Parameters
    ----------
    clocks : mapping of str to callable
        What runs a contestant once and returns its seconds. The first one is ours.
    repeats : int
        Rounds that count.

    Returns
    -------
    seconds : dict of str to list of float
    """
    seconds: dict[str, list[float]] = {name: [] for name in clocks}
    for turn in range(repeats + 1):
        for name, clock in clocks.items():
            taken = clock()
            if turn:
                seconds[name].append(taken)
    return seconds


def measure(
    contestants: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    number: int | Mapping[str, int] = 1,
) -> dict[str, list[float]]:
    """Return the CPU seconds of every contestant in every round, as `in_turns` does.

    Parameters
    ----------
    contestants : mapping of str to callable
        The first one is ours.
    repeats : int
        Rounds that count.
    number : int or mapping of str to int, default=1
        Calls in a row.

    Returns
    -------
    seconds : dict of str to list of float
    """
    clocks = {
        name: partial(
            cpu_seconds,
            call,
            number if isinstance(number, int) else number.get(name, 1),
        )
        for name, call in contestants.items()
    }
    with one_blas_thread():
        return in_turns(clocks, repeats)


def ratios(ours: list[float], peer: list[float]) -> tuple[float, float, float]:
    """Return median, smallest and largest of the ratios, each of one round."""
    pairs = [a / b for a, b in zip(ours, peer, strict=True)]
    return statistics.median(pairs), min(pairs), max(pairs)


def report(
    title: str,
    seconds: Mapping[str, list[float]],
    targets: Mapping[str, float],
    *,
    unit: str = "s",
) -> list[dict[str, Any]]:
    """Print medians and ratios beside their targets and return them.

    Parameters
    ----------
    title : str
        The claim.
    seconds : mapping of str to list of float
        From `measure`; the first one is ours.
    targets : mapping of str to float
        The largest ratio of ours to a peer that is fine; peers may be left out.
    unit : {"s", "ms"}, default="s"
        In what seconds are printed.

    Returns
    -------
    rows : list of dict
        One for each peer.
    """
    factor = 1000.0 if unit == "ms" else 1.0
    names = list(seconds)
    ours = names[0]
    print(f"\n{title}")
    for name in names:
        print(f"  {name:<28}{statistics.median(seconds[name]) * factor:10.3f} {unit}")
    rows = []
    for peer in names[1:]:
        middle, low, high = ratios(seconds[ours], seconds[peer])
        target = targets.get(peer)
        reached = "no target"
        if target is not None:
            reached = f"target <= {target:g}: {verdict(middle, target)}"
        print(f"  {ours} / {peer}: {middle:.3f} [{low:.3f}, {high:.3f}], {reached}")
        rows.append(
            {
                "claim": title,
                "peer": peer,
                "seconds": statistics.median(seconds[ours]),
                "peer_seconds": statistics.median(seconds[peer]),
                "ratio": middle,
                "ratio_min": low,
                "ratio_max": high,
                "target": target,
            }
        )
    return rows


def verdict(value: float, target: float) -> str:
    """Return "reached" or "MISSED"."""
    return "reached" if value <= target else "MISSED"


def finish(rows: list[dict[str, Any]], out: Path | None) -> None:
    """Print the machine; write everything to a file where one is named."""
    about = machine()
    print("\n" + "; ".join(f"{name} {value}" for name, value in about.items()))
    if out is not None:
        text = json.dumps({"machine": about, "rows": rows}, indent=1)
        out.write_text(text + "\n", encoding="utf-8")
