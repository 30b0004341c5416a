"""How many threads torch may use inside one call of fit or predict.

Small networks lose by a second thread: on a busy machine torch's threads wait for
each other at every operation. So the number is set before the first operation of a
call and put back after.

The child of a fork computes on one thread: those that its parent had started are not
there, and an operation on several would wait for them forever.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import torch

# Multiply-adds in one training step above which further threads begin to pay.
LARGE_STEP = 100_000_000


class _ThreadState(threading.local):
    inside = False


_state = _ThreadState()
_lock = threading.Lock()
_active_caps: list[int] = []
_before_first = 1
_forked = False

# A thread that asks torch for the first time is given the number that any thread set
# last. The one that imports asks now, before a limit set in another can reach it.
torch.get_num_threads()


def in_worker() -> bool:
    """Tell whether this is a worker of joblib, dask or another pool, not the user."""
    return (
        threading.current_thread() is not threading.main_thread()
        or multiprocessing.parent_process() is not None
    )


def resolve_n_threads(n_threads: int | str | None, work: float) -> int | None:
    """Return the number of threads for a call, or None to leave torch's own.

    Parameters
    ----------
    n_threads : int, "auto" or None
        "auto" is 1 inside any worker and wherever a step is small.
    work : float
        Multiply-adds of one step: rows in a batch times weights of the network.

    Returns
    -------
    n_threads : int or None
        None where torch's present setting stays.

    Raises
    ------
    ValueError
        If it is none of these, which may be so after a fit.
    """
    if n_threads is None:
        return None
    if isinstance(n_threads, str) and n_threads == "auto":
        return 1 if in_worker() or work < LARGE_STEP else None
    if isinstance(n_threads, Integral) and n_threads >= 1:
        return int(n_threads)
    raise ValueError(
        "The 'n_threads' parameter must be an int of at least 1, 'auto' or None. Got "
        f"{n_threads!r} instead."
    )


@contextmanager
def limit_threads(n_threads: int | None) -> Iterator[None]:
    """Give torch `n_threads` threads in this Python thread, and put it back after.

    Nested calls keep the outermost limit. Concurrent calls in several Python threads
    do not mistake each other's limit for the user's setting. In the child of a fork the
    limit is one thread, whatever is asked for.

    Parameters
    ----------
    n_threads : int or None
        None changes nothing.
    """
    if _forked:
        n_threads = 1
    if n_threads is None or _state.inside:
        yield
        return
    before, forked = _enter(n_threads), _forked
    _state.inside = True
    try:
        yield
    finally:
        _state.inside = False
        _leave(n_threads, before if forked == _forked else 1)


def _enter(n_threads: int) -> int:
    global _before_first  # noqa: PLW0603 - torch's setting is itself global
    with _lock:
        # A thread that never called torch reports the setting of whoever set it
        # last, which may be another fit's limit.
        present = torch.get_num_threads()
        before = _before_first if present in _active_caps else present
        if not _active_caps:
            _before_first = before
        _active_caps.append(n_threads)
        if present != n_threads:
            torch.set_num_threads(n_threads)
    return before


def _leave(n_threads: int, before: int) -> None:
    with _lock:
        _active_caps.remove(n_threads)
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


def _forget_other_threads() -> None:
    """Let a forked child start without the limits of its parent's other threads."""
    global _lock  # noqa: PLW0603 - a lock of the whole process
    _lock = threading.Lock()
    if not _state.inside:
        _active_caps.clear()


def _keep_to_one_thread() -> None:
    """Let a forked child wait for no thread of a pool that its parent has started."""
    global _forked  # noqa: PLW0603 - it is about the whole process
    _forked = True
    if torch.get_num_threads() > 1:
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
    os.register_at_fork(after_in_child=_keep_to_one_thread)
