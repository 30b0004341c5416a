"""Tests of encoding tables of numbers and categories."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from skdeep.data._encoding import TableEncoder
from skdeep.data._frames import read_table
from skdeep.data._mixed import MixedTable, TableSchema

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

SCALINGS: Any = ["quantile", "robust_clip", "standard", None]
EXACT: Any = ["quantile", "robust_clip", None]

numbers = st.floats(allow_nan=True, allow_infinity=False)
schema = TableSchema(
    (False, True, False, True), ("numbers", "strings", "numbers", "numbers")
)


@st.composite
def tables(draw: Any, min_rows: int = 1) -> MixedTable:
    """Draw a table of two numeric and two categorical columns."""
    n_rows = draw(st.integers(min_rows, 25))
    rows = {"min_size": n_rows, "max_size": n_rows}
    few, many = st.integers(-1, 2), st.integers(-1, 11)
    return MixedTable(
        np.array(draw(st.lists(st.tuples(numbers, numbers), **rows))),
        np.array(draw(st.lists(st.tuples(few, many), **rows)), dtype=np.int32),
        (["c", "a", "b"], [*range(12)]),
        schema,
    )


def small_frame() -> Any:
    """Return columns of all sorts with holes."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo", "Lima"], 60),
            "x": rng.standard_cauchy(60),
            "open": rng.random(60) < 0.5,
            "zip": rng.integers(0, 20, 60).astype(str),
            "y": rng.standard_normal(60),
            "constant": 4.0,
        }
    )
    frame.loc[::7, "city"] = None
    frame.loc[::5, "y"] = np.nan
    return frame


def read(X: Any) -> MixedTable:
    """Read a table for a fresh estimator."""
    return read_table(BaseEstimator(), X)


@given(st.sampled_from(SCALINGS), tables(), tables())
def test_encoding_is_always_finite(
    scaling: Any, table: MixedTable, later: MixedTable
) -> None:
    """No table gives NaN or infinity, in double or in single precision."""
    encoder = TableEncoder(scaling, scale_onehot=True).fit(table)
    for rows in (table, later):
        assert np.isfinite(encoder.transform(rows)).all()
        assert np.isfinite(encoder.transform(rows, np.float32)).all()


