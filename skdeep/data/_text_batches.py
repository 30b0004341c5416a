"""Encoded texts, whole or a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from skdeep._text_forms import occurrences

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skdeep._typing import Array
    from skdeep.data._text_encoding import BagEncoder, SequenceEncoder
    from skdeep.data._texts import TextTable

    Renew = Callable[[str, int, int], str]


class TokenBags:
    """A batch of texts as weighted n-grams, laid end to end.

    It is cut, counted and moved like a tensor with a row for each text.

    Parameters
    ----------
    ids : Tensor of int32 of shape (n_grams,)
        The n-grams of all texts by number.
    starts : Tensor of int32 of shape (n_texts + 1,)
        Where those of each text begin, and where the last ones end.
    weights : Tensor of shape (n_grams,)
        Of each n-gram in its text.
    """

    def __init__(
        self, ids: torch.Tensor, starts: torch.Tensor, weights: torch.Tensor
    ) -> None:
        self.ids = ids
        self.starts = starts
        self.weights = weights

    @classmethod
    def of(cls, rows: Any, dtype: torch.dtype) -> Self:
        """Return the rows of a sparse matrix as a batch."""
        return cls(
            torch.from_numpy(rows.indices.astype(np.int32, copy=False)),
            torch.from_numpy(rows.indptr.astype(np.int32, copy=False)),
            torch.from_numpy(rows.data).to(dtype),
        )

    @property
    def shape(self) -> tuple[int]:
        """(n_texts,)."""
        return (len(self),)

    @property
    def device(self) -> torch.device:
        """Where the batch is."""
        return self.ids.device

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.starts) - 1

    def __getitem__(self, rows: slice) -> TokenBags:
        """Return the texts of a slice without a step."""
        low, high, _ = rows.indices(len(self))
        starts = self.starts[low : high + 1]
        first, last = int(starts[0]), int(starts[-1])
        ids, weights = self.ids[first:last], self.weights[first:last]
        return TokenBags(ids, starts - first, weights)

    def to(self, device: torch.device | str) -> TokenBags:
        """Return the batch on a device."""
        if self.device == torch.device(device):
            return self
        parts = (self.ids, self.starts, self.weights)
        return TokenBags(*(part.to(device) for part in parts))


def pad_sequences(sequences: Sequence[Array]) -> torch.Tensor:
    """Return words by number as one tensor, shorter texts filled up with 0.

    Parameters
    ----------
    sequences : sequence of ndarray of int64
        The words of each text.

    Returns
    -------
    words : Tensor of int64 of shape (n_texts, length of the longest, at least 1)
    """
    longest = max((len(sequence) for sequence in sequences), default=0)
    words = np.zeros((len(sequences), max(1, longest)), dtype=np.int64)
    for row, sequence in zip(words, sequences, strict=True):
        row[: len(sequence)] = sequence
    return torch.from_numpy(words)


class BagRows:
    """Bags of n-grams, encoded once, that batches are gathered from."""

    def __init__(
        self,
        table: TextTable,
        encoder: BagEncoder,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.matrix = encoder.weights(table)
        self.dtype = dtype
        self.device = device
        self.n_rows = len(table)
        # An id and a weight for each n-gram, in units of eight bytes.
        self.n_columns = 1 + self.matrix.nnz // self.n_rows

    def gather(self, index: Array | slice) -> TokenBags:
        """Return the texts at `index`."""
        return TokenBags.of(self.matrix[index], self.dtype).to(self.device)


class SequenceRows:
    """Sequences of words, encoded once, that batches are gathered from."""

    def __init__(
        self, table: TextTable, encoder: SequenceEncoder, device: torch.device
    ) -> None:
        self.sequences = encoder.sequences(table)
        self.device = device
        self.n_rows = len(table)
        self.n_columns = max(1, *map(len, self.sequences))

    def gather(self, index: Array | slice) -> torch.Tensor:
        """Return the texts at `index`."""
        rows = range(self.n_rows)[index] if isinstance(index, slice) else index
        return pad_sequences([self.sequences[row] for row in rows]).to(self.device)


class RenewedRows:
    """Texts that are changed each time they are gathered, and then encoded.

    Parameters
    ----------
    table : TextTable
        The texts.
    encode : callable
        From a table to what the network takes, on the CPU.
    renew : callable
        From a text, how many equal ones come before it in the table, and how often it
        has been gathered before, to the text to learn from.
    device : torch.device
        Of what is handed out.
    """

    def __init__(
        self,
        table: TextTable,
        encode: Callable[[TextTable], Any],
        renew: Renew,
        device: torch.device,
    ) -> None:
        self.table = table
        self.encode = encode
        self.renew = renew
        self.device = device
        self.n_rows = len(table)
        # Few rows at a time: they are made anew for every batch anyway.
        self.n_columns = 256
        self._visits = np.zeros(self.n_rows, dtype=np.int64)
        self._occurrence = occurrences(table.texts)

    def gather(self, index: Array | slice) -> Any:
        """Return the texts at `index`, changed and encoded."""
        changed = [
            self.renew(text, int(occurrence), int(visit))
            for text, occurrence, visit in zip(
                self.table.texts[index],
                self._occurrence[index],
                self._visits[index],
                strict=True,
            )
        ]
        self._visits[index] += 1
        return self.encode(type(self.table).of(changed)).to(self.device)
