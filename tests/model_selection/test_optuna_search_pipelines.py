"""Pipelines of other libraries, whose steps add or remove rows in a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import make_classification
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import (
    MLPClassifier,
    OptunaSearchCV,
    VectorizedSearchCV,
    forward_pass,
    top_losses,
)

RATES = {"net__learning_rate": [1e-3, 1e-2, 0.1]}


class Every(TransformerMixin, BaseEstimator):
    """Leave out some rows of a fit."""

    def __init__(self, step: int = 3) -> None:
        self.step = step

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return the rows that are kept."""
        rows = np.arange(len(X)) % self.step != 0
        return X[rows], y[rows]


class DropMissing(TransformerMixin, BaseEstimator):
    """Leave out rows with holes, of a fit and of a score."""

    def fit(self, X: Any, y: Any = None) -> DropMissing:
        """Learn nothing."""
        return self

    def transform(self, X: Any) -> Any:
        """Return rows without holes."""
        return X[~np.isnan(X).any(axis=1)]

    def transform_x_y(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Return rows without holes and their targets."""
        rows = ~np.isnan(X).any(axis=1)
        return X[rows], y[rows]


class RowPipeline(Pipeline):
    """Fit as imbalanced-learn and feature_engine do."""

    def fit(self, X: Any, y: Any = None) -> RowPipeline:
        """Fit step after step."""
        for _, step in self.steps[:-1]:
            if hasattr(step, "fit_resample"):
                X, y = step.fit_resample(X, y)
            elif hasattr(step, "transform_x_y"):
                X, y = step.fit(X, y).transform_x_y(X, y)
            else:
                X = step.fit_transform(X, y)
        self.steps[-1][1].fit(X, y)
        return self

    def _before(self, X: Any, y: Any = None) -> tuple[Any, Any]:
        for _, step in self.steps[:-1]:
            if y is not None and hasattr(step, "transform_x_y"):
                X, y = step.transform_x_y(X, y)
            elif hasattr(step, "transform") and not hasattr(step, "fit_resample"):
                X = step.transform(X)
        return X, y

    def predict(self, X: Any) -> Any:
        """Predict, with the steps that change rows of a fit left out."""
        return self.steps[-1][1].predict(self._before(X)[0])

    def score(self, X: Any, y: Any = None) -> float:
        """Score what is left of the rows."""
        return float(self.steps[-1][1].score(*self._before(X, y)))


class CountingPipeline(RowPipeline):
    """Do something after the last step was fitted."""

    def fit(self, X: Any, y: Any = None) -> CountingPipeline:
        """Count what the last step gets right."""
        super().fit(X, y)
        self.n_right_ = int((self.predict(X) == y).sum())
        return self


@pytest.fixture
def rows() -> tuple[Any, Any]:
    """Return 120 rows of two classes."""
    return make_classification(120, 4, random_state=0)


@pytest.fixture
def learner() -> MLPClassifier:
    """Return a classifier of five epochs."""
    return MLPClassifier((5,), max_epochs=5, batch_size=16, random_state=0)


def scores_of_best(search: Any) -> list[float]:
    """Return the scores of each fold."""
    results, best = search.cv_results_, search.best_index_
    n_splits = search.n_splits_
    return [results[f"split{k}_test_score"][best] for k in range(n_splits)]


@pytest.mark.parametrize("pruning", ["lockstep", "offset", "off"])
@pytest.mark.parametrize("scoring", [None, "accuracy"])
@pytest.mark.parametrize("nested", [False, True])
def test_steps_that_change_rows_act_in_fit_only(
    rows: Any, learner: Any, strict: Any, pruning: str, scoring: Any, nested: bool
) -> None:
    """Scores are those of cross-validation, and epochs are counted."""
    model: Any = RowPipeline(
        [("scale", StandardScaler()), ("every", Every()), ("net", learner)]
    )
    space: Any = RATES
    if nested:
        model = Pipeline([("first", StandardScaler()), ("row", model)])
        space = {f"row__{name}": values for name, values in RATES.items()}
    search = OptunaSearchCV(
        model,
        space,
        n_trials=6,
        cv=3,
        scoring=scoring,
        pruning=pruning,
        pruner=strict,
        random_state=0,
    ).fit(*rows)
    best = clone(model).set_params(**search.best_params_)
    assert scores_of_best(search) == list(
        cross_val_score(best, *rows, cv=3, scoring=scoring)
    )
    complete = search.cv_results_["state"] == "COMPLETE"
    assert set(search.cv_results_["n_epochs"][complete]) == {15}


def test_rows_that_a_score_leaves_out_are_left_out(rows: Any, learner: Any) -> None:
    """The score is the one of the Pipeline itself."""
    X, y = rows[0].copy(), rows[1]
    X[::5, 1] = np.nan
    model = RowPipeline([("drop", DropMissing()), ("net", learner)])
    search = OptunaSearchCV(model, RATES, n_trials=4, cv=3, random_state=0).fit(X, y)
    best = clone(model).set_params(**search.best_params_)
    assert scores_of_best(search) == list(cross_val_score(best, X, y, cv=3))
    worst = top_losses(search, X, y, n=96)
    assert sorted(worst.indices) == [n for n in range(120) if n % 5]
    np.testing.assert_array_equal(worst.y_true, y[worst.indices])


def test_pipeline_that_cannot_be_followed_is_fitted_whole(
    rows: Any, learner: Any
) -> None:
    """By its own fit, without epochs to prune at."""
    model = CountingPipeline([("every", Every()), ("net", learner)])
    search = OptunaSearchCV(model, RATES, n_trials=3, cv=3, random_state=0).fit(*rows)
    best = clone(model).set_params(**search.best_params_)
    assert scores_of_best(search) == list(cross_val_score(best, *rows, cv=3))
    assert set(search.cv_results_["n_epochs"]) == {0}
    assert search.best_estimator_.n_right_ > 60
    grid = VectorizedSearchCV(model, RATES, cv=3).fit(*rows)
    assert grid.stack_sizes_.max() == 1
    best = clone(model).set_params(**grid.best_params_)
    assert scores_of_best(grid) == list(cross_val_score(best, *rows, cv=3))
    with pytest.raises(ValueError, match="'refit_epochs' parameter of OptunaSearchCV"):
        search.set_params(refit_epochs="mean_best").fit(*rows)


def test_stacked_networks_are_given_the_changed_rows(rows: Any, learner: Any) -> None:
    """A vectorized search scores what cross-validation does."""
    model = RowPipeline([("every", Every()), ("net", learner)])
    search = VectorizedSearchCV(model, RATES, cv=3).fit(*rows)
    assert search.stack_sizes_.min() == 9
    best = clone(model).set_params(**search.best_params_)
    assert scores_of_best(search) == pytest.approx(
        list(cross_val_score(best, *rows, cv=3))
    )


def test_instruments_see_rows_as_predict_does(rows: Any, learner: Any) -> None:
    """No row is left out where something is looked at."""
    X, y = rows
    model = RowPipeline(
        [("scale", StandardScaler()), ("every", Every()), ("net", learner)]
    ).fit(X, y)
    steps = forward_pass(model, X[:6])
    np.testing.assert_array_equal(steps["prediction"], model.predict(X[:6]))
    worst = top_losses(model, X, y, n=3)
    assert len(worst.indices) == 3


def test_search_over_imbalanced_learn(rows: Any, learner: Any) -> None:
    """The scores are those of cross-validation."""
    pipelines = pytest.importorskip("imblearn.pipeline", reason="its Pipeline")
    samplers = pytest.importorskip("imblearn.under_sampling", reason="its samplers")
    under = samplers.RandomUnderSampler(random_state=0)
    model = pipelines.Pipeline([("under", under), ("net", learner)])
    search = OptunaSearchCV(model, RATES, n_trials=3, cv=3, random_state=0).fit(*rows)
    best = clone(model).set_params(**search.best_params_)
    assert scores_of_best(search) == list(cross_val_score(best, *rows, cv=3))
    assert search.cv_results_["n_epochs"].max() == 15
