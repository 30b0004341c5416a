"""What targets are, their losses, and how outputs become predictions."""

from __future__ import annotations

from skdeep.tasks._calibration import fit_temperature
from skdeep.tasks._classification import Classification
from skdeep.tasks._regression import Regression
from skdeep.tasks._task import RowFactors, Task

__all__ = ["Classification", "Regression", "RowFactors", "Task", "fit_temperature"]
