"""optuna-integration: Optuna's own search, and its callback for skorch."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from sklearn.model_selection import cross_val_score

from skdeep import MLPClassifier, OptunaSearchCV

pytestmark = pytest.mark.ecosystem("optuna-integration")


def test_search_of_optuna_takes_a_network(two_classes):
    """Trials are scored by the folds of scikit-learn; the best one is refitted."""
    from optuna_integration import OptunaSearchCV as SearchOfOptuna

    X, y = two_classes
    net = MLPClassifier((8,), max_epochs=10, random_state=0)
    space = {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)}
    search = SearchOfOptuna(net, space, n_trials=4, cv=3, random_state=0).fit(X, y)
    net.set_params(**search.best_params_)
    assert search.best_score_ == pytest.approx(cross_val_score(net, X, y, cv=3).mean())
    np.testing.assert_array_equal(search.predict(X), net.fit(X, y).predict(X))


def test_pruning_callback_reports_each_epoch(two_classes):
    """The callback that is passed is the one that reports, and stops poor trials."""
    import optuna
    from optuna_integration import SkorchPruningCallback

    X, y = two_classes
    rates = [0.01, 0.02, 1e-7]

    def objective(trial):
        net = MLPClassifier(
            (8,),
            max_epochs=10,
            early_stopping=True,
            n_iter_no_change=10,
            learning_rate=rates[trial.number],
            callbacks=[SkorchPruningCallback(trial, "valid_loss")],
            random_state=0,
        )
        net.fit(X, y)
        return net.best_loss_ if net.best_loss_ is not None else net.loss_

    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=3)
    study = optuna.create_study(pruner=pruner)
    study.optimize(objective, n_trials=3)
    reported = [len(trial.intermediate_values) for trial in study.trials]
    assert reported[:2] == [10, 10]
    assert study.trials[2].state == optuna.trial.TrialState.PRUNED
    assert reported[2] < 10


def test_terminator_of_optuna_looks_at_the_scores_of_folds(two_classes):
    """A search reports what the terminator asks for, and is ended by it."""
    from optuna.terminator import (
        CrossValidationErrorEvaluator,
        StaticErrorEvaluator,
        Terminator,
        TerminatorCallback,
    )

    X, y = two_classes
    ended = {}
    for name, error in {
        "folds": CrossValidationErrorEvaluator(),
        "at once": StaticErrorEvaluator(constant=100.0),
    }.items():
        terminator = Terminator(error_evaluator=error, min_n_trials=3)
        search = OptunaSearchCV(
            MLPClassifier((8,), max_epochs=3, random_state=0),
            {"learning_rate": FloatDistribution(1e-4, 1e-1, log=True)},
            n_trials=6,
            cv=3,
            pruning="off",
            callbacks=[TerminatorCallback(terminator)],
            random_state=0,
        )
        ended[name] = len(search.fit(X, y).cv_results_["params"])
    assert ended["at once"] == 3
    assert 3 <= ended["folds"] <= 6
