"""Warnings about data, which a search gives once and not with every fit and score."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from skdeep.exceptions import SkdeepWarning

# What has been told in the search that this thread is in; None outside of one.
_told: ContextVar[set[str] | None] = ContextVar("told", default=None)


@contextmanager
def told_once(told: set[str]) -> Iterator[None]:
    """Give no warning of `warn` twice in a block.

    Python's own registry of warnings is of no use here: scikit-learn and joblib set
    filters anew for each fit, which empties it.

    Parameters
    ----------
    told : set of str
        What has been told; the block adds to it.
    """
    token = _told.set(told)
    try:
        yield
    finally:
        _told.reset(token)


def warn(message: str) -> None:
    """Give a SkdeepWarning, unless the search that is going on has given it before.

    Parameters
    ----------
    message : str
        Of the warning, whose place is where the caller of this was called.
    """
    told = _told.get()
    if told is not None and message in told:
        return
    warnings.warn(message, SkdeepWarning, stacklevel=3)
    # Where a filter makes an error of it, the next fit is to fail like this one.
    if told is not None:
        told.add(message)
