"""The skorch net that an estimator holds; the only file that imports skorch.

It keeps skorch's shape (`initialize`, `fit_loop`, `history`, callbacks) and replaces
what costs time there: batches are slices of tensors, a step needs no closure, the
parameters are one flat buffer, and an epoch is one row of history.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler
from skorch.callbacks.scoring import ScoringBase
from skorch.dataset import Dataset
from skorch.history import History

from skdeep._compat import get_tags
from skdeep._devices import device_or_cpu, plain_torch
from skdeep.exceptions import DivergenceError, NetworkError
from skdeep.training._history import (
    pack_rows,
    to_columns,
    unpack_rows,
    with_clock,
    without_clock,
)
from skdeep.training._mean_loss import MeanLoss
from skdeep.training._step import Stepper

if TYPE_CHECKING:
    from skdeep._plan import TrainingPlan
    from skdeep._typing import Array
    from skdeep.training._step import EpochBatches, Penalty, StepBatch

# A loss that grew by this much over that of the first batch will not come back.
DIVERGED = 1e8
_BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")
# What torch, or a module that is not ours, raises of its own accord; a ValueError is
# a sentence on the data.
_OF_A_NETWORK = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError)
# Code that is called by a network of ours, too.
_KNOWN = {"skdeep", "torch", "numpy", *sys.stdlib_module_names}
# Needed while it trains only.
_TRANSIENT = (
    "_stepper",
    "_listeners",
    "_first_loss",
    "_best_losses",
    "_epoch_started",
    "_answers",
    "_told",
)
# Arguments of skorch that this net never looks at.
_UNUSED = ("dataset", "iterator_train", "iterator_valid", "optimizer")


class StopTraining(Exception):  # noqa: N818 - a signal between our own lines, no error
    """A callback asked to end the training."""


@dataclasses.dataclass
class Answers:
    """What callbacks that score get in place of tensors.

    Parameters
    ----------
    model : estimator instance
        Predicts with the network as it is at the moment.
    train, valid : (array-like, array-like) or None
        Rows and targets as the user knows them.
    decode : callable
        From raw outputs and the name of a method to what that method returns.
    restore : callable
        From the encoded targets of a batch to the user's.
    """

    model: Any
    train: tuple[Any, Any] | None
    valid: tuple[Any, Any] | None
    decode: Callable[[torch.Tensor, str], Array]
    restore: Callable[[Any], Any]


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

    # Set while an estimator trains, and gone afterwards.
    _answers: Answers | None = None
    _told: Any = None
    _resting = False

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
        if self._resting:
            return self
        self._stepper = Stepper(
            self.module_,
            self.criterion_,
            self._plan,
            self._penalty,
            watched=bool(self.callbacks_),
        )
        self.optimizer_ = self._stepper.optimizer
        return self

    def initialize(self) -> LeanNet:
        """Initialise skorch's parts, then find out which callbacks hear batches."""
        super().initialize()
        if self._resting:
            return self
        self._find_listeners()
        self._first_loss: float | None = None
        self._best_losses: dict[str, float] = {}
        self._epoch_started = 0.0
        return self

    def _find_listeners(self) -> None:
        """Find the callbacks that hear batches."""
        self._listeners = [
            cb
            for _, cb in self.callbacks_
            if _hears_batches(cb)
            and not (self._answers is not None and _scores_epochs(cb))
        ]
        self._stepper.on_gradient = [self._on_gradient] if self._listeners else []

    def answer_with(self, answers: Answers) -> None:
        """Answer the callbacks that score as an estimator does, until training ends.

        They predict at the end of the epoch, instead of keeping what came out of the
        network while it was trained, with dropout and in units of its own.
        """
        self._answers = answers
        self.use_caching: bool | str = False
        self._find_listeners()

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Call the hooks; skorch's EarlyStopping ends the training, Ctrl-C the call."""
        getattr(self, method_name)(self, **cb_kwargs)
        for _, callback in self.callbacks_:
            told = self._translated(callback, cb_kwargs) if self._answers else cb_kwargs
            try:
                getattr(callback, method_name)(self, **told)
            except KeyboardInterrupt as signal:
                # skorch's callback speaks by this exception (skorch 1.4).
                if isinstance(callback, EarlyStopping) and (
                    callback.misses_ >= callback.patience
                ):
                    raise StopTraining from signal
                raise
        if self.callbacks_ and "_stepper" in vars(self):
            self._stepper.attend()

    def _translated(self, callback: Any, told: dict[str, Any]) -> dict[str, Any]:
        """Return what a hook is told, with a user's rows for a callback that scores."""
        answers = self._answers
        if answers is None or not isinstance(callback, ScoringBase):
            return told
        parts = {"dataset_train": answers.train, "dataset_valid": answers.valid}
        datasets = {
            name: None if part is None else Dataset(*part)
            for name, part in parts.items()
            if name in told
        }
        return {**told, **datasets}

    @property
    def classes_(self) -> Array:
        """The classes, for callbacks that score while a classifier is trained."""
        classes: Array = self._answering().classes_
        return classes

    def predict(self, X: Any) -> Array:
        """Predict as the estimator does while it is trained; afterwards raw outputs."""
        if self._answers is None or hasattr(X, "rows"):
            raw: Array = super().predict(X)
            return raw
        return self._answer("predict", X)

    def predict_proba(self, X: Any) -> Array:
        """Predict as the estimator does while it is trained; afterwards raw outputs."""
        if self._answers is None or hasattr(X, "rows"):
            raw: Array = super().predict_proba(X)
            return raw
        return self._answer("predict_proba", X)

    def score(self, X: Any, y: Any) -> float:
        """Score as the estimator does, while it is trained."""
        model = self._answering()
        with self._predicting():
            return float(model.score(X, y))

    def _answering(self) -> Any:
        if self._answers is None:
            raise AttributeError("This net answers for an estimator in training only.")
        return self._answers.model

    def _answer(self, method: str, X: Any) -> Array:
        """Return what a method of the estimator would, of its rows or of a batch's."""
        answers = self._answers
        with self._predicting():
            if answers is not None and X is self._told:
                with torch.inference_mode():
                    return answers.decode(self.module_(X), method)
            answer: Array = getattr(self._answering(), method)(X)
            return answer

    @contextmanager
    def _predicting(self) -> Iterator[None]:
        """Have the network as it would be if training ended here, but for its epoch."""
        average, in_training = self._stepper.average, self.module_.training
        self.module_.eval()
        with average.applied() if average else nullcontext():
            yield
        self.module_.train(in_training)

    def __sklearn_tags__(self) -> Any:
        """Return the tags of the estimator in training, which tell classifiers."""
        answers = self._answers
        return get_tags(answers.model) if answers else super().__sklearn_tags__()

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
        if not self._listeners:
            # One for the whole epoch: skorch's Checkpoint looks at the last batch.
            self.history.new_batch()
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
        if training:
            self._train_epoch(iterator)
        else:
            self._validate_epoch(iterator)

    def _train_epoch(self, batches: EpochBatches) -> None:
        stepper, n_batches = self._stepper, len(batches)
        epoch = len(self.history)
        heard = bool(self._listeners)
        stepper.attend()
        # Whatever it says of itself: a part of it may have come in evaluation mode.
        self.module_.train()
        # The loss of an ensemble measures its members in training, the whole after it.
        self.criterion_.train()
        losses = MeanLoss(self._plan.device, partial(self._check_loss, epoch))
        for index, batch in enumerate(batches):
            if heard:
                self._open_batch(batch, training=True)
            try:
                loss, output = stepper.step(batch, n_batches)
            except Exception as error:
                self._tell_where(error, batch, index + 1)
                raise
            losses.add(loss, len(batch.y))
            if heard:
                # Clones, since callbacks may compute with them under autograd.
                shown = loss.detach().clone(), output.detach().clone()
                self._close_batch(batch, *shown, training=True)
        mean = losses.mean()
        objective = stepper.end_epoch(epoch, mean, batches)
        # A penalty may well be large, but not infinite.
        watched = mean if math.isfinite(objective) else objective
        self._check_loss(epoch, watched, n_batches)
        self._record_loss("train_loss", objective)
        self.history.record("learning_rate", stepper.rate)

    def _validate_epoch(self, batches: EpochBatches) -> None:
        self.module_.eval()
        self.criterion_.eval()
        average = self._stepper.average
        losses = MeanLoss(self._plan.device)
        with average.applied() if average else nullcontext(), torch.inference_mode():
            for index, batch in enumerate(batches):
                if self._listeners:
                    self._open_batch(batch, training=False)
                try:
                    loss, output = _measure(self.module_, self.criterion_, batch)
                except Exception as error:
                    self._tell_where(error, batch, index + 1)
                    raise
                losses.add(loss, len(batch.y))
                if self._listeners:
                    self._close_batch(batch, loss, output, training=False)
        mean = losses.mean()
        if math.isnan(mean) and self._plan.stopping.monitor == "valid_loss":
            # No epoch is better than another by it.
            raise DivergenceError(
                self._plan.title, len(self.history), loss=mean, validation=True
            )
        self._record_loss("valid_loss", mean)

    def _record_loss(self, name: str, value: float) -> None:
        best = self._best_losses.get(name, math.inf)
        self._best_losses[name] = min(best, value)
        self.history.record(name, value)
        # What skorch's Checkpoint and PrintLog look for.
        self.history.record(f"{name}_best", value < best)

    def _tell_where(self, error: Exception, batch: StepBatch, number: int) -> None:
        """Raise for an error of the network; to others of that sort note the place."""
        if not isinstance(error, _OF_A_NETWORK):
            return
        failure = NetworkError(
            estimator=self._plan.title,
            reason=str(error),
            epoch=len(self.history),
            batch=number,
            shapes={"X": tuple(batch.X.shape), "y": tuple(batch.y.shape)},
            device=str(self._plan.device),
        )
        if _is_of_network(error, self._plan.third_party_seed is not None):
            raise failure from error
        error.add_note(failure.place)

    def _open_batch(self, batch: StepBatch, *, training: bool) -> None:
        self.history.new_batch()
        self._tell("on_batch_begin", batch, training=training)

    def _close_batch(
        self,
        batch: StepBatch,
        loss: torch.Tensor,
        output: torch.Tensor,
        *,
        training: bool,
    ) -> None:
        # Callbacks that hear batches may look in the history for them.
        part = "train" if training else "valid"
        self.history.record_batch(f"{part}_loss", loss.item())
        self.history.record_batch(f"{part}_batch_size", len(batch.y))
        self._tell("on_batch_end", batch, training=training, loss=loss, y_pred=output)

    def _tell(self, hook: str, batch: StepBatch, **what: Any) -> None:
        self._told = batch.X
        for listener in self._listeners:
            y = batch.y
            if self._answers is not None and isinstance(listener, ScoringBase):
                y = self._answers.restore(y)
            getattr(listener, hook)(self, batch=(batch.X, y), **what)
        if what["training"] and hook != "on_grad_computed":
            self._stepper.attend()

    def _on_gradient(self, batch: StepBatch) -> None:
        named = list(self.module_.named_parameters())
        self._tell("on_grad_computed", batch, training=True, named_parameters=named)

    def _check_loss(self, epoch: int, value: float, batch: int) -> None:
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

    def replay(self, rows: Sequence[Mapping[str, float]]) -> None:
        """Write epochs into the history that were trained elsewhere."""
        for row in rows:
            self.history.new_epoch()
            self.history.new_batch()
            self.history.record("epoch", len(self.history))
            for name, value in row.items():
                if name.endswith("_loss"):
                    self._record_loss(name, value)
                else:
                    self.history.record(name, value)

    def release(self) -> None:
        """Leave a net that predicts, pickles small and holds on to nothing else."""
        self._stepper.flat.release()
        self._drop_start_times()
        self.module_.eval()
        self.criterion_.eval()
        for _, callback in self.callbacks_:
            if isinstance(callback, LRScheduler):
                # It holds the optimizer, and makes another at the next fit.
                callback.lr_scheduler_ = None
        del self.optimizer_
        self.use_caching = "auto"
        for name in _TRANSIENT:
            self.__dict__.pop(name, None)

    def snapshot(self) -> LeanNet:
        """Return a net that predicts what this one does now, and trains no further."""
        module = copy.deepcopy(self.module_).eval()
        taken = object.__new__(type(self))
        taken.__dict__.update(
            self.__dict__,
            module=module,
            module_=module,
            history_=History(dict(row) for row in self.history_),
            callbacks_=[],
        )
        del taken.optimizer_
        for name in _TRANSIENT:
            taken.__dict__.pop(name, None)
        taken._drop_start_times()
        return taken

    def _drop_start_times(self) -> None:
        """Drop when training had to end, which means nothing in another process."""
        if self._plan.deadline is not None:
            self._plan = dataclasses.replace(self._plan, deadline=None)

    def columns(self) -> dict[str, Array]:
        """Return the history as columns, see `to_columns`."""
        return to_columns({**row, "duration": row["dur"]} for row in self.history)

    def progress(self) -> dict[str, Any]:
        """Return what an epoch needs to know of those before it."""
        return {
            "n_rows": len(self.history),
            "columns": pack_rows(self.history),
            "first_loss": self._first_loss,
            "best_losses": dict(self._best_losses),
        }

    def resume(self, progress: Mapping[str, Any]) -> None:
        """Go on after the epochs that another net's `progress` tells of."""
        self._recall(progress["n_rows"], progress["columns"])
        self._first_loss = progress["first_loss"]
        self._best_losses = dict(progress["best_losses"])

    def _recall(self, n_rows: int, columns: Mapping[str, Sequence[Any]]) -> None:
        self.history_ = History()
        for row in unpack_rows(n_rows, columns):
            self.history_.new_epoch()
            for name, value in row.items():
                self.history_.record(name, value)

    def parts(self) -> dict[str, Any]:
        """Return all but the module, for files that name no class of skorch."""
        return {
            "criterion": self.criterion_,
            "plan": self._plan,
            "penalty": self._penalty,
            "n_rows": len(self.history),
            "columns": pack_rows(self.history),
        }

    @classmethod
    def from_parts(cls, module: torch.nn.Module, parts: Mapping[str, Any]) -> LeanNet:
        """Return a net that has trained, of a module on the CPU and a net's `parts`."""
        plan = dataclasses.replace(parts["plan"], device=torch.device("cpu"))
        criterion, penalty = parts["criterion"], parts["penalty"]
        net = cls(module, criterion, plan=plan, penalty=penalty, callbacks=None)
        # It has nothing to train, and makes no copy of the weights to train on.
        net._resting = True
        net.initialize()
        del net._resting
        net.module_.eval()
        net.criterion_.eval()
        net._recall(parts["n_rows"], parts["columns"])
        return net

    def move_to(self, device: torch.device) -> LeanNet:
        """Take module and loss to a device."""
        self.module_.to(device)
        self.criterion_.to(device)
        self._plan = dataclasses.replace(self._plan, device=device)
        self.device = str(device)
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Return the state, on the CPU, with the history in a third of the room."""
        net = object.__new__(type(self))
        net.__dict__.update(self.__dict__)
        if str(self.device) != "cpu":
            for name in ("module_", "criterion_"):
                net.__dict__[name] = copy.deepcopy(vars(self)[name]).cpu()
        state: dict[str, Any] = super(LeanNet, net).__getstate__()
        # The arguments are the very objects that skorch pickles as `module_` and
        # `criterion_`, which a file must hold once and on no particular device.
        for name in ("module", "criterion", *_TRANSIENT):
            state.pop(name, None)
        for name in _UNUSED:
            state.pop(name, None)
        state["history_"] = (
            len(self.history),
            without_clock(pack_rows(self.history)),
        )
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the net and its history, on its device where that is there."""
        device = str(state["device"])
        defaults = inspect.signature(NeuralNet.__init__).parameters
        unused = {name: defaults[name].default for name in _UNUSED}
        with plain_torch(training=True):
            super().__setstate__({**unused, **state, "device": "cpu", "history_": None})
        n_rows, columns = state["history_"]
        self._recall(n_rows, with_clock(columns))
        self.module, self.criterion = self.module_, self.criterion_
        if device != "cpu":
            self.move_to(device_or_cpu(device, self._plan.title))


