"""Time of `import skdeep` against `import numpy`, each in a fresh process."""

from __future__ import annotations

from _timing import finish, parse_arguments, report

# isort: split
import subprocess
import sys

PROGRAM = """
import time
start = time.process_time()
import {name}
print(time.process_time() - start)
"""


def import_seconds(name: str) -> float:
    """Return the CPU seconds that one import takes in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def main() -> None:
    """Measure and print."""
    arguments = parse_arguments(__doc__, repeats=21)
    seconds: dict[str, list[float]] = {"skdeep": [], "numpy": []}
    for turn in range(arguments.repeats + 1):
        for name, taken in seconds.items():
            value = import_seconds(name)
            if turn:
                taken.append(value)
    rows = report("import", seconds, {"numpy": 0.2}, unit="ms")
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
