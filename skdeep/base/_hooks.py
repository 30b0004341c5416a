"""What a front door has to say, and what it may say, about its fit."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from skdeep.base._forward import block_rows
from skdeep.data import check_table, make_rows, to_tensor

if TYPE_CHECKING:
    from skdeep._plan import TrainingPlan
    from skdeep._typing import Array, MatrixLike
    from skdeep.base._job import FittedState, Job, Part
    from skdeep.data import Batch, Rows
    from skdeep.training import TrainedNetwork


class Hooks(ABC):
    """Questions that the verbs of a fit put to an estimator."""

    # Parameters of some front doors only.
    time_limit: float | None = None
    n_features_in_: int
    refit: bool = False
    dropout_schedule: str | None = None
    weight_decay_schedule: str | None = None
    # From this many rows early_stopping="auto" holds some out, as scikit-learn's
    # gradient boosting does: a tenth of so many tells the validation loss well enough.
    _auto_stopping_rows = 10_000

    def _read(
        self, X: MatrixLike, y: Any = "no_validation", *, reset: bool, **checks: bool
    ) -> Any:
        """Return validated inputs; with `y`, also the validated targets."""
        return check_table(self, X, y, reset=reset, **checks)

    def _auto_batch(self, n_rows: int) -> int:
        """Return how many rows batch_size="auto" stands for: scikit-learn's number."""
        return min(200, n_rows)

    def _block_rows(self, state: FittedState, table: Any) -> int:
        """Return how many rows go through the network at once in prediction."""
        return block_rows(table.shape[1])

    def _make_rows(self, job: Job, part: Part, *, training: bool) -> Rows:
        """Return the rows of a part as the network takes them."""
        return make_rows(part.X, job.scaler, job.dtype, job.device)

    def _valid_batch(self, job: Job) -> int:
        """Return how many validation rows go through the network at once."""
        return max(job.batch_size, 1024)

    def _without_effect(self) -> frozenset[str]:
        """Return the parameters that the fit to come does not use as they are set."""
        return frozenset()

    def _adjust_plan(self, job: Job, plan: TrainingPlan) -> TrainingPlan:
        """Return the plan of a training that is not all of the fit."""
        return plan

    def _make_mixer(self, job: Job) -> Callable[[Batch], Batch] | None:
        """Return what mixes the rows of a training batch, or None."""
        return None

    def _encode_rows(
        self, state: FittedState, block: Any, dtype: torch.dtype
    ) -> torch.Tensor:
        """Return a block of rows as the network takes them, on any device."""
        return to_tensor(block, state.scaler, dtype)

    def _whole_rows(
        self, state: FittedState, block: Any, dtype: torch.dtype
    ) -> torch.Tensor:
        """Return a block of rows as all of the network takes them.

        Prediction may know a shorter way, and take what a part of it puts out.
        """
        return self._encode_rows(state, block, dtype)

    def _blank_row(self, state: FittedState, dtype: torch.dtype) -> torch.Tensor:
        """Return one row that says nothing, as all of the network takes it."""
        return torch.zeros(1, self.n_features_in_, dtype=dtype)

    def _rate_parameter(self, job: Job) -> str:
        """Return the name of the parameter that the last training's rate comes from."""
        return "learning_rate"

    def _pool(self, state: FittedState, output: torch.Tensor) -> torch.Tensor:
        """Return one raw output a row, where the network puts out several."""
        return output

    def _stacks(self) -> bool:
        """Tell whether networks of this kind can be computed together with others."""
        return False

    def _stack(
        self, modules: Sequence[torch.nn.Module], generators: Sequence[torch.Generator]
    ) -> torch.nn.Module:
        """Return networks of one shape as one, where `_stacks` says so."""
        raise NotImplementedError

    @abstractmethod
    def _architecture(self, table: Any) -> dict[str, Any]:
        """Return what must be equal for training to go on with the same network."""

    @abstractmethod
    def _n_weights(self, table: Any, n_outputs: int) -> int:
        """Return about how many multiply-adds one row costs."""

    @abstractmethod
    def _build_network(self, job: Job) -> torch.nn.Module:
        """Return an initialised network for the job's target."""

    @abstractmethod
    def _is_third_party(self) -> bool:
        """Tell whether foreign code may draw from torch's global generator."""

    @abstractmethod
    def _encode_codes(self, job: Job, codes: Array) -> torch.Tensor:
        """Return codes as the loss takes them."""

    @abstractmethod
    def _make_scaler(self, job: Job) -> Any:
        """Return an empty scaler of the inputs, or None."""

    @abstractmethod
    def _fit_target(self, job: Job, classes: Any) -> None:
        """Find out what the target is; set `job.target` and the codes of the parts."""

    @abstractmethod
    def _make_loss(self, job: Job) -> torch.nn.Module:
        """Return the loss for the job's target."""

    @abstractmethod
    def _link(self, state: FittedState, output: torch.Tensor) -> torch.Tensor:
        """Return predictions in the network's units from its outputs."""

    @abstractmethod
    def _strata(self, job: Job) -> Array:
        """Return the class of every training row, or its columns of targets."""

    def _temperature(self, job: Job, trained: TrainedNetwork) -> float:
        """Return what logits are divided by, learnt on the validation rows."""
        return 1.0

    @abstractmethod
    def _target_attributes(self, target: Any) -> dict[str, Any]:
        """Return the fitted attributes that come from the target."""

    @abstractmethod
    def _target_checks(self) -> dict[str, bool]:
        """Return how the targets are to be validated."""
