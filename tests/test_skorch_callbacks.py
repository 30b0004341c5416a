"""Tests of skorch's callbacks on every estimator: who is called, and with what."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, cross_val_score
from skorch.callbacks import BatchScoring, Callback, EpochScoring

from skdeep import MLPClassifier
from tests.placed import PLACED, fit, make

TRAINS = [name for name in PLACED if "optimizer" in make(name).get_params(deep=False)]
QUIET = {"early_stopping": False, "refit": False, "weight_averaging": None}


def plain(name: str) -> Any:
    """Return an estimator whose last epoch is the one that is kept."""
    model = make(name)
    known = model.get_params(deep=False)
    return model.set_params(**{n: v for n, v in QUIET.items() if n in known})


class Gatherer(Callback):
    """Keep the training losses, on itself."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the loss of an epoch."""
        self.losses.append(net.history[-1, "train_loss"])


class Locked(Callback):
    """Hold what nobody can copy."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


@pytest.mark.parametrize("name", TRAINS)
def test_callback_that_was_passed_is_the_one_that_is_called(name: str) -> None:
    """What it gathers is found in the object that the user has."""
    mine = Gatherer()
    model = fit(plain(name).set_params(callbacks=[mine]), name)
    assert mine.losses == model.history_["train_loss"].tolist()


def test_searches_call_copies() -> None:
    """Folds do not write into one object."""
    mine = Gatherer()
    placed = PLACED["MLPClassifier"]
    cross_val_score(
        plain("MLPClassifier").set_params(callbacks=[mine]), placed.X, placed.y
    )
    assert mine.losses == []


def test_search_calls_a_copy_in_its_refit() -> None:
    """The callback is found in the best estimator."""
    mine = Gatherer()
    placed = PLACED["MLPClassifier"]
    model = plain("MLPClassifier").set_params(callbacks=[mine])
    search = GridSearchCV(model, {"l2": [0.0, 0.1]}, cv=2).fit(placed.X, placed.y)
    assert mine.losses == []
    (copied,) = search.best_estimator_.callbacks
    assert copied.losses == search.best_estimator_.history_["train_loss"].tolist()


@pytest.mark.parametrize("name", TRAINS)
@pytest.mark.parametrize("use_caching", [True, False])
def test_scoring_callback_scores_the_estimator(name: str, use_caching: bool) -> None:
    """Labels and numbers are the user's, and the model answers like the estimator."""
    placed = PLACED[name]
    metric = "neg_mean_absolute_error"
    if is_classifier(make(name)):
        metric = "accuracy"
    scoring = EpochScoring(
        metric, lower_is_better=False, on_train=True, use_caching=use_caching
    )
    model = fit(plain(name).set_params(callbacks=[scoring]), name)
    recorded = model.net_.history[:, metric]
    expected = get_scorer(metric)(model, placed.X, placed.y)
    assert recorded[-1] == pytest.approx(expected, abs=1e-6)
    assert scoring.best_score_ == pytest.approx(max(recorded))


@pytest.mark.parametrize("metric", ["neg_log_loss", "roc_auc_ovr", None])
def test_scoring_callback_sees_probabilities(metric: str | None) -> None:
    """Metrics of probabilities find the classes, on the validation rows by default."""
    placed = PLACED["MLPClassifier"]
    scoring = EpochScoring(metric, lower_is_better=False, name="metric")
    model = plain("MLPClassifier").set_params(
        callbacks=[scoring], weight_averaging="ema"
    )
    model.fit(placed.X, placed.y, X_val=placed.X[::-1], y_val=placed.y[::-1])
    scorer = get_scorer(metric) if metric else type(model).score
    expected = scorer(model, placed.X, placed.y)
    assert model.net_.history[-1, "metric"] == pytest.approx(expected, abs=1e-6)


def test_scoring_callback_changes_nothing_in_the_training() -> None:
    """Dropout goes on as before, to the bit."""
    scoring = EpochScoring("accuracy", lower_is_better=False, on_train=True)
    by_batch = BatchScoring("accuracy", lower_is_better=False, on_train=True, name="b")
    heard = fit(
        plain("MLPClassifier").set_params(callbacks=[scoring, by_batch]),
        "MLPClassifier",
    )
    alone = fit(plain("MLPClassifier"), "MLPClassifier")
    X = PLACED["MLPClassifier"].X
    np.testing.assert_array_equal(heard.predict_proba(X), alone.predict_proba(X))


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor", "TextClassifier"])
def test_scoring_of_batches_has_the_units_of_the_user(name: str) -> None:
    """The mean over the batches of the validation rows is the score of the rows."""
    placed = PLACED[name]
    metric = "accuracy" if is_classifier(make(name)) else "neg_mean_absolute_error"
    scoring = BatchScoring(metric, lower_is_better=False)
    model = plain(name).set_params(callbacks=[scoring])
    model.fit(placed.X, placed.y, X_val=placed.X, y_val=placed.y)
    expected = get_scorer(metric)(model, placed.X, placed.y)
    assert model.net_.history[-1, metric] == pytest.approx(expected, abs=1e-6)


def test_scoring_with_a_function_sees_the_net() -> None:
    """A scorer of one's own finds the network and the history."""
    seen = []

    def score(net: Any, X: Any, y: Any) -> float:
        seen.append((net.module_ is not None, len(net.history), X.shape, set(y)))
        return float((net.predict(X) == y).mean())

    scoring = EpochScoring(score, lower_is_better=False, on_train=True, name="mine")
    fit(plain("MLPClassifier").set_params(callbacks=[scoring]), "MLPClassifier")
    assert seen[0] == (True, 1, (48, 4), {"no", "well", "yes"})


def test_callback_that_cannot_be_copied_serves_a_fit() -> None:
    """Nothing needs a copy there; predictions and a second fit go on as well."""
    placed = PLACED["MLPClassifier"]
    model = plain("MLPClassifier").set_params(callbacks=[Locked()])
    model.fit(placed.X, placed.y).fit(placed.X, placed.y)
    assert model.predict(placed.X).shape == (48,)


@pytest.mark.parametrize("named", [True, False])
def test_callback_that_cannot_be_copied_is_named_by_clone(named: bool) -> None:
    """The sentence says which it is and what to do."""
    given = ("lock", Locked()) if named else Locked()
    model = MLPClassifier(callbacks=[given])
    with pytest.raises(
        TypeError, match=r"MLPClassifier cannot be cloned.* Locked .*fit"
    ):
        clone(model)


def test_clone_with_another_fault_raises_that() -> None:
    """The callbacks are not blamed for a parameter that cannot be copied."""
    model = MLPClassifier(
        callbacks=[Gatherer()], optimizer_params={"a": threading.Lock()}
    )
    with pytest.raises(TypeError, match="pickle"):
        clone(model)
