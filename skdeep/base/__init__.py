"""Fit and prediction, shared by all estimators, and what these are made of."""

from skdeep.base._classifier import DeepClassifier
from skdeep.base._estimator import DeepEstimator
from skdeep.base._fit import Fit, FittedState, Rows
from skdeep.base._modality import VALID_BATCH, Modality, RowSetting
from skdeep.base._network import Material, Network
from skdeep.base._parameters import SHARED_CONSTRAINTS
from skdeep.base._phases import Phase
from skdeep.base._pickled import Pickled
from skdeep.base._pipelines import (
    CannotFollowError,
    fit_before_last,
    given_to_last,
    is_plain,
    pipelines_of,
    untouched,
    with_last,
)
from skdeep.base._range_test import try_rates
from skdeep.base._rebuilding import rebuilt
from skdeep.base._regressor import DeepRegressor
from skdeep.base._search_space import (
    WIDE_SPACE,
    Case,
    Choices,
    Floats,
    Ints,
    Profile,
    Range,
    SearchTable,
    batch_sizes,
    depths,
    dropouts,
    for_steps,
    learning_rates,
    smoothings,
    widths,
)
from skdeep.base._stacked_fit import FitRequest, can_be_stacked, fit_together
from skdeep.base._stamped import StampedEstimator, current_versions, fitted_attributes
from skdeep.base._stepwise import StepwiseFit, takes_steps
from skdeep.base._view import FittedView
from skdeep.training import SCHEDULES, Steps, TrainedNetwork, schedule_factor

__all__ = [
    "SCHEDULES",
    "SHARED_CONSTRAINTS",
    "VALID_BATCH",
    "WIDE_SPACE",
    "CannotFollowError",
    "Case",
    "Choices",
    "DeepClassifier",
    "DeepEstimator",
    "DeepRegressor",
    "Fit",
    "FitRequest",
    "FittedState",
    "FittedView",
    "Floats",
    "Ints",
    "Material",
    "Modality",
    "Network",
    "Phase",
    "Pickled",
    "Profile",
    "Range",
    "RowSetting",
    "Rows",
    "SearchTable",
    "StampedEstimator",
    "Steps",
    "StepwiseFit",
    "TrainedNetwork",
    "batch_sizes",
    "can_be_stacked",
    "current_versions",
    "depths",
    "dropouts",
    "fit_before_last",
    "fit_together",
    "fitted_attributes",
    "for_steps",
    "given_to_last",
    "is_plain",
    "learning_rates",
    "pipelines_of",
    "rebuilt",
    "schedule_factor",
    "smoothings",
    "takes_steps",
    "try_rates",
    "untouched",
    "widths",
    "with_last",
]
