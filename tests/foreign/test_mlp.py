"""scikit-learn's tests of its perceptrons, run on ours."""

from __future__ import annotations

import pytest

from tests.foreign.borrowing import borrow
from tests.foreign.perceptrons import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.foreign

PRIVATE = "It reads or writes private attributes of scikit-learn's implementation."
SENTENCES = "An error is raised, in skdeep's own words."

NOT_APPLICABLE = {
    "test_fit": PRIVATE,
    "test_gradient": PRIVATE,
    "test_lbfgs_classification_maxfun": (
        "max_fun has no counterpart: optimizer_params limits the evaluations of an "
        "iteration, not those of a fit."
    ),
    "test_lbfgs_regression_maxfun": (
        "max_fun has no counterpart: optimizer_params limits the evaluations of an "
        "iteration, not those of a fit."
    ),
    "test_learning_rate_warmstart": "'invscaling' has no counterpart.",
    "test_nonfinite_params": SENTENCES,
    "test_verbose_sgd": "A line of progress says 'epoch', as torch's users do.",
    "test_early_stopping": (
        "best_loss_ is the smallest validation loss under early stopping, not None."
    ),
    "test_adaptive_learning_rate": PRIVATE,
    "test_warm_start": SENTENCES,
    "test_n_iter_no_change": PRIVATE,
    "test_n_iter_no_change_inf": PRIVATE,
    "test_early_stopping_stratified": (
        "A class of one row is no error: it stays among the rows that are trained on."
    ),
    "test_mlp_param_dtypes[MLPRegressor-float32]": (
        "Predictions are in the units of the target, put back in float64, whatever "
        "the network computes in."
    ),
    "test_preserve_feature_names[MLPRegressor]": (
        "Equal targets have no R2: a warning says that the loss was watched instead."
    ),
    "test_mlp_partial_fit_after_fit": SENTENCES,
    "test_mlp_diverging_loss": (
        "A loss that diverges is an error, so that a search scores the candidate by "
        "its error_score."
    ),
    "test_minimum_input_sample_size": (
        "One row held out is enough for the loss, which is watched by default."
    ),
}

globals().update(
    borrow(
        "sklearn.neural_network.tests.test_mlp",
        {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor},
    )
)
