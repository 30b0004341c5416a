"""Folds, scorers and choices that make no sense: a sentence for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold

from skdeep import OptunaSearchCV, VectorizedSearchCV

RATES = {"learning_rate": [0.01, 0.1]}


@pytest.fixture(params=[OptunaSearchCV, VectorizedSearchCV])
def make(request: Any, net: Any) -> Any:
    """Return a function that makes a search of either kind."""

    def make(**params: Any) -> Any:
        return request.param(net, RATES, **{"cv": 2, **params})

    return make


class Unsteady(KFold):
    """Say that there is another number of folds than there is."""

    def get_n_splits(self, *_given: Any, **_params: Any) -> int:
        """Return a number."""
        return 5


def used_up() -> Iterator[Any]:
    """Return folds that have been gone through."""
    splits = iter(KFold(3).split(np.zeros(75)))
    list(splits)
    return splits


FOLDS: dict[str, Any] = {
    "used up": (used_up, "at least one fold, .* yields its folds only once"),
    "no rows": (
        lambda: [(np.arange(60), np.arange(60, 75)), (np.arange(60), np.array([]))],
        "but fold 1 has no test rows",
    ),
    "mask": (
        lambda: [(np.zeros(75, dtype=bool), np.ones(75, dtype=bool))],
        "but fold 0 has no training rows",
    ),
    "other rows": (
        lambda: [(np.arange(60), np.array([60, 90]))],
        "rows of X, but fold 0 has the test row 90 of 75",
    ),
    "no pairs": (lambda: [np.arange(75)], "pairs of training and test rows"),
    "unsteady": (lambda: Unsteady(3), "inconsistent results. Expected 5 splits, got 3"),
}


@pytest.mark.parametrize("name", FOLDS)
def test_folds_that_make_no_sense_are_refused(make: Any, iris: Any, name: str) -> None:
    """Before anything is fitted."""
    folds, match = FOLDS[name]
    search = make(cv=folds())
    with pytest.raises(ValueError, match=f"The 'cv' parameter of .*{match}"):
        search.fit(*iris)
    assert not hasattr(search, "cv_results_")


def test_folds_may_be_masks(make: Any, iris: Any) -> None:
    """As scikit-learn takes them."""
    odd = np.arange(75) % 2 == 1
    assert make(cv=[(odd, ~odd), (~odd, odd)]).fit(*iris).n_splits_ == 2


def two(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    """Return two scores."""
    return {"a": estimator.score(X, y), "b": 0.5}


@pytest.mark.parametrize("refit", ["c", True])
def test_metric_that_a_function_does_not_return(
    make: Any, iris: Any, refit: Any
) -> None:
    """The rule and what was got."""
    match = "For multi-metric scoring, the parameter refit must be set to a scorer key"
    with pytest.raises(ValueError, match=match):
        make(scoring=two, refit=refit).fit(*iris)


def test_name_of_the_only_metric_of_a_function_is_free(make: Any, iris: Any) -> None:
    """As in scikit-learn's searches."""
    search = make(scoring=lambda *_: 0.5, refit="any").fit(*iris)
    assert search.best_score_ == 0.5


@pytest.mark.parametrize("score", ["high", None, np.ones(2), {"a": "high"}])
@pytest.mark.parametrize("pruning", ["lockstep", "off"])
def test_score_that_is_no_number_is_told(
    make_search: Any, iris: Any, score: Any, pruning: str
) -> None:
    """Whether it is seen in the middle of a fit or at its end."""
    search = make_search(scoring=lambda *_: score, refit=False, pruning=pruning)
    with pytest.raises(ValueError, match="scoring must return a number, got"):
        search.fit(*iris)


def test_function_without_a_score_is_told(make_search: Any, iris: Any) -> None:
    """An empty dict."""
    search = make_search(scoring=lambda *_: {}, refit=False)
    with pytest.raises(ValueError, match="must return at least one score"):
        search.fit(*iris)


def broken(estimator: Any, X: Any, y: Any) -> float:
    """Raise."""
    raise RuntimeError("the scale is broken")


@pytest.mark.parametrize("pruning", ["lockstep", "offset", "off"])
@pytest.mark.parametrize("several", [False, True])
def test_scorer_that_raises_is_shown(
    make_search: Any, iris: Any, pruning: str, several: bool
) -> None:
    """The first traceback, and its error as the cause."""
    scoring: Any = {"a": broken, "b": "accuracy"} if several else broken
    search = make_search(
        scoring=scoring, refit="a", pruning=pruning, n_trials=2, error_score=0.0
    )
    with pytest.raises(ValueError, match="RuntimeError: the scale is broken") as caught:
        search.fit(*iris)
    if pruning != "off" or not several:
        assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(RuntimeError, match="the scale is broken"):
        search.set_params(error_score="raise").fit(*iris)


def test_scorer_that_raises_now_and_then(make_search: Any, net: Any, iris: Any) -> None:
    """Such a trial fails and cannot win; it is told of once."""

    def picky(estimator: Any, X: Any, y: Any) -> float:
        if estimator.learning_rate > 0.05:
            raise RuntimeError("too fast for me")
        return float(estimator.score(X, y))

    search = make_search(
        net, RATES, n_trials=4, scoring=picky, pruning="off", error_score=1.0
    )
    with pytest.warns(FitFailedWarning, match="too fast for me") as caught:
        search.fit(*iris)
    assert len(caught) == 1
    assert search.best_params_ == {"learning_rate": 0.01}


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_other_metric_that_raises_is_left_out(make_search: Any, iris: Any) -> None:
    """The search goes on by the one that decides."""
    search = make_search(
        scoring={"a": "accuracy", "b": broken}, refit="a", n_trials=1, cv=2
    )
    with pytest.warns(UserWarning, match="Scoring failed"):
        search.fit(*iris)
    assert np.isnan(search.cv_results_["mean_test_b"]).all()
    assert search.best_score_ > 0.3


@pytest.mark.parametrize(
    ("row", "error", "match"),
    [
        ("first", TypeError, "best_index_ returned is not an integer. Got 'first'"),
        (None, TypeError, "must return a row of cv_results_, from 0 to 1"),
        (7, IndexError, "best_index_ index out of range. Got 7"),
        (-1, IndexError, "best_index_ index out of range. Got -1"),
    ],
)
def test_choice_that_is_no_row_is_told(
    make: Any, iris: Any, row: Any, error: Any, match: str
) -> None:
    """Of a function given as `refit`."""
    search = make(refit=lambda _results: row)
    if isinstance(search, OptunaSearchCV):
        search.set_params(n_trials=2)
    with pytest.raises(error, match=match):
        search.fit(*iris)


def test_callback_that_cannot_be_called_is_refused(make_search: Any, iris: Any) -> None:
    """Before the first trial."""
    with pytest.raises(TypeError, match="'callbacks' parameter of OptunaSearchCV"):
        make_search(callbacks=[3]).fit(*iris)
