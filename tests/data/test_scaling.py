"""Tests of the statistics that put columns on one scale."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.preprocessing import StandardScaler

from skdeep import MLPRegressor, TabularMLPRegressor
from skdeep.data import BLOCK_ROWS, ColumnScaler

# Values whose sum over many rows is not a multiple of them in floating point.
AWKWARD = [0.1, 1 / 3, -7.7e-5, 1e9 + 0.1]


def table(n_rows: int = 200, dtype: Any = np.float64) -> np.ndarray:
    """Return columns of several offsets and spreads."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 4)) * [1, 1e-3, 50, 1e5] + [0, 3, -200, 1e6]
    return X.astype(dtype)


def weighted(X: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation by numpy's own average."""
    mean = np.average(X, axis=0, weights=weight)
    return mean, np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))


def test_update_equals_standard_scaler() -> None:
    """Without weights the scaled columns are those of scikit-learn."""
    X = table()
    scaler = ColumnScaler().update(X)
    expected = StandardScaler().fit(X)
    np.testing.assert_allclose(scaler.mean, expected.mean_, rtol=1e-13)
    np.testing.assert_allclose(scaler.scale, expected.scale_, rtol=1e-12)
    np.testing.assert_allclose(scaler.transform(X), expected.transform(X), atol=1e-10)


