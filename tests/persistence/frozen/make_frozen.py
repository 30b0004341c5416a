"""Write what this version saves, for later versions to read: once for each release.

``python tests/persistence/frozen/make_frozen.py`` makes a folder beside this file that
is called as the version, with a pickle and a file of `save` for each fitted estimator,
and what they answer. It is never run again for a version whose files are committed.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch

import skdeep
from skdeep.base import current_versions
from tests.placed import PLACED, answers, fit, make

FOLDER = Path(__file__).parent / skdeep.__version__
# Rows that answers are kept for.
N_ROWS = 3


def compressed(data: bytes) -> bytes:
    """Return bytes in a tenth of the room, the same every time."""
    return gzip.compress(data, compresslevel=9, mtime=0)


def emptied(estimator: Any) -> Any:
    """Return an estimator whose network has hardly any information in it."""
    module = estimator.module_
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point() and not name.endswith("running_var"):
                # Signs by turns: neither all equal nor any two alike.
                turns = 1.0 - 2.0 * (torch.arange(tensor.numel()) % 3 == 0)
                tensor.copy_(0.1 * turns.view(tensor.shape))
    return estimator


def few_rows(name: str) -> np.ndarray:
    """Return rows to be answered; an image is a ramp, which takes little room."""
    if isinstance(PLACED[name].X, list):
        return np.array(PLACED[name].X[:N_ROWS], dtype=object)
    rows: np.ndarray = PLACED[name].X[:N_ROWS]
    if rows.ndim == 4:
        height, width = rows.shape[1:3]
        ramp = np.add.outer(np.arange(height), np.arange(width)) * 4
        rows = np.stack([np.roll(ramp, 5 * i, 0) for i in range(3 * N_ROWS)], -1)
        rows = np.moveaxis(rows.reshape(height, width, N_ROWS, 3), 2, 0)
        rows = rows.astype(PLACED[name].X.dtype)
    return rows


def _is_hole(value: Any) -> bool:
    """Tell whether a number is missing."""
    return isinstance(value, float) and bool(np.isnan(value))


def freeze(name: str) -> None:
    """Write the files of one estimator."""
    estimator, rows = fit(make(name), name), few_rows(name)
    if name.startswith("Image"):
        estimator = emptied(estimator)
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    (FOLDER / f"{name}.pickle.gz").write_bytes(compressed(buffer.getvalue()))
    path = FOLDER / "file"
    skdeep.save(estimator, path)
    (FOLDER / f"{name}.skdeep.gz").write_bytes(compressed(path.read_bytes()))
    path.unlink()
    kept = {
        "dtype": str(rows.dtype),
        "rows": [[None if _is_hole(x) else x for x in row] for row in rows.tolist()]
        if rows.dtype == object and rows.ndim == 2
        else rows.tolist(),
        "answers": [np.asarray(answer).tolist() for answer in answers(estimator, rows)],
    }
    text = json.dumps(kept).encode()
    (FOLDER / f"{name}.json.gz").write_bytes(compressed(text))


def main() -> None:
    """Write all files of this version."""
    FOLDER.mkdir()
    torch.set_num_threads(1)
    for name, placed in PLACED.items():
        if placed.partial_fit or placed.onnx:
            freeze(name)
    (FOLDER / "versions.json").write_text(json.dumps(current_versions()) + "\n")
    sizes = {path.name: path.stat().st_size for path in sorted(FOLDER.iterdir())}
    sys.stdout.write(f"{json.dumps(sizes, indent=1)}\n{sum(sizes.values())} bytes\n")


if __name__ == "__main__":
    main()
