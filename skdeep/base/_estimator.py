"""The foreman: fit as six verbs, the one place where the workshops meet."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from sklearn.metrics import check_scoring

from skdeep._compat import (
    CallbackSupportMixin,
    EpochTasks,
    ReadOnce,
    Tags,
    check_is_fitted,
    fit_context,
)
from skdeep._devices import plain_device, plain_torch
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.base._build import build
from skdeep.base._fitted import FittedAttributes
from skdeep.base._forward import forward_blocks
from skdeep.base._hooks import Hooks
from skdeep.base._job import FittedState, Job, Part
from skdeep.base._monitor import Monitor, warn_of_substitute
from skdeep.base._resuming import Ledger, check_store
from skdeep.base._scored_callbacks import answers, copied_callbacks
from skdeep.base._search_space import SearchSpaces
from skdeep.base._unanswered import refuse_row
from skdeep.base._validate import validate
from skdeep.data import (
    float_dtype,
    holdout,
    rare_rows,
    share_rare,
)
from skdeep.networks import FunctionActivation, detach_generators
from skdeep.training import (
    EpochHooks,
    TrainingRun,
    join_columns,
    run_through,
    stepwise,
)

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike
    from skdeep.training import Steps, TrainedNetwork


class DeepEstimator(
    CallbackSupportMixin, ReadOnce, SearchSpaces, FittedAttributes, Hooks
):
    """Base of all estimators: it holds a skorch net, it is none.

    A front door adds its `__init__`, its `_parameter_constraints` and its `Hooks`.
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: MatrixLike = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        checkpoint: Any = None,
    ) -> Self:
        """Train the network.

        If the call fails or is interrupted the estimator stays as it was before.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training inputs: finite numbers.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Training targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows. A weight of zero removes a row, and two
            counts as having it twice.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation inputs. Where they are given, no training row is held out.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Validation targets, required along with `X_val`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Non-negative weights of the validation rows.
        checkpoint : Checkpoint or None, default=None
            A `skdeep.Checkpoint`: the file that keeps the training after every few
            epochs, so that one that was cut off can be resumed to the same end.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data break a rule; the message says which.
        DivergenceError
            If the training loss is no longer finite.
        ScoringError
            If `scoring` raises on the validation rows.
        DeviceNotAvailableError
            If the device asked for is not there.
        PersistenceError
            If a checkpoint cannot be written, or belongs to another fit.
        """
        validation = (X_val, y_val, sample_weight_val)
        return self._run(X, y, sample_weight, validation, checkpoint=checkpoint)

    def _run(
        self,
        X: MatrixLike,
        y: Any,
        sample_weight: Any,
        validation: tuple[Any, Any, Any] = (None, None, None),
        *,
        partial: bool = False,
        classes: Any = None,
        checkpoint: Any = None,
    ) -> Self:
        job = validate(self, X, y, sample_weight, validation, partial=partial)
        if checkpoint is not None:
            check_store(type(self).__name__, checkpoint, self.callbacks)
            job.ledger = Ledger(checkpoint, self, job)
        with self._conditions(job):
            trained = self._learn(job, classes)
        return self._adopt(job, trained)

    @contextmanager
    def _conditions(self, job: Job) -> Iterator[None]:
        """Switch torch to what a training needs, and back."""
        n_weights = self._n_weights(job.train.X, job.train.width)
        work = float(job.batch_size * n_weights)
        with (
            plain_torch(training=True),
            limit_threads(resolve_n_threads(self.n_threads, work)),
        ):
            yield

    def _learn(self, job: Job, classes: Any) -> TrainedNetwork:
        """Go through the verbs without a pause."""
        return run_through(self._learning(job, classes))

    def _learning(self, job: Job, classes: Any) -> Steps:
        """Go through the verbs, and where `refit` says so through some of them again.

        The second time no row is held out, and training ends with the epoch that was
        the best one the first time. After an epoch there is a pause, at which the
        function `_as_it_is` is handed out, or None where it would tell nothing of the
        end.
        """
        given = copy.copy(job.train)
        self._encode(job, classes)
        self._split(job)
        job.again = given.n_rows / job.train.n_rows if job.held_out else 0.0
        self._build(job)
        trained = yield from self._training(job)
        job.temperature = self._temperature(job, trained)
        if not job.again:
            return trained
        job.first, job.train, job.valid = trained, given, None
        job.valid_batches, job.last_epoch = None, trained.best_epoch
        self._encode(job, classes)
        self._build(job)
        return (yield from self._training(job))

    def _encode(self, job: Job, classes: Any) -> None:
        """Turn targets into codes, weigh the rows, drop those that weigh nothing."""
        self._fit_target(job, classes)
        job.train = self._weighing(job.train)
        if job.valid is not None:
            job.valid = self._weighing(job.valid)

    def _weighing(self, part: Part) -> Part:
        """Return the rows of a part that weigh something."""
        if part.weight is None or part.weight.all():
            return part
        kept = np.flatnonzero(part.weight)
        if not kept.size:
            raise ValueError(
                f"{type(self).__name__} needs a row with a weight above zero. Got none "
                "after multiplying sample_weight by class_weight."
            )
        return part.rows(kept)

    def _split(self, job: Job) -> None:
        """Hold validation rows out, where early stopping needs them."""
        if job.valid is not None or job.partial or not self._stops_early(job):
            return
        draw = (job.train.n_rows, self.validation_fraction, job.streams.splitting)
        y = self._strata(job)
        strata, targets = (y, None) if y.ndim == 1 else (None, y)
        owner = type(self).__name__
        train_rows, valid_rows = holdout(*draw, strata, targets=targets, owner=owner)
        rare = rare_rows(*draw, strata, targets=targets)
        factor = None
        if rare.size:
            train_rows, valid_rows, factor = share_rare(train_rows, valid_rows, rare)
        job.valid = job.train.rows(valid_rows)
        if factor is not None:
            job.valid.scale_weight(factor)
        job.held_out = self.refit
        job.train = job.train.rows(train_rows)

    def _stops_early(self, job: Job) -> bool:
        if job.last_epoch is not None:
            return False
        if self.early_stopping != "auto":
            return bool(self.early_stopping) and not job.partial
        if job.partial:
            return False
        return job.valid is not None or job.train.n_rows >= self._auto_stopping_rows

    def _build(self, job: Job) -> None:
        """Make rows, module, loss and plan."""
        build(self, job)

    def _training(self, job: Job, *, silent: bool = False) -> Steps:
        """Train, reporting epochs to scikit-learn's and skorch's callbacks.

        Those of scikit-learn do not hear of a silent training.
        """
        if job.instead is not None and not silent:
            job.instead(job)
        run = TrainingRun(
            job.plan,
            job.module,
            job.loss,
            job.penalty,
            callbacks=self.callbacks,
            state=job.before.resume if job.before else None,
        )
        if self.callbacks:
            run.net.answer_with(answers(self._view_in_training(job, run), job))
        if job.first is not None:
            hooks = job.followed(run, EpochHooks())
            return (yield from stepwise(run, job.batches, None, hooks))
        if silent:
            hooks = job.followed(run, EpochHooks(score=self._score_hook(job, run)))
            return (yield from stepwise(run, job.batches, job.valid_batches, hooks))
        given = job.given
        tasks = EpochTasks(self, job.plan.max_epochs, given.X, given.y, given.weight)

        hooks = EpochHooks(
            score=self._score_hook(job, run),
            begin=tasks.begin,
            end=lambda task: tasks.end(task, lambda: self._fitted(job, run.snapshot())),
            pause=lambda: self._as_it_is(job, run),
        )
        hooks = job.followed(run, hooks)
        trained = yield from stepwise(
            run, job.batches, job.valid_batches, hooks, keep_state=job.partial
        )
        warn_of_substitute(self, job, trained.watched)
        tasks.close(lambda: self._fitted(job, trained))
        return trained

    @contextmanager
    def _as_it_is(self, job: Job, run: TrainingRun) -> Iterator[Self]:
        """Lend a copy that predicts as if the fit had ended with this epoch."""
        view = copy.copy(self)
        view.__dict__.update(self._common(job), net_=run.net, module_=run.net.module_)
        with run.settled():
            yield view

    def _adopt(self, job: Job, trained: TrainedNetwork) -> Self:
        """Take over what was learnt, in one go."""
        fitted = self._fitted(job, trained)
        stale = [
            name
            for name in vars(self)
            if name.endswith("_") and not name.startswith("_") and name not in fitted
        ]
        self.__dict__.update(fitted)
        for name in stale:
            delattr(self, name)
        return self

    def _view_in_training(self, job: Job, run: TrainingRun) -> Self:
        """Return a copy that predicts with the network as it is at the moment."""
        view: Self = copy.copy(job.scratch)
        view.__dict__.update(self._common(job), net_=run.net, module_=run.net.module_)
        # The rows to be predicted have lost their names in validation.
        view.__dict__.pop("feature_names_in_", None)
        return view

    def _score_hook(self, job: Job, run: TrainingRun) -> Any:
        if job.valid is None or self.scoring == "loss" or job.partial:
            return None
        scorer = check_scoring(self, self.scoring)
        view = self._view_in_training(job, run)
        return Monitor(view, scorer, job.valid, job.target)

    def _make_state(self, job: Job, resume: dict[str, Any]) -> FittedState:
        return FittedState(
            target=job.target,
            scaler=job.scaler,
            input_dtype=float_dtype(job.train.X),
            architecture=job.architecture,
            row_work=self._n_weights(job.train.X, job.target.n_outputs),
            foreign_seed=_foreign_seed(job),
            resume=resume,
            temperature=job.temperature,
            pretrained=job.pretrained,
        )

    def _fitted(self, job: Job, trained: TrainedNetwork) -> dict[str, Any]:
        resume = trained.state
        if resume:
            resume["generators"] = {
                name: generator.get_state()
                for name, generator in job.generators.items()
                if name != "initialization"
            }
        detach_generators(trained.net.module_)
        history, n_epochs = trained.history, trained.n_epochs
        best_epoch = trained.best_epoch
        if job.first is not None:
            history = join_columns(job.first.history, history)
            n_epochs += job.first.n_epochs
            best_epoch = job.first.best_epoch
        if job.probe is not None:
            history = join_columns(job.probe.history, history)
            n_epochs += job.probe.n_epochs
            best_epoch += job.probe.n_epochs
        if job.before is not None:
            best_epoch += len(self.history_["epoch"])
            history = join_columns(self.history_, history)
            n_epochs += self.n_iter_ if job.partial else 0
        return {
            **self._common(job),
            "net_": trained.net,
            "module_": trained.net.module_,
            "history_": history,
            "n_iter_": n_epochs,
            "best_epoch_": best_epoch,
            "_state": self._make_state(job, resume),
        }

    def _common(self, job: Job) -> dict[str, Any]:
        names = {
            name: vars(job.scratch)[name]
            for name in ("n_features_in_", "feature_names_in_", "_schema")
            if name in vars(job.scratch)
        }
        return {
            **names,
            **self._target_attributes(job.target),
            "device_": str(job.device),
            "_state": self._make_state(job, {}),
        }

    def _outputs(
        self, X: MatrixLike, *, raw: bool = False
    ) -> tuple[Array, np.dtype[Any]]:
        """Return outputs of shape (n_samples, n_outputs) and the dtype to answer in.

        Raw outputs are the network's own; otherwise they have gone through the link.

        Raises
        ------
        ValueError
            If the network's output for a row is not finite.
        """
        # Asked only to raise: it looks through all attributes and tags.
        if "net_" not in vars(self):
            check_is_fitted(self)
        table = self._read(X, reset=False)
        state: FittedState = self._state
        n_rows = table.shape[0]
        step = self._block_rows(state, table)
        work = float(min(n_rows, step) * state.row_work)

        def pool(output: torch.Tensor) -> torch.Tensor:
            return self._pool(state, output)

        def link(output: torch.Tensor) -> torch.Tensor:
            return self._link(state, output)

        def encode(block: Any, dtype: torch.dtype) -> torch.Tensor:
            return self._encode_rows(state, block, dtype)

        with (
            plain_torch(training=False),
            plain_device(),
            limit_threads(resolve_n_threads(self.n_threads, work)),
        ):
            outputs = forward_blocks(
                self.module_,
                table,
                encode,
                pool,
                None if raw else link,
                step,
                refuse=partial(refuse_row, self, table),
                foreign_seed=state.foreign_seed,
            )
        return outputs, np.result_type(float_dtype(table), state.input_dtype)

    def __sklearn_clone__(self) -> Self:
        """Return an estimator with copies of the parameters, and not fitted.

        Raises
        ------
        TypeError
            If a callback cannot be copied.
        """
        try:
            cloned: Self = super().__sklearn_clone__()
        except Exception as error:
            if not self.callbacks:
                raise
            alone = copy.copy(self)
            alone.callbacks = None
            cloned = super(DeepEstimator, alone).__sklearn_clone__()
            cloned.callbacks = copied_callbacks(self, error)
        return cloned

    def __sklearn_tags__(self) -> Tags:
        """Say that sparse rows are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _foreign_seed(job: Job) -> int | None:
    # A module of torch's keeps to its mode; a plain function knows of none.
    functions = any(isinstance(m, FunctionActivation) for m in job.module.modules())
    return job.streams.third_party if functions else None
