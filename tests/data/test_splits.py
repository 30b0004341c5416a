"""Tests of which rows are held out."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeep.data import holdout, rare_rows

split = partial(holdout, owner="Owner")


@given(
    n_rows=st.integers(2, 200),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 5),
)
def test_parts_are_disjoint_sorted_and_whole(
    n_rows: int, fraction: float, seed: int
) -> None:
    """Every row is in one part, and the validation part has the rounded share."""
    train, valid = split(n_rows, fraction, seed)
    np.testing.assert_array_equal(np.sort(np.r_[train, valid]), np.arange(n_rows))
    assert (np.diff(train) > 0).all()
    assert (np.diff(valid) > 0).all()
    assert len(valid) == min(n_rows - 1, max(1, round(fraction * n_rows)))
    assert len(train) >= 1


@given(
    counts=st.lists(st.integers(2, 40), min_size=1, max_size=8),
    fraction=st.floats(0.05, 0.6),
)
def test_every_class_gives_its_share(counts: list[int], fraction: float) -> None:
    """Each class is held out to within one row of its share, and never whole."""
    strata = np.random.default_rng(0).permutation(np.repeat(range(len(counts)), counts))
    train, valid = split(len(strata), fraction, 0, strata)
    held = np.bincount(strata[valid], minlength=len(counts))
    share = np.array(counts) * len(valid) / len(strata)
    assert (np.abs(held - share) <= 1).all()
    assert set(strata[train]) == set(range(len(counts)))


def test_stratified_counts_of_a_small_case() -> None:
    """Of 50, 30 and 20 rows a tenth is 5, 3 and 2."""
    strata = np.repeat([0, 1, 2], [50, 30, 20])
    _, valid = split(100, 0.1, 7, strata)
    assert np.bincount(strata[valid]).tolist() == [5, 3, 2]


@pytest.mark.parametrize(
    ("counts", "fraction", "n_valid"),
    [
        ([1] * 98 + [2], 0.1, 1),
        ([2, 1], 0.5, 1),
        ([50] + [1] * 50, 0.1, 10),
        ([3, 1, 1, 1, 1], 0.9, 2),
    ],
)
def test_class_of_one_row_is_trained(
    counts: list[int], fraction: float, n_valid: int
) -> None:
    """Larger classes give what single rows cannot; else fewer rows are held out."""
    strata = np.repeat(range(len(counts)), counts)
    for seed in range(5):
        train, valid = split(len(strata), fraction, seed, strata)
        assert set(strata[train]) == set(range(len(counts)))
        assert len(valid) == n_valid
        assert len(train) + len(valid) == len(strata)


def test_classes_of_one_row_each_are_drawn_plainly() -> None:
    """Where no class can spare a row, some must."""
    _, valid = split(10, 0.3, 0, np.arange(10))
    assert len(valid) == 3


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=30),
    fraction=st.floats(0.01, 0.6),
    seed=st.integers(0, 5),
)
def test_class_of_two_rows_is_in_both_parts(
    counts: list[int], fraction: float, seed: int
) -> None:
    """Only a class of one row is missing from the validation part."""
    n_rows = max(2, sum(counts))
    strata = np.repeat(range(len(counts)), counts)
    strata = np.r_[strata, np.zeros(n_rows - len(strata), dtype=int)]
    counts = np.bincount(strata).tolist()
    train, valid = split(n_rows, fraction, seed, strata)
    both = np.flatnonzero(np.array(counts) > 1)
    if both.size:
        assert set(strata[valid]) == set(both)
        assert set(strata[train]) == set(range(len(counts)))
    np.testing.assert_array_equal(np.sort(np.r_[train, valid]), np.arange(n_rows))


def test_rare_class_takes_the_place_of_a_common_one() -> None:
    """As many rows are held out as without it, where a class was rounded up."""
    strata = np.repeat([0, 1, 2], [600, 397, 3])
    _, valid = split(1000, 0.1, 0, strata)
    assert np.bincount(strata[valid]).tolist() == [60, 39, 1]


def test_classes_that_have_their_share_are_split_as_ever() -> None:
    """What is held out of such data is what it always was."""
    strata = np.repeat([0, 1], [40, 10])[np.random.default_rng(3).permutation(50)]
    assert split(50, 0.1, 0, strata)[1].tolist() == [4, 18, 23, 34, 36]


@pytest.mark.parametrize("rare", [0, 1])
def test_column_varies_in_both_parts(rare: int) -> None:
    """A label of few rows, or one that few rows lack, is held out once at least."""
    rng = np.random.default_rng(0)
    labels = (rng.random((300, 4)) < 0.5).astype(int)
    labels[:, 2] = 1 - rare
    for n_rare in (1, 2, 5):
        labels[:n_rare, 2] = rare
        for seed in range(5):
            train, valid = split(300, 0.05, seed, targets=labels)
            assert (labels[train, 2] == rare).any()
            assert (labels[valid, 2] == rare).any() == (n_rare > 1)
            assert 14 <= len(valid) <= 16


def test_columns_that_vary_are_drawn_plainly() -> None:
    """Targets change nothing where every label is on both sides."""
    numbers = np.random.default_rng(0).normal(size=(100, 2))
    for seed in range(5):
        plain, by = split(100, 0.2, seed), split(100, 0.2, seed, targets=numbers)
        np.testing.assert_array_equal(plain[1], by[1])
    assert rare_rows(100, 0.2, 0, targets=numbers).size == 0


def test_many_rare_labels_take_no_time() -> None:
    """A thousand labels of a few rows each are all on both sides."""
    rng = np.random.default_rng(0)
    labels = np.zeros((5000, 1000), dtype=np.int8)
    for label in range(1000):
        labels[rng.choice(5000, 4, replace=False), label] = 1
    train, valid = split(5000, 0.1, 0, targets=labels)
    assert labels[train].any(axis=0).all()
    assert labels[valid].any(axis=0).all()
    assert len(valid) < 1500


def test_rare_rows_are_those_whose_share_is_none() -> None:
    """All rows of a class are rare, unless such classes are many."""
    strata = np.repeat([0, 1, 2, 3], [600, 394, 3, 3])
    assert rare_rows(1000, 0.1, 0, strata).tolist() == list(range(994, 1000))
    # A class of one row, or with its share, is none.
    assert rare_rows(1000, 0.1, 0, np.repeat([0, 1, 2], [989, 10, 1])).size == 0
    assert rare_rows(300, 0.1, 0, np.repeat(range(101), [200] + [1] * 100)).size == 0
    assert rare_rows(300, 0.1, 0, np.repeat(range(26), [200] + [4] * 25)).size == 0


def test_labels_may_have_gaps() -> None:
    """A class that lost all its rows takes no part."""
    strata = np.repeat([0, 3], 20)
    _, valid = split(40, 0.25, 0, strata)
    assert np.bincount(strata[valid]).tolist() == [5, 0, 0, 5]


@pytest.mark.parametrize("stratified", [False, True])
def test_split_depends_on_the_seed_alone(stratified: bool) -> None:
    """The same seed gives the same rows, another seed others."""
    strata = np.arange(100) % 3 if stratified else None
    first = split(100, 0.2, 1, strata)[1]
    np.testing.assert_array_equal(first, split(100, 0.2, 1, strata)[1])
    assert not np.array_equal(first, split(100, 0.2, 2, strata)[1])


@pytest.mark.parametrize("stratified", [False, True])
def test_every_row_can_be_held_out(stratified: bool) -> None:
    """Over seeds no row is favoured: each is held out about as often as its share."""
    strata = np.arange(20) % 2 if stratified else None
    times = np.zeros(20)
    for seed in range(400):
        times[split(20, 0.25, seed, strata)[1]] += 1
    # Binomial with mean 100 and deviation 8.7.
    assert (np.abs(times - 100) < 40).all()


def test_many_classes_take_no_time() -> None:
    """Thousands of classes are ranked in one pass, each keeping its share."""
    strata = np.random.default_rng(0).integers(5000, size=50_000)
    _, valid = split(50_000, 0.1, 0, strata)
    counts = np.bincount(strata, minlength=5000)
    held = np.bincount(strata[valid], minlength=5000)
    assert len(valid) == 5018
    assert np.abs(held - counts * len(valid) / 50_000).max() <= 1
    assert ((held > 0) == (counts > 1)).all()


@pytest.mark.parametrize("n_rows", [0, 1])
def test_too_few_rows_raise(n_rows: int) -> None:
    """One row cannot be both trained on and held out."""
    sentence = f"Owner holds rows out .* least 2 samples. Got n_samples={n_rows}. Pass"
    with pytest.raises(ValueError, match=sentence):
        split(n_rows, 0.1, 0)
