"""The foreman: fit as six verbs, shared by all estimators."""

from skdeep.base._classifier import DeepClassifier
from skdeep.base._estimator import DeepEstimator
from skdeep.base._job import Job
from skdeep.base._parameters import SHARED_CONSTRAINTS
from skdeep.base._regressor import DeepRegressor

__all__ = [
    "SHARED_CONSTRAINTS",
    "DeepClassifier",
    "DeepEstimator",
    "DeepRegressor",
    "Job",
]
