"""Fits that are killed, each time somewhere else, and end as if they had not been."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skdeep import load
from tests.placed import assert_same_fit

SCRIPT = Path(__file__).with_name("killed_fits.py")
ROOT = SCRIPT.parents[2]

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="a warm process cannot be forked here"
)


def kill(folder: Path, n_kills: int, seed: int) -> list[int]:
    """Return the epochs that were kept when each fit was killed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, folder, str(n_kills), str(seed)],
        check=False,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return list(ast.literal_eval(done.stdout))


@pytest.mark.parametrize(
    "n_kills", [2, pytest.param(20, marks=pytest.mark.slow)], ids=str
)
def test_killed_fit_ends_with_the_same_bits(n_kills, seed, tmp_path):
    """SIGKILL within random epochs loses none that was kept, and changes no bit."""
    kept = kill(tmp_path, n_kills, seed)
    assert len(kept) == n_kills
    assert max(kept) > 0
    resumed, whole = load(tmp_path / "resumed"), load(tmp_path / "whole")
    assert_same_fit(resumed, whole)
    assert len(whole.history_["epoch"]) > max(kept)
    # What a write that was cut short left behind is gone.
    assert not [*tmp_path.glob(".*.part")]
    # What was kept last is the estimator that training ended with.
    assert_same_fit(load(tmp_path / "checkpoint"), whole)
