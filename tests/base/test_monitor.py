"""Tests of scores of validation rows, and of rows on which they have no value."""

from __future__ import annotations

import math
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss, make_scorer, roc_auc_score

from skdeep import (
    CNNClassifier,
    CNNRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    TextClassifier,
    TextRegressor,
)
from skdeep.exceptions import ScoringError, SkdeepWarning

N = 60
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(N, 3))
Y = np.repeat(["a", "b", "c"], 20)[RNG.permutation(N)]
NUMBERS = ROWS[:, 0] + 5
NO_C = np.flatnonzero(Y != "c")[:12]
ONLY_A = np.flatnonzero(Y == "a")[:12]
TEXTS = np.array([f"word{i % 7} word{i % 5} end" for i in range(N)], dtype=object)
PIXELS = RNG.integers(0, 255, (N, 8, 8, 3), dtype=np.uint8)
QUICK: dict[str, Any] = {"max_epochs": 3, "random_state": 0, "early_stopping": True}

CLASSIFIERS = pytest.mark.parametrize(
    ("kind", "X"),
    [
        (partial(MLPClassifier, (4,), **QUICK), ROWS),
        (partial(TabularMLPClassifier, (4,), **QUICK), ROWS),
        (partial(TextClassifier, embedding_dim=4, **QUICK), TEXTS),
        (partial(CNNClassifier, conv_channels=2, **QUICK), PIXELS),
    ],
    ids=["MLP", "tabular", "text", "CNN"],
)
REGRESSORS = pytest.mark.parametrize(
    ("kind", "X"),
    [
        (partial(MLPRegressor, (4,), **QUICK), ROWS),
        (partial(TabularMLPRegressor, (4,), **QUICK), ROWS),
        (partial(TextRegressor, embedding_dim=4, **QUICK), TEXTS),
        (partial(CNNRegressor, conv_channels=2, **QUICK), PIXELS),
    ],
    ids=["MLP", "tabular", "text", "CNN"],
)


