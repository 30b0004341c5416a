"""The engine: a plan, a module and batches in, a trained module out."""

from skdeep.training._engine import EpochHooks, TrainedNetwork, TrainingRun, train
from skdeep.training._history import join_columns
from skdeep.training._optimizers import OPTIMIZERS
from skdeep.training._schedules import SCHEDULES, schedule_factor

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "EpochHooks",
    "TrainedNetwork",
    "TrainingRun",
    "join_columns",
    "schedule_factor",
    "train",
]
