"""The foreman: fit as six verbs, shared by all estimators."""

from skdeep.base._classifier import DeepClassifier
from skdeep.base._estimator import DeepEstimator
from skdeep.base._job import FittedState, Job, Part
from skdeep.base._parameters import SHARED_CONSTRAINTS
from skdeep.base._perceptron import PerceptronDoor
from skdeep.base._regressor import DeepRegressor
from skdeep.base._stepwise import StepwiseFit, takes_steps
from skdeep.training import Steps, TrainedNetwork

__all__ = [
    "SHARED_CONSTRAINTS",
    "DeepClassifier",
    "DeepEstimator",
    "DeepRegressor",
    "FittedState",
    "Job",
    "Part",
    "PerceptronDoor",
    "Steps",
    "StepwiseFit",
    "TrainedNetwork",
    "takes_steps",
]
