"""Learn from files of images that decoded are larger than the memory allowed.

A process of its own, whose memory is limited to less than the pixels take, trains a
network on photographs in files. Linux only.
"""

from __future__ import annotations

from _timing import finish, parse_arguments

# isort: split
import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

N_FILES, SIDE, SEEN = 1_500, 1_024, 32
BATCH, ALLOWED = 16, 2 * 2**30
GIGABYTE = 2**30


def write_files(folder: Path, n_files: int) -> list[str]:
    """Write JPEG files, half of them brighter above, and return their paths."""
    rng = np.random.default_rng(0)
    paths = []
    for row in range(n_files):
        coarse = rng.integers(0, 120, (32, 32, 3), dtype=np.uint8)
        half = slice(0, 16) if row % 2 else slice(16, 32)
        coarse[half] += 100
        path = folder / f"{row}.jpg"
        image = Image.fromarray(coarse).resize((SIDE, SIDE))
        image.save(path, quality=80)
        paths.append(str(path))
    return paths


def learn(folder: Path, n_files: int, allowed: int) -> None:
    """Train under the limit; print how much more memory was used, and the score."""
    from skdeep import CNNClassifier

    paths = np.array([str(folder / f"{row}.jpg") for row in range(n_files)], object)
    y = np.arange(n_files) % 2
    network = CNNClassifier(
        (8, 16),
        image_size=SEEN,
        batch_size=BATCH,
        max_epochs=1,
        n_threads=1,
        random_state=0,
    )
    network.fit(paths[:BATCH], y[:BATCH])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    began = time.process_time()
    network.fit(paths, y)
    seconds = time.process_time() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(after - before, seconds, network.score(paths[-64:], y[-64:]))


def main() -> None:
    """Write files, learn from few and from all, print the peaks."""
    if len(sys.argv) > 1 and sys.argv[1] == "--learn":
        parser = argparse.ArgumentParser()
        parser.add_argument("--learn", nargs=3)
        folder, n_files, allowed = parser.parse_args().learn
        learn(Path(folder), int(n_files), int(allowed))
        return
    arguments = parse_arguments(__doc__, repeats=1)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, N_FILES)
        for n_files in (N_FILES // 10, N_FILES):
            command = [sys.executable, __file__, "--learn", name]
            command += [str(n_files), str(ALLOWED)]
            output = subprocess.run(command, capture_output=True, text=True, check=True)
            kilobytes, seconds, score = map(float, output.stdout.split())
            pixels = 3 * SIDE**2 * n_files
            print(
                f"{n_files:,} files, {pixels / GIGABYTE:.2f} GB of pixels, "
                f"{ALLOWED / GIGABYTE:g} GB of memory allowed: the peak grew by "
                f"{kilobytes / 1024:.0f} MB over that of one batch; accuracy "
                f"{score:.2f}, {seconds:.0f} s"
            )
            rows.append({"files": n_files, "grew_kb": kilobytes, "seconds": seconds})
    finish(rows, arguments.out)


if __name__ == "__main__":
    main()
