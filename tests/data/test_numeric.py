"""Tests of scaling numeric columns with holes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import norm, rankdata
from sklearn.preprocessing import StandardScaler

from skdeep.data._numeric import (
    MAX_KNOTS,
    MIN_KNOTS,
    Distribution,
    NumericEncoder,
    robust_scale,
    smooth_clip,
)

SCALINGS: Any = ["quantile", "robust_clip", "standard", None]


def column(*values: float) -> np.ndarray:
    """Return numbers as an array of one column."""
    return np.array(values, dtype=np.float64)[:, np.newaxis]


def encode(X: np.ndarray, scaling: Any, weight: Any = None, **options: Any) -> Any:
    """Return the encoding of the rows that it is fitted on."""
    return NumericEncoder(scaling, **options).fit(X, weight).transform(X)


@given(
    st.lists(st.tuples(st.floats(-1e9, 1e9), st.integers(1, 4)), min_size=1),
    st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.5, 0.75, 1.0]),
)
def test_quantile_equals_numpy(pairs: list[tuple[float, int]], share: float) -> None:
    """Weighted quantiles are NumPy's of the repeated rows."""
    values, times = np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])
    found = Distribution.of_rows(values, times.astype(float)).quantile(share)
    repeated = np.repeat(values, times)
    expected = np.quantile(repeated, share, method="averaged_inverted_cdf")
    assert found == pytest.approx(expected, rel=1e-15)


def test_median_is_the_usual_one() -> None:
    """Of an even number of rows the median lies halfway, as numpy.median has it."""
    values = np.random.default_rng(0).standard_normal(100)
    assert Distribution.of_rows(values, None).quantile(0.5) == np.median(values)


def test_distribution_ignores_the_unit_of_weights() -> None:
    """A common factor of all weights changes no quantile and no knot."""
    rng = np.random.default_rng(0)
    values, weight = rng.integers(0, 200, 500).astype(float), rng.uniform(1, 2, 500)
    one = Distribution.of_rows(values, weight)
    other = Distribution.of_rows(values, weight * 2.0**-30)
    assert one.quantile(0.25) == other.quantile(0.25)
    for left, right in zip(one.knots(), other.knots(), strict=True):
        np.testing.assert_array_equal(left, right)


def test_knots_are_normal_scores_of_mid_ranks() -> None:
    """With few distinct values every one is a knot, at the middle of its ranks."""
    values = np.array([5.0, 1, 1, 2, 5, 5, 5, 9])
    knots, normal = Distribution.of_rows(values, None).knots()
    rank = (rankdata(values) - 0.5) / len(values)
    for value, score in zip(knots, normal, strict=True):
        assert score == pytest.approx(norm.ppf(rank[values == value][0]))


@pytest.mark.parametrize(
    ("n_values", "even", "in_tails"),
    [(20, 20, 0), (500, MIN_KNOTS, 6), (3000, 100, 8), (60_000, MAX_KNOTS, 10)],
)
def test_number_of_knots_grows_with_distinct_values(
    n_values: int, even: int, in_tails: int
) -> None:
    """One knot for thirty values, within bounds, and some more in the tails."""
    values = np.arange(float(n_values))
    knots, normal = Distribution.of_rows(values, None).knots()
    assert len(knots) == len(normal)
    assert even + in_tails <= len(knots) <= min(even + in_tails + 4, 1000)
    assert (knots[0], knots[-1]) == (0.0, n_values - 1)
    assert (np.diff(normal) > 0).all()


def test_one_frequent_value_leaves_knots_for_the_others() -> None:
    """A column that mostly is zero keeps its resolution where it is not."""
    values = np.append(np.zeros(19_000), np.arange(1.0, 1001.0))
    knots, _ = Distribution.of_rows(values, None).knots()
    assert len(knots) > 20