@given(st.sampled_from(EXACT), tables(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(
    scaling: Any, table: MixedTable, random: Any
) -> None:
    """An encoder fitted on shuffled rows is the same."""
    order = list(range(len(table)))
    random.shuffle(order)
    plain = TableEncoder(scaling).fit(table).transform(table)
    shuffled = TableEncoder(scaling).fit(table[np.array(order)]).transform(table)
    np.testing.assert_array_equal(shuffled, plain)


@given(st.sampled_from(SCALINGS), tables(), st.data())
def test_rows_are_encoded_one_by_one(
    scaling: Any, table: MixedTable, data: Any
) -> None:
    """A subset of rows is encoded to the subset of the encoding."""
    positions = st.lists(st.integers(0, len(table) - 1), min_size=1)
    index = np.array(data.draw(positions))
    encoder = TableEncoder(scaling).fit(table)
    np.testing.assert_array_equal(
        encoder.transform(table[index]), encoder.transform(table)[index]
    )


@given(st.sampled_from(EXACT), tables(min_rows=2), st.data())
def test_weights_are_repetitions(scaling: Any, table: MixedTable, data: Any) -> None:
    """A weight of two is a row given twice and zero one left out, to the last bit."""
    n_rows = len(table)
    drawn = st.lists(st.integers(0, 3), min_size=n_rows, max_size=n_rows).filter(any)
    times = np.array(data.draw(drawn))
    by_weight = TableEncoder(scaling).fit(table, times.astype(float))
    by_rows = TableEncoder(scaling).fit(table[np.repeat(np.arange(n_rows), times)])
    np.testing.assert_array_equal(by_weight.transform(table), by_rows.transform(table))


def test_weights_are_repetitions_under_standard_scaling() -> None:
    """There, sums in another order leave a difference in the last digits."""
    table, times = read(small_frame()), np.arange(60) % 4
    by_weight = TableEncoder("standard").fit(table, times.astype(float))
    by_rows = TableEncoder("standard").fit(table[np.repeat(np.arange(60), times)])
    np.testing.assert_allclose(
        by_weight.transform(table), by_rows.transform(table), rtol=1e-12, atol=1e-12
    )


@given(tables())
def test_pickled_encoder_is_the_same(table: MixedTable) -> None:
    """An encoder that went through a file encodes to the same bits."""
    encoder = TableEncoder().fit(table)
    restored = pickle.loads(pickle.dumps(encoder))
    np.testing.assert_array_equal(restored.transform(table), encoder.transform(table))
    assert restored.groups == encoder.groups


def test_encoding_equals_scikit_learn() -> None:
    """The usual pipeline of imputation, indicators, one-hot and codes agrees."""
    frame = small_frame().drop(columns=["constant", "open"])
    encoder = TableEncoder("standard").fit(read(frame))
    mean, deviation = np.nanmean(frame["y"]), np.nanstd(frame["y"])
    filled = frame.assign(y=frame["y"].fillna(frame["y"].median()))
    expected = make_column_transformer(
        (StandardScaler(), ["x"]),
        (StandardScaler(with_mean=False, with_std=False), ["y"]),
        (OneHotEncoder(sparse_output=False), ["city"]),
        (make_pipeline(OrdinalEncoder(), SimpleImputer()), ["zip"]),
        sparse_threshold=0,
    ).fit_transform(filled.assign(city=frame["city"].fillna("~")))
    found = encoder.transform(read(frame))
    np.testing.assert_allclose(found[:, 0], expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(found[:, 1], (expected[:, 1] - mean) / deviation)
    np.testing.assert_array_equal(found[:, 2], frame["y"].isna())
    np.testing.assert_array_equal(found[:, 3:6], expected[:, 2:5])
    np.testing.assert_array_equal(found[:, 6], expected[:, 6] + 1)


def test_layout_tells_the_network_what_is_where() -> None:
    """Numbers, indicators, ones and codes stand in this order, and are counted."""
    frame = small_frame()
    encoder = TableEncoder().fit(read(frame))
    assert encoder.n_numeric == 3
    assert encoder.n_indicators == 1
    assert encoder.n_onehot == 4
    assert encoder.onehot_sizes == (3, 1)
    assert encoder.cardinalities == (frame["zip"].nunique(),)
    assert encoder.n_outputs == 9
    # city, x, open, zip, y with its indicator, constant
    assert encoder.groups == ((4, 5, 6), (0,), (7,), (8,), (1, 3), (2,))
    encoded = encoder.transform(read(frame))
    assert encoded.shape == (60, 9)
    assert set(np.unique(encoded[:, 7])) == {-1.0, 1.0}
    assert not encoded[:, 2].any()


def test_layout_follows_the_options() -> None:
    """Without indicators and ones there are numbers and codes."""
    table = read(small_frame())
    encoder = TableEncoder(max_onehot=0, missing_indicators=False).fit(table)
    assert (encoder.n_indicators, encoder.n_onehot) == (0, 0)
    assert encoder.cardinalities == (3, 2, len(set(small_frame()["zip"])))
    assert encoder.n_outputs == 6


def test_unseen_categories_are_zero() -> None:
    """A category that comes later is encoded as a missing one."""
    estimator, frame = BaseEstimator(), small_frame()
    table = read_table(estimator, frame)
    later = frame.head(1).assign(city="Bonn", zip="unheard of", open=None)
    unseen = read_table(estimator, later, schema=table.schema)
    encoded = TableEncoder().fit(table).transform(unseen)
    assert not encoded[0, 4:].any()


@pytest.mark.parametrize("max_onehot", [0, 8])
def test_every_container_is_encoded_alike(max_onehot: int) -> None:
    """Frames and arrays of one content have one encoding, to the last bit."""
    frame = small_frame()
    tables = [
        read(frame),
        read(frame.astype({"city": "category", "zip": "category"})),
        read(frame.convert_dtypes(dtype_backend="pyarrow")),
        read(pl.from_pandas(frame)),
        read(
            pl.from_pandas(frame).with_columns(
                pl.col("city", "zip").cast(pl.Categorical)
            )
        ),
        read(frame.to_numpy(dtype=object)),
    ]
    encodings = [
        TableEncoder(max_onehot=max_onehot).fit(table).transform(table)
        for table in tables
    ]
    crossed = TableEncoder(max_onehot=max_onehot).fit(tables[0]).transform(tables[-1])
    for encoding in [*encodings[1:], crossed]:
        np.testing.assert_array_equal(encoding, encodings[0])


def test_encoding_has_the_dtype_of_the_table() -> None:
    """Single precision stays; another dtype can be asked for."""
    X = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    encoder = TableEncoder().fit(read(X))
    assert encoder.transform(read(X)).dtype == np.float32
    assert encoder.transform(read(X), np.float64).dtype == np.float64


def test_blocks_join_seamlessly() -> None:
    """More rows than a block are encoded as they are one by one."""
    rng = np.random.default_rng(0)
    table = read(np.column_stack([rng.standard_normal(9000), rng.integers(0, 3, 9000)]))
    encoder = TableEncoder().fit(table)
    last = encoder.transform(table[8990:])
    np.testing.assert_array_equal(encoder.transform(table)[8990:], last)


def test_scale_onehot_puts_ones_to_the_robust_scale() -> None:
    """The recipe of RealMLP scales zeros and ones too, and bounds them."""
    table = read(small_frame())
    plain = TableEncoder("robust_clip").fit(table).transform(table)
    scaled = TableEncoder("robust_clip", scale_onehot=True).fit(table).transform(table)
    np.testing.assert_array_equal(scaled[:, :4], plain[:, :4])
    np.testing.assert_array_equal(scaled[:, 8], plain[:, 8])
    assert np.abs(scaled[:, 4:8] - plain[:, 4:8]).max() > 0.1


def test_update_keeps_what_the_first_rows_taught() -> None:
    """Later rows of training in pieces do not move what weights stand for."""
    frame = small_frame()
    first, second = read(frame.head(40)), read(frame.tail(40).assign(y=1e9))
    encoder = TableEncoder().update(first)
    before = encoder.transform(first)
    assert encoder.update(second) is encoder
    np.testing.assert_array_equal(encoder.transform(first), before)


def test_arrays_are_encoded_without_a_frame_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where neither pandas nor polars is loaded nothing else changes."""
    objects = small_frame().to_numpy(dtype=object)
    expected = TableEncoder().fit(read(objects)).transform(read(objects))
    monkeypatch.delitem(sys.modules, "pandas")
    monkeypatch.delitem(sys.modules, "polars")
    table = read(objects)
    np.testing.assert_array_equal(TableEncoder().fit(table).transform(table), expected)
    assert not {"pandas", "polars"} & sys.modules.keys()
