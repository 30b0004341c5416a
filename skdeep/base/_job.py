"""What one fit gathers on its way, and what it leaves to predict with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from skdeep._storable import storable
from skdeep.base._pickled import Pickled
from skdeep.data import take

if TYPE_CHECKING:
    import torch

    from skdeep._plan import TrainingPlan
    from skdeep._seeding import Streams
    from skdeep._typing import Array
    from skdeep.base._resuming import Ledger
    from skdeep.data import Batches, ColumnScaler
    from skdeep.losses import WeightPenalty
    from skdeep.training import EpochHooks, TrainedNetwork, TrainingRun


@dataclass
class Part:
    """Rows of one part of the data: validated inputs, encoded targets, weights."""

    X: Any
    y: Any
    weight: Array | None
    # The encoded targets, set by the verb "encode".
    codes: Array = field(default_factory=lambda: np.empty(0))

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return int(self.X.shape[0])

    @property
    def width(self) -> int:
        """The number of targets a row."""
        return int(self.y.shape[1]) if getattr(self.y, "ndim", 1) > 1 else 1

    def rows(self, index: Array) -> Part:
        """Return some of the rows, encoded as they are."""
        return Part(
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
    scaler: ColumnScaler | None
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
class Job:
    """One call of fit or partial_fit, from the arguments to the trained network.

    Verbs fill it from top to bottom; the estimator itself is left alone until the last
    one, so that a call that fails half-way leaves no trace.
    """

    # A shallow copy of the estimator: scikit-learn's validation writes on it.
    scratch: Any
    # What to continue from, or None to start afresh.
    before: FittedState | None
    partial: bool
    train: Part
    # The data as scikit-learn's callbacks are to see them.
    given: Part
    streams: Streams
    device: torch.device
    batch_size: int
    # When training has to end, as `time.perf_counter` counts.
    deadline: float | None = None
    valid: Part | None = None
    # The epoch to end with, where it is known before: then nothing stops earlier.
    last_epoch: int | None = None
    # Whether epochs are reported to nobody, whatever `verbose` says.
    quiet: bool = False
    # Whether the validation rows come from the training rows, to be joined with them
    # again by `refit`; then how many times longer an epoch takes with all of them, and
    # what the training without them brought.
    held_out: bool = False
    again: float = 0.0
    first: TrainedNetwork | None = None
    # What a training of a part of the network brought that goes before the whole's.
    probe: TrainedNetwork | None = None
    # What the network started from, where it was not random.
    pretrained: Any = None
    # What is done in place of the last training; it does not return.
    instead: Callable[[Job], NoReturn] | None = None
    temperature: float = 1.0
    # What keeps the training in a file, where it is kept.
    ledger: Ledger | None = None
    target: Any = None
    scaler: ColumnScaler | None = None
    architecture: dict[str, Any] = field(default_factory=dict)
    # From here on set by the verb "build".
    dtype: torch.dtype = field(init=False)
    generators: dict[str, torch.Generator] = field(init=False)
    module: torch.nn.Module = field(init=False)
    loss: torch.nn.Module = field(init=False)
    penalty: WeightPenalty = field(init=False)
    plan: TrainingPlan = field(init=False)
    batches: Batches = field(init=False)
    valid_batches: Batches | None = None

    def followed(self, run: TrainingRun, hooks: EpochHooks) -> EpochHooks:
        """Return hooks that also keep the training, where it is kept."""
        return hooks if self.ledger is None else self.ledger.follow(self, run, hooks)
