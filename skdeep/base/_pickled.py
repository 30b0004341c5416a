"""Networks and tensors inside the state of an estimator, for formats that know none."""

from __future__ import annotations

import pickle
from typing import Any

from skdeep._devices import plain_torch


class Pickled:
    """A value that other formats than pickle take as a string of bytes.

    skops, for one, knows no tensors; skorch does the same for the networks it holds.

    Parameters
    ----------
    value : object
        On the CPU.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __getstate__(self) -> dict[str, Any]:
        """Return the bytes."""
        return {"pickled": pickle.dumps(self.value)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read them."""
        with plain_torch(training=True):
            self.value = pickle.loads(state["pickled"])
