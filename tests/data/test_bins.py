"""Tests of the edges of bins."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeep.data._bins import quantile_edges, tree_edges


def _column(n_rows=200, seed=0):
    return np.random.default_rng(seed).normal(size=n_rows)


def test_quantile_edges_are_numpys():
    """They are NumPy's quantiles without interpolation, as far as those differ."""
    values = _column(203)
    shares = np.linspace(0.0, 1.0, 9)
    expected = np.quantile(values, shares, method="inverted_cdf")
    np.testing.assert_array_equal(quantile_edges(values, 8), expected)


def test_quantile_edges_drop_duplicates():
    """A value with the weight of several bins is one edge."""
    values = np.concatenate([np.zeros(90), np.arange(1.0, 21.0)])
    edges = quantile_edges(values, 10)
    # The shares 0.1 to 0.8 of 110 rows lie among the zeros; 0.9 is row 99.
    assert edges.tolist() == [0.0, 9.0, 20.0]


@pytest.mark.parametrize("n_distinct", [2, 5, 9])
def test_few_distinct_values_are_the_edges(n_distinct):
    """A value is an edge however rare it is, if there are not more than edges."""
    values = np.concatenate([np.zeros(1000), np.arange(n_distinct) / 3.0])
    edges = quantile_edges(values, 8)
    np.testing.assert_array_equal(edges, np.arange(n_distinct) / 3.0)


def test_constant_column_has_one_edge():
    """There is no bin where nothing varies."""
    values = np.full(50, 2.5)
    assert quantile_edges(values, 8).tolist() == [2.5]
    y = np.arange(50) % 2
    assert tree_edges(values, y, 8, classification=True).tolist() == [2.5]
    assert tree_edges(values, y, 8, classification=False).tolist() == [2.5]


_rows = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(0, 3)), min_size=1, max_size=60
).filter(lambda rows: any(weight for _, weight in rows))


@given(rows=_rows, n_bins=st.integers(1, 12), scale=st.sampled_from([1.0, 0.1, 1e6]))
def test_quantile_edges_take_a_weight_for_repetition(rows, n_bins, scale):
    """A weight of two is a row given twice, zero is no row; the scale is nothing."""
    values, weights = np.array(rows, dtype=float).T
    repeated = np.repeat(values, weights.astype(int))
    weighted = quantile_edges(values, n_bins, weights * scale)
    np.testing.assert_array_equal(weighted, quantile_edges(repeated, n_bins))


def test_quantile_edges_of_doubled_rows_are_the_same():
    """Only shares of the weight count."""
    values = _column(101)
    twice = quantile_edges(np.concatenate([values, values]), 7)
    np.testing.assert_array_equal(quantile_edges(values, 7), twice)


def test_quantile_edges_ignore_the_order_of_rows():
    """A column is a set of values with weights."""
    values = _column(150)
    weights = np.random.default_rng(1).uniform(0.1, 3.0, 150)
    order = np.random.default_rng(2).permutation(150)
    expected = quantile_edges(values, 16, weights)
    np.testing.assert_array_equal(
        quantile_edges(values[order], 16, weights[order]), expected
    )
    assert len(expected) == 17


def test_bins_hold_equal_shares_of_the_weight():
    """No bin exceeds its share by more than the heaviest row."""
    values = _column(500)
    weights = np.random.default_rng(1).uniform(0.0, 1.0, 500)
    edges = quantile_edges(values, 10, weights)
    held = [
        weights[(values > low) & (values <= high)].sum()
        for low, high in pairwise(edges)
    ]
    assert len(held) == 10
    assert np.abs(np.array(held) - weights.sum() / 10).max() <= 2 * weights.max()


@pytest.mark.parametrize("classification", [True, False])
def test_tree_edges_find_the_steps(classification):
    """Inner edges lie halfway between the values where a staircase jumps."""
    values = np.random.default_rng(0).permutation(np.linspace(0.0, 1.0, 201))
    y = (values > 0.2025).astype(int) + 2 * (values > 0.7025)
    edges = tree_edges(values, y, 16, classification=classification)
    np.testing.assert_allclose(edges, [0.0, 0.2025, 0.7025, 1.0], atol=1e-12)


def test_tree_edges_split_where_the_variance_falls_most():
    """With two bins the edge is the best of all splits, tried one by one."""
    values = np.sort(_column(60))
    y = np.sin(2.0 * values) + values
    errors = [y[:i].var() * i + y[i:].var() * (60 - i) for i in range(1, 60)]
    best = int(np.argmin(errors)) + 1
    edges = tree_edges(values, y, 2, classification=False, min_leaf_fraction=0.0)
    expected = [values[0], values[best - 1 : best + 1].mean(), values[-1]]
    np.testing.assert_allclose(edges, expected, atol=1e-12)


@pytest.mark.parametrize("classification", [True, False])
def test_tree_edges_take_a_weight_for_repetition(classification):
    """A weight of two is a row given twice, zero is no row; the scale is nothing."""
    rng = np.random.default_rng(0)
    values = _column(120)
    y = rng.integers(0, 3, 120) if classification else rng.normal(size=120)
    weights = rng.integers(0, 4, 120)
    options = {"classification": classification, "min_leaf_fraction": 0.03}
    repeated = tree_edges(
        np.repeat(values, weights), np.repeat(y, weights), 8, **options
    )
    assert len(repeated) > 4
    for scale in (1, 0.5):
        weighted = tree_edges(values, y, 8, weights * scale, **options)
        np.testing.assert_array_equal(weighted, repeated)


def test_tree_edges_take_several_targets():
    """Steps of both outputs become edges."""
    values = np.linspace(0.0, 1.0, 101)
    y = np.column_stack([values > 0.305, values > 0.605])
    for classification in (True, False):
        edges = tree_edges(values, y, 8, classification=classification)
        np.testing.assert_allclose(edges, [0.0, 0.305, 0.605, 1.0], atol=1e-12)


def test_tree_edges_keep_to_the_limits():
    """Neither more bins nor lighter ones than asked for."""
    values, y = _column(300), _column(300, seed=1)
    assert len(tree_edges(values, y, 6, classification=False)) == 7
    assert len(tree_edges(values, y, 1, classification=False)) == 2
    edges = tree_edges(values, y, 64, classification=False, min_leaf_fraction=0.1)
    counts, _ = np.histogram(values, edges)
    assert counts.min() >= 30


def test_values_far_apart_or_close_together_are_told_apart():
    """Bins need no scaling of the column: a tree would see float32 only."""
    y = np.arange(100) >= 40
    for values in (1e300 * np.arange(100), 1.0 + 1e-12 * np.arange(100)):
        low, high = values[39], values[40]
        edges = tree_edges(values, y, 4, classification=True)
        assert len(edges) == 3
        assert low < edges[1] < high
        assert len(quantile_edges(values, 10)) == 11


def test_single_precision_column_gives_the_same_numbers():
    """Edges are the column's values, in float64."""
    values = _column(100).astype(np.float32)
    edges = quantile_edges(values, 8)
    assert edges.dtype == np.float64
    assert set(edges) <= set(values.astype(np.float64))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    """Missing values are imputed before."""
    values = np.array([0.0, bad, 1.0])
    with pytest.raises(ValueError, match=rf"must be finite. Got {bad} in it"):
        quantile_edges(values, 4)
    with pytest.raises(ValueError, match="must be finite"):
        tree_edges(values, values, 4, classification=False)


def test_rows_without_weight_are_refused():
    """There must be something to cut."""
    with pytest.raises(ValueError, match=r"rows with a positive weight\. Got none"):
        quantile_edges(np.arange(3.0), 4, np.zeros(3))
