"""A column of a dataset that is no list and no array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any


class Column(Sequence[Any]):
    """What `Dataset.__getitem__` of Hugging Face datasets returns for a name.

    A sequence that is no list: rows are read when they are asked for; a slice or a list
    of positions gives a list.
    """

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Any]:
        """Read the rows in their order."""
        yield from self._rows

    def __getitem__(self, key: Any) -> Any:
        """Return a row, or a list of rows."""
        if isinstance(key, str):
            raise KeyError(key)
        if hasattr(key, "__index__") or isinstance(key, slice):
            return self._rows[key]
        return [self._rows[row] for row in key]
