"""The engine: a plan, a module and batches in, a trained module out."""

from skdeep.training._captured import check_generators
from skdeep.training._engine import (
    EpochHooks,
    Steps,
    TrainedNetwork,
    TrainingRun,
    run_through,
    stepwise,
    train,
)
from skdeep.training._history import Durations, join_columns, with_clock, without_clock
from skdeep.training._net import Answers, LeanNet
from skdeep.training._optimizers import OPTIMIZERS
from skdeep.training._schedules import SCHEDULES, schedule_factor
from skdeep.training._stacked_run import Member, StackedRun

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "Answers",
    "Durations",
    "EpochHooks",
    "LeanNet",
    "Member",
    "StackedRun",
    "Steps",
    "TrainedNetwork",
    "TrainingRun",
    "check_generators",
    "join_columns",
    "run_through",
    "schedule_factor",
    "stepwise",
    "train",
    "with_clock",
    "without_clock",
]
