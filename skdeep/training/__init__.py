"""The engine: a plan, a module and batches in, a trained module out."""

from skdeep.training._engine import (
    EpochHooks,
    Steps,
    TrainedNetwork,
    TrainingRun,
    run_through,
    stepwise,
    train,
)
from skdeep.training._history import join_columns
from skdeep.training._optimizers import OPTIMIZERS
from skdeep.training._schedules import SCHEDULES

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "EpochHooks",
    "Steps",
    "TrainedNetwork",
    "TrainingRun",
    "join_columns",
    "run_through",
    "stepwise",
    "train",
]