def _scores_epochs(callback: Callback) -> bool:
    """Tell whether batches would only be kept, to be scored when the epoch ends."""
    return (
        isinstance(callback, EpochScoring)
        and type(callback).on_batch_end is EpochScoring.on_batch_end
    )


def _measure(
    module: torch.nn.Module, criterion: torch.nn.Module, batch: StepBatch
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the loss of a batch, and the outputs."""
    output = module(batch.X)
    return criterion(output, batch.y, batch.weight), output


def _is_of_network(error: Exception, third_party: bool) -> bool:
    """Tell whether an error arose in a network or loss that holds foreign code.

    Code of optimizers and of callbacks, and our own around the network, is not asked.
    """
    frames = [frame.f_globals for frame, _ in walk_tb(error.__traceback__)]
    codes = [frame.f_code for frame, _ in walk_tb(error.__traceback__)]
    asked = {Stepper.differentiate.__code__, _measure.__code__}
    first = next((k for k, code in enumerate(codes) if code in asked), None)
    if first is None:
        return False
    names = [str(names.get("__name__")) for names in frames[first:]]
    return third_party or any(name.partition(".")[0] not in _KNOWN for name in names)


def _hears_batches(callback: Callback) -> bool:
    return any(
        getattr(type(callback), hook) is not getattr(Callback, hook)
        for hook in _BATCH_HOOKS
    )
