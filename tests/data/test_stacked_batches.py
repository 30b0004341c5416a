"""Tests of the batches of several trainings side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skdeep.data import Batches, StackedBatches, TensorRows


def member(
    n_rows: int, batch_size: int, seed: int | None, weight: bool = False
) -> Batches:
    """Return batches of rows that are numbered, in X and in y."""
    numbers = torch.arange(float(n_rows)).unsqueeze(1)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return Batches(
        TensorRows(numbers),
        numbers[:, 0].clone(),
        numbers[:, 0] + 1 if weight else None,
        batch_size=batch_size,
        generator=generator,
    )


def with_rows_of(batches: Batches, seed: int | None) -> Batches:
    """Return batches of the very rows of others."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return Batches(
        batches.rows, batches.y, batch_size=batches.batch_size, generator=generator
    )


def check_epoch(stacked: StackedBatches, alone: list[Batches]) -> None:
    """Compare an epoch with that of each member by itself."""
    stacked.start_epoch()
    epochs = [list(batches) for batches in alone]
    for place in range(len(stacked)):
        batch = stacked.batch(place)
        assert batch.n_rows == stacked.sizes(place)
        for k, epoch in enumerate(epochs):
            n = batch.n_rows[k]
            if place >= len(epoch):
                assert n == 0
                continue
            expected = epoch[place]
            assert n == len(expected.y)
            torch.testing.assert_close(batch.X[k, :n], expected.X)
            torch.testing.assert_close(batch.y[k, :n], expected.y)
            weight = torch.ones(n) if expected.weight is None else expected.weight
            torch.testing.assert_close(batch.weight[k, :n], weight / n)
            assert not batch.weight[k, n:].any()


@pytest.mark.parametrize("weight", [False, True])
@pytest.mark.parametrize("seeds", [(0, 1, 0), (0, 0, 0), (None, 0, 1)], ids=str)
def test_batches_are_those_of_the_members(
    weight: bool, seeds: tuple[int | None, ...]
) -> None:
    """Each has its own rows in its own order, its last batch filled up."""
    sizes = (11, 11, 12)
    made = [
        [member(n, 4, seed, weight) for n, seed in zip(sizes, seeds, strict=True)]
        for _ in range(2)
    ]
    stacked = StackedBatches(made[0])
    assert stacked.n_rows == [11, 11, 12]
    for _ in range(3):
        check_epoch(stacked, made[1])


def test_members_with_one_table_hold_it_once() -> None:
    """Rows are gathered from the very tensor, orders drawn once for all."""
    first = member(10, 4, 5)
    together = [first, with_rows_of(first, 5), with_rows_of(first, 6)]
    stacked = StackedBatches(together)
    apart = [member(10, 4, seed) for seed in (5, 5, 6)]
    assert stacked._X is first.rows.tensor  # type: ignore[attr-defined]  # TensorRows
    check_epoch(stacked, apart)
    # The generator that draws belongs to one who leaves.
    stacked.keep([1, 2])
    check_epoch(stacked, apart[1:])


def test_members_may_leave_within_an_epoch() -> None:
    """Those who stay go on in the order that was drawn."""
    stacked = StackedBatches([member(n, 4, n, weight=n > 10) for n in (10, 12, 11)])
    alone: Any = [list(member(n, 4, n, weight=n > 10)) for n in (10, 12, 11)]
    stacked.start_epoch()
    stacked.batch(0)
    stacked.keep([0, 2])
    batch = stacked.batch(1)
    np.testing.assert_array_equal(batch.y[0], alone[0][1].y)
    np.testing.assert_array_equal(batch.y[1, : batch.n_rows[1]], alone[2][1].y)
    torch.testing.assert_close(
        batch.weight[1, : batch.n_rows[1]], alone[2][1].weight / batch.n_rows[1]
    )


def test_members_with_fewer_batches_have_empty_ones() -> None:
    """So it is where rows to validate on are not equally many."""
    made = [[member(n, 4, None) for n in (9, 4, 3)] for _ in range(2)]
    check_epoch(StackedBatches(made[0]), made[1])


def test_rows_in_common_are_gathered_once() -> None:
    """As long as equally many members in a row share them."""
    first, second = member(10, 4, 0), member(12, 4, 1)
    alike = [with_rows_of(first, 0), with_rows_of(second, 1)]
    stacked = StackedBatches([first, alike[0], second, alike[1]])
    stacked.start_epoch()
    batch = stacked.batch(1)
    assert batch.X.shape == (2, 4, 1)
    assert batch.y.shape == (4, 4)
    torch.testing.assert_close(batch.X[:, :, 0], batch.y[[0, 2]])
    torch.testing.assert_close(batch.y[[0, 2]], batch.y[[1, 3]])
    stacked.keep([0, 1, 3])
    assert stacked.batch(1).X.shape == (3, 4, 1)
    stacked.keep([0, 2])
    assert stacked.batch(1).X.shape == (2, 4, 1)


def test_rows_in_another_order_are_not_in_common() -> None:
    """Each seed has an order of its own."""
    first = member(10, 4, 0)
    stacked = StackedBatches([first, with_rows_of(first, 1)])
    stacked.start_epoch()
    assert stacked.batch(0).X.shape == (2, 4, 1)
