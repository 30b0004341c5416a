"""Several trainings at once: a plan and a network each, one stacked network for all."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from skdeep.exceptions import DivergenceError
from skdeep.training._engine import TrainedNetwork, TrainingRun
from skdeep.training._net import DIVERGED
from skdeep.training._stacked_step import StackedBatch, StackedStepper
from skdeep.training._stopping import Stopper

if TYPE_CHECKING:
    from torch import Tensor, nn

    from skdeep._plan import TrainingPlan
    from skdeep.training._stacked_step import StackedPenalty
    from skdeep.training._step import Penalty


class StackedEpochs(Protocol):
    """The batches of every member."""

    n_rows: list[int]

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        ...

    def start_epoch(self) -> None:
        """Draw the orders of another epoch."""
        ...

    def sizes(self, place: int) -> list[int]:
        """Return the rows that each member has in one batch."""
        ...

    def batch(self, place: int) -> StackedBatch:
        """Return a batch."""
        ...

    def keep(self, members: Sequence[int]) -> None:
        """Go on with some members only."""
        ...


@dataclass
class Member:
    """One of the trainings: what it is made of, and what has come of it."""

    plan: TrainingPlan
    module: nn.Module
    loss: nn.Module
    penalty: Penalty
    rows: list[dict[str, float]] = field(default_factory=list)
    stopper: Stopper = field(init=False)
    # The last weights, or those of the best epoch, once it is done.
    weights: Tensor | None = None
    error: DivergenceError | None = None

    def __post_init__(self) -> None:
        """Make what watches the training."""
        self.stopper = Stopper(self.plan.stopping)

    @property
    def seconds(self) -> float:
        """Its share of the time that the epochs took."""
        return sum(row["dur"] for row in self.rows)

    def diverge(
        self, batch: int | None, rate: float | None, loss: float, epoch: int
    ) -> None:
        """Note that the training has failed; without a batch, on validation rows."""
        self.error = self.error or DivergenceError(
            estimator=self.plan.title,
            epoch=epoch,
            batch=batch,
            learning_rate=rate,
            loss=loss,
            validation=batch is None,
        )

    def trained(self) -> TrainedNetwork:
        """Return what this training would have left behind by itself.

        Raises
        ------
        DivergenceError
            If it failed.
        """
        if self.error is not None:
            raise self.error
        run = TrainingRun(self.plan, self.module, self.loss, self.penalty)
        run.net.replay(self.rows)
        if self.weights is not None:
            run.stepper.flat.restore(self.weights)
        run.net.release()
        return TrainedNetwork(
            net=run.net,
            history=run.net.columns(),
            n_epochs=len(self.rows),
            best_epoch=self.stopper.best_epoch,
            watched=self.stopper.watched,
        )


# Those of batch normalization are all that a stopper asks a network for.
_NO_STATISTICS = torch.nn.Module()


class _Row:
    """The parameters of one member, as a `Stopper` wants to see them."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def snapshot(self) -> Tensor:
        """Return a copy of all parameters."""
        return self.values.clone()


def _keep_freed_memory() -> None:
    """Let the C library hold on to the memory of a step until the next.

    glibc returns blocks above a size to the system and clears them again at every use,
    until one of that size was freed once: this one, which is never written to.
    """
    torch.empty(32 * 2**20 - 2**16, dtype=torch.uint8)


