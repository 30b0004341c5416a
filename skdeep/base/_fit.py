"""One call of fit: what was given, and what its phases have brought so far.

`Fit` is the only place that knows the order of a fit. Nothing is written on the
estimator before its end, so that a call that fails or is interrupted leaves it as it
was.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import check_scoring

from skdeep._compat import EpochTasks
from skdeep._devices import plain_torch, resolve_device, resolve_precision
from skdeep._plan import OptimizerPlan, StoppingPlan, TrainingPlan
from skdeep._seeding import Streams, draw_seed, isolated_global_rng, torch_generator
from skdeep._storable import storable
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.base._modality import VALID_BATCH, RowSetting
from skdeep.base._monitor import Monitor, warn_of_substitute
from skdeep.base._network import Material
from skdeep.base._phases import (
    Phase,
    Settings,
    again_on_all_rows,
    one_pass,
    up_to,
)
from skdeep.base._pickled import Pickled
from skdeep.base._scored_callbacks import answers
from skdeep.data import (
    Batches,
    check_target_form,
    check_weights,
    float_dtype,
    holdout,
    rare_rows,
    ravel_column,
    resolve_batch_size,
    share_rare,
    take,
)
from skdeep.exceptions import NetworkError, SkdeepError
from skdeep.losses import WeightPenalty
from skdeep.networks import FunctionActivation, attach_generator, detach_generators
from skdeep.training import (
    EpochHooks,
    TrainedNetwork,
    TrainingRun,
    join_columns,
    stepwise,
)

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike
    from skdeep.base._modality import Modality
    from skdeep.base._network import Network
    from skdeep.base._resuming import TrainingKeeper
    from skdeep.tasks import Task

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass
class Rows:
    """Some of the rows of a fit: validated inputs, encoded targets, weights."""

    X: Any
    y: Any
    weight: Array | None
    codes: Any = field(default_factory=lambda: np.empty(0))

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return int(self.X.shape[0])

    def at(self, index: Array) -> Rows:
        """Return the rows at some places."""
        return Rows(
            X=take(self.X, index),
            y=self.y[index],
            weight=None if self.weight is None else self.weight[index],
            codes=self.codes[index],
        )

    def scale_weight(self, factor: Array) -> None:
        """Multiply the weight of every row by a factor of its own."""
        self.weight = factor if self.weight is None else self.weight * factor


@storable()
@dataclass
class FittedState:
    """What prediction and continued training need beside the module."""

    target: Any
    scaler: Any
    input_dtype: np.dtype[Any]
    architecture: dict[str, Any]
    # Multiply-adds that one row costs.
    row_work: int
    # Where a function that is not ours may draw from torch's generator in predict too.
    foreign_seed: int | None = None
    # What logits are divided by.
    temperature: float = 1.0
    # What the network started from, where it was not random.
    pretrained: Any = None
    resume: dict[str, Any] = field(default_factory=dict)

    def pooled(self, network: Network, output: torch.Tensor) -> torch.Tensor:
        """Return one raw output a row from what the network puts out."""
        output = network.pool(output, self.target)
        return output if self.temperature == 1.0 else output / self.temperature

    def __getstate__(self) -> dict[str, Any]:
        """Return the fields, the tensors among them as bytes."""
        resume = Pickled(self.resume) if self.resume else self.resume
        return {**vars(self), "resume": resume}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the fields back."""
        self.__dict__.update(state)
        if isinstance(self.resume, Pickled):
            self.resume = self.resume.value


@dataclass
class Prepared:
    """A phase that is ready to run."""

    plan: TrainingPlan
    module: torch.nn.Module
    loss: torch.nn.Module
    penalty: WeightPenalty
    batches: Batches
    valid: Batches | None


@dataclass
class Done:
    """A phase that has run."""

    phase: Phase
    plan: TrainingPlan
    trained: TrainedNetwork


