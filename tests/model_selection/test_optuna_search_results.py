"""`cv_results_` and `best_*` are those of scikit-learn's searches, and more."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.cluster import KMeans
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer
from sklearn.model_selection import KFold, RandomizedSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, OptunaSearchCV

SEVERAL = {"accuracy": "accuracy", "loss": "neg_log_loss"}
OWN_COLUMNS = {"state", "n_epochs", "trial_number"}


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", SEVERAL])
@pytest.mark.parametrize("return_train_score", [False, True])
def test_results_have_the_columns_of_a_randomized_search(
    make_search: Any, iris: Any, scoring: Any, return_train_score: bool
) -> None:
    """The same names, kinds of array and dtypes; three more columns."""
    settings = {
        "scoring": scoring,
        "refit": "loss" if scoring is SEVERAL else True,
        "return_train_score": return_train_score,
        "cv": 2,
    }
    space = {"learning_rate": [0.01, 0.1, 0.2], "activation": ["relu", "tanh"]}
    search = make_search(space=space, n_trials=3, **settings).fit(*iris)
    peer = RandomizedSearchCV(
        search.estimator, space, n_iter=3, random_state=0, **settings
    ).fit(*iris)
    ours, theirs = search.cv_results_, peer.cv_results_
    assert set(ours) == {*theirs, *OWN_COLUMNS}
    for name in set(theirs) - {"params"}:
        assert type(ours[name]) is type(theirs[name]), name
        assert ours[name].dtype == theirs[name].dtype, name
        assert ours[name].shape == theirs[name].shape, name
    assert (
        search.best_score_
        == ours[f"mean_test_{peer.refit if scoring is SEVERAL else 'score'}"].max()
    )
    assert search.multimetric_ is peer.multimetric_
    assert (search.n_splits_, type(search.scorer_)) == (2, type(peer.scorer_))
    assert ours["state"].tolist() == ["COMPLETE"] * 3
    assert ours["n_epochs"].tolist() == [8] * 3
    assert ours["trial_number"].tolist() == [0, 1, 2]


def test_scores_are_those_of_cross_validation(make_search: Any, iris: Any) -> None:
    """Every row can be had again with its params."""
    search = make_search(n_trials=3, pruning="off").fit(*iris)
    results = search.cv_results_
    for row, params in enumerate(results["params"]):
        scores = cross_val_score(search.estimator.set_params(**params), *iris, cv=3)
        found = [results[f"split{fold}_test_score"][row] for fold in range(3)]
        np.testing.assert_array_equal(found, scores)
        assert results["mean_test_score"][row] == scores.mean()
        assert results["std_test_score"][row] == scores.std()
    best = results["mean_test_score"].max()
    assert search.best_score_ == best == results["mean_test_score"][search.best_index_]
    assert search.best_params_ == results["params"][search.best_index_]
    assert search.study_.best_value == best


def test_best_estimator_is_fitted_on_all_rows(make_search: Any, iris: Any) -> None:
    """It answers for the search."""
    X, y = iris
    search = make_search(n_trials=3).fit(X, y)
    again = search.estimator.set_params(**search.best_params_).fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), again.predict_proba(X))
    assert search.score(X, y) == again.score(X, y)
    assert search.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert search.n_features_in_ == 4
    assert search.refit_time_ > 0


def test_refit_by_a_function_chooses_the_row(make_search: Any, iris: Any) -> None:
    """As in scikit-learn, there is no best score then."""
    search = make_search(n_trials=3, refit=lambda results: 1).fit(*iris)
    assert search.best_index_ == 1
    assert search.best_params_ == search.cv_results_["params"][1]
    assert not hasattr(search, "best_score_")
    search.set_params(refit=False).fit(*iris)
    assert search.best_index_ == search.cv_results_["rank_test_score"].argmin()
    assert not hasattr(search, "best_estimator_")
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        search.predict(iris[0])


def test_refit_of_several_metrics_names_the_one_searched_for(
    make_search: Any, iris: Any
) -> None:
    """The study holds the values of that metric."""
    search = make_search(n_trials=3, scoring=SEVERAL, refit="loss", pruning="off")
    search.fit(*iris)
    values = [trial.value for trial in search.study_.trials]
    np.testing.assert_array_equal(values, search.cv_results_["mean_test_loss"])
    assert search.score(*iris) == search.scorer_["loss"](search, *iris)
    search.set_params(refit=False).fit(*iris)
    values = [trial.value for trial in search.study_.trials]
    np.testing.assert_array_equal(values, search.cv_results_["mean_test_accuracy"])
    assert not hasattr(search, "best_index_")
    with pytest.raises(ValueError, match="refit must be set to a scorer key"):
        search.set_params(refit=True).fit(*iris)


def both(model: Any, X: Any, y: Any) -> dict[str, float]:
    """Score twice in one go."""
    return {"hits": model.score(X, y), "sure": float(model.predict_proba(X).max())}


def test_function_that_returns_several_scores(make_search: Any, iris: Any) -> None:
    """Names are known from what it returns."""
    search = make_search(n_trials=3, scoring=both, refit="sure").fit(*iris)
    assert search.multimetric_
    values = [trial.value for trial in search.study_.trials]
    np.testing.assert_array_equal(values, search.cv_results_["mean_test_sure"])
    assert search.score(*iris) == both(search, *iris)["sure"]


def test_conditional_parameters_are_masked(make_search: Any, iris: Any) -> None:
    """A parameter that a trial has not is not given a value."""

    def space(trial: Any) -> dict[str, Any]:
        optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam"])
        params = {"optimizer": optimizer}
        if optimizer == "sgd":
            params["momentum"] = trial.suggest_float("momentum", 0.0, 0.9)
        return params

    search = make_search(space=space, n_trials=6).fit(*iris)
    results = search.cv_results_
    momentum, optimizer = results["param_momentum"], results["param_optimizer"]
    assert momentum.mask.tolist() == (optimizer == "adam").tolist()
    assert set(optimizer) == {"sgd", "adam"}
    assert results["params"][0] == {"optimizer": "adam"}, "the default comes first"


def test_function_may_turn_down_what_it_drew(make_search: Any, iris: Any) -> None:
    """A constraint costs no training."""

    def space(trial: Any) -> dict[str, Any]:
        layers = trial.suggest_int("n_hidden_layers", 1, 2)
        width = trial.suggest_categorical("hidden_layer_sizes", [4, 64])
        if layers * width > 64:
            raise optuna.TrialPruned
        return {"n_hidden_layers": layers, "hidden_layer_sizes": width}

    search = make_search(space=space, n_trials=8).fit(*iris)
    results = search.cv_results_
    refused = results["param_n_hidden_layers"].mask
    assert 0 < refused.sum() < 8
    assert (results["state"][refused] == "PRUNED").all()
    assert (results["n_epochs"][refused] == 0).all()


def test_pruned_trials_keep_their_scores_and_are_ranked_last(
    make_search: Any, iris: Any, strict: Any
) -> None:
    """Also where what they had was better than what others ended with."""
    search = make_search(n_trials=20, pruner=strict, return_train_score=True)
    search.fit(*iris)
    results = search.cv_results_
    pruned = results["state"] == "PRUNED"
    assert 3 < pruned.sum() < 18
    assert np.isnan(results["mean_test_score"][pruned]).all()
    assert np.isnan(results["std_test_score"][pruned]).all()
    assert np.isnan(results["mean_train_score"][pruned]).all()
    seen = np.array([results[f"split{fold}_test_score"][pruned] for fold in range(3)])
    last = [
        trial.value for trial in search.study_.trials if trial.state.name == "PRUNED"
    ]
    np.testing.assert_allclose(seen.mean(axis=0), last)
    assert (results["n_epochs"][pruned] < 12).all()
    assert (results["n_epochs"][~pruned] == 12).all()
    ranks = results["rank_test_score"]
    assert ranks.dtype == np.int32
    assert (ranks[pruned] == (~pruned).sum() + 1).all()
    assert sorted(ranks[~pruned])[0] == 1


class Fragile(GaussianNB):
    """Fails for one value of its parameter."""

    def fit(self, X: Any, y: Any) -> Any:
        """Fit, or not."""
        if self.var_smoothing > 1:
            raise RuntimeError("too smooth")
        return super().fit(X, y)


@pytest.mark.parametrize("error_score", [np.nan, 99.0])
def test_failed_trials_never_win(
    make_search: Any, iris: Any, error_score: float
) -> None:
    """Whatever score they are given in the table."""
    search = make_search(
        Fragile(), {"var_smoothing": [1e-9, 2.0]}, error_score=error_score
    )
    with pytest.warns(FitFailedWarning, match=r"of 8 trials failed.*(.|\n)*too smooth"):
        search.fit(*iris)
    results = search.cv_results_
    failed = results["param_var_smoothing"].astype(float) == 2.0
    assert (results["state"][failed] == "FAIL").all()
    np.testing.assert_array_equal(results["mean_test_score"][failed], error_score)
    np.testing.assert_array_equal(results["split2_test_score"][failed], error_score)
    assert results["rank_test_score"][~failed].max() == 1
    assert (results["rank_test_score"][failed] == (~failed).sum() + 1).all()
    assert search.best_params_ == {"var_smoothing": 1e-9}


def test_refit_by_a_function_cannot_choose_a_failed_trial(
    make_search: Any, iris: Any
) -> None:
    """Its parameters are known to fail."""
    search = make_search(
        Fragile(),
        {"var_smoothing": [1e-9, 2.0]},
        refit=lambda results: int(np.flatnonzero(results["state"] == "FAIL")[0]),
    )
    with (
        pytest.warns(FitFailedWarning, match="trials failed"),
        pytest.raises(ValueError, match=r"must choose a trial that came to its end"),
    ):
        search.fit(*iris)


def test_all_failed_raises_with_the_first_traceback(
    make_search: Any, iris: Any
) -> None:
    """There is nothing to refit."""
    search = make_search(Fragile(), {"var_smoothing": [2.0]}, n_trials=3)
    with pytest.raises(ValueError, match=r"All 3 trials .* failed(.|\n)*too smooth"):
        search.fit(*iris)
    assert not hasattr(search, "cv_results_")
    with pytest.raises(RuntimeError, match="too smooth"):
        search.set_params(error_score="raise").fit(*iris)


@pytest.mark.filterwarnings("ignore:Scoring failed")
def test_score_that_is_no_number_is_a_failure(make_search: Any, iris: Any) -> None:
    """Optuna has no place for it either."""

    def scorer(model: Any, X: Any, y: Any) -> float:
        return float("nan") if model.var_smoothing > 1 else model.score(X, y)

    search = make_search(
        GaussianNB(), {"var_smoothing": [1e-9, 2.0]}, scoring=scorer, pruning="off"
    )
    with pytest.warns(FitFailedWarning, match="The score is not a number"):
        search.fit(*iris)
    assert search.best_params_ == {"var_smoothing": 1e-9}


@pytest.mark.filterwarnings("ignore:Only one class is present")
@pytest.mark.parametrize("pruning", ["off", "lockstep"])
def test_folds_without_a_class_are_named(make_search: Any, pruning: str) -> None:
    """A ROC curve needs both; every trial lacks a score, for the same reason."""
    X, y = np.arange(24.0).reshape(12, 2), np.repeat([0, 1], 6)
    search = make_search(
        MLPClassifier((2,), max_epochs=2, random_state=0),
        {"learning_rate": [0.01, 0.1]},
        scoring="roc_auc",
        cv=KFold(4),
        n_trials=2,
        pruning=pruning,
    )
    with pytest.raises(ValueError, match=r"a number on 4 of 4 folds: 0, 1, 2, 3\. A m"):
        search.fit(X, y)


def test_divergence_is_a_failure_that_costs_little(make_search: Any, iris: Any) -> None:
    """The trial ends with the first fold that diverges."""
    net = MLPClassifier(optimizer="sgd", max_epochs=4, random_state=0)
    search = make_search(
        net,
        {"learning_rate": [0.01, 1e10]},
        n_trials=4,
        sampler=optuna.samplers.RandomSampler(seed=0),
        enqueue=None,
    )
    with pytest.warns(FitFailedWarning, match="diverged"):
        search.fit(*iris)
    results = search.cv_results_
    failed = results["state"] == "FAIL"
    assert failed.any()
    assert (results["n_epochs"][failed] < 4).all()
    assert search.best_params_ == {"learning_rate": 0.01}


def test_estimators_without_y_are_searched(iris: Any) -> None:
    """A clustering has no target."""
    search = OptunaSearchCV(
        KMeans(n_init=2, random_state=0),
        {"n_clusters": [2, 5]},
        n_trials=4,
        cv=2,
        random_state=0,
    ).fit(iris[0])
    assert search.best_params_ == {"n_clusters": 5}
    assert len(set(search.predict(iris[0]))) == 5
    with pytest.raises(ValueError, match="requires y to be passed"):
        OptunaSearchCV(Ridge(), {"alpha": [1.0]}).fit(iris[0])


def test_steps_of_a_pipeline_can_be_searched(make_search: Any, iris: Any) -> None:
    """Whole estimators are choices, and their parameters depend on the choice."""
    pipeline = Pipeline([("scale", StandardScaler()), ("clf", GaussianNB())])

    def space(trial: Any) -> dict[str, Any]:
        if trial.suggest_categorical("kind", ["linear", "net"]) == "linear":
            C = trial.suggest_float("C", 0.1, 10.0, log=True)
            return {"clf": LogisticRegression(), "clf__C": C}
        return {
            "clf": MLPClassifier(max_epochs=2, random_state=0),
            "clf__learning_rate": trial.suggest_float("rate", 0.01, 0.3, log=True),
        }

    search = make_search(pipeline, space, n_trials=6).fit(*iris)
    kinds = {type(params["clf"]) for params in search.cv_results_["params"]}
    assert kinds == {LogisticRegression, MLPClassifier}
    assert type(search.best_estimator_["clf"]) in kinds
    listed = make_search(
        pipeline,
        {"clf": [LogisticRegression(C=0.01), LogisticRegression()]},
        n_trials=4,
    ).fit(*iris)
    assert listed.best_params_["clf"].C == 1.0


def test_scorer_sees_the_whole_estimator(make_search: Any, iris: Any) -> None:
    """What is scored on the way, too, has the steps of the Pipeline."""
    seen = []

    def scorer(model: Any, X: Any, y: Any) -> float:
        seen.append([name for name, _ in model.steps])
        return float(model.score(X, y))

    pipeline = Pipeline(
        [("scale", StandardScaler()), ("net", MLPClassifier(max_epochs=3))]
    )
    make_search(pipeline, {"net__l2": [0.0, 0.1]}, n_trials=2, scoring=scorer).fit(
        *iris
    )
    assert len(seen) == 2 * 3 * 3
    assert all(names == ["scale", "net"] for names in seen)


def test_metric_made_from_a_function_is_used_on_the_way(
    make_search: Any, iris: Any
) -> None:
    """Of several metrics, only the one that is searched for."""
    calls = {"a": 0, "b": 0}

    def metric(name: str) -> Any:
        def count(y: Any, predicted: Any) -> float:
            calls[name] += 1
            return float((y == predicted).mean())

        return make_scorer(count)

    scoring = {name: metric(name) for name in calls}
    make_search(n_trials=1, scoring=scoring, refit="b").fit(*iris)
    assert calls == {"a": 3, "b": 12}
