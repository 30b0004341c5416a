"""Our searches under the names that scikit-learn's parameters have."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import ParameterSampler

from skdeep import OptunaSearchCV, VectorizedSearchCV


class GridSearchCV(VectorizedSearchCV):
    """`VectorizedSearchCV`, whose parameters are those of `GridSearchCV` already."""


class RandomizedSearchCV(OptunaSearchCV):
    """`OptunaSearchCV` that tries what `RandomizedSearchCV` would draw."""

    # What `RandomizedSearchCV` has no parameters for.
    timeout = None
    refit_epochs = None
    pruning = "off"
    pruner = None
    report_every = 1
    resource = None
    sampler = None
    storage = None
    study_name = None
    resume = False
    join = False
    device = None
    slots_per_device = 1
    callbacks = None

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        self.estimator = estimator
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.pre_dispatch = pre_dispatch
        self.random_state = random_state
        self.error_score = error_score
        self.return_train_score = return_train_score

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Draw as scikit-learn draws, and search that."""
        self.space = self.param_distributions
        drawn = ParameterSampler(
            self.space, self.n_iter, random_state=self.random_state
        )
        self.enqueue = list(drawn)
        self.n_trials = len(self.enqueue)
        return super().fit(X, y, **params)
