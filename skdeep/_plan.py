"""Frozen plans that the core hands to the engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from skdeep._storable import storable

if TYPE_CHECKING:
    import torch


@storable()
@dataclass(frozen=True)
class OptimizerPlan:
    """How a step is taken."""

    name: str | type[torch.optim.Optimizer] = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    nesterov: bool = True
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    # By name of a parameter, what its rate is multiplied by; 1 for all others.
    rate_factors: Mapping[str, float] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)


@storable()
@dataclass(frozen=True)
class StoppingPlan:
    """When training ends before `max_epochs`, and which epoch's weights stay.

    `monitor` is "train_loss", "valid_loss" or "valid_score"; `n_iter_no_change` epochs
    without an improvement of more than `tol` end the training; `tol=None` never does,
    nor infinitely many epochs.
    """

    monitor: str = "train_loss"
    tol: float | None = 1e-4
    n_iter_no_change: float = 10
    restore_best: bool = False

    @property
    def plateau_patience(self) -> float:
        """After how many such epochs a plateau schedule lowers the rate."""
        half = self.n_iter_no_change / 2
        return half if math.isinf(half) else max(1, math.floor(half))


@storable()
@dataclass(frozen=True)
class TrainingPlan:
    """Everything the engine must know beside the module, the loss and the rows."""

    optimizer: OptimizerPlan
    stopping: StoppingPlan
    device: torch.device
    max_epochs: int = 200
    batch_size: int = 200
    lr_schedule: str | None = None
    warmup_fraction: float = 0.0
    dropout_schedule: str | None = None
    weight_decay_schedule: str | None = None
    max_grad_norm: float | None = None
    weight_averaging: str | None = None
    autocast_dtype: torch.dtype | None = None
    compile: bool = False
    third_party_seed: int | None = None
    # Of `time.perf_counter`: no epoch is begun that would hardly end before it. Where
    # the best epochs are trained again on more rows, they count `again` times.
    deadline: float | None = None
    again: float = 0.0
    # The epoch to end with, short of `max_epochs`, which schedules stretch over.
    last_epoch: int | None = None
    verbose: int = 0
    title: str = ""
