"""The base of all estimators: fit and prediction."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdeep._compat import (
    CallbackSupportMixin,
    ReadOnce,
    Tags,
    check_is_fitted,
    fit_context,
)
from skdeep._devices import plain_device, plain_torch
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.base._fit import Fit
from skdeep.base._fitted import FittedAttributes
from skdeep.base._forward import forward_blocks
from skdeep.base._resuming import TrainingKeeper, check_store
from skdeep.base._scored_callbacks import copied_callbacks
from skdeep.base._search_space import SearchSpaces
from skdeep.base._unanswered import refuse_row
from skdeep.data import float_dtype

if TYPE_CHECKING:
    import torch

    from skdeep._typing import MatrixLike
    from skdeep.base._fit import FittedState
    from skdeep.base._modality import Modality
    from skdeep.base._network import Network
    from skdeep.tasks import Task


class DeepEstimator(
    CallbackSupportMixin, ReadOnce, SearchSpaces, FittedAttributes, ABC
):
    """Base of all estimators: holds a skorch net, and is made of three parts.

    A family says what its rows, its targets and its network are by `_modality`, `_task`
    and `_network`.
    """

    # Parameters of some estimators only.
    time_limit: float | None = None
    refit: bool = False
    dropout_schedule: str | None = None
    weight_decay_schedule: str | None = None
    # From this many rows early_stopping="auto" holds some out, as scikit-learn's
    # gradient boosting does: a tenth of so many tells the validation loss well enough.
    _auto_stopping_rows = 10_000

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
        return self._run(Fit(self, X, y, sample_weight, validation), checkpoint)

    def _run(self, fit: Fit, checkpoint: Any = None) -> Self:
        if checkpoint is not None:
            check_store(type(self).__name__, checkpoint, self.callbacks)
            fit.keeper = TrainingKeeper(checkpoint, self, fit)
        with fit.conditions():
            for _ in fit.steps():
                pass
        return self._adopt(fit.attributes())

    def _adopt(self, fitted: dict[str, Any]) -> Self:
        """Take over what was learnt, in one go."""
        stale = [
            name
            for name in vars(self)
            if name.endswith("_") and not name.startswith("_") and name not in fitted
        ]
        self.__dict__.update(fitted)
        for name in stale:
            delattr(self, name)
        return self

    @abstractmethod
    def _modality(self) -> Modality:
        """Return what the rows are to this estimator."""

    @abstractmethod
    def _task(self) -> Task:
        """Return what the targets are to this estimator."""

    @abstractmethod
    def _network(self) -> Network:
        """Return how this estimator builds its network."""

    def _auto_batch(self, n_rows: int) -> int:
        """Return how many rows batch_size="auto" stands for: scikit-learn's number."""
        return min(200, n_rows)

    def _fitted_modality(self) -> Modality:
        """Return the modality with what the last fit has learnt of the rows."""
        modality = self._modality()
        modality.encoder = self._state.scaler
        return modality

    def _fitted_task(self) -> Task:
        """Return the task with the targets that the last fit has found."""
        task = self._task()
        task.target = self._state.target
        return task

    def _answers(self, X: MatrixLike, what: str) -> Any:
        """Return what a method of the task makes of the outputs for all rows.

        Raises
        ------
        ValueError
            If the network's output for a row is not finite.
        """
        # Asked only to raise: it looks through all attributes and tags.
        if "net_" not in vars(self):
            check_is_fitted(self)
        modality, network = self._fitted_modality(), self._network()
        table = modality.read(self, X, reset=False)
        state: FittedState = self._state
        step = self._block_rows(modality, network, table)
        work = float(min(table.shape[0], step) * state.row_work)
        dtype = np.result_type(float_dtype(table), state.input_dtype)
        answer = getattr(self._fitted_task(), what)
        with (
            plain_torch(training=False),
            plain_device(),
            limit_threads(resolve_n_threads(self.n_threads, work)),
        ):
            return forward_blocks(
                self.module_,
                table,
                partial(network.inputs, self, modality),
                partial(self._pooled, state, network=network),
                lambda output: answer(output, dtype),
                step,
                refuse=partial(refuse_row, self, table),
                foreign_seed=state.foreign_seed,
            )

    def _block_rows(self, modality: Modality, network: Network, table: Any) -> int:
        """Return how many rows go through the network at once in prediction."""
        room = network.block_rows(self.module_, modality)
        rows = modality.block_rows(table)
        return rows if room is None else min(room, rows)

    def _pooled(
        self,
        state: FittedState,
        output: torch.Tensor,
        *,
        network: Network | None = None,
    ) -> torch.Tensor:
        """Return one raw output a row."""
        output = (network or self._network()).pool(output, state.target)
        return output if state.temperature == 1.0 else output / state.temperature

    def _read(self, X: MatrixLike) -> Any:
        """Return rows as they were validated in fit."""
        return self._fitted_modality().read(self, X, reset=False)

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
        """Say which rows are welcome."""
        tags = super().__sklearn_tags__()
        self._modality().tell(tags)
        return tags
