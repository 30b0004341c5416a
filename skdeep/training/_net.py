"""The skorch net that an estimator holds; the only file that imports skorch.

It keeps skorch's shape (`initialize`, `fit_loop`, `history`, callbacks) and replaces
what costs time there: batches are slices of tensors, a step needs no closure, the
parameters are one flat buffer, and an epoch is one row of history.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from skorch.history import History

from skdeep.exceptions import DivergenceError, NetworkError
from skdeep.training._step import Stepper

if TYPE_CHECKING:
    from skdeep._plan import TrainingPlan
    from skdeep.training._step import EpochBatches, Penalty, StepBatch

# A loss that grew by this much over that of the first batch will not come back.
DIVERGED = 1e8
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class StopTraining(Exception):  # noqa: N818 - a signal between our own lines, no error
    """A callback asked to end the training."""


class LeanNet(NeuralNet):
    """A `skorch.NeuralNet` that costs about what a hand-written loop costs.

    Parameters
    ----------
    module : torch.nn.Module
        The initialised network, already on the plan's device.
    criterion : torch.nn.Module
        Called with outputs, targets and weights; returns a scalar.
    plan : TrainingPlan
        Everything else.
    penalty : Penalty
        On the weights.
    callbacks : list of skorch callbacks or None
        Hooks at every batch are only served where a callback has one.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        criterion: torch.nn.Module,
        *,
        plan: TrainingPlan,
        penalty: Penalty,
        callbacks: Sequence[Any] | None,
    ) -> None:
        super().__init__(
            module,
            criterion,
            lr=plan.optimizer.learning_rate,
            max_epochs=plan.max_epochs,
            batch_size=plan.batch_size,
            train_split=None,
            callbacks=list(callbacks) if callbacks else "disable",
            predict_nonlinearity=None,
            verbose=0,
            device=str(plan.device),
        )
        self._plan = plan
        self._penalty = penalty

    def get_default_callbacks(self) -> list[Any]:
        """Return none: the history is kept by the epoch itself."""
        return []

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> LeanNet:
        """Make the stepper, which builds the optimizer on flat parameters."""
        self._stepper = Stepper(
            self.module_, self.criterion_, self._plan, self._penalty
        )
        self.optimizer_ = self._stepper.optimizer
        return self

    def initialize(self) -> LeanNet:
        """Initialise skorch's parts, then find out which callbacks hear batches."""
        super().initialize()
        self._listeners = [cb for _, cb in self.callbacks_ if _hears_batches(cb)]
        self._stepper.on_gradient = [self._on_gradient] if self._listeners else []
        self._first_loss: float | None = None
        self._epoch_started = 0.0
        return self

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the hooks; skorch's EarlyStopping ends the training, Ctrl-C the call."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            try:
                getattr(callback, method_name)(self, **cb_kwargs)
            except KeyboardInterrupt as signal:
                # skorch's callback speaks by this exception (skorch 1.4).
                if isinstance(callback, EarlyStopping) and (
                    callback.misses_ >= callback.patience
                ):
                    raise StopTraining from signal
                raise

    def get_split_datasets(
        self, X: Any, y: Any = None, **fit_params: Any
    ) -> tuple[Any, Any]:
        """Return the training and the validation batches as they were given."""
        return X, y

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Return batches as they are; raw tensors take skorch's own road."""
        if hasattr(dataset, "rows"):
            return dataset
        return super().get_iterator(dataset, training=training)

    def on_epoch_begin(self, net: NeuralNet, **kwargs: Any) -> None:
        """Open a row of history."""
        super().on_epoch_begin(net, **kwargs)
        self._epoch_started = time.perf_counter()

    def on_epoch_end(self, net: NeuralNet, **kwargs: Any) -> None:
        """Close the row of history."""
        self.history.record("dur", time.perf_counter() - self._epoch_started)

    def run_single_epoch(
        self,
        iterator: EpochBatches | None,
        training: bool,
        prefix: str,
        step_fn: Any,
        **fit_params: Any,
    ) -> None:
        """Run over all batches once and record their mean loss."""
        if iterator is None:
            return
        try:
            if training:
                self._train_epoch(iterator)
            else:
                self._validate_epoch(iterator)
        except (RuntimeError, IndexError, TypeError, NotImplementedError) as error:
            raise NetworkError(
                estimator=self._plan.title,
                epoch=len(self.history),
                device=str(self._plan.device),
                reason=str(error),
            ) from error

    def _train_epoch(self, batches: EpochBatches) -> None:
        stepper, n_batches = self._stepper, len(batches)
        epoch = len(self.history)
        on_cpu = self._plan.device.type == "cpu"
        heard = bool(self._listeners)
        if not self.module_.training:
            self.module_.train()
        total: Any = 0.0
        n_rows = 0
        for index, batch in enumerate(batches):
            if heard:
                self._tell("on_batch_begin", batch, training=True)
            loss, output = stepper.step(batch, n_batches)
            # On the CPU reading the loss is free; on a device it would wait for it.
            value: Any = loss.item() if on_cpu else loss.detach()
            if on_cpu:
                self._check_loss(value, epoch, index + 1)
            size = len(batch.y)
            total += value * size
            n_rows += size
            if heard:
                done = {"loss": loss.detach(), "y_pred": output.detach()}
                self._tell("on_batch_end", batch, training=True, **done)
        mean = float(total) / n_rows
        self._check_loss(mean, epoch, n_batches)
        self.history.record("train_loss", stepper.end_epoch(epoch, mean, batches))
        self.history.record("learning_rate", stepper.rate)

    def _validate_epoch(self, batches: EpochBatches) -> None:
        self.module_.eval()
        average = self._stepper.average
        total, n_rows = 0.0, 0
        with average.applied() if average else nullcontext(), torch.inference_mode():
            for batch in batches:
                output = self.module_(batch.X)
                loss = self.criterion_(output, batch.y, batch.weight)
                total += float(loss) * len(batch.y)
                n_rows += len(batch.y)
                self._tell(
                    "on_batch_end", batch, training=False, loss=loss, y_pred=output
                )
        self.history.record("valid_loss", total / n_rows)

    def _tell(self, hook: str, batch: StepBatch, **what: Any) -> None:
        for listener in self._listeners:
            getattr(listener, hook)(self, batch=(batch.X, batch.y), **what)

    def _on_gradient(self, batch: StepBatch) -> None:
        named = list(self.module_.named_parameters())
        self._tell("on_grad_computed", batch, training=True, named_parameters=named)

    def _check_loss(self, value: float, epoch: int, batch: int) -> None:
        if self._first_loss is None and math.isfinite(value):
            self._first_loss = value
        limit = DIVERGED * (1.0 + abs(self._first_loss or 0.0))
        if not math.isfinite(value) or abs(value) > limit:
            raise DivergenceError(
                estimator=self._plan.title,
                epoch=epoch,
                batch=batch,
                learning_rate=self._stepper.rate,
                loss=value,
            )

    def release(self) -> None:
        """Leave a net that predicts, pickles small and holds on to nothing else."""
        self._stepper.flat.release()
        self.module_.eval()
        del self.optimizer_
        for name in ("_stepper", "_listeners", "_first_loss", "_epoch_started"):
            self.__dict__.pop(name, None)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the history as columns, a third of the size."""
        state: dict[str, Any] = super().__getstate__()
        first = self.history[0] if self.history else {}
        state["history_"] = {
            key: np.array([row.get(key, np.nan) for row in self.history])
            for key in first
            if key != "batches"
        }
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the net and its history."""
        columns = state["history_"]
        history = History()
        for values in zip(*(c.tolist() for c in columns.values()), strict=True):
            history.new_epoch()
            for key, value in zip(columns, values, strict=True):
                history.record(key, value)
        super().__setstate__({**state, "history_": history})


def _hears_batches(callback: Callback) -> bool:
    return any(
        getattr(type(callback), hook) is not getattr(Callback, hook)
        for hook in _BATCH_HOOKS
    )