def test_update_equals_weighted_average() -> None:
    """A weight counts as often as it says, in mean and deviation."""
    X, weight = table(), np.random.default_rng(1).uniform(0.1, 5, 200)
    scaler = ColumnScaler().update(X, weight)
    mean, deviation = weighted(X, weight)
    np.testing.assert_allclose(scaler.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(scaler.scale, deviation, rtol=1e-12)


def test_weight_of_two_equals_row_twice() -> None:
    """Integer weights are repetitions."""
    X, weight = table(60), np.arange(60) % 3 + 1
    by_weight = ColumnScaler().update(X, weight.astype(float))
    by_rows = ColumnScaler().update(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(by_weight.mean, by_rows.mean, rtol=1e-13)
    np.testing.assert_allclose(by_weight.scale, by_rows.scale, rtol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_pieces_merge_to_the_whole(sparse: bool) -> None:
    """Several updates, with weights, leave what one update leaves."""
    X = table(500)
    X[np.random.default_rng(2).random(X.shape) < 0.3] = 0
    weight = np.random.default_rng(3).uniform(0.1, 5, 500)
    rows = sp.csr_matrix(X) if sparse else X
    pieces = ColumnScaler()
    for low, high in ((0, 1), (1, 30), (30, 500)):
        pieces.update(rows[low:high], weight[low:high])
    mean, deviation = weighted(X, weight)
    np.testing.assert_allclose(pieces.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(pieces.scale, deviation, rtol=1e-11)


def test_blocks_merge_to_the_whole() -> None:
    """A table of more than one block has the moments of the whole table."""
    X = table(2 * BLOCK_ROWS + 5)
    scaler = ColumnScaler().update(X)
    np.testing.assert_allclose(scaler.mean, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scaler.scale, X.std(axis=0), rtol=1e-11)


@pytest.mark.parametrize("sparse", [False, True])
def test_large_offset_keeps_its_digits(sparse: bool) -> None:
    """A spread of one around 1e9 comes out as one, since it is taken off in float64."""
    X = 1e9 + np.random.default_rng(0).standard_normal((3000, 2))
    scaler = ColumnScaler().update(sp.csr_matrix(X) if sparse else X)
    exact = X - 1e9
    expected = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    np.testing.assert_allclose(scaler.transform(X), expected, atol=1e-6)


@pytest.mark.parametrize("value", AWKWARD)
@pytest.mark.parametrize("weigh", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_constant_column_becomes_zero(value: float, weigh: bool, sparse: bool) -> None:
    """However many rows a constant is summed over, it is seen to be one."""
    n_rows = BLOCK_ROWS + 1500
    X = np.full((n_rows, 2), value)
    X[:, 1] = np.arange(n_rows)
    weight = np.random.default_rng(0).uniform(0.1, 5, n_rows) if weigh else None
    scaler = ColumnScaler().update(sp.csr_matrix(X) if sparse else X, weight)
    assert scaler.scale[0] == 0
    assert scaler.scale[1] > 1000
    later = np.array([[value + 5.0, 0.0]])
    assert scaler.transform(later)[0, 0] == 0


def test_constant_column_stays_constant_in_pieces() -> None:
    """Merging the same constant again and again adds no variation."""
    scaler, rng = ColumnScaler(), np.random.default_rng(0)
    for _ in range(100):
        scaler.update(np.full((37, 1), 0.1), rng.uniform(0.1, 5, 37))
    assert scaler.scale.tolist() == [0.0]
    assert scaler.inverse_transform(np.ones((1, 1))) == pytest.approx(0.1, rel=1e-15)


def test_column_that_varies_by_rounding_counts_as_constant() -> None:
    """A unit in the last place is no information."""
    X = np.where(np.arange(100) % 2, 0.3, 0.1 + 0.2)[:, np.newaxis]
    assert np.ptp(X) > 0
    assert ColumnScaler().update(X).scale.tolist() == [0.0]


@pytest.mark.parametrize("weigh", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_equals_dense(weigh: bool, dtype: Any) -> None:
    """Sparse rows have the statistics of their dense copy, in full columns too."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 5)).astype(dtype)
    X[rng.random(X.shape) < 0.7] = 0
    X[:, 0] = rng.uniform(1, 2, 300)
    X[:, 1] = 0
    weight = rng.uniform(0.1, 5, 300) if weigh else None
    for kind in (sp.csr_matrix, sp.csr_array):
        sparse = ColumnScaler().update(kind(X), weight)
        dense = ColumnScaler().update(X, weight)
        np.testing.assert_allclose(sparse.mean, dense.mean, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(sparse.scale, dense.scale, rtol=1e-12)
        assert sparse.weight_sum == pytest.approx(dense.weight_sum, rel=1e-13)


def test_sparse_entries_given_twice_are_summed() -> None:
    """Duplicate entries mean their sum, and the caller's matrix is left alone."""
    parts = ([1.0, 2.0, 4.0], ([0, 0, 1], [0, 0, 0]))
    X = sp.csr_matrix((parts[0], [0, 0, 0], [0, 2, 3]), shape=(2, 1))
    scaler = ColumnScaler().update(X)
    assert scaler.mean.tolist() == [3.5]
    assert scaler.scale.tolist() == [0.5]
    assert X.nnz == 3


def test_by_mean_divides_by_the_mean_only() -> None:
    """Counts keep their zero; a column of mean zero is left as it is."""
    X = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]])
    scaler = ColumnScaler(by_mean=True).update(X)
    assert not scaler.center
    np.testing.assert_array_equal(scaler.transform(X), X / [2.0, 1.0])
    np.testing.assert_array_equal(scaler.inverse_transform(X / [2.0, 1.0]), X)
    weighted_scaler = ColumnScaler(by_mean=True).update(X, np.array([1.0, 1.0, 2.0]))
    assert weighted_scaler.scale.tolist() == [2.5, 1.0]


def test_without_centring_zero_stays_zero() -> None:
    """Only the deviation is divided by."""
    X = table()
    scaler = ColumnScaler(center=False).update(X)
    np.testing.assert_allclose(scaler.transform(X), X / X.std(axis=0), rtol=1e-11)
    np.testing.assert_allclose(
        scaler.inverse_transform(scaler.transform(X)), X, rtol=1e-11
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("center", [False, True])
def test_transform_keeps_dtype_and_leaves_its_input(dtype: Any, center: bool) -> None:
    """The result is a new writable array of the same dtype, whatever the layout."""
    X = table(dtype=dtype)
    scaler = ColumnScaler(center=center).update(X)
    expected = scaler.transform(X)
    assert expected.dtype == dtype
    backwards = X[::-1].copy()[::-1]
    for layout in (np.asfortranarray(X), backwards):
        layout.flags.writeable = False
        scaled = scaler.transform(layout)
        np.testing.assert_array_equal(scaled, expected)
        assert scaled.flags.c_contiguous
        assert scaled.flags.writeable
        np.testing.assert_array_equal(layout, X)


def test_inverse_transform_undoes_transform() -> None:
    """The units come back, and outputs of float32 come back in float64."""
    X = table()
    scaler = ColumnScaler().update(X)
    back = scaler.inverse_transform(scaler.transform(X))
    np.testing.assert_allclose(back, X, rtol=1e-12, atol=1e-12)
    assert scaler.inverse_transform(np.ones((1, 4), np.float32)).dtype == np.float64


def test_update_leaves_its_rows_alone() -> None:
    """Statistics are taken from a copy."""
    X = table()
    before = X.copy()
    ColumnScaler().update(X, np.ones(len(X)))
    np.testing.assert_array_equal(X, before)


def test_pickle_holds_the_moments_only() -> None:
    """A pickle takes two numbers a column, transforms alike, and can be updated on."""
    X = table()
    scaler = ColumnScaler().update(X)
    back = pickle.loads(pickle.dumps(scaler))
    np.testing.assert_array_equal(back.transform(X), scaler.transform(X))
    np.testing.assert_array_equal(back.update(X).scale, scaler.update(X).scale)
    wide = ColumnScaler().update(np.zeros((2, 5000)))
    assert len(pickle.dumps(wide)) < 2 * 8 * 5000 + 1000


def test_indicators_are_left_as_they_are_where_asked():
    """A rare category keeps its one; other columns, and constants, are scaled."""
    rng = np.random.default_rng(0)
    rare = (np.arange(20_000) % 5_000 == 7).astype(float)
    X = np.column_stack([rare, 5 * rng.standard_normal(20_000), np.ones(20_000)])
    late = rare.copy()
    late[-1] = 2.0
    X = np.column_stack([X, late, 1 - rare])
    scaled = ColumnScaler(keep_indicators=True).update(X).transform(X)
    np.testing.assert_array_equal(scaled[:, 0], rare)
    np.testing.assert_array_equal(scaled[:, 4], 1 - rare)
    np.testing.assert_array_equal(scaled[:, 2], 0.0)
    np.testing.assert_allclose(scaled[:, [1, 3]].std(axis=0), 1.0, rtol=1e-12)
    plain = ColumnScaler().update(X).transform(X)
    assert plain[:, 0].max() > 50


def test_indicators_of_sparse_rows_and_of_later_rows_are_told_alike():
    """Sparse rows, and rows that come in pieces, give the scale of the whole."""
    rng = np.random.default_rng(1)
    X = (rng.random((300, 4)) < 0.2) * np.array([1.0, 1.0, 3.0, 1.0])
    X[-1, 3] = 0.5
    whole = ColumnScaler(keep_indicators=True).update(X)
    sparse = ColumnScaler(keep_indicators=True).update(sp.csr_array(X))
    pieces = ColumnScaler(keep_indicators=True).update(X[:100]).update(X[100:])
    again = pickle.loads(pickle.dumps(pieces))
    assert whole.indicator.tolist() == [True, True, False, False]
    for other in (sparse, pieces, again):
        np.testing.assert_array_equal(other.indicator, whole.indicator)
        np.testing.assert_allclose(other.transform(X), whole.transform(X), rtol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_indicators_are_kept(sparse: bool) -> None:
    """Columns of zeros and ones stay as they are; constants among them are zero."""
    rng = np.random.default_rng(0)
    X = np.c_[rng.random((300, 4)) < 0.1, np.ones(300), np.zeros(300)].astype(float)
    X[:, 1] *= 2
    X[7, 2] = 0.5
    rows = sp.csr_matrix(X) if sparse else X
    kept = ColumnScaler(keep_indicators=True).update(rows).transform(X)
    plain = ColumnScaler().update(rows).transform(X)
    np.testing.assert_array_equal(kept[:, [0, 3]], X[:, [0, 3]])
    np.testing.assert_array_equal(kept[:, [1, 2, 4, 5]], plain[:, [1, 2, 4, 5]])
    assert kept[:, 4:].tolist() == [[0.0, 0.0]] * 300


def test_indicator_is_none_once_it_held_another_number() -> None:
    """What later rows show counts, in pieces and in blocks."""
    X = (np.arange(BLOCK_ROWS + 10) % 3 == 0).astype(float)[:, np.newaxis]
    scaler = ColumnScaler(keep_indicators=True).update(X)
    np.testing.assert_array_equal(scaler.transform(X), X)
    scaler.update(np.array([[3.0]])).update(X)
    assert not np.array_equal(scaler.transform(X), X)
    X[-1] = 3.0
    late = ColumnScaler(keep_indicators=True).update(X)
    expected = ColumnScaler().update(X)
    np.testing.assert_array_equal(late.transform(X), expected.transform(X))


@pytest.mark.parametrize("options", [{}, {"by_mean": True}, {"keep_indicators": True}])
def test_pickled_scaler_scales_alike_and_goes_on(options: dict[str, bool]) -> None:
    """A copy has the same bits, and takes more rows as the original would."""
    X = np.c_[np.abs(table()), np.arange(200) % 2]
    scaler = ColumnScaler(**options).update(X[:150])
    again = pickle.loads(pickle.dumps(scaler))
    np.testing.assert_array_equal(again.transform(X), scaler.transform(X))
    scaler.update(X[150:])
    again.update(X[150:])
    np.testing.assert_array_equal(again.transform(X), scaler.transform(X))
    np.testing.assert_array_equal(
        again.inverse_transform(X), scaler.inverse_transform(X)
    )


def test_numbers_whose_squares_overflow_raise() -> None:
    """The sentence names the column."""
    X = np.array([[1.0, 1e200], [2.0, -1e200]])
    with pytest.raises(OverflowError, match=r"must not overflow.* in column 1. Divide"):
        ColumnScaler().update(X)


def test_tiny_deviation_does_not_overflow_single_precision() -> None:
    """The factor of a column of very small numbers is the largest there is."""
    X = np.array([[1e-42], [3e-42]], dtype=np.float32)
    scaled = ColumnScaler().update(X).transform(X)
    assert np.isfinite(scaled).all()


@pytest.mark.parametrize("first", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", [MLPRegressor, TabularMLPRegressor])
def test_rows_far_from_zero_are_the_same_in_both_precisions(
    estimator: Any, first: Any
) -> None:
    """Numbers that float32 holds are answered alike, however wide they come."""
    rng = np.random.default_rng(0)
    X = np.column_stack([1.7e9 + 128.0 * rng.integers(0, 50, 200), rng.random(200)])
    y = (X[:, 0] - 1.7e9) / 1000.0
    model = estimator((8,), max_epochs=30, learning_rate=0.02, random_state=0)
    model.fit(X.astype(first), y)
    wide, narrow = model.predict(X), model.predict(X.astype(np.float32))
    np.testing.assert_allclose(narrow, wide, atol=1e-4 * y.std())
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("unit", [1e-44, 1e-38, 1e35])
def test_extreme_units_are_put_to_scale_in_single_precision(unit: float) -> None:
    """Neither what is divided by nor its inverse has to be a float32."""
    X = (np.random.default_rng(0).normal(size=(50, 1)) * 30 * unit).astype(np.float32)
    scaled = ColumnScaler().update(X).transform(X)
    assert scaled.dtype == np.float32
    wide = X.astype(np.float64)
    expected = (wide - wide.mean()) / wide.std()
    np.testing.assert_allclose(scaled, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("estimator", [MLPRegressor, TabularMLPRegressor])
def test_small_differences_of_large_numbers_are_learnt(
    estimator: Any, layout: Any
) -> None:
    """An offset is taken off in float64, before the cast to float32."""
    if estimator is TabularMLPRegressor and layout is not np.asarray:
        pytest.skip("takes no sparse rows")
    y = np.random.default_rng(0).random(300)
    X = layout(np.column_stack([1.7e9 + y, y * 0 + 3.0]))
    model = estimator(
        (16,), max_epochs=60, learning_rate=0.02, dtype="float32", random_state=0
    )
    assert model.fit(X, y).score(X, y) > 0.9
