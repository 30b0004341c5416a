"""Tests of a table that has been read."""

from __future__ import annotations

import pickle

import numpy as np

from skdeep.data import float_dtype, take
from skdeep.data._mixed import MixedTable, TableSchema

SCHEMA = TableSchema((True, False, True), ("strings", "numbers", "booleans"))
TABLE = MixedTable(
    np.array([[0.5], [np.nan], [2.0]], dtype=np.float32),
    np.array([[0, 1], [-1, 0], [1, -1]], dtype=np.int32),
    (["x", "y"], [False, True]),
    SCHEMA,
)


def test_schema_tells_columns_apart() -> None:
    """Numeric and categorical columns are named by their positions."""
    assert SCHEMA.numeric_columns == [1]
    assert SCHEMA.categorical_columns == [0, 2]


def test_table_looks_like_an_array_to_the_engine() -> None:
    """It has a shape, a length and a dtype, and its rows can be taken."""
    assert (TABLE.shape, len(TABLE)) == ((3, 3), 3)
    assert float_dtype(TABLE) == np.float32
    some = take(TABLE, np.array([2, 0, 2]))
    assert some.shape == (3, 3)
    assert some.numeric.tolist() == [[2.0], [0.5], [2.0]]
    assert some.codes.tolist() == [[1, -1], [0, 1], [1, -1]]


def test_subsets_share_categories_and_schema() -> None:
    """A slice of a table copies no levels."""
    some = TABLE[1:]
    assert len(some) == 2
    assert some.levels is TABLE.levels
    assert some.schema is SCHEMA


def test_pickled_table_is_the_same() -> None:
    """A table can be sent to another process."""
    restored = pickle.loads(pickle.dumps(TABLE))
    np.testing.assert_array_equal(restored.numeric, TABLE.numeric)
    np.testing.assert_array_equal(restored.codes, TABLE.codes)
    assert (restored.levels, restored.schema) == (TABLE.levels, SCHEMA)
