"""What one fit gathers on its way, and what it leaves to predict with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    import torch

    from skdeep._plan import TrainingPlan
    from skdeep._seeding import Streams
    from skdeep._typing import Array
    from skdeep.data import Batches, ColumnScaler
    from skdeep.losses import WeightPenalty
    from skdeep.training import TrainedNetwork


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
