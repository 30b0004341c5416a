"""The base of all estimators: fit and prediction."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from skdeep._compat import (
    CallbackSupportMixin,
    Tags,
    check_is_fitted,
    fit_context,
    visual_block,
)
from skdeep._devices import plain_device, plain_torch, resolve_device
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.base._fit import Fit
from skdeep.base._forward import forward_blocks
from skdeep.base._rebuilding import rebuilt
from skdeep.base._resuming import TrainingKeeper, check_store
from skdeep.base._scored_callbacks import copied_callbacks
from skdeep.base._search_space import Profile, SearchTable, find_space
from skdeep.base._stamped import StampedEstimator, fitted_attributes
from skdeep.base._unanswered import refuse_row
from skdeep.data import float_dtype
from skdeep.training import LeanNet, join_columns, with_clock, without_clock

if TYPE_CHECKING:
    import torch
    from optuna.distributions import BaseDistribution

    from skdeep._typing import Array, DeviceSpec, MatrixLike
    from skdeep.base._fit import FittedState
    from skdeep.base._modality import Modality
    from skdeep.base._network import Network
    from skdeep.tasks import Task


class DeepEstimator(CallbackSupportMixin, StampedEstimator, ABC):
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
    _search_table: ClassVar[SearchTable] = MappingProxyType({})

    history_: dict[str, Array]
    net_: Any
    module_: torch.nn.Module
    device_: str
    _state: Any

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
                partial(state.pooled, network),
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

    def _read(self, X: MatrixLike) -> Any:
        """Return rows as they were validated in fit."""
        return self._fitted_modality().read(self, X, reset=False)

    def search_space(
        self,
        profile: Profile = "balanced",
        *,
        prefix: str | None = None,
        X: Any = None,
        y: Any = None,
    ) -> dict[str, BaseDistribution]:
        """Return what is worth searching, as a dict to be edited at will.

        Ranges go by how the estimator is set: with ``optimizer="lbfgs"`` there is no
        learning rate to search, and strengths of an augmenter are searched where one
        is set. All values are valid whatever the others are.

        Parameters
        ----------
        profile : {"fast", "balanced", "wide"}, default="balanced"
            The two to four parameters that matter most, about eight, or all that is
            sensible.
        prefix : str or None, default=None
            Name of the step that the estimator is in a Pipeline: "mlp" turns "dropout"
            into "mlp__dropout".
        X : array-like of shape (n_samples, ...) or None, default=None
            What will be learnt from. Looked at for the number of rows only, by which
            go the ranges of batches, widths and dropout.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Its targets. Where a class is rare, class weights are searched.

        Returns
        -------
        space : dict of str to optuna.distributions.BaseDistribution
            New at every call.

        Raises
        ------
        ValueError
            If the profile is unknown.
        """
        return find_space(self, self._search_table, profile, prefix, X, y)

    def _column(self, attribute: str, column: str) -> list[float] | None:
        if "history_" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {attribute!r} "
                "before it is fitted"
            )
        values = self.history_.get(column)
        return None if values is None else [float(value) for value in values]

    @property
    def loss_curve_(self) -> list[float]:
        """Training loss of every epoch, penalties included."""
        return self._column("loss_curve_", "train_loss") or []

    @property
    def validation_loss_curve_(self) -> list[float] | None:
        """Validation loss of every epoch; None without validation rows."""
        return self._column("validation_loss_curve_", "valid_loss")

    @property
    def validation_scores_(self) -> list[float] | None:
        """Validation score of every epoch; None unless `scoring` names one."""
        return self._column("validation_scores_", "valid_score")

    @property
    def loss_(self) -> float:
        """Training loss of the last epoch."""
        curve = self._column("loss_", "train_loss")
        return curve[-1] if curve else float("nan")

    @property
    def best_loss_(self) -> float:
        """Smallest loss of an epoch: on the validation rows where there are any."""
        curve = self._column("best_loss_", "valid_loss")
        return float(np.nanmin(curve if curve is not None else self.loss_curve_))

    def to(self, device: DeviceSpec) -> Self:
        """Move the fitted network to a device.

        Where the next fit trains is up to the parameter `device`.

        Parameters
        ----------
        device : str or torch.device
            "cpu", "cuda", "cuda:1", "mps", or "auto" for the fastest there is.

        Returns
        -------
        self : object
            The estimator, which predicts there from now on.
        """
        check_is_fitted(self)
        self.net_.move_to(resolve_device(device))
        self.device_ = str(self.net_.device)
        return self

    def _sk_visual_block_(self) -> Any:
        """Return what scikit-learn's diagrams show, the state of a fit included."""
        return visual_block(self, self._state_in_words())

    def _state_in_words(self) -> str | None:
        """Return how the training went, in a line; None before it."""
        if "history_" not in vars(self) or not len(self.history_["epoch"]):
            return None
        n_epochs, watched = len(self.history_["epoch"]), "training"
        if self.validation_loss_curve_ is not None:
            watched = "validation"
        plural = "s" if n_epochs > 1 else ""
        return (
            f"{n_epochs} epoch{plural}, best {watched} loss {self.best_loss_:.4g}, "
            f"on {self.device_}"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the network once, stamped with the versions."""
        state = super().__getstate__()
        # The net holds the module, and the history of the last call.
        state.pop("module_", None)
        if "net_" in state:
            n_last = len(self.net_.history)
            before = {
                name: column[: max(0, len(column) - n_last)]
                for name, column in self.history_.items()
            }
            state["history_"] = without_clock(before)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; warn where other versions wrote it."""
        super().__setstate__(state)
        if "net_" in state:
            before = with_clock(self.history_)
            self.history_ = join_columns(before, self.net_.columns())
            self.module_ = self.net_.module_
            self.device_ = str(self.net_.device)

    def __skdeep_state__(self) -> dict[str, Any]:
        """Return what a fit left, for a file that holds no pickle."""
        state = fitted_attributes(self)
        net = state.pop("net_", None)
        if net is None:
            return state
        module: torch.nn.Module = state.pop("module_")
        state["network"] = {
            "weights": dict(module.state_dict()),
            "frozen": [
                name
                for name, parameter in module.named_parameters()
                if not parameter.requires_grad
            ],
            "described": self._network().describe(module),
            "net": net.parts(),
        }
        return state

    def __skdeep_restore__(self, state: dict[str, Any]) -> None:
        """Take it back; the network is on the CPU until it is moved."""
        state = dict(state)
        network = state.pop("network", None)
        self.__dict__.update(state)
        if network is None:
            return
        weights, frozen = network["weights"], set(network["frozen"])
        described = network["described"]
        n_features = state.get("n_features_in_")

        def build() -> torch.nn.Module:
            fitted = (self._state, n_features)
            return self._network().rebuild(described, weights, *fitted)

        module = rebuilt(build, weights)
        for name, parameter in module.named_parameters():
            parameter.requires_grad_(name not in frozen)
        self.net_ = LeanNet.from_parts(module, network["net"])
        self.module_ = self.net_.module_

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
