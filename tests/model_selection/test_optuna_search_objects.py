"""Objects that cannot be pickled or copied, and searches that need not do so."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skdeep import OptunaSearchCV, VectorizedSearchCV
from skdeep.exceptions import StudyError


class Locked(ClassifierMixin, BaseEstimator):
    """Take a lock in `fit`."""

    def __init__(self, choice: int = 0) -> None:
        self.choice = choice

    def fit(self, X: Any, y: Any, lock: Any = None) -> Locked:
        """Learn the labels."""
        if lock is not None:
            with lock:
                self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        """Return the same label for all rows."""
        return np.repeat(self.classes_[self.choice], len(X))


def local_scorer() -> Any:
    """Return an object of a class that no other process can import."""

    class Scorer:
        """Score by accuracy, under a lock."""

        def __init__(self) -> None:
            self.lock = threading.Lock()

        def __call__(self, estimator: Any, X: Any, y: Any) -> float:
            """Score."""
            with self.lock:
                return float(accuracy_score(y, estimator.predict(X)))

    return Scorer()


SETTINGS: dict[str, Any] = {"n_trials": 2, "cv": 2, "random_state": 0}
SVM = SVC(random_state=0)


@pytest.mark.parametrize(
    "scoring",
    [
        local_scorer(),
        make_scorer(lambda truth, predicted: float(np.mean(truth == predicted))),
        lambda estimator, X, y: estimator.score(X, y),
    ],
    ids=["local class", "lambda in a scorer", "lambda"],
)
def test_scorer_need_not_be_pickled(iris: Any, scoring: Any) -> None:
    """Where one worker does all."""
    search = OptunaSearchCV(
        SVC(random_state=0), {"C": [0.1, 1.0]}, scoring=scoring, **SETTINGS
    )
    assert search.fit(*iris).best_score_ > 0.8


def test_kernel_need_not_be_pickled(iris: Any) -> None:
    """As a parameter of the estimator, and as one that is searched."""
    space = {"kernel": [lambda a, b: a @ b.T, "rbf"]}
    search = OptunaSearchCV(
        SVC(kernel=lambda a, b: a @ b.T, random_state=0), space, **SETTINGS
    )
    assert search.fit(*iris).best_score_ > 0.8


@pytest.mark.parametrize("search", [OptunaSearchCV, VectorizedSearchCV])
def test_fit_parameter_need_not_be_pickled(iris: Any, search: Any) -> None:
    """A lock reaches every fit."""
    found = search(Locked(), {"choice": [0, 2]}, cv=2).fit(*iris, lock=threading.Lock())
    assert found.best_estimator_.predict(iris[0][:1])[0] in iris[1]


def test_study_about_a_lock_is_not_resumed(iris: Any, tmp_path: Path) -> None:
    """Whether it is about the same cannot be told."""
    search = OptunaSearchCV(
        Locked(),
        {"choice": [0, 1, 2]},
        storage=tmp_path / "trials.log",
        study_name="locked",
        **SETTINGS,
    ).fit(*iris, lock=threading.Lock())
    search.set_params(resume=True, n_trials=3)
    match = r"whether data \(lock\) is the same is not known, since a lock cannot be"
    with pytest.raises(StudyError, match=match):
        search.fit(*iris, lock=threading.Lock())
    with pytest.raises(StudyError, match=match):
        search.fit(*iris)


def test_lock_cannot_be_shared_with_processes(iris: Any) -> None:
    """One sentence, with joblib's error as the cause."""
    search = OptunaSearchCV(Locked(), {"choice": [0, 1]}, n_jobs=2, **SETTINGS)
    with pytest.raises(StudyError, match=r"share the search with 2 processes: .*lock"):
        search.fit(*iris, lock=threading.Lock())


def test_sampler_that_cannot_be_copied_is_told(iris: Any) -> None:
    """By the name of the parameter."""
    sampler = optuna.samplers.RandomSampler(seed=0)
    sampler.lock = threading.Lock()  # type: ignore[attr-defined]
    search = OptunaSearchCV(
        SVC(random_state=0), {"C": [0.1, 1.0]}, sampler=sampler, **SETTINGS
    )
    with pytest.raises(StudyError, match="'sampler' parameter of OptunaSearchCV is"):
        search.fit(*iris)


def test_grid_over_functions_that_cannot_be_pickled(iris: Any, net: Any) -> None:
    """Preprocessing by different functions is kept apart."""
    model = make_pipeline(FunctionTransformer(), net)
    grid = {
        "functiontransformer__func": [lambda X: X, lambda X: X * 0.0],
        "mlpclassifier__learning_rate": [0.05, 0.1],
    }
    search = VectorizedSearchCV(model, grid, cv=2).fit(*iris)
    scores = search.cv_results_["mean_test_score"]
    assert scores[:2].min() > 0.5
    assert scores[2:].max() < 0.5
