"""Folds in lockstep, with an offset, or in turn: what is trained, told and pruned."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_digits, make_regression
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_score
from sklearn.neural_network import MLPClassifier as ScikitLearnMLP
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import (
    CNNClassifier,
    ImageAugmenter,
    MLPClassifier,
    MLPRegressor,
    OptunaSearchCV,
    TabularMLPClassifier,
)

NEVER = optuna.pruners.NopPruner()
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "max_epochs": 5,
    "batch_size": 16,
    "random_state": 0,
}
ALIKE = {
    "early stopping": MLPClassifier(
        **{**SMALL, "max_epochs": 30}, early_stopping=True, n_iter_no_change=2
    ),
    "schedule and dropout": MLPClassifier(
        **SMALL, lr_schedule="one_cycle", dropout=0.3, weight_averaging="ema"
    ),
    "trained again on all rows": TabularMLPClassifier(
        hidden_layer_sizes=(8,),
        n_ensemble=2,
        embedding_dim=4,
        max_epochs=3,
        early_stopping=True,
        refit=True,
        dropout=0.1,
        random_state=0,
    ),
}
ALIKE["in a pipeline in a pipeline"] = make_pipeline(
    StandardScaler(), make_pipeline(StandardScaler(), ALIKE["schedule and dropout"])
)


def pruned_run(search: Any) -> optuna.trial.FrozenTrial:
    """Return a trial that was pruned, of which there has to be one."""
    return next(t for t in search.study_.trials if t.state.name == "PRUNED")


@pytest.mark.parametrize("pruning", ["lockstep", "offset"])
@pytest.mark.parametrize("kind", ALIKE)
def test_unpruned_trial_scores_what_cross_validation_does(
    iris: Any, kind: str, pruning: str
) -> None:
    """To the last bit, however often it was looked at."""
    model = ALIKE[kind]
    name = next(p for p in model.get_params() if p.endswith("learning_rate"))
    search = OptunaSearchCV(
        model,
        {name: [0.03, 0.1]},
        n_trials=2,
        cv=3,
        scoring="neg_log_loss",
        pruning=pruning,
        pruner=NEVER,
        random_state=0,
    ).fit(*iris)
    for row, params in enumerate(search.cv_results_["params"]):
        expected = cross_val_score(
            clone(model).set_params(**params), *iris, cv=3, scoring="neg_log_loss"
        )
        found = [search.cv_results_[f"split{k}_test_score"][row] for k in range(3)]
        np.testing.assert_array_equal(found, expected)


def test_augmented_network_scores_what_cross_validation_does() -> None:
    """Images are made harder as in a fit of their own."""
    X, y = load_digits(n_class=3, return_X_y=True)
    X, y = X[:90], y[:90]
    net = CNNClassifier(
        conv_channels=(4,),
        hidden_layer_sizes=(),
        max_epochs=3,
        random_state=0,
        augmenter=ImageAugmenter(),
    )
    search = OptunaSearchCV(
        net, {"augmenter__rotation": [20.0]}, n_trials=1, cv=2, pruner=NEVER
    ).fit(X, y)
    net.set_params(augmenter__rotation=20.0)
    assert search.best_score_ == cross_val_score(net, X, y, cv=2).mean()


def test_steps_are_the_mean_of_the_folds_after_each_epoch(
    make_search: Any, iris: Any
) -> None:
    """As short trainings by hand score; the last is the trial's value."""
    search = make_search(n_trials=1, pruner=NEVER).fit(*iris)
    (trial,) = search.study_.trials
    net = search.estimator.set_params(**search.best_params_)
    by_hand = {
        epochs: cross_val_score(net.set_params(max_epochs=epochs), *iris, cv=3).mean()
        for epochs in (1, 2, 3, 4)
    }
    assert trial.intermediate_values == pytest.approx(by_hand, abs=1e-15)
    assert trial.value == trial.intermediate_values[4]


def test_report_every_skips_epochs(make_search: Any, iris: Any) -> None:
    """The end is told in any case."""
    search = make_search(n_trials=1, report_every=3).fit(*iris)
    assert list(search.study_.trials[0].intermediate_values) == [3, 4]


def test_pruned_trial_stops_all_folds_after_the_same_epoch(
    make_search: Any, iris: Any, strict: Any
) -> None:
    """And costs as many epochs as it was told steps."""
    search = make_search(n_trials=15, pruner=strict).fit(*iris)
    trial: Any = pruned_run(search)
    record = trial.user_attrs["skdeep:result"]
    assert record["n_epochs"] == [trial.last_step] * 3
    assert search.best_score_ == max(
        t.value for t in search.study_.trials if t.state.name == "COMPLETE"
    )


