"""The foreman: fit as six verbs, shared by all estimators."""

from skdeep.base._classifier import DeepClassifier
from skdeep.base._estimator import DeepEstimator
from skdeep.base._job import FittedState, Job, Part
from skdeep.base._parameters import SHARED_CONSTRAINTS
from skdeep.base._perceptron import PerceptronDoor
from skdeep.base._range_test import try_rates
from skdeep.base._regressor import DeepRegressor
from skdeep.base._view import FittedView
from skdeep.training import SCHEDULES, TrainedNetwork, schedule_factor

__all__ = [
    "SCHEDULES",
    "SHARED_CONSTRAINTS",
    "DeepClassifier",
    "DeepEstimator",
    "DeepRegressor",
    "FittedState",
    "FittedView",
    "Job",
    "Part",
    "PerceptronDoor",
    "TrainedNetwork",
    "schedule_factor",
    "try_rates",
]
