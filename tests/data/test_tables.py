"""Tests of tables of numbers as rows that a batch is gathered from."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator

from skdeep import MLPClassifier
from skdeep._compat import validate_data
from skdeep.data import (
    BLOCK_ROWS,
    Batches,
    ColumnScaler,
    check_table,
    float_dtype,
    in_memory,
    is_streamed_map,
    make_rows,
    take,
    to_tensor,
)
from skdeep.data import _tables as module

CPU = torch.device("cpu")


class Model(BaseEstimator):
    """An estimator that only has a name."""


def table(n_rows: int = 40, dtype: Any = np.float64) -> np.ndarray:
    """Return rows of three columns, whole numbers that any dtype holds."""
    rng = np.random.default_rng(0)
    return rng.integers(
        0, 2 if np.dtype(dtype).kind == "b" else 50, (n_rows, 3)
    ).astype(dtype)


def mapped(folder: Path, X: np.ndarray, mode: Any = "r") -> np.memmap:
    """Write an array to a file and map it."""
    path = folder / "X.dat"
    X.tofile(path)
    order: Any = "F" if X.flags.f_contiguous and not X.flags.c_contiguous else "C"
    if order == "F":
        X.T.tofile(path)
    return np.memmap(path, dtype=X.dtype, mode=mode, shape=X.shape, order=order)


@pytest.fixture
def streams_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count every memory map as too large for a copy."""
    monkeypatch.setattr(module, "STREAMED_BYTES", 0)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows by the rows of every read from a memory map."""
    sizes: list[int] = []
    getitem = np.memmap.__getitem__

    def spy(self: np.memmap, index: Any) -> Any:
        got = getitem(self, index)
        sizes.append(len(got) if np.ndim(got) else 1)
        return got

    monkeypatch.setattr(np.memmap, "__getitem__", spy)
    return sizes


def test_check_table_returns_floats() -> None:
    """Single precision stays, all else becomes double, sparse rows become CSR."""
    for given, expected in (
        (table(dtype=np.float32), np.float32),
        (table(dtype=np.int32), np.float64),
        (table(dtype=np.float16), np.float64),
        (table().tolist(), np.float64),
    ):
        assert check_table(Model(), given, reset=True).dtype == expected
    sparse = check_table(Model(), sp.coo_matrix(table()), reset=True)
    assert sparse.format == "csr"


def test_check_table_checks_y_along() -> None:
    """A target comes back beside the table, and its length is compared."""
    X, y = check_table(Model(), table(4), [1, 2, 3, 4], reset=True)
    assert X.shape == (4, 3)
    assert y.tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        check_table(Model(), table(4), [1, 2], reset=True)


def test_dates_raise() -> None:
    """NumPy takes dates for numbers, of whatever unit; a user would not."""
    X = np.array([["2020-01-01"], ["2021-01-01"]], dtype="M8[D]")
    for dates, shown in ((X, "datetime64"), (X - X[0], "timedelta64")):
        sentence = f"^Model expects X of real numbers. Got {shown}.* Turn dates"
        with pytest.raises(ValueError, match=sentence):
            check_table(Model(), dates, reset=True)


@pytest.mark.parametrize("kind", ["array", "map"])
def test_check_table_remembers_the_width(
    kind: str, tmp_path: Path, streams_everything: None
) -> None:
    """Large memory maps are held to the number of features as arrays are."""
    model = Model()
    X = table() if kind == "array" else mapped(tmp_path, table())
    check_table(model, X, reset=True)
    assert model.n_features_in_ == 3
    with pytest.raises(ValueError, match="X has 2 features, but Model is expecting 3"):
        check_table(model, X[:, :2], reset=False)


def test_streamed_map_is_returned_as_it_is(
    tmp_path: Path, streams_everything: None
) -> None:
    """A large map is neither cast nor copied."""
    X = mapped(tmp_path, table(dtype=np.int16))
    assert check_table(Model(), X, reset=True) is X
    checked, y = check_table(Model(), X, np.arange(40), reset=True)
    assert checked is X
    assert len(y) == 40


def test_small_map_is_treated_as_an_array(tmp_path: Path) -> None:
    """Below the threshold a copy is cheaper than reading twice."""
    X = mapped(tmp_path, table(dtype=np.int16))
    assert not is_streamed_map(X)
    assert check_table(Model(), X, reset=True).dtype == np.float64


def test_threshold_counts_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only memory maps above the threshold are streamed, arrays never."""
    X = mapped(tmp_path, table())
    monkeypatch.setattr(module, "STREAMED_BYTES", X.nbytes)
    assert not is_streamed_map(X)
    monkeypatch.setattr(module, "STREAMED_BYTES", X.nbytes - 1)
    assert is_streamed_map(X)
    assert not is_streamed_map(np.asarray(X))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_streamed_map_with_missing_values_raises(
    bad: float, tmp_path: Path, streams_everything: None
) -> None:
    """The sentence names the row, also beyond the first block."""
    X = table(BLOCK_ROWS + 10)
    X[BLOCK_ROWS + 7, 1] = bad
    sentence = rf"NaN or infinity: Model .* row {BLOCK_ROWS + 7} of the memory"
    with pytest.raises(ValueError, match=sentence):
        check_table(Model(), mapped(tmp_path, X), reset=True)


