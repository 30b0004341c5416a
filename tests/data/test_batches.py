"""Tests of the rows of an epoch, a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from skdeep.data import Batches, make_rows, resolve_batch_size
from skdeep.data import _batches as module

CPU = torch.device("cpu")


def numbered(n_rows: int, n_columns: int = 2) -> np.ndarray:
    """Return rows that all hold their own position."""
    return np.repeat(np.arange(n_rows, dtype=np.float64)[:, None], n_columns, axis=1)


def batches(n_rows: int, batch_size: int, seed: int | None = None) -> Batches:
    """Return batches of numbered rows, with targets and weights that tell them."""
    position = torch.arange(n_rows)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return Batches(
        make_rows(numbered(n_rows), None, torch.float64, CPU),
        position * 10,
        position * 0.5,
        batch_size=batch_size,
        generator=generator,
    )


def order_of(epoch: Any) -> list[int]:
    """Return the positions of the rows in the order they came."""
    return [int(value) for batch in epoch for value in batch.X[:, 0]]


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [
        (10, 5, [5, 5]),
        (11, 5, [5, 6]),
        (12, 5, [5, 5, 2]),
        (3, 2, [3]),
        (4, 3, [4]),
        (3, 1, [1, 1, 1]),
        (1, 1, [1]),
        (1, 200, [1]),
        (7, 200, [7]),
    ],
)
def test_last_row_alone_joins_the_batch_before(
    n_rows: int, batch_size: int, sizes: list[int]
) -> None:
    """No batch of one row is left over, unless batches of one were asked for."""
    epoch = batches(n_rows, batch_size)
    assert [len(batch.X) for batch in epoch] == sizes
    assert len(epoch) == len(sizes)
    assert epoch.n_rows == n_rows


@pytest.mark.parametrize("piece_bytes", [1, 200, 2**21])
@pytest.mark.parametrize("seed", [None, 0])
def test_every_row_comes_once_with_its_target_and_weight(
    monkeypatch: pytest.MonkeyPatch, piece_bytes: int, seed: int | None
) -> None:
    """Rows are gathered in pieces of any size, and what belongs together stays so."""
    monkeypatch.setattr(module, "PIECE_BYTES", piece_bytes)
    epoch = batches(103, 10, seed)
    for _ in range(2):
        seen = list(epoch)
        assert sorted(order_of(seen)) == list(range(103))
        for batch in seen:
            assert batch.weight is not None
            np.testing.assert_array_equal(batch.y, batch.X[:, 0] * 10)
            np.testing.assert_array_equal(batch.weight, batch.X[:, 0] * 0.5)


def test_pieces_do_not_change_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """How many rows are gathered at once is nobody's business."""
    whole = order_of(batches(103, 10, seed=0))
    monkeypatch.setattr(module, "PIECE_BYTES", 1)
    assert order_of(batches(103, 10, seed=0)) == whole


def test_small_pieces_gather_a_batch_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A piece is as many batches as fit, so that wide rows never pile up."""
    monkeypatch.setattr(module, "PIECE_BYTES", 8 * 2 * 20)
    epoch = batches(50, 10, seed=0)
    gathered: list[int] = []
    gather = epoch.rows.gather

    def spy(index: Any) -> torch.Tensor:
        rows = gather(index)
        gathered.append(len(rows))
        return rows

    monkeypatch.setattr(epoch.rows, "gather", spy)
    list(epoch)
    assert gathered == [20, 20, 10]


def test_order_is_a_new_permutation_each_epoch() -> None:
    """Epochs differ, and the same seed repeats them."""
    epoch = batches(50, 10, seed=3)
    first, second = order_of(epoch), order_of(epoch)
    assert first != second
    assert first != sorted(first)
    again = batches(50, 10, seed=3)
    assert [order_of(again), order_of(again)] == [first, second]
    assert order_of(batches(50, 10, seed=4)) != first


def test_order_given_is_kept_without_a_generator() -> None:
    """No generator, no shuffling."""
    assert order_of(batches(23, 5)) == list(range(23))


def test_single_batch_is_not_reordered() -> None:
    """One batch needs no order, and draws none from the generator."""
    epoch = batches(20, 20, seed=0)
    assert epoch.generator is not None
    before = epoch.generator.get_state()
    assert order_of(epoch) == list(range(20))
    assert torch.equal(epoch.generator.get_state(), before)


def test_batches_without_weights_have_none() -> None:
    """Weights are optional, in any order."""
    rows = make_rows(numbered(9), None, torch.float32, CPU)
    for generator in (None, torch.Generator().manual_seed(0)):
        epoch = Batches(rows, torch.arange(9), batch_size=4, generator=generator)
        assert [batch.weight for batch in epoch] == [None, None]


def test_one_row_a_batch_shuffles_too() -> None:
    """The smallest batch size is a size like any other."""
    order = order_of(batches(30, 1, seed=0))
    assert sorted(order) == list(range(30))
    assert order != sorted(order)


@pytest.mark.parametrize("seed", [None, 0])
def test_sparse_rows_equal_dense_rows(seed: int | None) -> None:
    """Rows made dense batch by batch are those of the dense table, bit for bit."""
    X = sp.random(60, 7, density=0.3, format="csr", random_state=0)
    y = torch.arange(60)

    def epoch(table: Any) -> list[Any]:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        rows = make_rows(table, None, torch.float32, CPU)
        return list(Batches(rows, y, batch_size=16, generator=generator))

    for sparse, dense in zip(epoch(X), epoch(X.toarray()), strict=True):
        assert torch.equal(sparse.X, dense.X)
        assert torch.equal(sparse.y, dense.y)


@pytest.mark.parametrize(
    ("batch_size", "n_rows", "full", "expected"),
    [
        ("auto", 1000, False, 7),
        ("auto", 1000, True, 1000),
        (32, 1000, False, 32),
        (32, 10, False, 10),
        (32, 1000, True, 1000),
    ],
)
def test_resolve_batch_size_keeps_within_the_rows(
    batch_size: int | str, n_rows: int, full: bool, expected: int
) -> None:
    """Automatic is what the estimator says; L-BFGS takes all rows, as in sklearn."""
    assert resolve_batch_size(batch_size, n_rows, full=full, auto=7) == expected
