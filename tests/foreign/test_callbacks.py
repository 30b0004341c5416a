"""scikit-learn's tests of its callbacks, run on ours."""

from __future__ import annotations

import pytest

from tests.foreign.borrowing import borrow
from tests.foreign.iterations import MaxIterEstimator, ScoringMonitor

pytestmark = pytest.mark.foreign

NOT_APPLICABLE: dict[str, str] = {}

OURS = {"MaxIterEstimator": MaxIterEstimator, "ScoringMonitor": ScoringMonitor}

for file, names in {
    "callback_context": ["MaxIterEstimator"],
    "callback_support": ["MaxIterEstimator"],
    "pickle": ["MaxIterEstimator", "ScoringMonitor"],
    "progressbar": ["MaxIterEstimator"],
    "scoring_monitor": ["MaxIterEstimator", "ScoringMonitor"],
}.items():
    module = f"sklearn.callback.tests.test_{file}"
    globals().update(borrow(module, {name: OURS[name] for name in names}))