@pytest.mark.parametrize("dtype", ["c16", "S4"])
def test_streamed_map_of_other_things_raises(
    dtype: str, tmp_path: Path, streams_everything: None
) -> None:
    """Only real numbers can be scaled; the sentence names the dtype."""
    X = mapped(tmp_path, np.zeros((5, 3), dtype=dtype))
    with pytest.raises(ValueError, match=r"Complex data|memory map of real numbers"):
        check_table(Model(), X, reset=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("layout", ["plain", "fortran", "backwards", "read-only"])
def test_make_rows_takes_any_layout(dtype: Any, scaled: bool, layout: str) -> None:
    """Whatever the strides, rows are those of the plain array, bit for bit."""
    X = table(dtype=dtype)
    scaler = ColumnScaler().update(X) if scaled else None
    expected = make_rows(X, scaler, torch.float32, CPU).gather(slice(0, 40))
    given = {
        "plain": X,
        "fortran": np.asfortranarray(X),
        "backwards": X[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": X.copy(),
    }[layout]
    given.flags.writeable = layout != "read-only"
    rows = make_rows(given, scaler, torch.float32, CPU)
    assert (rows.n_rows, rows.n_columns) == (40, 3)
    assert torch.equal(rows.gather(slice(0, 40)), expected)
    index = np.array([5, 0, 39])
    assert torch.equal(rows.gather(index), expected[[5, 0, 39]])
    assert rows.gather(index).is_contiguous()


def test_rows_never_share_memory_with_the_table() -> None:
    """A network that works in place must not write into the caller's data."""
    X = table()
    before = X.copy()
    make_rows(X, None, torch.float64, CPU).gather(slice(0, 10)).fill_(-1)
    np.testing.assert_array_equal(X, before)


def test_make_rows_fills_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that do not divide the rows are no different."""
    X = table()
    expected = torch.from_numpy(X.copy()).float()
    monkeypatch.setattr(module, "BLOCK_ROWS", 7)
    assert torch.equal(
        make_rows(X, None, torch.float32, CPU).gather(slice(0, 40)), expected
    )


@pytest.mark.parametrize("dtype", ["f4", "f8", ">f4", ">f8", "f2", "i2", "u1", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("scaled", [False, True])
def test_streamed_rows_equal_rows_in_memory(
    dtype: str, order: Any, scaled: bool, tmp_path: Path, streams_everything: None
) -> None:
    """A map gives the bits that a copy of it would give, in every dtype and layout."""
    X = np.array(table(dtype=np.dtype(dtype)), order=order)
    X_map = mapped(tmp_path, X)
    copy = np.ascontiguousarray(X, dtype=float_dtype(X))
    scaler = ColumnScaler().update(copy) if scaled else None
    streamed = make_rows(X_map, scaler, torch.float32, CPU)
    copied = make_rows(copy, scaler, torch.float32, CPU)
    assert type(streamed) is not type(copied)
    for index in (slice(3, 30), np.array([9, 1, 30])):
        got = streamed.gather(index)
        assert got.dtype == torch.float32
        assert got.is_contiguous()
        assert torch.equal(got, copied.gather(index))


def test_half_precision_map_is_scaled_in_double(
    tmp_path: Path, streams_everything: None
) -> None:
    """Distances from a mean overflow half precision, though the values do not."""
    X = np.array([[-60000.0], [60000.0], [60000.0]], dtype=np.float16)
    exact = X.astype(np.float64)
    scaler = ColumnScaler().update(exact)
    rows = make_rows(mapped(tmp_path, X), scaler, torch.float64, CPU)
    expected = (exact - exact.mean()) / exact.std()
    np.testing.assert_allclose(rows.gather(slice(0, 3)), expected, rtol=1e-12)


@pytest.mark.parametrize("seed", [None, 0])
@pytest.mark.parametrize("subset", [False, True])
def test_epoch_never_reads_a_large_map_whole(
    seed: int | None,
    subset: bool,
    tmp_path: Path,
    streams_everything: None,
    monkeypatch: pytest.MonkeyPatch,
    reads: list[int],
) -> None:
    """Scaling and batches read pieces only, in order or shuffled, with a hold-out."""
    monkeypatch.setattr("skdeep.data._batches.PIECE_BYTES", 8 * 3 * 20)
    monkeypatch.setattr("skdeep.data._scaling.BLOCK_ROWS", 16)
    monkeypatch.setattr(module, "BLOCK_ROWS", 16)
    X = check_table(Model(), mapped(tmp_path, table(400)), reset=True)
    if subset:
        X = take(take(X, np.arange(0, 400, 2)), np.arange(5, 200))
    n_rows = X.shape[0]
    rows = make_rows(X, ColumnScaler().update(X), torch.float32, CPU)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    epoch = Batches(rows, torch.arange(n_rows), batch_size=10, generator=generator)
    assert sum(len(batch.X) for batch in epoch) == n_rows
    assert reads
    assert max(reads) <= 20


def test_epoch_holds_a_fraction_of_a_large_map(
    tmp_path: Path, streams_everything: None
) -> None:
    """What numpy allocates for checks, scaling and a shuffled epoch stays small."""
    X = mapped(tmp_path, np.ones((131_072, 16)), mode="r")
    tracemalloc.start()
    try:
        checked = check_table(Model(), X, reset=True)
        rows = make_rows(checked, ColumnScaler().update(checked), torch.float32, CPU)
        generator = torch.Generator().manual_seed(0)
        y = torch.zeros(rows.n_rows)
        for _ in Batches(rows, y, batch_size=500, generator=generator):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert X.nbytes == 16 * 2**20
    assert peak < X.nbytes / 2


def test_take_of_a_map_is_lazy_however_often(
    tmp_path: Path, streams_everything: None, reads: list[int]
) -> None:
    """Rows of rows of a map are still positions, read only when asked for."""
    X = table()
    once = take(mapped(tmp_path, X), np.arange(0, 40, 2))
    twice = take(once, np.array([3, 1, 19]))
    assert reads == []
    assert twice.shape == (3, 3)
    assert len(twice) == 3
    assert twice.dtype == np.float64
    np.testing.assert_array_equal(in_memory(twice), X[[6, 2, 38]])
    np.testing.assert_array_equal(twice[1:], X[[2, 38]])
    np.testing.assert_array_equal(twice[np.array([2, 0])], X[[38, 6]])


def test_take_of_arrays_and_sparse_rows_copies() -> None:
    """What is in memory is indexed at once."""
    X, index = table(), np.array([7, 0])
    np.testing.assert_array_equal(take(X, index), X[index])
    sparse = take(sp.csr_matrix(X), index)
    np.testing.assert_array_equal(sparse.toarray(), X[index])
    assert in_memory(X) is X


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array])
@pytest.mark.parametrize("scaled", [False, True])
def test_sparse_rows_equal_dense_rows(kind: Any, scaled: bool) -> None:
    """Sparse rows are made dense and scaled as the dense table is."""
    X = table() * (np.random.default_rng(1).random((40, 3)) < 0.5)
    scaler = ColumnScaler().update(X) if scaled else None
    sparse = make_rows(kind(X), scaler, torch.float32, CPU)
    dense = make_rows(X, scaler, torch.float32, CPU)
    for index in (slice(3, 30), np.array([9, 1, 30])):
        assert torch.equal(sparse.gather(index), dense.gather(index))


def test_large_offset_survives_the_cast_to_single_precision() -> None:
    """The mean is taken off before digits are."""
    X = 1e9 + np.random.default_rng(0).standard_normal((500, 1))
    rows = make_rows(X, ColumnScaler().update(X), torch.float32, CPU)
    exact = X - 1e9
    expected = (exact - exact.mean()) / exact.std()
    np.testing.assert_allclose(rows.gather(slice(0, 500)), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_to_tensor_casts_and_is_contiguous(dtype: Any) -> None:
    """Blocks of any layout end up as plain rows of the dtype asked for."""
    X = np.asfortranarray(table(dtype=dtype))
    for scaler in (None, ColumnScaler().update(X)):
        tensor = to_tensor(X[::-1], scaler, torch.float64)
        assert tensor.dtype == torch.float64
        assert tensor.is_contiguous()


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("f4", "f4"),
        ("f8", "f8"),
        ("f2", "f8"),
        ("i4", "f8"),
        (">f4", "f8"),
        ("?", "f8"),
    ],
)
def test_float_dtype_is_single_for_single_only(dtype: str, expected: str) -> None:
    """Predictions come in single precision where X did, else in double."""
    assert float_dtype(np.zeros(1, dtype=dtype)) == np.dtype(expected)


def test_plain_rows_are_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What validation would return as it is does not go through it; all else does."""
    X = np.arange(6.0).reshape(3, 2)
    y = np.array([0, 1, 0])
    named = pd.DataFrame(X, columns=["a", "b"])
    plain = MLPClassifier(max_epochs=1).fit(X, y)
    framed = MLPClassifier(max_epochs=1).fit(named, y)
    asked: list[Any] = []

    def validated(estimator: Any, rows: Any, **how: Any) -> Any:
        asked.append(rows)
        return validate_data(estimator, rows, **how)

    monkeypatch.setattr("skdeep.data._tables.validate_data", validated)
    for dtype in (np.float32, np.float64):
        plain.predict(X.astype(dtype))
    assert not asked
    plain.predict(X.astype(int))
    plain.predict(X.astype(">f8"))
    plain.predict(X.tolist())
    assert len(asked) == 3
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        framed.predict(X)
    for strange in (X[:, :1], X[:0], X[0], np.where(X > 4, np.nan, X)):
        with pytest.raises(ValueError, match=r"features|sample|1D|NaN"):
            plain.predict(strange)
    assert len(asked) == 8
