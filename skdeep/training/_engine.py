"""The only door to the engine: plan, module, loss and batches in, a net out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from skdeep.exceptions import DivergenceError, PersistenceError
from skdeep.training._captured import check_captured
from skdeep.training._flat import copy_all, write_all
from skdeep.training._lending import generator_states, lend, set_generator_states
from skdeep.training._net import LeanNet, StopTraining
from skdeep.training._progress import EpochReport
from skdeep.training._stopping import Stopper

if TYPE_CHECKING:
    from skdeep._plan import TrainingPlan
    from skdeep._typing import Array
    from skdeep.training._step import EpochBatches, Penalty


@dataclass(frozen=True)
class EpochHooks:
    """What the caller wants to do around an epoch.

    `score` returns a validation score of the network as it stands; `begin` opens a
    task and `end` closes it, returning True to stop. `pause` is what a training that
    is advanced step by step hands out after an epoch. `keep` is called after each epoch
    with whether it was the last, to take the run's `capture`; `kept` is such a capture
    of the same training, to go on from.
    """

    score: Callable[[], float] | None = None
    begin: Callable[[], Any] = lambda: None
    end: Callable[[Any], bool] = lambda _task: False
    pause: Any = None
    keep: Callable[[bool], None] = lambda _over: None
    kept: Mapping[str, Any] | None = None


@dataclass
class TrainedNetwork:
    """What a training leaves behind."""

    net: LeanNet
    history: dict[str, Array]
    n_epochs: int
    best_epoch: int
    # What told the best epoch: the plan's monitor, or what stood in for it.
    watched: str
    state: dict[str, Any] = field(default_factory=dict)


# A training that pauses between its epochs.
Steps: TypeAlias = Generator[Any, None, TrainedNetwork]


class TrainingRun:
    """One training, advanced an epoch at a time.

    Parameters
    ----------
    plan : TrainingPlan
        How to train.
    module : torch.nn.Module
        The network, on the plan's device; it is trained in place.
    loss : torch.nn.Module
        Of outputs, targets and weights.
    penalty : Penalty
        On the weights.
    callbacks : sequence of skorch callbacks or None
        Called as they are.
    state : dict or None
        The `state` an earlier run left behind: continue from there.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        module: torch.nn.Module,
        loss: torch.nn.Module,
        penalty: Penalty,
        *,
        callbacks: Sequence[Any] | None = None,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.plan = plan
        self.net = LeanNet(
            module,
            loss,
            plan=plan,
            penalty=penalty,
            callbacks=callbacks,
        )
        self.net.initialize()
        self.stepper = self.net._stepper
        self.stopper = Stopper(plan.stopping)
        self.epoch = 0
        self._began = 0.0
        if state:
            self.stepper.resume(state)

    def begin(self, batches: EpochBatches, valid: EpochBatches | None) -> None:
        """Tell skorch's callbacks that training begins."""
        self._began = time.perf_counter()
        self.net.notify("on_train_begin", X=batches, y=valid)

    def advance(
        self,
        batches: EpochBatches,
        valid: EpochBatches | None,
        score: Callable[[], float] | None = None,
    ) -> bool:
        """Train one epoch; True when the plan or a callback says that it was the last.

        Parameters
        ----------
        batches : EpochBatches
            The training rows.
        valid : EpochBatches or None
            The validation rows.
        score : callable or None
            Returns a validation score; called with the averaged weights in place.
        """
        self.epoch += 1
        net = self.net
        stop = False
        try:
            net.fit_loop(batches, valid, epochs=1)
        except StopTraining:
            stop = True
            self.stepper.attend()
        average = self.stepper.average
        with average.applied() if average else nullcontext():
            if score is not None:
                net.module_.eval()
                net.history.record("valid_score", score())
            enough = self.stopper.update(
                self.epoch, net.history[-1], net.module_, self.stepper.flat
            )
        return enough or stop or self._is_over()

    def _is_over(self) -> bool:
        """Tell whether the plan's last epoch is reached, or its time run out."""
        plan = self.plan
        if plan.last_epoch is not None and self.epoch >= plan.last_epoch:
            return True
        if plan.deadline is None:
            return False
        now = time.perf_counter()
        one = (now - self._began) / self.epoch
        still = 1.0 + plan.again * (self.stopper.best_epoch + 1)
        return now + still * one > plan.deadline

    def sweep(
        self,
        batches: EpochBatches,
        rates: Iterable[float],
        enough: Callable[[list[float]], bool],
    ) -> list[float]:
        """Take one step at each of several learning rates.

        Parameters
        ----------
        batches : EpochBatches
            The training rows, gone through as often as there are rates for.
        rates : iterable of float
            Learning rates, in order.
        enough : callable
            From the losses so far to whether to stop.

        Returns
        -------
        losses : list of float
            Of each batch, before the step on it.
        """
        losses: list[float] = []
        self.net.module_.train()
        self.net.criterion_.train()
        stepper = self.stepper
        passes = chain.from_iterable(repeat(batches))
        with lend(self.plan)():
            for rate, batch in zip(rates, passes, strict=False):
                stepper.set_rate(rate)
                loss, _ = stepper.step(batch, len(batches))
                losses.append(float(loss.detach()))
                if enough(losses):
                    break
        return losses

    def finish(
        self, batches: EpochBatches, valid: EpochBatches | None, *, keep_state: bool
    ) -> TrainedNetwork:
        """Put the best or the averaged weights in place and let go of the rest."""
        net = self.net
        state = self.stepper.state() if keep_state else {}
        self._settle()
        if not bool(torch.isfinite(self.stepper.flat.parameter).all()):
            raise DivergenceError(
                estimator=self.plan.title,
                epoch=self.epoch,
                batch=len(batches),
                learning_rate=self.stepper.rate,
                loss=math.nan,
            )
        net.notify("on_train_end", X=batches, y=valid)
        net.release()
        return TrainedNetwork(
            net=net,
            history=net.columns(),
            n_epochs=self.epoch,
            best_epoch=self.stopper.best_epoch,
            watched=self.stopper.watched,
            state=state,
        )

    def snapshot(self) -> TrainedNetwork:
        """Return what training would leave behind if it ended with this epoch."""
        with self.settled():
            net = self.net.snapshot()
        return TrainedNetwork(
            net=net,
            history=net.columns(),
            n_epochs=self.epoch,
            best_epoch=self.stopper.best_epoch,
            watched=self.stopper.watched,
        )

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Lend the module the weights that training would end with now, to predict."""
        flat, buffers = self.stepper.flat, list(self.net.module_.buffers())
        weights, statistics = flat.snapshot(), copy_all(buffers)
        self._settle()
        self.net.module_.eval()
        try:
            yield
        finally:
            flat.restore(weights)
            write_all(buffers, statistics)

    def capture(self, *, over: bool) -> dict[str, Any]:
        """Return all that the epochs to come depend on, beside the data.

        Parameters
        ----------
        over : bool
            Whether there are any to come.

        Returns
        -------
        captured : dict
            Tensors, numbers and the like; generators of batches are the caller's.
        """
        plan = self.plan
        return {
            "epoch": self.epoch,
            "over": over,
            "seconds": time.perf_counter() - self._began,
            "stepper": self.stepper.capture(),
            "stopper": self.stopper.state(),
            "net": self.net.progress(),
            "global_rng": None
            if plan.third_party_seed is None
            else generator_states(plan),
        }

    def restore(self, captured: Mapping[str, Any]) -> bool:
        """Go on where a `capture` was taken; True where that was the end.

        Parameters
        ----------
        captured : mapping
            Of a run of the same plan, module and loss.

        Raises
        ------
        PersistenceError
            If it is not.
        """
        fresh, example = self.capture(over=False), self.stepper.example_state()
        check_captured(captured, fresh, example, self.plan)
        try:
            return self._take_up(captured)
        # Of optimizers, whose state is their own affair.
        except Exception as error:
            raise PersistenceError(
                "The checkpoint does not hold what it should: "
                f"{type(error).__name__}: {' '.join(str(error).split())[:200]}. Begin "
                "afresh with resume=False, or take another copy."
            ) from error

    def _take_up(self, captured: Mapping[str, Any]) -> bool:
        self.epoch = captured["epoch"]
        self._began = time.perf_counter() - captured["seconds"]
        self.stepper.restore(captured["stepper"])
        self.stopper.resume(captured["stopper"], self.plan.device)
        self.net.resume(captured["net"])
        if captured["global_rng"] is not None:
            set_generator_states(captured["global_rng"], self.plan)
        return bool(captured["over"])

    def _settle(self) -> None:
        """Put the weights in place that training is to end with."""
        if self.plan.stopping.restore_best:
            self.stopper.restore(self.net.module_, self.stepper.flat)
        elif self.stepper.average:
            self.stepper.average.adopt()


def train(
    run: TrainingRun,
    batches: EpochBatches,
    valid: EpochBatches | None,
    hooks: EpochHooks,
    *,
    keep_state: bool = False,
) -> TrainedNetwork:
    """Advance a run to its end.

    Parameters
    ----------
    run : TrainingRun
        Fresh, or continuing an earlier one.
    batches, valid : EpochBatches
        Training rows, and validation rows or None.
    hooks : EpochHooks
        The caller's hooks.
    keep_state : bool, default=False
        Return what a later run needs to continue exactly.

    Returns
    -------
    trained : TrainedNetwork

    Raises
    ------
    DivergenceError
        If the loss is no longer finite or grew beyond recovery.
    """
    return run_through(stepwise(run, batches, valid, hooks, keep_state=keep_state))


def stepwise(
    run: TrainingRun,
    batches: EpochBatches,
    valid: EpochBatches | None,
    hooks: EpochHooks,
    *,
    keep_state: bool = False,
) -> Steps:
    """Advance a run to its end as `train` does, pausing after every epoch but the last.

    At a pause `hooks.pause` is handed out.
    """
    plan = run.plan
    # Lent by the epoch: at a pause, others may want it.
    span = lend(plan)
    with EpochReport(plan) as report:
        with span():
            run.begin(batches, valid)
            over = hooks.kept is not None and run.restore(hooks.kept)
        report.done = run.epoch
        while not over:
            with span():
                task = hooks.begin()
                stop = run.advance(batches, valid, hooks.score)
                report.epoch(run.net.history[-1])
                # Not short-circuited: the task must be closed whatever the plan says.
                over = hooks.end(task) or stop or run.epoch >= plan.max_epochs
                hooks.keep(over)
            if not over:
                yield hooks.pause
        with span():
            return run.finish(batches, valid, keep_state=keep_state)


def run_through(steps: Steps) -> TrainedNetwork:
    """Take all steps without a pause and return what they lead to."""
    try:
        while True:
            next(steps)
    except StopIteration as end:
        trained: TrainedNetwork = end.value
        return trained
