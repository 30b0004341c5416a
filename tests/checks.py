"""What runs of scikit-learn's check suite over many configurations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

WEIGHTS_AND_REPETITION = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
PARTIAL_FIT = (
    "check_fit_score_takes_y",
    "check_n_features_in_after_fitting",
    "check_estimators_partial_fit_n_features",
)
MULTILABEL = (
    "check_classifiers_multilabel_representation_invariance",
    "check_classifiers_multilabel_output_format_predict",
    "check_classifiers_multilabel_output_format_predict_proba",
    "check_classifiers_multilabel_output_format_decision_function",
)


Rule = tuple[bool, tuple[str, ...], str]


def common_rules(parameters: Mapping[str, Any]) -> list[Rule]:
    """Return which checks no estimator can pass by its parameters, and why."""
    return [
        (
            parameters["early_stopping"] is True,
            PARTIAL_FIT,
            "partial_fit refuses to stop early, as SGDClassifier's does",
        ),
        (
            parameters["class_weight"] == "balanced",
            PARTIAL_FIT,
            "partial_fit cannot balance classes it has not seen, as SGDClassifier's",
        ),
        (
            parameters["class_weight"] == "balanced",
            MULTILABEL,
            "class weights are for one class a row",
        ),
        (
            parameters["dtype"] == "float32",
            WEIGHTS_AND_REPETITION,
            "sums in float32 agree to six digits, the check wants seven",
        ),
    ]


def run_check(check: Any, estimator: Any, *, rounded: bool) -> None:
    """Run a check, unless it compares to the last bit what float32 rounds."""
    if rounded and check.func.__name__ == "check_methods_subset_invariance":
        pytest.skip("a row alone and among others may differ in float32's last bit")
    check(estimator)
