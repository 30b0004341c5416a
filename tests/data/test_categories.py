"""Tests of encoding categories."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from skdeep.data._categories import CategoryEncoder


def encode(
    levels: list[Any], rows: list[Any], later: list[Any], **options: Any
) -> list[list[float]]:
    """Fit on rows of one column, and return the encoding of later ones."""
    encoder = CategoryEncoder(**options)
    fitted = np.array([[-1 if row is None else levels.index(row)] for row in rows])
    encoder.fit(fitted, [levels])
    (lookup,) = encoder.lookups([later])
    vectors: list[list[float]] = lookup.tolist()
    return vectors


def test_few_categories_become_a_column_each() -> None:
    """Sorted categories have a one each; missing and unseen ones are all zero."""
    vectors = encode(["c", "a", "b"], ["a", "b", "c"], ["a", "b", "c", "new"])
    assert vectors == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_two_categories_become_one_column() -> None:
    """The first is -1, the second 1, and what is missing lies between."""
    later = [True, False, "new"]
    assert encode([True, False], [True, False], later) == [[1], [-1], [0], [0]]


def test_many_categories_become_codes() -> None:
    """Codes count sorted categories from one; missing and unseen ones are zero."""
    levels = [30, 10, 20]
    vectors = encode(levels, levels, [10, 20, 30, 40], max_onehot=2)
    assert vectors == [[1], [2], [3], [0], [0]]


@pytest.mark.parametrize(("n_categories", "width"), [(8, 8), (9, 1)])
def test_max_onehot_is_the_most_categories_in_columns(
    n_categories: int, width: int
) -> None:
    """The limit itself still is few."""
    levels = [f"level {i}" for i in range(n_categories)]
    assert len(encode(levels, levels, [])[0]) == width


def test_one_category_says_whether_it_is_there() -> None:
    """It is a one where some training rows lacked it, and nothing otherwise."""
    assert encode(["a"], ["a", None], ["a", "new"]) == [[1], [0], [0]]
    assert encode(["a"], ["a", "a"], ["a", "new"]) == [[0], [0], [0]]


def test_column_without_categories_is_zero() -> None:
    """A column that was missing in all rows keeps a place, and says nothing."""
    assert encode(["a"], [None, None], ["a"]) == [[0], [0]]


def test_categories_that_weigh_nothing_are_unseen() -> None:
    """Levels without a row, or with rows of weight zero only, have no code."""
    codes, levels = np.array([[0], [1], [2], [2]]), ["a", "b", "c", "d"]
    encoder = CategoryEncoder(0).fit(codes, [levels], np.array([1.0, 0.0, 0.5, 0.0]))
    assert encoder.columns[0].codes == {"a": 1, "c": 2}


def test_level_that_stands_twice_is_one_category() -> None:
    """Bytes and strings of one name may come as two levels."""
    encoder = CategoryEncoder(0).fit(np.array([[0], [1], [2]]), [["b", "a", "b"]])
    assert encoder.columns[0].codes == {"a": 1, "b": 2}


def test_integers_and_floats_of_one_value_are_one_category() -> None:
    """A hole in later rows makes floats of integers, not new categories."""
    assert encode([2, 5, 7], [2, 5, 7], [5.0], max_onehot=0) == [[2], [0]]


def test_robust_clip_scales_zeros_and_ones() -> None:
    """Each column of ones is put to the scale of its own training rows."""
    rows = ["a"] * 6 + ["b"] * 3 + ["c"] * 1
    vectors = np.array(encode(["a", "b", "c"], rows, ["a", "b", "c"], robust_clip=True))

    def robust(values: Any) -> Any:
        quartiles = np.quantile(values, [0.25, 0.5, 0.75], method="hazen")
        spread = quartiles[2] - quartiles[0] or np.ptp(values) / 2
        scaled = (np.array([0.0, 1.0]) - quartiles[1]) / spread
        return scaled / np.sqrt(1 + (scaled / 3) ** 2)

    for position, name in enumerate("abc"):
        zero, one = robust([float(row == name) for row in rows])
        expected = [one if name == later else zero for later in "abc"] + [zero]
        np.testing.assert_allclose(vectors[:, position], expected)


def test_robust_clip_leaves_empty_columns_zero() -> None:
    """There is nothing to scale where nothing occurs."""
    assert encode(["a"], [None], ["a"], robust_clip=True) == [[0], [0]]


def test_each_column_has_its_own_categories() -> None:
    """Columns are encoded one by one, also after pickling."""
    codes = np.array([[0, 1], [1, 0]])
    encoder = CategoryEncoder(1).fit(codes, [["x", "y"], [True, False]])
    restored = pickle.loads(pickle.dumps(encoder))
    for one in (encoder, restored):
        first, second = one.lookups([["y"], [True, False]])
        assert first.tolist() == [[2], [0]]
        assert second.tolist() == [[2], [1], [0]]
