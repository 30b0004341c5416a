"""A search is an estimator of scikit-learn's kind: tags, metadata, checks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeep import (
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    OptunaSearchCV,
    TabularMLPClassifier,
)

SETTINGS: dict[str, Any] = {
    "n_trials": 2,
    "cv": 2,
    "random_state": 0,
    "error_score": "raise",
    "report_every": 10,
}
NET: dict[str, Any] = {
    "hidden_layer_sizes": 16,
    "max_epochs": 25,
    "learning_rate": 0.03,
    "random_state": 0,
}
QUICK = [
    OptunaSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, **SETTINGS),
    OptunaSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, **SETTINGS),
]
SLOW = [
    OptunaSearchCV(MLPClassifier(**NET), {"l2": [0.0, 1e-4]}, **SETTINGS),
    OptunaSearchCV(MLPRegressor(**NET), {"l2": [0.0, 1e-4]}, **SETTINGS),
    OptunaSearchCV(
        make_pipeline(StandardScaler(), MLPClassifier(**NET)),
        {"mlpclassifier__l2": [0.0, 1e-4]},
        **SETTINGS,
    ),
]


# scikit-learn itself warns of numbers that are none, on its way to refuse them.
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@parametrize_with_checks(QUICK)
def test_search_passes_the_checks_of_scikit_learn(estimator: Any, check: Any) -> None:
    """The contract of an estimator holds."""
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
@parametrize_with_checks(SLOW)
def test_search_of_networks_passes_the_checks_of_scikit_learn(
    estimator: Any, check: Any
) -> None:
    """Likewise, an epoch at a time."""
    check(estimator)


def test_tags_are_those_of_the_estimator() -> None:
    """So that folds are stratified, and tables with gaps let in."""
    search = OptunaSearchCV(MLPClassifier(), {"l2": [0.0]})
    assert is_classifier(search)
    assert not is_regressor(search)
    assert is_regressor(OptunaSearchCV(MLPRegressor(), {"l2": [0.0]}))
    for inner in (TabularMLPClassifier(), ImageClassifier(), Ridge()):
        tags = get_tags(OptunaSearchCV(inner, {"l2": [0.0]}))
        assert tags.input_tags == get_tags(inner).input_tags
        assert tags.target_tags == get_tags(inner).target_tags


def test_outer_folds_are_stratified(make_search: Any, iris: Any) -> None:
    """Labels that stand in order would otherwise be missing from a fold."""
    X, y = iris
    predicted = cross_val_predict(make_search(n_trials=1, cv=2), X, y, cv=3)
    assert set(predicted) <= set(y)
    inner = StratifiedKFold(2)
    search = make_search(n_trials=1, cv=2).fit(X, y)
    explicit = make_search(n_trials=1, cv=inner).fit(X, y)
    assert search.best_score_ == explicit.best_score_


def test_weights_are_split_with_the_rows(make_search: Any, iris: Any) -> None:
    """A row without a weight might as well not be there."""
    X, y = iris
    weight = np.where(np.arange(len(y)) % 2, 1.0, 0.0)
    cv = [(np.arange(0, 50), np.arange(50, 75)), (np.arange(25, 75), np.arange(25))]
    search = make_search(n_trials=1, cv=cv, scoring="accuracy")
    with warnings.catch_warnings():
        # Before scikit-learn 1.9 weights do not reach the scorer.
        warnings.simplefilter("ignore", UserWarning)
        search.fit(X, y, sample_weight=weight)
    kept = weight > 0
    places = np.cumsum(kept) - 1
    shorter = [
        tuple(places[part[kept[part]]] for part in (train, test)) for train, test in cv
    ]
    other = make_search(n_trials=1, cv=shorter, scoring="accuracy").fit(
        X[kept], y[kept]
    )
    np.testing.assert_allclose(
        search.best_estimator_.predict_proba(X), other.best_estimator_.predict_proba(X)
    )


def test_groups_reach_the_splitter(make_search: Any, iris: Any) -> None:
    """By name, as in scikit-learn's searches."""
    X, y = iris
    search = make_search(n_trials=1, cv=GroupKFold(3))
    search.fit(X, y, groups=np.arange(75) % 5)
    assert search.n_splits_ == 3
    with pytest.raises(ValueError, match="groups"):
        search.fit(X, y)


