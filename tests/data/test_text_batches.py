"""Encoded texts, whole or a batch at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skdeep.data import (
    BagEncoder,
    BagRows,
    Batches,
    GramRules,
    GramVocabulary,
    RenewedRows,
    SequenceEncoder,
    SequenceRows,
    TextTable,
)

TEXTS = TextTable.of(["a b c", "", "c", "b b a", "c a"])
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def encoder():
    """Return an encoder of bags that leaves counts as they are."""
    vocabulary = GramVocabulary(GramRules())
    return BagEncoder(
        vocabulary, pooling="sum", use_idf=False, sublinear_tf=False
    ).update(TEXTS)


def dense(batch, n_ids=3):
    """Return a batch of bags as a table of counts."""
    table = torch.zeros(len(batch), n_ids)
    for row in range(len(batch)):
        low, high = batch.starts[row], batch.starts[row + 1]
        table[row].index_add_(0, batch.ids[low:high], batch.weights[low:high])
    return table.tolist()


COUNTS = [[1, 1, 1], [0, 0, 0], [0, 0, 1], [1, 2, 0], [1, 0, 1]]


def test_bags_are_gathered_and_cut(encoder):
    """By positions, by a slice, and a slice of what was gathered."""
    rows = BagRows(TEXTS, encoder, torch.float32, CPU)
    assert rows.n_rows == 5
    assert dense(rows.gather(slice(0, 5))) == COUNTS
    batch = rows.gather(np.array([3, 1, 0, 4]))
    assert dense(batch) == [COUNTS[i] for i in (3, 1, 0, 4)]
    assert dense(batch[1:3]) == [COUNTS[1], COUNTS[0]]
    assert batch.to("cpu") is batch


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_epoch_of_bags_sees_every_text_once(encoder, batch_size):
    """Shuffled, in batches that are cut from larger pieces."""
    rows: Any = BagRows(TEXTS, encoder, torch.float32, CPU)
    y = torch.arange(5)
    generator = torch.Generator().manual_seed(0)
    batches = Batches(rows, y, batch_size=batch_size, generator=generator)
    seen: dict[int, Any] = {}
    for batch in batches:
        seen.update(zip(batch.y.tolist(), dense(batch.X), strict=True))
    assert [seen[row] for row in range(5)] == COUNTS


def test_sequences_are_filled_up_to_the_longest():
    """Of those that are gathered; there is always one place at least."""
    encoder = SequenceEncoder(GramVocabulary(GramRules())).update(TEXTS)
    rows = SequenceRows(TEXTS, encoder, CPU)
    assert rows.gather(np.array([2, 4])).tolist() == [[3, 0], [3, 1]]
    assert rows.gather(slice(0, 2)).tolist() == [[1, 2, 3], [0, 0, 0]]
    assert rows.gather(slice(1, 2)).tolist() == [[0]]


def test_renewed_texts_know_row_and_visit(encoder):
    """How many equal ones stand before them, and how often they were seen."""
    asked = []

    def renew(text, occurrence, visit):
        asked.append((text, occurrence, visit))
        return f"{text} c"

    table = TextTable.of(["a", "b", "a"])
    rows = RenewedRows(
        table, lambda texts: encoder.transform(texts, torch.float32), renew, CPU
    )
    assert dense(rows.gather(np.array([2, 0]))) == [[1, 0, 1], [1, 0, 1]]
    rows.gather(slice(1, 3))
    assert asked == [("a", 1, 0), ("a", 0, 0), ("b", 0, 0), ("a", 1, 1)]


def test_bags_move_to_a_device(encoder):
    """All three parts; a batch that is there already is the same object."""
    batch = encoder.transform(TEXTS, torch.float32)
    assert batch.to("cpu") is batch
    moved = batch.to("meta")
    assert moved.device.type == moved.starts.device.type == "meta"
    assert moved.weights.device.type == "meta"
    assert len(moved) == len(batch)
