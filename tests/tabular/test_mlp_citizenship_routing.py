"""Metadata routing: weights and validation rows on their way to the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import BaggingClassifier, StackingRegressor, VotingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metadata_routing import get_routing_for_object

from skdeep import MLPClassifier, MLPRegressor

X, LABELS = make_classification(90, 5, random_state=0)
TABLE, VALUES = make_regression(90, 5, noise=1.0, random_state=0)
WEIGHT = 1.0 + (np.arange(90) % 3)
REQUESTS = {
    "fit": {"sample_weight", "X_val", "y_val", "sample_weight_val", "checkpoint"},
    "score": {"sample_weight"},
}


@pytest.fixture(autouse=True)
def routing() -> Iterator[None]:
    """Switch metadata routing on for every test here."""
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def classifier() -> MLPClassifier:
    """Return a small classifier of several batches."""
    return MLPClassifier(
        hidden_layer_sizes=(6,), max_epochs=5, batch_size=32, random_state=0
    )


@pytest.fixture
def regressor() -> MLPRegressor:
    """Return a small regressor."""
    return MLPRegressor(hidden_layer_sizes=(6,), max_epochs=5, random_state=0)


@pytest.mark.parametrize(
    ("kind", "of_partial_fit"),
    [(MLPClassifier, {"classes", "sample_weight"}), (MLPRegressor, {"sample_weight"})],
)
def test_methods_ask_for_what_is_in_their_signature(
    kind: Any, of_partial_fit: set[str]
) -> None:
    """There is a request for every argument but X and y, and none is set."""
    routing = get_routing_for_object(kind())
    expected = {**REQUESTS, "partial_fit": of_partial_fit}
    for method, names in expected.items():
        requests = getattr(routing, method).requests
        assert set(requests) == names
        assert set(requests.values()) == {None}
    for method in ("fit", "partial_fit", "score"):
        assert hasattr(kind(), f"set_{method}_request")
    asked = kind().set_fit_request(sample_weight=True, X_val="held_out", y_val=False)
    requests = get_routing_for_object(clone(asked)).fit.requests
    assert requests["X_val"] == "held_out"
    assert requests["sample_weight"] is True
    assert requests["y_val"] is False


def test_weights_that_nobody_asked_for_are_an_error(classifier: MLPClassifier) -> None:
    """Forgotten requests are told, as everywhere under routing."""
    pipeline = make_pipeline(StandardScaler(), classifier)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        pipeline.fit(X, LABELS, sample_weight=WEIGHT)


def test_weights_reach_the_network_through_a_pipeline(
    classifier: MLPClassifier,
) -> None:
    """The step is trained with the weights, and scored with them."""
    step = clone(classifier).set_fit_request(sample_weight=True)
    step.set_score_request(sample_weight=True)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, step).fit(X, LABELS, sample_weight=WEIGHT)
    scaled = StandardScaler().fit_transform(X)
    alone = clone(classifier).fit(scaled, LABELS, sample_weight=WEIGHT)
    np.testing.assert_array_equal(pipeline[-1].coefs_[0], alone.coefs_[0])
    assert pipeline.score(X, LABELS, sample_weight=WEIGHT) == alone.score(
        scaled, LABELS, sample_weight=WEIGHT
    )


def test_weights_under_an_alias_reach_the_network(regressor: MLPRegressor) -> None:
    """A consumer may take them by another name."""
    step = clone(regressor).set_fit_request(sample_weight="trust")
    pipeline = make_pipeline(StandardScaler(), step).fit(TABLE, VALUES, trust=WEIGHT)
    scaled = StandardScaler().fit_transform(TABLE)
    alone = clone(regressor).fit(scaled, VALUES, sample_weight=WEIGHT)
    np.testing.assert_array_equal(pipeline[-1].coefs_[0], alone.coefs_[0])


def test_validation_rows_go_through_the_steps_before(
    classifier: MLPClassifier,
) -> None:
    """With transform_input the Pipeline scales X_val as it scales X."""
    train, valid = slice(0, 60), slice(60, None)
    step = clone(classifier).set_params(early_stopping=True)
    step.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
    pipeline = make_pipeline(StandardScaler(), step, transform_input=["X_val"])
    pipeline.fit(
        X[train],
        LABELS[train],
        X_val=X[valid],
        y_val=LABELS[valid],
        sample_weight_val=WEIGHT[valid],
    )
    scaler = StandardScaler().fit(X[train])
    alone = clone(classifier).set_params(early_stopping=True)
    alone.fit(
        scaler.transform(X[train]),
        LABELS[train],
        X_val=scaler.transform(X[valid]),
        y_val=LABELS[valid],
        sample_weight_val=WEIGHT[valid],
    )
    assert pipeline[-1].validation_loss_curve_ == alone.validation_loss_curve_
    np.testing.assert_array_equal(pipeline[-1].coefs_[0], alone.coefs_[0])


def test_validation_frame_keeps_its_names_through_the_steps(
    classifier: MLPClassifier,
) -> None:
    """A frame of validation rows is scaled and named as the training rows are."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcde"))
    classifier.set_fit_request(X_val=True, y_val=True)
    pipeline = make_pipeline(StandardScaler(), classifier, transform_input=["X_val"])
    pipeline.set_output(transform="pandas")
    pipeline.fit(frame[:60], LABELS[:60], X_val=frame[60:], y_val=LABELS[60:])
    assert pipeline[-1].feature_names_in_.tolist() == list("abcde")
    assert len(pipeline[-1].validation_loss_curve_) == 5