def test_offset_counts_the_epochs_of_folds_on(
    make_search: Any, iris: Any, strict: Any
) -> None:
    """The second fold begins where the first one would have ended at the latest."""
    search = make_search(n_trials=15, pruner=strict, pruning="offset").fit(*iris)
    steps = list(search.study_.trials[0].intermediate_values)
    assert steps == list(range(1, 13))
    trial: Any = pruned_run(search)
    record = trial.user_attrs["skdeep:result"]
    assert sum(record["n_epochs"]) == trial.last_step
    seen = [score for score in record["test_scores"]["score"] if score is not None]
    assert len(seen) == -(-trial.last_step // 4)
    assert trial.value == pytest.approx(np.mean(seen))


def test_offset_leaves_room_for_the_longest_training(iris: Any) -> None:
    """Where epochs are searched, too, and where a fold stops early."""
    net = MLPClassifier(
        **{**SMALL, "max_epochs": 10, "learning_rate": 0.5},
        early_stopping=True,
        n_iter_no_change=1,
    )
    space = {"max_epochs": optuna.distributions.IntDistribution(10, 20)}
    search = OptunaSearchCV(
        net, space, n_trials=2, cv=2, pruning="offset", pruner=NEVER, random_state=0
    ).fit(*iris)
    for trial in search.study_.trials:
        epochs = trial.user_attrs["skdeep:result"]["n_epochs"]
        assert max(epochs) < 20
        steps = set(trial.intermediate_values)
        assert {20, 40} <= steps
        assert steps == {*range(1, epochs[0]), *range(21, 20 + epochs[1]), 20, 40}


def test_folds_that_stop_early_wait_for_the_others(iris: Any) -> None:
    """Their last score counts on in the mean."""
    net = MLPClassifier(
        **{**SMALL, "max_epochs": 40, "learning_rate": 0.3},
        early_stopping=True,
        n_iter_no_change=1,
    )
    search = OptunaSearchCV(net, {"l2": [0.0]}, n_trials=1, cv=3, pruner=NEVER)
    search.fit(*iris)
    (trial,) = search.study_.trials
    epochs = trial.user_attrs["skdeep:result"]["n_epochs"]
    assert len(set(epochs)) > 1, "the folds are to stop at different epochs"
    assert list(trial.intermediate_values) == list(range(1, max(epochs) + 1))


class Spy(TransformerMixin, BaseEstimator):
    """Pass rows on, and remember the numbers of those that it was fitted on."""

    n_fits = 0

    def fit(self, X: Any, y: Any = None) -> Spy:
        """Remember."""
        type(self).n_fits += 1
        self.rows_ = set(X[:, 0])
        return self

    def transform(self, X: Any) -> Any:
        """Drop the numbers of the rows."""
        return X[:, 1:]


@pytest.mark.parametrize("pruning", ["lockstep", "offset", "off"])
def test_no_row_is_trained_on_that_is_scored(iris: Any, pruning: str) -> None:
    """With folds that are shuffled anew at each call, but called once."""
    X, y = iris
    numbered = np.column_stack([np.arange(len(X)), X])
    scored = []

    def scorer(model: Any, X: Any, y: Any) -> float:
        assert not model[0].rows_ & set(X[:, 0])
        scored.append(frozenset(X[:, 0]))
        return float(model.score(X, y))

    Spy.n_fits = 0
    search = OptunaSearchCV(
        make_pipeline(Spy(), MLPClassifier(**SMALL)),
        {"mlpclassifier__l2": [0.0, 1e-3, 1e-2]},
        n_trials=3,
        # Other folds at every call.
        cv=KFold(3, shuffle=True, random_state=np.random.RandomState(0)),
        scoring=scorer,
        pruning=pruning,
        pruner=NEVER,
    ).fit(numbered, y)
    assert len(set(scored)) == 3
    assert len(scored) == 9 * (1 if pruning == "off" else 5)
    assert Spy.n_fits == 9 + 1, "once a fold, and for the refit"
    assert search.n_splits_ == 3


def test_memory_of_a_pipeline_is_used(iris: Any, tmp_path: Any) -> None:
    """Trials that differ in the last step alone share what came before."""
    X, y = iris
    Spy.n_fits = 0
    pipeline = Pipeline(
        [("spy", Spy()), ("net", MLPClassifier(**SMALL))], memory=str(tmp_path)
    )
    OptunaSearchCV(
        pipeline,
        {"net__l2": [0.0, 1e-3]},
        n_trials=2,
        cv=2,
        refit=False,
        pruner=NEVER,
        sampler=optuna.samplers.RandomSampler(seed=0),
    ).fit(np.column_stack([np.arange(len(X)), X]), y)
    assert Spy.n_fits == 2


def test_estimators_without_epochs_are_pruned_between_folds(
    make_search: Any, iris: Any, strict: Any
) -> None:
    """The mean of the folds so far is told."""
    space = {"C": optuna.distributions.FloatDistribution(1e-5, 1.0, log=True)}
    search = make_search(LogisticRegression(), space, n_trials=20, pruner=strict)
    search.fit(*iris)
    trial = pruned_run(search)
    scores = trial.user_attrs["skdeep:result"]["test_scores"]["score"]
    done = [score for score in scores if score is not None]
    assert trial.last_step == len(done) < 3
    assert trial.value == pytest.approx(np.mean(done))
    assert (search.cv_results_["n_epochs"] == 0).all()
    model = LogisticRegression(**search.best_params_)
    assert search.best_score_ == cross_val_score(model, *iris, cv=3).mean()


def test_regressor_with_a_transformed_target_is_fitted_whole() -> None:
    """What stands around a network is no Pipeline, and is left to its own fit."""
    X, y = make_regression(60, 4, random_state=0)
    model = TransformedTargetRegressor(
        MLPRegressor(**SMALL), transformer=StandardScaler()
    )
    search = OptunaSearchCV(
        model, {"regressor__learning_rate": [0.1]}, n_trials=1, cv=3
    ).fit(X, y)
    model.set_params(regressor__learning_rate=0.1)
    assert search.best_score_ == cross_val_score(model, X, y, cv=3).mean()
    assert list(search.study_.trials[0].intermediate_values) == [1, 2, 3]


@pytest.mark.parametrize("pruning", ["lockstep", "offset"])
def test_partial_fit_steps_another_estimator(
    make_search: Any, iris: Any, pruning: str
) -> None:
    """By as many passes as its parameter says, in the folds and in the refit."""
    X, y = iris
    model = make_pipeline(
        StandardScaler(), SGDClassifier(max_iter=4, tol=None, random_state=0)
    )
    search = make_search(
        model,
        {"sgdclassifier__alpha": [1e-4]},
        n_trials=1,
        resource="max_iter",
        pruning=pruning,
    ).fit(X, y)
    assert search.cv_results_["n_epochs"].tolist() == [12]
    scaled = StandardScaler().fit_transform(X)
    by_hand = SGDClassifier(max_iter=4, tol=None, random_state=0, alpha=1e-4)
    for _ in range(4):
        by_hand.partial_fit(scaled, y, classes=np.unique(y))
    np.testing.assert_array_equal(search.best_estimator_[-1].coef_, by_hand.coef_)
    assert search.best_estimator_[-1].max_iter == 4


def test_passes_of_a_resource_may_be_searched(make_search: Any, iris: Any) -> None:
    """Each trial makes its own number of them."""
    net = ScikitLearnMLP((4,), random_state=0)
    search = make_search(
        net, {"max_iter": [2, 3]}, n_trials=4, resource="max_iter", pruner=NEVER
    ).fit(*iris)
    results = search.cv_results_
    passes = results["param_max_iter"].astype(int)
    assert (results["n_epochs"] == 3 * passes).all()
    assert search.best_estimator_.t_ == 75 * search.best_params_["max_iter"]


def test_single_split_is_enough(make_search: Any, iris: Any) -> None:
    """One fold has a mean, too."""
    cv = ShuffleSplit(1, test_size=0.3, random_state=0)
    search = make_search(cv=cv, n_trials=2).fit(*iris)
    assert search.n_splits_ == 1
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], search.cv_results_["split0_test_score"]
    )


