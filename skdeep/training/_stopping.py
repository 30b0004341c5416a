"""When to stop, and which epoch was the best."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import torch

from skdeep.training._flat import copy_all, write_all

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdeep._plan import StoppingPlan
    from skdeep.training._flat import FlatParameters


class Snapshots(Protocol):
    """Parameters that can be copied."""

    def snapshot(self) -> torch.Tensor:
        """Return a copy of all parameters."""
        ...


# What is watched, and what stands in for it while it has no value.
MONITORS = ("valid_score", "valid_loss", "train_loss")


class Stopper:
    """Watch one figure an epoch, keep the best epoch's weights, say when to stop.

    The best epoch is the first with the best figure, however small the improvement;
    patience counts epochs that did not improve it by more than `tol`.

    A figure that is NaN is none: its epoch is not the best one, and does not count
    against the patience. Until there is the first figure, the validation loss stands
    in for a score, and the training loss for the validation loss.

    Parameters
    ----------
    plan : StoppingPlan
        What to watch and for how long.
    """

    def __init__(self, plan: StoppingPlan) -> None:
        self.plan = plan
        self.monitors = MONITORS[MONITORS.index(plan.monitor) :]
        # Which of them is watched at present; before the first epoch none is.
        self.level = len(self.monitors)
        self.best = -math.inf
        self.reference = -math.inf
        self.best_epoch = 0
        self.waited = 0
        self._weights: torch.Tensor | None = None
        self._buffers: list[torch.Tensor] = []

    @property
    def watched(self) -> str:
        """What was watched in the end: the plan's monitor, or what stood in for it."""
        return self.monitors[min(self.level, len(self.monitors) - 1)]

    def update(
        self,
        epoch: int,
        row: Mapping[str, float],
        module: torch.nn.Module,
        flat: Snapshots,
    ) -> bool:
        """Take note of an epoch's figures; True when training should end.

        Parameters
        ----------
        epoch : int
            From 1.
        row : mapping of str to float
            The epoch's figures.
        module : torch.nn.Module
            The network, with the weights the figures were taken with.
        flat : Snapshots
            Its parameters.
        """
        level, figure = self._figure(row)
        if level > self.level:
            return False
        if level < self.level:
            self.level = level
            self.best = self.reference = -math.inf
            self.best_epoch = self.waited = 0
        if figure > self.best or self.best_epoch == 0:
            self.best = figure
            self.best_epoch = epoch
            if self.plan.restore_best:
                self._weights = flat.snapshot()
                self._buffers = copy_all(module.buffers())
        if self.plan.tol is None:
            return False
        # As in scikit-learn's MLP the figure to beat is the best one so far, but slow
        # progress that never gains `tol` in one epoch does count as standing still.
        if figure > self.reference + self.plan.tol:
            self.waited = 0
        else:
            self.waited += 1
        self.reference = max(self.reference, figure)
        return self.waited > self.plan.n_iter_no_change

    def _figure(self, row: Mapping[str, float]) -> tuple[int, float]:
        """Return which monitor has a value, the first of them, and the value."""
        for level, name in enumerate(self.monitors):
            value = row.get(name, math.nan)
            figure = value if name == "valid_score" else -value
            # The worst of all values tells nothing, unless there are better ones.
            if figure > -math.inf or (figure == -math.inf and level == self.level):
                return level, figure
        return len(self.monitors) - 1, -math.inf

    @property
    def best_weights(self) -> torch.Tensor | None:
        """The best epoch's weights, where they were kept."""
        return self._weights

    def restore(self, module: torch.nn.Module, flat: FlatParameters) -> None:
        """Put the best epoch's weights back, where they were kept."""
        if self._weights is not None:
            flat.restore(self._weights)
            write_all(module.buffers(), self._buffers)

    def state(self) -> dict[str, Any]:
        """Return what was seen and kept so far."""
        return {
            "level": self.level,
            "best": self.best,
            "reference": self.reference,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "weights": self._weights,
            "buffers": self._buffers,
        }

    def resume(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Go on from another stopper's `state`."""
        self.level = state.get("level", 0)
        self.best, self.reference = state["best"], state["reference"]
        self.best_epoch, self.waited = state["best_epoch"], state["waited"]
        weights = state["weights"]
        self._weights = None if weights is None else weights.to(device)
        self._buffers = [buffer.to(device) for buffer in state["buffers"]]
