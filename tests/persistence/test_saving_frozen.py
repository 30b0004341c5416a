"""Files that earlier versions have written, and this one still reads."""

from __future__ import annotations

import gzip
import io
import json
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from skdeep import load
from skdeep.base import current_versions
from skdeep.exceptions import InconsistentVersionWarning
from tests.placed import answers

FOLDERS = sorted(Path(__file__).with_name("frozen").glob("*/versions.json"))
FILES = sorted(
    file.with_name(file.name.removesuffix(".json.gz"))
    for folder in FOLDERS
    for file in folder.parent.glob("*.json.gz")
)
# The names of a backbone's tensors alone take ten.
LARGEST = 21_000


def name_of(path: Path) -> str:
    """Return a path as it reads in a report."""
    return f"{path.parent.name} {path.name}"


def unpacked(path: Path, suffix: str) -> bytes:
    """Return what a file holds."""
    return gzip.decompress(path.with_name(f"{path.name}{suffix}.gz").read_bytes())


def assert_answers_as_then(estimator: Any, path: Path) -> None:
    """Compare what is said now with what was said when the file was written."""
    kept = json.loads(unpacked(path, ".json"))
    rows = np.array(kept["rows"], dtype=kept["dtype"])
    found = answers(estimator, rows)
    for answer, then in zip(found, kept["answers"], strict=True):
        if answer.dtype.kind in "fc":
            np.testing.assert_allclose(answer, then, rtol=1e-4, atol=1e-5)
        else:
            assert answer.tolist() == then


def as_numbers(version: str) -> list[int]:
    """Return the first two numbers of a version."""
    return [int(number) for number in version.split(".")[:2]]


def test_frozen_files_are_found():
    """Each version leaves some for those after it."""
    assert len(FILES) >= 9


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_file_of_an_earlier_version_is_read(path, tmp_path):
    """In silence: the format is the same, or has a reader of its own."""
    (tmp_path / "file").write_bytes(unpacked(path, ".skdeep"))
    assert_answers_as_then(load(tmp_path / "file"), path)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_pickle_of_an_earlier_version_is_read(path):
    """With a warning where skdeep, torch or scikit-learn was another."""
    wrote = json.loads((path.parent / "versions.json").read_text())
    now = current_versions()
    for package in ("torch", "scikit-learn"):
        if as_numbers(now[package]) < as_numbers(wrote[package]):
            pytest.skip(f"pickles are not read by an earlier {package}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator = joblib.load(io.BytesIO(unpacked(path, ".pickle")))
    kinds = {warning.category for warning in caught}
    assert kinds == ({InconsistentVersionWarning} if wrote != now else set())
    assert_answers_as_then(estimator, path)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.parent.name)
def test_frozen_files_are_small(folder):
    """A repository is cloned by many."""
    sizes = {file.name: file.stat().st_size for file in folder.parent.iterdir()}
    assert max(sizes.values()) < LARGEST, sizes
