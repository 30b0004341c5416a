"""Tests of one row an epoch, as columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from skdeep.training import join_columns
from skdeep.training._history import to_columns

ROW = {"epoch": 1, "train_loss": 0.5, "learning_rate": 1e-3, "duration": 0.25}


def test_columns_have_one_value_an_epoch() -> None:
    """Names and dtypes are fixed; what the net records besides is left out."""
    rows: list[dict[str, Any]] = [
        {**ROW, "epoch": i, "dur": 1.0, "batches": []} for i in (1, 2, 3)
    ]
    columns = to_columns(rows)
    assert list(columns) == ["epoch", "train_loss", "learning_rate", "duration"]
    assert columns["epoch"].tolist() == [1, 2, 3]
    assert np.issubdtype(columns["epoch"].dtype, np.integer)
    assert columns["train_loss"].dtype == np.float64
    assert columns["train_loss"].tolist() == [0.5] * 3
    np.testing.assert_allclose(columns["learning_rate"], 1e-3, rtol=1e-7)
    np.testing.assert_allclose(columns["duration"], 0.25)


def test_validation_columns_come_where_there_are_values() -> None:
    """A figure that an epoch lacks is not a number."""
    columns = to_columns([{**ROW, "valid_loss": 2.0}, ROW])
    assert columns["valid_loss"][0] == 2.0
    assert np.isnan(columns["valid_loss"][1])
    assert "valid_score" not in columns


def test_no_epochs_are_no_columns() -> None:
    """An empty history has nothing to show."""
    assert to_columns([]) == {}


def test_join_counts_the_epochs_on() -> None:
    """A continued training goes on where the first ended."""
    first = to_columns([ROW, {**ROW, "epoch": 2, "train_loss": 0.25}])
    joined = join_columns(first, to_columns([{**ROW, "train_loss": 0.125}]))
    assert joined["epoch"].tolist() == [1, 2, 3]
    assert joined["train_loss"].tolist() == [0.5, 0.25, 0.125]
    assert {name: array.dtype for name, array in joined.items()} == {
        name: array.dtype for name, array in first.items()
    }


def test_join_fills_what_one_part_lacks() -> None:
    """Validation figures of one part only are missing in the other."""
    plain, watched = to_columns([ROW]), to_columns([{**ROW, "valid_loss": 3.0}])
    for before, after in ((plain, watched), (watched, plain)):
        joined = join_columns(before, after)["valid_loss"]
        assert np.isnan(joined).tolist() == [
            "valid_loss" not in before,
            "valid_loss" not in after,
        ]
    assert np.nansum(join_columns(plain, watched)["valid_loss"]) == 3.0