class Fit:
    """One call of fit or partial_fit, from the arguments to the fitted attributes.

    The constructor reads and checks all that was given, and holds rows out. `steps`
    goes through the phases. `attributes` are what the estimator then takes over.

    Parameters
    ----------
    estimator : DeepEstimator
        Gives the parameters, the parts, and its present state to go on from.
    X, y, sample_weight : array-like
        Training rows.
    validation : tuple
        `X_val`, `y_val`, `sample_weight_val`, each or all None.
    partial : bool, default=False
        Whether this is a call of partial_fit.
    classes : array-like or None, default=None
        As partial_fit is told them.
    last_epoch : int or None, default=None
        The epoch to end with: no row is held out and nothing else stops the training.
    quiet : bool, default=False
        Whether epochs are reported to nobody, whatever `verbose` says.

    Attributes
    ----------
    all, train, valid : Rows
        All rows, those to train on, and those that were held out or given, or None.
    done : list of Done
        The phases that have run.
    module : torch.nn.Module
        The network, from the first phase on.
    """

    def __init__(
        self,
        estimator: Any,
        X: MatrixLike,
        y: Any,
        sample_weight: Any = None,
        validation: tuple[Any, Any, Any] = (None, None, None),
        *,
        partial: bool = False,
        classes: Any = None,
        last_epoch: int | None = None,
        quiet: bool = False,
    ) -> None:
        owner, limit = type(estimator).__name__, estimator.time_limit
        self.deadline = None if limit is None else time.perf_counter() + limit
        if partial:
            # scikit-learn leaves it out once there is something fitted.
            estimator._validate_params()
        self.estimator, self.partial = estimator, partial
        self.quiet = quiet
        # scikit-learn's validation writes on what it is given.
        self.scratch = copy.copy(estimator)
        self.before: FittedState | None = None
        if hasattr(estimator, "net_") and (partial or estimator.warm_start):
            self.before = estimator._state
        self.modality: Modality = estimator._modality()
        self.task: Task = estimator._task()
        self.network: Network = estimator._network()
        self.phases = self.network.phases(
            goes_on=self.before is not None, partial=partial
        )
        if partial:
            self.phases = [one_pass(phase) for phase in self.phases]
        if last_epoch is not None:
            self.phases, self.deadline = up_to(self.phases, last_epoch), None
        self._check_settings(owner)
        self.train = self._read(X, y, sample_weight, "y", reset=self.before is None)
        self.valid = self._read_validation(owner, validation)
        # As scikit-learn's callbacks are to see them.
        self.given = (X, y, self.train.weight)
        self.streams = Streams.from_seed(draw_seed(estimator.random_state))
        self.device = resolve_device(estimator.device)
        self.batch_size = resolve_batch_size(
            estimator.batch_size,
            self.train.n_rows,
            full=estimator.optimizer == "lbfgs",
            auto=estimator._auto_batch(self.train.n_rows),
        )
        self.classes = classes
        self.all = self.train
        self.keeper: TrainingKeeper | None = None
        self.done: list[Done] = []
        self.again = 0.0
        self.temperature = 1.0

    # What was given

    def _check_settings(self, owner: str) -> None:
        """Check the parameters that must agree with one another."""
        estimator = self.estimator
        if estimator.scoring != "loss":
            check_scoring(estimator, estimator.scoring)
        if self.partial and estimator.early_stopping is True:
            raise ValueError(
                f"{owner}.partial_fit makes one pass and cannot stop early. Got "
                "early_stopping=True. Set it to False."
            )
        if estimator.optimizer != "lbfgs":
            return
        phases = [Settings(estimator, phase.settings) for phase in self.phases]
        if any(phase.weight_decay for phase in phases):
            raise ValueError(
                f"{owner} has no decoupled weight decay with optimizer='lbfgs'. Got "
                f"weight_decay={estimator.weight_decay!r}. Use l2 instead."
            )
        if any(phase.max_grad_norm is not None for phase in phases):
            raise ValueError(
                f"{owner} cannot clip the gradient that the line search of "
                "optimizer='lbfgs' relies on. Got max_grad_norm="
                f"{estimator.max_grad_norm!r}. Set it to None."
            )

    def _read(
        self, X: MatrixLike, y: Any, sample_weight: Any, name: str, *, reset: bool
    ) -> Rows:
        owner, task = type(self.estimator).__name__, self.task
        if not reset and self.before is not None:
            self.modality.encoder = self.before.scaler
        read = partial(self.modality.read, self.scratch, X, reset=reset)
        if task.checks is None:
            table = read()
            target = task.validated(y, int(table.shape[0]), name)
        else:
            check_target_form(y, owner, labels=task.labels, name=name)
            table, target = read(y=y, **task.checks)
            target = ravel_column(target)
        weight = check_weights(sample_weight, table, owner)
        return Rows(table, target, weight)

    def _read_validation(
        self, owner: str, validation: tuple[Any, Any, Any]
    ) -> Rows | None:
        X, y, weight = validation
        if X is None and y is None and weight is None:
            return None
        if X is None or y is None:
            lacking = "X_val" if X is None else "y_val"
            raise ValueError(
                f"{owner}.fit takes X_val and y_val together. Got no {lacking}. Pass "
                "both, or neither."
            )
        return self._read(X, y, weight, "y_val", reset=False)

    # The order of a fit

    def steps(self) -> Generator[Any, None, None]:
        """Go through the fit, pausing after every epoch.

        At a pause a function is handed out that lends a model which predicts as if the
        fit had ended with this epoch; None where that would tell nothing of the end.
        """
        self.begin()
        for phase in self.phases:
            yield from self.steps_of(phase)

    def begin(self) -> None:
        """Encode the targets, hold rows out, and settle the list of phases."""
        self._encode()
        self._split()
        self.network.start(self.before)
        if self.again:
            self.phases = [*self.phases, *again_on_all_rows(self.phases)]

    def steps_of(self, phase: Phase) -> Generator[Any, None, None]:
        """Prepare, train and finish one phase."""
        yield from self.train_phase(phase, self.prepare(phase))

    def train_phase(self, phase: Phase, ready: Prepared) -> Generator[Any, None, None]:
        """Train and finish a phase that is ready."""
        before = self.before if phase.start == "fresh" else None
        run = TrainingRun(
            ready.plan,
            ready.module,
            ready.loss,
            ready.penalty,
            callbacks=self.estimator.callbacks,
            state=None if before is None else before.resume,
        )
        if self.estimator.callbacks:
            run.net.answer_with(answers(self.view(run, reading=True), self))
        tasks = None
        if phase.report:
            tasks = EpochTasks(self.estimator, ready.plan.max_epochs, *self.given)
        hooks = self._hooks(run, ready, tasks)
        trained = yield from stepwise(
            run, ready.batches, ready.valid, hooks, keep_state=phase.keep_state
        )
        self.finish(phase, ready, trained)
        if tasks is not None:
            tasks.close(self.attributes)

    def _hooks(
        self, run: TrainingRun, ready: Prepared, tasks: EpochTasks | None
    ) -> EpochHooks:
        """Return what is to be done around the epochs of a phase."""
        hooks = EpochHooks(score=self._score(run, ready))
        if tasks is not None:
            hooks = replace(
                hooks,
                begin=tasks.begin,
                end=lambda task: tasks.end(
                    task, lambda: self.attributes(run.snapshot())
                ),
                pause=lambda: self.as_it_is(run),
            )
        return hooks if self.keeper is None else self.keeper.follow(self, run, hooks)

    def _score(self, run: TrainingRun, ready: Prepared) -> Monitor | None:
        scoring = self.estimator.scoring
        if ready.valid is None or self.valid is None or scoring == "loss":
            return None
        scorer = check_scoring(self.estimator, scoring)
        view = self.view(run, reading=True)
        return Monitor(view, scorer, self.valid, self.task.target)

    def finish(self, phase: Phase, ready: Prepared, trained: TrainedNetwork) -> None:
        """Note what a phase has brought."""
        if phase.report and ready.valid is not None and self.valid is not None:
            monitor = ready.plan.stopping.monitor
            warn_of_substitute(
                self.estimator, self.valid, self.task.target, trained.watched, monitor
            )
        self.done.append(Done(phase, ready.plan, trained))
        if ready.valid is not None:
            module = trained.net.module_

            def outputs(X: Any) -> torch.Tensor:
                return self.network.pool(module(X), self.task.target)

            self.temperature = self.task.temperature(outputs, ready.valid)

    @contextmanager
    def conditions(self) -> Iterator[None]:
        """Switch torch to what a training needs, and back."""
        work = float(self.batch_size * self.network.work(self.train.X, 1))
        threads = resolve_n_threads(self.estimator.n_threads, work)
        with plain_torch(training=True), limit_threads(threads):
            yield

    # Targets, weights, and rows that are held out

    def _encode(self) -> None:
        """Turn targets into codes, weigh the rows, drop those that weigh nothing."""
        task, parts = self.task, [self.train, *([self.valid] if self.valid else [])]
        before = None if self.before is None else self.before.target
        task.find(
            self.train.y, before=before, partial=self.partial, classes=self.classes
        )
        for part in parts:
            part.codes = task.codes(part.y, validation=part is self.valid)
        if before is not None and not self.partial:
            task.widen(self.train.codes)
        factors = task.factors(
            self.train.codes, self.train.weight, partial=self.partial
        )
        if factors is not None:
            for part in parts:
                part.scale_weight(factors(part.codes))
        self.train = self.all = self._weighing(self.train)
        if self.valid is not None:
            self.valid = self._weighing(self.valid)
        self._unlearnt = copy.deepcopy(task.target)

    def _weighing(self, part: Rows) -> Rows:
        """Return the rows of a part that weigh something."""
        if part.weight is None or part.weight.all():
            return part
        kept = np.flatnonzero(part.weight)
        if not kept.size:
            raise ValueError(
                f"{type(self.estimator).__name__} needs a row with a weight above zero."
                " Got none after multiplying sample_weight by class_weight."
            )
        return part.at(kept)

    def _split(self) -> None:
        """Hold validation rows out, where a phase watches them."""
        watches = any(self._stops_early(phase) for phase in self.phases)
        if self.valid is not None or self.partial or not watches:
            return
        estimator, train = self.estimator, self.train
        draw = (train.n_rows, estimator.validation_fraction, self.streams.splitting)
        y = self.task.strata(train.codes)
        strata, targets = (y, None) if getattr(y, "ndim", 1) == 1 else (None, y)
        owner = type(estimator).__name__
        train_rows, valid_rows = holdout(*draw, strata, targets=targets, owner=owner)
        rare = rare_rows(*draw, strata, targets=targets)
        factor = None
        if rare.size:
            train_rows, valid_rows, factor = share_rare(train_rows, valid_rows, rare)
        self.valid = train.at(valid_rows)
        if factor is not None:
            self.valid.scale_weight(factor)
        self.train = train.at(train_rows)
        if estimator.refit:
            self.again = self.all.n_rows / self.train.n_rows

    def _stops_early(self, phase: Phase) -> bool:
        """Tell whether a phase is stopped by validation rows, if it has any."""
        settings = Settings(self.estimator, phase.settings)
        if phase.last_epoch is not None or self.partial:
            return False
        if settings.early_stopping != "auto":
            return bool(settings.early_stopping)
        enough = self.train.n_rows >= self.estimator._auto_stopping_rows
        return self.valid is not None or enough

    # One phase made ready

    def prepare(self, phase: Phase) -> Prepared:
        """Make network, loss, batches and plan of a phase."""
        fresh = phase.start == "fresh"
        data, valid = self.train, self.valid
        if phase.rows == "all":
            data, valid = self.all, None
        self.dtype = self._dtype(data)
        self.generators = self._new_generators()
        third_party = self.network.third_party or self.task.third_party
        if fresh:
            self.architecture = self.network.architecture()
            self._learn(data)
        with (
            isolated_global_rng(self.streams.third_party, self.device)
            if third_party
            else nullcontext()
        ):
            if fresh:
                self.module = self._build(data).to(self.device, self.dtype)
            criterion = self.network.loss(self.task.loss(), self.task)
            loss = self.modality.loss(criterion).to(self.device, self.dtype)
        attach_generator(self.module, self.generators["dropout"])
        if phase.prepare is not None:
            phase.prepare(self.module)
        return Prepared(
            module=self.module,
            loss=loss,
            penalty=WeightPenalty(self.estimator.l1, self.estimator.l2),
            batches=self._batches(phase, data, training=True),
            valid=None if valid is None else self._batches(phase, valid),
            plan=self._plan(phase, watched=valid is not None, third_party=third_party),
        )

    def _dtype(self, data: Rows) -> torch.dtype:
        estimator = self.estimator
        if estimator.dtype != "auto":
            return _DTYPES[estimator.dtype]
        if self.before is not None:
            dtype: torch.dtype = next(estimator.module_.parameters()).dtype
            return dtype
        # One batch in float64 makes a weight of two equal to a row given twice, to the
        # last digits; with several batches their order differs anyway.
        exact = (
            float_dtype(data.X) == np.float64
            and self.device.type == "cpu"
            and data.n_rows <= self.batch_size
            and not self.partial
            and estimator.precision in ("auto", "full")
        )
        return torch.float64 if exact else torch.float32

    def _new_generators(self) -> dict[str, torch.Generator]:
        """Return generators as each phase begins with them."""
        generators = {
            "initialization": torch_generator(self.streams.initialization),
            "shuffling": torch_generator(self.streams.shuffling),
            "dropout": torch_generator(self.streams.dropout, self.device),
            "augmentation": torch_generator(self.streams.augmentation),
        }
        if self.before is not None:
            for name, state in self.before.resume.get("generators", {}).items():
                # A file may come from another kind of device, with other generators.
                if len(state) == len(generators[name].get_state()):
                    generators[name].set_state(state)
        return generators

    def _learn(self, data: Rows) -> None:
        """Take rows into the statistics of inputs and targets."""
        learns = self.before is None or self.partial
        if self.before is None:
            generator = self.generators["initialization"]
            encoder = self.network.new_encoder(self.modality, data.X, generator)
        else:
            encoder = copy.deepcopy(self.before.scaler)
        if encoder is not None and learns:
            with self._told_of("X"):
                encoder = encoder.update(data.X, data.weight)
        self.modality.encoder = encoder
        self.task.target = copy.deepcopy(self._unlearnt)
        if learns:
            with self._told_of("y"):
                self.task.learn(data.codes, data.weight)

    @contextmanager
    def _told_of(self, name: str) -> Iterator[None]:
        """Name the estimator, and what it was given, where statistics overflow."""
        try:
            yield
        except OverflowError as error:
            raise ValueError(
                f"{type(self.estimator).__name__} cannot scale {name}. {error}"
            ) from error

    def _build(self, data: Rows) -> torch.nn.Module:
        """Return a new network, or a copy of the one to go on with."""
        owner = type(self.estimator).__name__
        if self.before is not None:
            self._check_same_network(owner, self.before.architecture)
            module: torch.nn.Module = copy.deepcopy(self.estimator.module_)
            return module
        material = Material(
            modality=self.modality,
            task=self.task,
            X=data.X,
            codes=data.codes,
            weight=data.weight,
            dtype=self.dtype,
            device=self.device,
            generator=self.generators["initialization"],
        )
        try:
            return self.network.build(material)
        except SkdeepError:
            # It says by itself what is wrong, such as with a file of weights.
            raise
        except RuntimeError as error:
            # Of torch, for want of memory; what follows the first line is C++.
            reason = f"it could not be built: {str(error).splitlines()[0]}"
            raise NetworkError(owner, reason) from error

    def _check_same_network(self, owner: str, before: dict[str, Any]) -> None:
        for name, value in self.architecture.items():
            if value != before[name]:
                raise ValueError(
                    f"{owner} can only go on training the same network. Got {name}="
                    f"{value!r} after {before[name]!r}. Set warm_start=False and call "
                    "fit to start afresh."
                )

    def _batches(self, phase: Phase, part: Rows, *, training: bool = False) -> Batches:
        setting = self.setting()
        if phase.make_rows is None:
            rows = self.modality.rows(part.X, setting, training=training)
            valid_batch = self.modality.valid_batch(self.batch_size)
        else:
            inputs = (self.module, self.modality, part.X, setting)
            rows = phase.make_rows(*inputs, training=training)
            valid_batch = max(self.batch_size, VALID_BATCH)
        mixes = training and phase.mixes
        shuffled = training and self.estimator.shuffle
        return Batches(
            rows,
            self.task.tensor(part.codes, self.dtype).to(self.device),
            self._weights(part.weight),
            batch_size=self.batch_size if training else valid_batch,
            generator=self.generators["shuffling"] if shuffled else None,
            mix=self.modality.mixer(setting) if mixes else None,
        )

    def setting(self) -> RowSetting:
        """Return where the rows of the present phase are made."""
        n_before = 0 if self.before is None else len(self.estimator.history_["epoch"])
        return RowSetting(
            dtype=self.dtype,
            device=self.device,
            generator=self.generators["augmentation"],
            seed=self.streams.augmentation,
            n_epochs_before=n_before,
        )

    def _weights(self, weight: Array | None) -> torch.Tensor | None:
        if weight is None:
            return None
        if self.partial:
            # The mean over all rows is not known: a row alone would always weigh one.
            return torch.tensor(weight, dtype=self.dtype, device=self.device)
        # Divided by the largest first: a sum of huge weights overflows.
        scaled = weight / weight.max()
        return torch.from_numpy(scaled / scaled.mean()).to(self.device, self.dtype)

    def _plan(self, phase: Phase, *, watched: bool, third_party: bool) -> TrainingPlan:
        """Return the parameters of a phase as the engine takes them."""
        p = Settings(self.estimator, phase.settings)
        monitor = "train_loss"
        if watched and self._stops_early(phase):
            monitor = "valid_loss" if p.scoring == "loss" else "valid_score"
        last_epoch = phase.last_epoch
        if last_epoch == "best":
            last_epoch = self._trained(phase.name).best_epoch
        work = float(
            self.batch_size * self.network.work(self.train.X, self.task.n_outputs)
        )
        factors = phase.rate_factors
        title = type(self.estimator).__name__
        if phase.title is not None:
            title = f"{title}, {phase.title(self.module)}"
        return TrainingPlan(
            optimizer=OptimizerPlan(
                name=p.optimizer,
                learning_rate=float(p.learning_rate),
                momentum=float(p.momentum),
                nesterov=bool(p.nesterov),
                betas=tuple(p.betas),
                weight_decay=float(p.weight_decay),
                rate_factors={} if factors is None else factors(self.module),
                params=dict(p.optimizer_params or {}),
            ),
            stopping=StoppingPlan(
                monitor=monitor,
                tol=p.tol if last_epoch is None else None,
                n_iter_no_change=float(p.n_iter_no_change),
                restore_best=monitor != "train_loss",
            ),
            device=self.device,
            max_epochs=int(p.max_epochs),
            batch_size=self.batch_size,
            lr_schedule=p.lr_schedule,
            warmup_fraction=float(p.warmup_fraction),
            dropout_schedule=p.dropout_schedule,
            weight_decay_schedule=p.weight_decay_schedule,
            max_grad_norm=p.max_grad_norm,
            weight_averaging=p.weight_averaging,
            autocast_dtype=resolve_precision(
                p.precision, self.device, self.dtype, work
            ),
            compile=bool(p.compile),
            third_party_seed=self.streams.third_party if third_party else None,
            # The first training has left the second its time.
            deadline=self.deadline if last_epoch is None else None,
            again=self.again,
            last_epoch=last_epoch,
            verbose=0 if self.quiet else int(p.verbose),
            title=title,
        )

    def _trained(self, name: str) -> TrainedNetwork:
        """Return what a phase has brought that was trained without some rows."""
        return next(
            done.trained
            for done in self.done
            if done.phase.name == name and done.phase.last_epoch is None
        )

    # What it leads to

    def attributes(self, trained: TrainedNetwork | None = None) -> dict[str, Any]:
        """Return the fitted attributes.

        Parameters
        ----------
        trained : TrainedNetwork or None, default=None
            What the present phase would bring if it ended now. None after the last one.
        """
        runs = [done.trained for done in self.done]
        if trained is not None:
            runs.append(trained)
        last, resume = runs[-1], runs[-1].state
        if resume:
            resume["generators"] = {
                name: generator.get_state()
                for name, generator in self.generators.items()
                if name != "initialization"
            }
        detach_generators(last.net.module_)
        history = reduce(join_columns, (run.history for run in runs))
        n_epochs = sum(run.n_epochs for run in runs)
        # Of trainings on all rows nobody knows the best epoch.
        telling = len(self.phases) // (2 if self.again else 1)
        before, told = runs[:telling][:-1], runs[:telling][-1]
        best = sum(run.n_epochs for run in before) + told.best_epoch
        if self.before is not None:
            best += len(self.estimator.history_["epoch"])
            history = join_columns(self.estimator.history_, history)
            n_epochs += self.estimator.n_iter_ if self.partial else 0
        return {
            **self.common(runs, resume),
            "net_": last.net,
            "module_": last.net.module_,
            "history_": history,
            "n_iter_": n_epochs,
            "best_epoch_": best,
        }

    def _epochs(self, runs: Sequence[TrainedNetwork]) -> dict[str, int]:
        """Return how many epochs the phases of each name have trained."""
        epochs: dict[str, int] = {}
        for phase, run in zip(self.phases, runs, strict=False):
            epochs[phase.name] = epochs.get(phase.name, 0) + run.n_epochs
        return epochs

    def common(
        self, runs: Sequence[TrainedNetwork] = (), resume: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the fitted attributes that are known before the last epoch.

        Parameters
        ----------
        runs : sequence of TrainedNetwork, default=()
            What the phases have brought.
        resume : dict or None, default=None
            What a training that goes on needs.
        """
        epochs = self._epochs(runs)
        names = {
            name: vars(self.scratch)[name]
            for name in ("n_features_in_", "feature_names_in_", "_schema")
            if name in vars(self.scratch)
        }
        return {
            **names,
            **self.task.attributes(),
            **self.network.attributes(self.module, self.modality.encoder, epochs),
            "device_": str(self.device),
            "_state": self._state(resume or {}),
        }

    def _state(self, resume: dict[str, Any]) -> FittedState:
        task = self.task
        # A module of torch's keeps to its mode; a plain function knows of none.
        functions = any(
            isinstance(m, FunctionActivation) for m in self.module.modules()
        )
        return FittedState(
            target=task.target,
            scaler=self.modality.encoder,
            input_dtype=task.answer_dtype(float_dtype(self.train.X), self.train.y),
            architecture=self.architecture,
            row_work=self.network.work(self.train.X, task.n_outputs),
            foreign_seed=self.streams.third_party if functions else None,
            resume=resume,
            temperature=self.temperature,
            pretrained=self.network.kept(),
        )

    def view(self, run: TrainingRun, *, reading: bool = False) -> Any:
        """Return a copy of the estimator that predicts with the network as it is.

        Parameters
        ----------
        run : TrainingRun
            Of the present phase.
        reading : bool, default=False
            Whether it is to predict rows that have been validated, and have lost their
            names with that.
        """
        view = copy.copy(self.scratch if reading else self.estimator)
        vars(view).update(self.common(), net_=run.net, module_=run.net.module_)
        if reading:
            vars(view).pop("feature_names_in_", None)
        return view

    @contextmanager
    def as_it_is(self, run: TrainingRun) -> Iterator[Any]:
        """Lend a copy that predicts as if the fit had ended with this epoch."""
        view = self.view(run)
        with run.settled():
            yield view


def takes_batches(estimator: Any) -> bool:
    """Tell whether an estimator has a `partial_fit`; the error gives the reason.

    Raises
    ------
    AttributeError
        If the optimizer wants all rows at once.
    """
    if estimator.optimizer == "lbfgs":
        raise AttributeError(
            f"{type(estimator).__name__}.partial_fit takes mini-batch steps, which "
            "optimizer='lbfgs' does not. Choose another optimizer."
        )
    return True
