"""Run every example in a process of its own, as many at once as there are cores.

Shows the output of an example only if it fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 120.0  # seconds that one example may take


def main(names: list[str]) -> int:
    """Run the examples named, or all, and return the number that failed."""
    scripts = [Path(name).resolve() for name in names]
    scripts = scripts or sorted((ROOT / "examples").rglob("*.py"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(not passed for passed in pool.map(passes, scripts))


def passes(script: Path) -> bool:
    """Run one example, with warnings as errors, and tell how it went."""
    started = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    seconds = time.perf_counter() - started
    too_slow = seconds > LIMIT
    verdict = "failed" if run.returncode else "too slow" if too_slow else "passed"
    print(f"{script.relative_to(ROOT)}: {verdict} in {seconds:.1f} s", flush=True)
    if run.returncode:
        print(run.stdout)
    return verdict == "passed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
