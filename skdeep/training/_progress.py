"""What a fit shows while it runs: nothing, a bar, or lines."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING

from skdeep._console import Bar, open_bar, write_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdeep._plan import TrainingPlan

_LINES = 20


class EpochReport:
    """Report epochs: a bar in a terminal or a notebook, otherwise lines on stdout.

    ``verbose=0`` is silent; 1 draws a bar, or at most about twenty lines; 2 writes a
    line an epoch.

    Parameters
    ----------
    plan : TrainingPlan
        Its `verbose`, `max_epochs` and `title` are used.
    """

    def __init__(self, plan: TrainingPlan) -> None:
        self.verbose = plan.verbose
        self.title = plan.title
        self.max_epochs = plan.max_epochs
        self.every = 1 if plan.verbose > 1 else max(1, plan.max_epochs // _LINES)
        self.done = 0
        self.started = time.perf_counter()
        self._bar: Bar | None = None

    def __enter__(self) -> EpochReport:
        """Draw the empty bar."""
        if self.verbose == 1:
            self._bar = open_bar(self.title, self.max_epochs)
        return self

    def epoch(self, row: Mapping[str, float]) -> None:
        """Show one epoch's figures."""
        self.done += 1
        if not self.verbose:
            return
        figures = _figures(row)
        if self._bar is not None:
            self._bar.show(self.done, figures)
        elif self.done % self.every == 0 or self.done in (1, self.max_epochs):
            left = (self.max_epochs - self.done) * (
                (time.perf_counter() - self.started) / self.done
            )
            write_line(
                f"[{self.title}] epoch {self.done}/{self.max_epochs}  {figures}  "
                f"ETA {left:.0f} s"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the bar, also when the training failed."""
        if self._bar is not None:
            self._bar.close()


def _figures(row: Mapping[str, float]) -> str:
    shown = {
        "loss": row["train_loss"],
        "valid_loss": row.get("valid_loss"),
        "valid_score": row.get("valid_score"),
    }
    return "  ".join(f"{k} {v:.4f}" for k, v in shown.items() if v is not None)
