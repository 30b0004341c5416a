"""Texts as rows."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep.data import TextTable, read_texts, take


def test_table_is_cut_by_slices_and_positions():
    """As the splits and batches of a fit do."""
    table = read_texts(["a", "b", "c"], owner="Owner")
    assert table.shape == (3,)
    assert len(table[1:]) == 2
    assert take(table, np.array([2, 0])).texts.tolist() == ["c", "a"]


def test_table_passes_as_it_is():
    """What was read once is not read again."""
    table = TextTable.of(["a"])
    assert read_texts(table, owner="Owner") is table


def test_no_texts_are_refused():
    """In scikit-learn's own words."""
    with pytest.raises(ValueError, match="0 sample"):
        read_texts([], owner="Owner")
