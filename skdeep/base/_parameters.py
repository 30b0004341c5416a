"""The parameters that all estimators share, as one table of constraints."""

from __future__ import annotations

from typing import Any

import torch

from skdeep._constraints import (
    REGULARIZATION,
    RUNNING,
    STOPPING,
    optimization_constraints,
)
from skdeep.training import OPTIMIZERS, SCHEDULES

SHARED_CONSTRAINTS: dict[str, list[Any]] = {
    **REGULARIZATION,
    **optimization_constraints(
        list(OPTIMIZERS), torch.optim.Optimizer, list(SCHEDULES)
    ),
    **STOPPING,
    **RUNNING,
}
