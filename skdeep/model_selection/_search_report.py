"""What a search shows while it runs: nothing, a bar, or lines."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from skdeep._console import Bar, open_bar, write_line
from skdeep.model_selection._storage import quiet_optuna

if TYPE_CHECKING:
    from skdeep.model_selection._study import SearchStudy

_LINES = 20
# Seconds between two looks at trials that other processes run.
_POLL = 0.5


class SearchReport:
    """Report trials: a bar in a terminal or a notebook, otherwise lines on stdout.

    ``verbose=0`` is silent; 1 draws a bar, or at most about twenty lines; 2 writes a
    line a trial, with its parameters.

    Parameters
    ----------
    verbose : int
        How much to show.
    study : SearchStudy
        Whose trials are shown.
    n_trials : int or None
        The budget; None is none.
    deadline : float or None
        When the search ends, as `time.time` counts.
    """

    def __init__(
        self,
        verbose: int,
        study: SearchStudy,
        n_trials: int | None,
        deadline: float | None,
    ) -> None:
        self.verbose = verbose
        self.study = study
        self.n_trials = n_trials
        self.deadline = deadline
        every = (n_trials or _LINES) // _LINES
        self.every = 1 if verbose > 1 else max(1, every)
        self.shown = 0
        self._began = time.perf_counter()
        self._before = 0
        self._bar: Bar | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> SearchReport:
        """Draw the empty bar."""
        if not self.verbose:
            return self
        self._before = self.shown = len(_ended(self.study.counted()))
        if self.verbose == 1:
            self._bar = open_bar("OptunaSearchCV", self.n_trials)
        return self

    def __exit__(self, *error: object) -> None:
        """Close the bar, also when the search failed."""
        if self._thread is not None:
            self._ended.set()
            self._thread.join()
            self.update()
        if self._bar is not None:
            self._bar.close()

    def follow(self) -> None:
        """Keep looking, in a thread, at trials that other processes run."""
        if self.verbose:
            self._thread = threading.Thread(target=self._poll, daemon=True)
            self._thread.start()

    def _poll(self) -> None:
        with quiet_optuna():
            while not self._ended.wait(_POLL):
                self.update()

    def update(self) -> None:
        """Show the trials that have ended since the last time."""
        if not self.verbose:
            return
        ended = _ended(self.study.counted())
        for done, trial in enumerate(ended[self.shown :], start=self.shown + 1):
            self._show(ended[:done], trial)
        self.shown = max(self.shown, len(ended))

    def _show(self, ended: list[FrozenTrial], last: FrozenTrial) -> None:
        done = len(ended)
        figures = self._figures(ended)
        if self._bar is not None:
            self._bar.show(done, figures)
        elif done % self.every == 0 or done in (1, self.n_trials):
            total = "" if self.n_trials is None else f"/{self.n_trials}"
            line = f"[OptunaSearchCV] trial {done}{total}  {figures}"
            left = self._seconds_left(done)
            if left is not None:
                line += f"  ETA {left:.0f} s"
            if self.verbose > 1:
                value = "" if last.value is None else f" {last.value:.4f}"
                line += f"  #{last.number} {last.state.name}{value} {last.params}"
            write_line(line)

    def _figures(self, ended: list[FrozenTrial]) -> str:
        complete = [t for t in ended if t.state == TrialState.COMPLETE]
        parts = []
        if complete:
            best = max(complete, key=lambda trial: float(trial.value or 0.0))
            parts.append(f"best {best.value:.4f} (#{best.number})")
        for state in (TrialState.PRUNED, TrialState.FAIL):
            count = sum(trial.state == state for trial in ended)
            if count:
                parts.append(f"{state.name.lower()} {count}")
        return "  ".join(parts)

    def _seconds_left(self, done: int) -> float | None:
        """Return seconds until the budget is spent or, if that is soon, the time."""
        limits = []
        if self.deadline is not None:
            limits.append(max(0.0, self.deadline - time.time()))
        if self.n_trials is not None and done > self._before:
            one = (time.perf_counter() - self._began) / (done - self._before)
            limits.append(one * (self.n_trials - done))
        return min(limits, default=None)


def _ended(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that have ended, in the order in which they did."""
    ended = [trial for trial in trials if trial.datetime_complete is not None]
    return sorted(ended, key=lambda trial: str(trial.datetime_complete))