@pytest.mark.parametrize("early_stopping", [False, True])
def test_refit_takes_the_epochs_that_were_scored(
    iris: Any, early_stopping: bool
) -> None:
    """The mean of the folds, on all rows, without an end of its own."""
    net = MLPClassifier(
        **{**SMALL, "max_epochs": 15, "learning_rate": 0.2},
        early_stopping=early_stopping,
        n_iter_no_change=3,
        lr_schedule="cosine",
        tol=1e-3,
    )
    search = OptunaSearchCV(
        make_pipeline(StandardScaler(), net),
        {"mlpclassifier__l2": [0.0]},
        n_trials=1,
        cv=3,
        refit_epochs="mean_best",
        scoring="neg_log_loss",
    ).fit(*iris)
    record = search.study_.trials[0].user_attrs["skdeep:result"]
    kept = record["kept_epoch"]
    if early_stopping:
        assert kept != record["n_epochs"], "the set is to have its best before the end"
    best = search.best_estimator_[-1]
    assert best.n_iter_ == round(np.mean(kept))
    assert best.validation_loss_curve_ is None
    X, y = iris
    whole = clone(net).set_params(early_stopping=False, tol=None, l2=0.0)
    whole.fit(StandardScaler().fit_transform(X), y)
    assert best.loss_curve_ == whole.loss_curve_[: best.n_iter_]


def test_pruner_and_sampler_of_the_user_are_left_alone(
    make_search: Any, iris: Any
) -> None:
    """They are copied, so that a second fit is the same as the first."""
    sampler = optuna.samplers.TPESampler(seed=3, n_startup_trials=2)
    searches = [make_search(sampler=sampler, n_trials=5).fit(*iris) for _ in range(2)]
    first, second = (search.cv_results_["params"] for search in searches)
    assert first == second


@pytest.mark.parametrize(
    "pruner",
    [
        optuna.pruners.HyperbandPruner(min_resource=1, max_resource=4),
        optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
        optuna.pruners.PercentilePruner(25.0, n_startup_trials=2),
    ],
    ids=lambda pruner: type(pruner).__name__,
)
def test_pruners_of_optuna_work(make_search: Any, iris: Any, pruner: Any) -> None:
    """They see one study with one series of steps a trial."""
    search = make_search(n_trials=8, pruner=pruner).fit(*iris)
    assert len(search.cv_results_["state"]) == 8
    assert set(search.cv_results_["state"]) <= {"COMPLETE", "PRUNED"}
