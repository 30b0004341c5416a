"""The foreman: fit as six verbs, shared by all estimators."""

from skdeep.base._classifier import DeepClassifier
from skdeep.base._estimator import DeepEstimator
from skdeep.base._fitted import VersionStamp, current_versions, fitted_attributes
from skdeep.base._job import FittedState, Job, Part
from skdeep.base._parameters import SHARED_CONSTRAINTS
from skdeep.base._perceptron import PerceptronDoor
from skdeep.base._regressor import DeepRegressor
from skdeep.training import TrainedNetwork

__all__ = [
    "SHARED_CONSTRAINTS",
    "DeepClassifier",
    "DeepEstimator",
    "DeepRegressor",
    "FittedState",
    "Job",
    "Part",
    "PerceptronDoor",
    "TrainedNetwork",
    "VersionStamp",
    "current_versions",
    "fitted_attributes",
]
