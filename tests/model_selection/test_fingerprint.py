"""The same things give the same texts, wherever they lie."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier
from skdeep.model_selection._fingerprint import _text, digest, fingerprint
from skdeep.model_selection._space import FunctionSpace, make_space

TABLE = {"a": [1.0, 2.0, np.nan], "b": ["x", "y", "x"]}


def described(**changes: Any) -> dict[str, dict[str, str]]:
    """Return the fingerprint of a small search, with changes."""
    given: dict[str, Any] = {
        "estimator": LogisticRegression(),
        "space": make_space({"C": [0.1, 1.0]}, None, None, None),
        "scoring": "accuracy",
        "X": np.eye(4),
        "y": np.arange(4),
        "splits": [(np.array([0, 1]), np.array([2, 3]))],
        "params": {},
    }
    return fingerprint(**{**given, **changes})


def test_fingerprint_repeats_itself_in_another_process() -> None:
    """Also what strings and functions are hashed by."""
    code = (
        "import numpy as np, sklearn.metrics as m\n"
        "from skdeep.model_selection._fingerprint import _text, digest\n"
        "X = np.array(['a', 'b', 'a'], dtype=object)\n"
        "print(digest(X), _text([m.accuracy_score, dict, {'a': np.eye(2)}]))"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        cwd=root,
        text=True,
    ).stdout
    # Strings that are equal and not the same.
    X = np.array(["ab"[0], "b", str(b"a", "ascii")], dtype=object)
    assert said == f"{digest(X)} {_text([accuracy_score, dict, {'a': np.eye(2)}])}\n"


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"X": np.eye(4)[::-1]}, "data"),
        ({"params": {"sample_weight": np.ones(4)}}, "data"),
        ({"splits": [(np.array([0, 1]), np.array([3, 2]))]}, "splits"),
        ({"space": FunctionSpace(len)}, "space"),
        ({"scoring": ["accuracy", "neg_log_loss"]}, "scoring"),
        ({"estimator": LogisticRegression(max_iter=7)}, "estimator"),
        ({"estimator": RandomForestClassifier()}, "estimator"),
        ({"estimator": make_pipeline(MLPClassifier(callbacks=[print]))}, "estimator"),
    ],
)
def test_each_change_is_seen(change: Any, subject: str) -> None:
    """In the part that it belongs to, and no other."""
    before, after = described(), described(**change)
    assert [part for part in before if before[part] != after[part]] == [subject]


def test_tables_are_compared_by_their_values() -> None:
    """However pandas keeps its columns."""
    pd = pytest.importorskip("pandas", reason="DataFrames are of pandas")
    table = pd.DataFrame(TABLE)
    again = pd.concat([table[["a"]], table[["b"]]], axis=1)
    assert digest(table) == digest(again)
    assert digest(table) != digest(table.rename(columns={"a": "c"}))
    assert digest(table) != digest(table.astype({"b": "category"}))
    assert digest(table["b"]) == digest(table["b"].copy())
    assert digest(table["a"]) != digest(table["a"] + 1)


def test_polars_are_compared_likewise() -> None:
    """Their columns are taken by name, too."""
    pl = pytest.importorskip("polars", reason="DataFrames are of polars")
    table = pl.DataFrame(TABLE)
    assert digest(table) == digest(pl.DataFrame(TABLE))
    assert digest(table) != digest(table.reverse())


def test_sparse_rows_are_compared_by_their_numbers() -> None:
    """In whatever format they come."""
    dense = np.eye(4)
    assert digest(sparse.csr_array(dense)) == digest(sparse.coo_array(dense))
    assert digest(sparse.csr_array(dense)) != digest(sparse.csr_array(2 * dense))