def test_quantile_scaling_makes_columns_normal() -> None:
    """Whatever the distribution, the training rows come out standard normal."""
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.standard_cauchy(5000), rng.lognormal(0, 4, 5000), 1e9 + rng.random(5000)]
    )
    encoded = encode(X, "quantile")
    np.testing.assert_allclose(encoded.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(encoded.std(axis=0), 1, atol=0.02)
    expected = ndtri((rankdata(X, axis=0) - 0.5) / len(X))
    np.testing.assert_allclose(encoded, expected, atol=0.25)


def test_quantile_scaling_stops_at_the_extremes_of_training() -> None:
    """Later rows beyond the training rows are mapped to its ends."""
    encoder = NumericEncoder("quantile").fit(column(1, 2, 3, 4))
    later = encoder.transform(column(-1e300, 1, 4, 1e300)).ravel()
    assert later[0] == later[1] == pytest.approx(norm.ppf(1 / 8))
    assert later[2] == later[3] == pytest.approx(norm.ppf(7 / 8))


def test_quantile_scaling_keeps_order() -> None:
    """Larger numbers never come out smaller."""
    rng = np.random.default_rng(1)
    encoder = NumericEncoder("quantile").fit(rng.standard_cauchy((400, 1)))
    later = np.sort(rng.standard_cauchy(1000))[:, np.newaxis]
    assert (np.diff(encoder.transform(later).ravel()) >= 0).all()


def test_robust_clip_follows_its_formula() -> None:
    """Median, interquartile range and the smooth clip are those of the paper."""
    values = np.random.default_rng(0).standard_cauchy(401)
    first, median, third = np.quantile(
        values, [0.25, 0.5, 0.75], method="averaged_inverted_cdf"
    )
    scaled = (values - median) / (third - first)
    expected = scaled / np.sqrt(1 + (scaled / 3) ** 2)
    encoded = encode(values[:, np.newaxis], "robust_clip").ravel()
    np.testing.assert_allclose(encoded, expected, rtol=1e-12)
    assert np.abs(encoded).max() <= 3


def test_robust_scale_falls_back_on_the_range() -> None:
    """Where most rows are equal half the range stands in for the quartiles."""
    mostly = Distribution(np.array([0.0, 10.0]), np.array([9.0, 1.0]))
    assert robust_scale(mostly) == (0.0, 2 / 10)
    constant = Distribution(np.array([7.0]), np.array([3.0]))
    assert robust_scale(constant) == (7.0, 0.0)


def test_smooth_clip_survives_the_largest_numbers() -> None:
    """Squares that overflow would map them to zero."""
    clipped = smooth_clip(np.array([1e-9, 1e200, -1e300]))
    np.testing.assert_allclose(clipped, [1e-9, 3.0, -3.0])


def test_standard_scaling_leaves_holes_out_of_its_statistics() -> None:
    """Mean and deviation are those of what is there, as in scikit-learn."""
    X = np.random.default_rng(0).standard_normal((200, 3)) * [1, 50, 1e-3] + [0, 3, 9]
    X[::3, 1] = np.nan
    encoded = encode(X, "standard")[:, :3]
    expected = StandardScaler().fit_transform(X)
    present = ~np.isnan(X)
    np.testing.assert_allclose(encoded[present], expected[present], atol=1e-9)


def test_no_scaling_leaves_numbers_alone() -> None:
    """Without scaling every digit survives."""
    X = np.random.default_rng(0).lognormal(0, 20, (100, 2))
    np.testing.assert_array_equal(encode(X, None), X)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_holes_are_filled_with_the_median(scaling: Any) -> None:
    """A hole is encoded as the median of the training rows would be."""
    X = column(1.0, 2.0, 7.0, 3.0, np.nan)
    encoder = NumericEncoder(scaling).fit(X)
    hole, median = encoder.transform(column(np.nan, 2.5))
    assert hole[0] == median[0]
    assert (hole[1], median[1]) == (1.0, 0.0)


def test_indicators_stand_where_training_had_holes() -> None:
    """Columns without a hole, and those of nothing else, have no indicator."""
    X = np.array([[1.0, np.nan, 5.0, np.nan], [2.0, np.nan, np.nan, 4.0]])
    encoder = NumericEncoder("quantile").fit(X)
    assert encoder.indicated.tolist() == [2, 3]
    assert encoder.transform(X)[:, 4:].tolist() == [[0, 1], [1, 0]]
    later = encoder.transform(np.full((1, 4), np.nan))
    assert later.shape == (1, 6)
    assert later[0, 4:].tolist() == [1, 1]
    assert encode(X, "quantile", indicators=False).shape == (2, 4)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_columns_without_variation_are_zero(scaling: Any) -> None:
    """Constants, roundings of constants and empty columns say nothing, ever."""
    X = np.array([[0.1 + 0.2, 7.0, np.nan], [0.3, 7.0, np.nan], [0.3, np.nan, np.nan]])
    encoder = NumericEncoder(scaling, indicators=False).fit(X)
    later = np.array([[99.0, -1.0, 5.0], [np.nan, 7.0, np.nan]])
    assert not encoder.transform(X).any()
    assert not encoder.transform(later).any()


@pytest.mark.parametrize("scaling", ["quantile", "robust_clip", "standard"])
def test_large_offsets_survive_single_precision(scaling: Any) -> None:
    """Times since an epoch keep their differences on the way to float32."""
    seconds = 1.7e9 + np.arange(100.0)
    encoded = encode(seconds[:, np.newaxis], scaling).astype(np.float32)
    assert len(np.unique(encoded)) == 100


@pytest.mark.parametrize("scaling", ["quantile", "robust_clip", "standard"])
@pytest.mark.parametrize("unit", [2.0**-1060, 2.0**-600, 2.0**600, 2.0**1000])
def test_unit_of_a_column_does_not_matter(scaling: Any, unit: float) -> None:
    """Columns near the ends of the floats are scaled like all others."""
    X = column(1.0, 5.0, -3.0, 2.0, 2.0, 8.0)
    np.testing.assert_allclose(encode(X * unit, scaling), encode(X, scaling), rtol=1e-9)


@pytest.mark.parametrize("scaling", ["quantile", "robust_clip", None])
def test_weights_are_repetitions_to_the_last_bit(scaling: Any) -> None:
    """A weight of two is a row given twice, and zero one left out."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.standard_cauchy(500), rng.integers(0, 9, 500)])
    X[rng.random((500, 2)) < 0.2] = np.nan
    times = rng.integers(0, 4, 500)
    by_weight = NumericEncoder(scaling).fit(X, times.astype(float))
    by_rows = NumericEncoder(scaling).fit(np.repeat(X, times, axis=0))
    np.testing.assert_array_equal(by_weight.transform(X), by_rows.transform(X))


def test_rows_without_weight_do_not_call_for_an_indicator() -> None:
    """A hole in a row that does not count is no hole in training."""
    encoder = NumericEncoder().fit(column(1, 2, np.nan), np.array([1.0, 1.0, 0.0]))
    assert not encoder.indicated.size


def test_encoder_pickles_small() -> None:
    """A large column leaves a thousand knots, not its rows."""
    X = np.random.default_rng(0).standard_normal((50_000, 1))
    encoder = NumericEncoder("quantile").fit(X)
    state = pickle.dumps(encoder)
    assert len(state) < 20_000
    np.testing.assert_array_equal(
        pickle.loads(state).transform(X), encoder.transform(X)
    )