def test_weights_are_cut_into_folds(classifier: MLPClassifier) -> None:
    """cross_validate gives every fit its share of the weights."""
    asked = clone(classifier).set_fit_request(sample_weight=True)
    asked.set_score_request(sample_weight=False)
    folds = [(np.arange(0, 60), np.arange(60, 90)), (np.arange(30, 90), np.arange(30))]
    scores = cross_validate(
        asked,
        X,
        LABELS,
        cv=folds,
        params={"sample_weight": WEIGHT},
        return_estimator=True,
        error_score="raise",
    )
    for (train, _), model in zip(folds, scores["estimator"], strict=True):
        alone = clone(classifier).fit(X[train], LABELS[train], WEIGHT[train])
        np.testing.assert_array_equal(model.coefs_[0], alone.coefs_[0])


def test_validation_rows_are_the_same_for_every_fold(
    classifier: MLPClassifier,
) -> None:
    """Rows that are not as many as X are handed on whole."""
    asked = clone(classifier).set_fit_request(X_val=True, y_val=True)
    valid = {"X_val": X[:20], "y_val": LABELS[:20]}
    scores = cross_validate(
        asked, X, LABELS, cv=2, params=valid, return_estimator=True, error_score="raise"
    )
    for model in scores["estimator"]:
        assert len(model.validation_loss_curve_) == 5


def test_grid_search_routes_through_a_pipeline(classifier: MLPClassifier) -> None:
    """Weights and transformed validation rows reach every candidate and the refit."""
    asked = clone(classifier).set_params(early_stopping=True, n_iter_no_change=2)
    asked.set_fit_request(sample_weight=True, X_val=True, y_val=True)
    scorer = make_scorer(accuracy_score).set_score_request(sample_weight=False)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, asked, transform_input=["X_val"])
    search = GridSearchCV(
        pipeline,
        {"mlpclassifier__learning_rate": [1e-3, 1e-1]},
        cv=2,
        scoring=scorer,
        error_score="raise",
    )
    search.fit(X, LABELS, sample_weight=WEIGHT, X_val=X[:20], y_val=LABELS[:20])
    best = search.best_estimator_
    scaled = StandardScaler().fit(X)
    alone = clone(classifier).set_params(
        early_stopping=True,
        n_iter_no_change=2,
        learning_rate=search.best_params_["mlpclassifier__learning_rate"],
    )
    alone.fit(
        scaled.transform(X),
        LABELS,
        WEIGHT,
        X_val=scaled.transform(X[:20]),
        y_val=LABELS[:20],
    )
    np.testing.assert_array_equal(best[-1].coefs_[0], alone.coefs_[0])


def test_ensembles_route_weights(
    classifier: MLPClassifier, regressor: MLPRegressor
) -> None:
    """Members that ask for weights are given them."""
    asked = clone(classifier).set_fit_request(sample_weight=True)
    line = LogisticRegression().set_fit_request(sample_weight=True)
    voting = VotingClassifier([("net", asked), ("line", line)])
    voting.fit(X, LABELS, sample_weight=WEIGHT)
    alone = clone(classifier).fit(X, LABELS, sample_weight=WEIGHT)
    np.testing.assert_array_equal(voting.estimators_[0].coefs_[0], alone.coefs_[0])
    bagging = BaggingClassifier(asked, n_estimators=2, random_state=0)
    assert bagging.fit(X, LABELS, sample_weight=WEIGHT).predict(X).shape == (90,)
    number = clone(regressor).set_fit_request(sample_weight=True)
    ridge = Ridge().set_fit_request(sample_weight=True)
    stacking = StackingRegressor([("net", number)], ridge, cv=2)
    assert stacking.fit(TABLE, VALUES, sample_weight=WEIGHT).predict(X).shape == (90,)
    several = MultiOutputRegressor(number)
    several.fit(TABLE, VALUES[:, np.newaxis], sample_weight=WEIGHT)
    single = clone(regressor).fit(TABLE, VALUES, sample_weight=WEIGHT)
    np.testing.assert_array_equal(several.estimators_[0].coefs_[0], single.coefs_[0])


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "roc_auc"])
def test_early_stopping_scores_with_weights_under_routing(
    scoring: str, classifier: MLPClassifier
) -> None:
    """The held-out rows keep their weights, routing or not."""
    classifier.set_params(early_stopping=True, scoring=scoring)
    routed = clone(classifier).fit(X, LABELS, sample_weight=WEIGHT)
    with config_context(enable_metadata_routing=False):
        plain = clone(classifier).fit(X, LABELS, sample_weight=WEIGHT)
    assert routed.validation_scores_ == plain.validation_scores_
    unweighted = clone(classifier).fit(X, LABELS)
    assert routed.validation_scores_ != unweighted.validation_scores_