def weighted(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    """Return the accuracy, and insist on weights."""
    assert sample_weight is not None
    return float(accuracy_score(y, predicted, sample_weight=sample_weight))


def test_metadata_is_routed(make_search: Any, iris: Any) -> None:
    """To the splitter, the last step of a Pipeline and the scorer, on the way too."""
    X, y = iris
    weight = np.linspace(0.5, 1.5, 75)
    with sklearn.config_context(enable_metadata_routing=True):
        net = MLPClassifier(max_epochs=3, random_state=0)
        net.set_fit_request(sample_weight=True)
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=True), net
        )
        search = make_search(
            pipeline,
            {"mlpclassifier__l2": [0.0]},
            n_trials=1,
            cv=GroupKFold(3),
            scoring=make_scorer(weighted).set_score_request(sample_weight=True),
        )
        search.fit(X, y, sample_weight=weight, groups=np.arange(75) % 5)
        assert search.get_metadata_routing() is not None
        by_hand = clone(search.estimator).set_params(mlpclassifier__l2=0.0)
        by_hand.fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(search.predict_proba(X), by_hand.predict_proba(X))
        assert len(search.study_.trials[0].intermediate_values) == 3


def test_validation_rows_reach_the_estimator(make_search: Any, iris: Any) -> None:
    """They are given to every fold whole."""
    X, y = iris
    net = MLPClassifier(max_epochs=3, early_stopping=True, random_state=0)
    search = make_search(net, {"l2": [0.0]}, n_trials=1)
    search.fit(X, y, X_val=X[:30], y_val=y[:30])
    assert len(search.best_estimator_.validation_loss_curve_) == 3


FOLD_TASK = "candidate-split-evaluation"


def test_callbacks_of_scikit_learn_hear_of_folds_and_refit(
    make_search: Any, iris: Any
) -> None:
    """A task for each, under that of the search; True ends the search."""
    pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")

    class Listener:
        max_propagation_depth = None

        def __init__(self, last: int | None = None) -> None:
            self.last = last
            self.heard: list[tuple[str, int]] = []

        def setup(self, estimator: Any, context: Any) -> None:
            """Nothing to set up."""

        def teardown(self, estimator: Any, context: Any) -> None:
            """Nothing to tear down."""

        def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
            """Nothing to note."""

        def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
            """Note the task."""
            self.heard.append((context.task_name, context.task_id))
            return context.task_name == FOLD_TASK and context.task_id == self.last

    listener = Listener()
    search = make_search(n_trials=3)
    search.set_callbacks(listener)
    search.fit(*iris)
    own = [task for task in listener.heard if task[0] != "epoch"]
    assert sorted(own[:9]) == [(FOLD_TASK, place) for place in range(9)]
    assert own[9] == ("search", 0)
    assert own[-1] == ("fit", 0)
    assert [task for task in listener.heard if task[0] == "epoch"][-1] == ("epoch", 3)
    search.set_callbacks(Listener(last=0))
    search.fit(*iris)
    assert len(search.cv_results_["state"]) == 1


def test_search_of_a_search(make_search: Any, iris: Any) -> None:
    """Its own parameters have names that another search may use."""
    inner = make_search(n_trials=1, cv=2)
    outer = OptunaSearchCV(
        inner, {"estimator__l2": [0.0, 1e-3]}, n_trials=2, cv=2, random_state=0
    ).fit(*iris)
    assert outer.best_estimator_.best_estimator_.l2 in (0.0, 1e-3)
    assert outer.predict(iris[0]).shape == (75,)


def test_table_with_text_and_gaps(make_search: Any) -> None:
    """A DataFrame goes through as it is; names are kept."""
    pd = pytest.importorskip("pandas", reason="tables are of pandas")
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "a": rng.standard_normal(60),
            "b": np.array(["x", "y", None])[np.arange(60) % 3],
        }
    )
    net = TabularMLPClassifier(
        hidden_layer_sizes=(4,), n_ensemble=2, max_epochs=2, random_state=0
    )
    labels = np.where(table["a"] > 0, "up", "down")
    search = make_search(net, {"dropout": [0.0, 0.1]}, n_trials=2).fit(table, labels)
    assert search.feature_names_in_.tolist() == ["a", "b"]
    assert set(search.predict(table)) <= {"up", "down"}
