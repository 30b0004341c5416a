"""Who runs a trial, and how others find out that he is no more.

A process that is killed leaves its trial running for ever in the storage. On one
machine its number tells that it is gone. From another machine only its silence does:
while it runs a trial it counts a number up, and whoever waits watches that number by a
clock of his own, so that clocks need not agree.
"""

from __future__ import annotations

import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from skdeep.model_selection._study import LEASE, SearchStudy

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# Seconds between two beats, and of silence after which a trial is taken for dead.
BEAT = 20.0
SILENCE = 120.0
# Of the trials that this process runs.
_held: set[str] = set()


def machine() -> str:
    """Return a name for the machine and its table of processes.

    Returns
    -------
    name : str
        Containers on one machine, whose numbers of processes differ, have several.
    """
    parts = [platform.node()]
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        parts += [boot.strip(), str(Path("/proc/self/ns/pid").readlink())]
    return " ".join(parts)


def process_started(pid: int) -> str | None:
    """Return when a process was started, None where it has ended or nothing tells.

    Parameters
    ----------
    pid : int
        Its number, which another process may have been given after its end.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    # After the name, which may hold spaces and brackets: the 3rd field of all, and on.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else fields[19]


def own_lease() -> dict[str, Any]:
    """Return what this process writes on a trial that it runs."""
    pid = os.getpid()
    return {
        "machine": machine(),
        "pid": pid,
        "started": process_started(pid),
        "beat": 0,
    }


def is_gone(lease: dict[str, Any]) -> bool:
    """Tell whether the process of a lease is known to be no more.

    Parameters
    ----------
    lease : dict
        As `own_lease` returns it.
    """
    # On Windows signal 0 is Ctrl-C.
    if os.name != "posix" or lease["machine"] != machine():
        return False
    try:
        os.kill(lease["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return bool(process_started(lease["pid"]) != lease["started"])


def _is_let_go(lease: dict[str, Any]) -> bool:
    """Tell whether a lease is one of this process that it holds no longer.

    So it is where the end of the trial could not be written down.
    """
    return (
        lease["machine"] == machine()
        and lease["pid"] == os.getpid()
        and lease["started"] == process_started(os.getpid())
        and "token" in lease
        and lease["token"] not in _held
    )


@contextmanager
def kept_alive(study: SearchStudy, number: int) -> Iterator[None]:
    """Tell others, as long as the block lasts, that a trial is being run.

    Parameters
    ----------
    study : SearchStudy
        In a storage that others see.
    number : int
        Of the trial.
    """
    storage, trial_id = study.storage, study.trial_id(number)
    lease = {**own_lease(), "token": uuid.uuid4().hex}
    _held.add(lease["token"])
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(BEAT):
            lease["beat"] += 1
            # A server that is away for a while is no reason to end the trial.
            with suppress(Exception):
                storage.set_trial_user_attr(trial_id, LEASE, lease)

    thread = threading.Thread(target=beat, daemon=True)
    try:
        storage.set_trial_user_attr(trial_id, LEASE, lease)
        thread.start()
        yield
    finally:
        _held.discard(lease["token"])
        ended.set()
        if thread.ident is not None:
            thread.join()


class Watch:
    """Find the running trials of a study whose process is no more.

    Parameters
    ----------
    study : SearchStudy
        In a storage that others see.
    """

    def __init__(self, study: SearchStudy) -> None:
        self.study = study
        # By number of the trial: the beat last seen, and when it was first seen.
        self.seen: dict[int, tuple[int, float]] = {}

    def running(self) -> list[FrozenTrial]:
        """Return the trials that run, or seem to."""
        return [t for t in self.study.counted() if t.state == TrialState.RUNNING]

    def recover(self) -> int:
        """Reserve the trials of dead processes anew and return how many there were."""
        dead = [trial for trial in self.running() if self._is_dead(trial)]
        for trial in dead:
            self.study.break_off(trial.number, "its process is gone")
        return len(dead)

    def _is_dead(self, trial: FrozenTrial) -> bool:
        lease = trial.user_attrs.get(LEASE)
        if lease is not None and (is_gone(lease) or _is_let_go(lease)):
            return True
        # Without a lease it was claimed a moment ago, or its process died just then.
        beat = -1 if lease is None else int(lease["beat"])
        now = time.monotonic()
        before, since = self.seen.get(trial.number, (None, now))
        if before != beat:
            self.seen[trial.number] = (beat, now)
            return False
        return now - since > SILENCE
