"""scikit-learn's tests of its searches, run on ours."""

from __future__ import annotations

import pytest

from tests.foreign.borrowing import borrow
from tests.foreign.searches import GridSearchCV, RandomizedSearchCV

pytestmark = pytest.mark.foreign

SENTENCES = "An error is raised, in skdeep's own words."
FAILED = (
    "A trial with a score that is not a number has failed; all that failed are told "
    "of in one warning."
)
LOOKED_UP = "What is sure to fail is refused before anything is run."

NOT_APPLICABLE = {
    "test_random_search_cv_results": "A space is one dict, or a function of the trial.",
    "test_search_cv_timing": LOOKED_UP,
    "test_search_cv_using_minimal_compatible_estimator[RandomizedSearchCV]": LOOKED_UP,
    "test_custom_run_search": (
        "It compares all attributes with those of another search: there is one more, "
        "stack_sizes_."
    ),
    "test_empty_cv_iterator_error": SENTENCES,
    "test_searchcv_raise_warning_with_non_finite_score[RandomizedSearchCV]": FAILED,
}

globals().update(
    borrow(
        "sklearn.model_selection.tests.test_search",
        {"GridSearchCV": GridSearchCV, "RandomizedSearchCV": RandomizedSearchCV},
    )
)