class StackedRun:
    """Train several members side by side until the last of them is done.

    Who is done leaves the stack, and costs nothing from then on.

    Parameters
    ----------
    members : sequence of Member
        What is trained.
    network : torch.nn.Module
        The stacked network.
    loss : torch.nn.Module
        The stacked loss.
    penalty : StackedPenalty
        The stacked penalty.
    batches, valid : StackedEpochs
        The training rows, and the validation rows or None.
    """

    def __init__(
        self,
        members: Sequence[Member],
        network: Any,
        loss: Any,
        penalty: StackedPenalty,
        batches: StackedEpochs,
        valid: StackedEpochs | None,
    ) -> None:
        self.members = list(members)
        self.batches = batches
        self.valid = valid
        self.stepper = StackedStepper(
            [member.module for member in members],
            network,
            loss,
            penalty,
            [member.plan for member in members],
        )
        self.epoch = 0
        # The largest loss that is not taken for divergence, once the first is known.
        self._limits: Tensor | None = None

    def run(self) -> None:
        """Train; what came of it stands in the members."""
        _keep_freed_memory()
        while self.members:
            self._run_epoch()

    def _run_epoch(self) -> None:
        self.epoch += 1
        started, n_members = time.perf_counter(), len(self.members)
        means = self._train_epoch()
        if not self.members:
            return
        objectives = self._end_epoch(means)
        valid = None if self.valid is None else self._validate_epoch(self.valid)
        duration = (time.perf_counter() - started) / n_members
        done = []
        for place, member in enumerate(self.members):
            row = {"train_loss": objectives[place]}
            if valid is not None:
                row["valid_loss"] = valid[place]
                watched = member.plan.stopping.monitor == "valid_loss"
                if math.isnan(valid[place]) and watched:
                    member.diverge(None, None, valid[place], self.epoch)
            row["learning_rate"] = self.stepper.rates[place]
            row["dur"] = duration
            member.rows.append(row)
            if member.error is not None or self._is_done(place, row):
                done.append(place)
        self._drop(done)

    def _train_epoch(self) -> list[float]:
        """Return the mean loss of each member that is still there."""
        batches, stepper = self.batches, self.stepper
        stepper.network.train()
        batches.start_epoch()
        total = torch.zeros(len(self.members), dtype=torch.float64)
        for place in range(len(batches)):
            batch = batches.batch(place)
            losses = stepper.step(batch, len(batches))
            total += losses.cpu().double() * torch.tensor(batch.n_rows)
            failed = self._failed(losses)
            if failed:
                for k in failed:
                    self.members[k].diverge(
                        place + 1, stepper.rates[k], losses[k].item(), self.epoch
                    )
                total = total[self._drop(failed)]
                if not self.members:
                    return []
        means: list[float] = (total / torch.tensor(batches.n_rows)).tolist()
        return means

    def _failed(self, losses: Tensor) -> list[int]:
        """Return the places of the members whose loss will not come back."""
        sizes = losses.abs()
        if self._limits is None:
            # Any finite number is fine at first.
            fine = torch.isfinite(sizes)
            self._limits = DIVERGED * (1.0 + sizes)
        else:
            fine = sizes <= self._limits
        return [] if bool(fine.all()) else (~fine).nonzero()[:, 0].tolist()

    def _end_epoch(self, means: list[float]) -> list[float]:
        """Return the objectives; note whose are no longer finite."""
        penalties = self.stepper.penalties()
        objectives = [m + p for m, p in zip(means, penalties, strict=True)]
        self.stepper.end_epoch(objectives)
        for place, (mean, objective) in enumerate(zip(means, objectives, strict=True)):
            # A penalty may well be large, but not infinite.
            watched = mean if math.isfinite(objective) else objective
            if not math.isfinite(watched):
                rate = self.stepper.rates[place]
                self.members[place].diverge(
                    len(self.batches), rate, watched, self.epoch
                )
        return objectives

    def _validate_epoch(self, valid: StackedEpochs) -> list[float]:
        self.stepper.network.eval()
        valid.start_epoch()
        total = torch.zeros(len(self.members), dtype=torch.float64)
        with torch.inference_mode():
            for place in range(len(valid)):
                sizes = valid.sizes(place)
                if any(sizes):
                    losses = self.stepper.evaluate(valid.batch(place))
                    total += losses.cpu().double() * torch.tensor(sizes)
        means: list[float] = (total / torch.tensor(valid.n_rows)).tolist()
        return means

    def _is_done(self, place: int, row: dict[str, float]) -> bool:
        """Tell whether a member's training ends with this epoch; keep its weights."""
        member, values = self.members[place], self.stepper.values[place]
        stopper = member.stopper
        enough = stopper.update(self.epoch, row, _NO_STATISTICS, _Row(values))
        if not (enough or self.epoch >= member.plan.max_epochs):
            return False
        best = stopper.best_weights if member.plan.stopping.restore_best else None
        member.weights = values.clone() if best is None else best
        if not bool(torch.isfinite(member.weights).all()):
            rate = self.stepper.rates[place]
            member.diverge(len(self.batches), rate, math.nan, self.epoch)
        return True

    def _drop(self, places: Sequence[int]) -> list[int]:
        """Go on without some members; return the places of the others."""
        gone = set(places)
        kept = [k for k in range(len(self.members)) if k not in gone]
        if not gone:
            return kept
        self.members = [self.members[k] for k in kept]
        if kept:
            self.stepper.keep(kept)
            self.batches.keep(kept)
            if self.valid is not None:
                self.valid.keep(kept)
            if self._limits is not None:
                self._limits = self._limits[kept]
        return kept