def fallen_back(model: Any, X: Any, rows: Any, y: Any, match: str) -> None:
    """Fit, and expect the validation loss to be watched, with one warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, X_val=X[rows], y_val=y[rows])
    assert [w.category for w in caught] == [SkdeepWarning]
    message = str(caught[0].message)
    assert message.startswith(f"{type(model).__name__} got no score from scoring=")
    assert match in message
    assert "validation loss told the best epoch instead" in message
    assert model.best_epoch_ == 1 + np.argmin(model.history_["valid_loss"])
    assert not np.isfinite(model.history_["valid_score"]).any()


@CLASSIFIERS
def test_metrics_are_over_the_classes_of_fit(kind: Any, X: Any) -> None:
    """A class that validation rows lack is told to metrics of any make."""
    proba = make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba"
    )
    model = kind()
    for scoring in ("neg_log_loss", "roc_auc_ovo", "top_k_accuracy", "f1_macro", proba):
        model.set_params(scoring=scoring)
        model.fit(X, Y, X_val=X[NO_C], y_val=Y[NO_C])
        assert np.isfinite(model.history_["valid_score"]).all()
    # The last of them, at the best epoch.
    expected = -log_loss(Y[NO_C], model.predict_proba(X[NO_C]), labels=["a", "b", "c"])
    assert max(model.validation_scores_) == pytest.approx(expected, rel=1e-6)


@CLASSIFIERS
@pytest.mark.parametrize(
    "scoring",
    [
        "roc_auc_ovr",
        "average_precision",
        lambda model, X, y: roc_auc_score(y, model.predict_proba(X), multi_class="ovo"),
    ],
    ids=["AUC", "precision", "callable"],
)
def test_loss_stands_in_for_a_score_without_a_value(
    kind: Any, X: Any, scoring: Any
) -> None:
    """Where a metric needs all classes, one warning says which is missing."""
    model = kind(scoring=scoring)
    fallen_back(model, X, NO_C, Y, "on the validation rows, which lack the class 'c'")


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "f1", "recall"])
def test_loss_stands_in_where_all_rows_are_of_one_class(scoring: str) -> None:
    """These metrics are zero, or NaN, whatever is predicted."""
    model = MLPClassifier((4,), scoring=scoring, **QUICK)
    y = (Y == "b").astype(int)
    fallen_back(model, ROWS, ONLY_A, y, "which lack the class 1")


def test_label_that_the_validation_rows_lack_is_told() -> None:
    """Of an indicator, by the position of its column."""
    labels = np.column_stack([Y == "a", Y == "c"]).astype(int)
    model = MLPClassifier((4,), scoring="roc_auc", **QUICK)
    fallen_back(model, ROWS, NO_C, labels, "which lack the label 1")


@REGRESSORS
@pytest.mark.parametrize("scoring", ["r2", "explained_variance"])
def test_loss_stands_in_for_r2_of_a_constant(kind: Any, X: Any, scoring: str) -> None:
    """It would be zero for every prediction, and the first epoch the best."""
    y = NUMBERS.copy()
    y[:9] = 4.0
    fallen_back(kind(scoring=scoring), X, slice(0, 9), y, "which all have the same")


@REGRESSORS
def test_loss_stands_in_for_r2_of_a_row(kind: Any, X: Any) -> None:
    """A tenth of ten rows is one, which has no variance."""
    with pytest.warns(SkdeepWarning, match="validation rows, which are a single row"):
        model = kind(scoring="r2").fit(X[:10], NUMBERS[:10])
    assert model.best_epoch_ == 1 + np.argmin(model.history_["valid_loss"])
    # Other metrics are defined.
    kind(scoring="neg_mean_absolute_error").fit(X[:10], NUMBERS[:10])


@CLASSIFIERS
def test_scorer_that_raises_is_named(kind: Any, X: Any) -> None:
    """Its error is the cause of ours, and the fit leaves no trace."""

    def broken(model: Any, X: Any, y: Any) -> float:
        raise KeyError("no such column")

    model = kind(scoring=broken)
    match = r"'scoring' parameter of \w+ must score every .*broken raised KeyError"
    with pytest.raises(ScoringError, match=match) as caught:
        model.fit(X, Y)
    assert isinstance(caught.value.__cause__, KeyError)
    assert not hasattr(model, "net_")


def test_metric_that_refuses_predictions_is_named() -> None:
    """A logarithm of negative predictions has no value."""
    model = MLPRegressor((4,), scoring="neg_mean_squared_log_error", **QUICK)
    y = np.where(ROWS[:, 0] > 0, 100.0, 0.0)
    model.set_params(max_epochs=200, learning_rate=0.05)
    with pytest.raises(ScoringError, match="'neg_mean_squared_log_error' raised Value"):
        model.fit(ROWS, y, X_val=ROWS, y_val=y)


def test_metric_takes_weights_where_it_can() -> None:
    """One that has no place for weights, or not in its mode, goes without."""

    def plain(y_true: Any, y_pred: Any) -> float:
        return float(np.mean(y_true == y_pred))

    weight = np.linspace(0.5, 1.5, N)
    for scoring in (make_scorer(plain), "roc_auc_ovo", "accuracy"):
        model = MLPClassifier((4,), scoring=scoring, **QUICK)
        model.fit(ROWS, Y, sample_weight=weight)
        assert np.isfinite(model.history_["valid_score"]).all()


@pytest.mark.parametrize("kind", [MLPClassifier, TabularMLPClassifier])
def test_epochs_without_a_score_do_not_count(kind: Any) -> None:
    """Neither as the best ones, nor against the patience."""
    scores = iter([math.nan, 0.3, math.nan, math.nan, math.nan, 0.2, 0.1, 0.9])
    model = kind((4,), scoring=lambda *_: next(scores), tol=0.0, n_iter_no_change=1)
    model.set_params(**{**QUICK, "max_epochs": 8}).fit(ROWS, Y)
    assert model.best_epoch_ == 2
    assert model.n_iter_ == 7


def test_score_that_never_has_a_value_leaves_the_patience_to_the_loss() -> None:
    """Training ends, and keeps what it kept, as with scoring='loss'."""
    model = MLPClassifier((20,), learning_rate=0.05, tol=0.0, n_iter_no_change=3)
    model.set_params(**{**QUICK, "max_epochs": 100}, scoring=lambda *_: math.nan)
    with pytest.warns(SkdeepWarning, match="got no score from scoring=.*<lambda>"):
        model.fit(ROWS, Y)
    proba = model.predict_proba(ROWS)
    n_epochs, best = model.n_iter_, model.best_epoch_
    model.set_params(scoring="loss").fit(ROWS, Y)
    assert (model.n_iter_, model.best_epoch_) == (n_epochs, best)
    assert n_epochs < 100
    np.testing.assert_array_equal(model.predict_proba(ROWS), proba)
