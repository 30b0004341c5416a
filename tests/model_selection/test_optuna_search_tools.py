"""Samplers, pruners and callbacks of Optuna in a search."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution

from skdeep import OptunaSearchCV
from skdeep.exceptions import MissingDependencyError, StudyError

samplers, pruners = optuna.samplers, optuna.pruners
GRID: dict[str, Any] = {"learning_rate": [0.01, 0.1], "shuffle": [True, False]}
SPACE: dict[str, Any] = {
    "learning_rate": FloatDistribution(1e-3, 0.1, log=True),
    "shuffle": [True, False],
}


def quiet(make: Any) -> Any:
    """Make something that Optuna calls experimental or deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def terminators() -> Any:
    """Return Optuna's module of them, which says that it will go."""
    return quiet(lambda: import_module("optuna.terminator"))


@pytest.mark.parametrize("pruning", ["lockstep", "offset"])
@pytest.mark.parametrize(
    "pruner",
    [
        pruners.SuccessiveHalvingPruner,
        lambda: pruners.HyperbandPruner(min_resource=1, max_resource=4),
        lambda: pruners.ThresholdPruner(lower=0.0),
        lambda: pruners.PatientPruner(pruners.MedianPruner(), patience=1),
        pruners.WilcoxonPruner,
    ],
    ids=["halving", "hyperband", "threshold", "patient", "wilcoxon"],
)
def test_pruners_of_optuna_run(
    make_search: Any, iris: Any, pruner: Any, pruning: str
) -> None:
    """All trials come to an end of their own."""
    search = make_search(pruner=quiet(pruner), pruning=pruning, n_trials=5, cv=2)
    search.set_params(space={"learning_rate": [1e-6, 0.1]})
    states = set(search.fit(*iris).cv_results_["state"])
    assert states <= {"COMPLETE", "PRUNED"}


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: samplers.TPESampler(seed=0, multivariate=True, n_startup_trials=2),
        lambda: samplers.QMCSampler(seed=0),
        lambda: samplers.NSGAIISampler(seed=0, population_size=2),
        lambda: samplers.RandomSampler(seed=0),
        pytest.param(
            lambda: samplers.GPSampler(seed=0, n_startup_trials=2),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["tpe", "qmc", "nsga", "random", "gp"],
)
def test_samplers_of_optuna_draw(make_search: Any, iris: Any, sampler: Any) -> None:
    """As many trials as were asked for."""
    search = make_search(space=SPACE, sampler=quiet(sampler), n_trials=5, cv=2)
    with warnings.catch_warnings():
        # Of Optuna's own, such as the ones on experimental classes.
        warnings.simplefilter("ignore")
        search.fit(*iris)
    assert len(search.cv_results_["params"]) == 5


@pytest.mark.parametrize("enqueue", ["default", None])
@pytest.mark.parametrize(
    "sampler",
    [lambda: samplers.GridSampler(GRID, seed=0), samplers.BruteForceSampler],
    ids=["grid", "brute force"],
)
def test_grid_is_gone_through_once(
    make_search: Any, iris: Any, sampler: Any, enqueue: Any
) -> None:
    """And the search ends with it."""
    search = make_search(
        space=GRID,
        sampler=quiet(sampler),
        enqueue=enqueue,
        pruning="off",
        n_trials=9,
        cv=2,
    ).fit(*iris)
    drawn = {tuple(row.values()) for row in search.cv_results_["params"]}
    assert drawn == {(0.01, True), (0.01, False), (0.1, True), (0.1, False)}
    assert len(search.cv_results_["params"]) == 4


class Failing(samplers.RandomSampler):
    """Fail to draw."""

    def sample_independent(self, *_given: Any) -> Any:
        """Raise."""
        raise RuntimeError("out of numbers")


@pytest.mark.parametrize(
    ("sampler", "cause", "match"),
    [
        (Failing, RuntimeError, "draw parameters with Failing: out of numbers"),
        (
            lambda: samplers.GridSampler({"other": [1]}),
            ValueError,
            "GridSampler: The parameter name, learning_rate, is not found",
        ),
        (
            samplers.BruteForceSampler,
            ValueError,
            "BruteForceSampler: FloatDistribution.step must be given",
        ),
    ],
)
def test_error_of_a_sampler_is_told(
    make_search: Any, iris: Any, sampler: Any, cause: Any, match: str
) -> None:
    """As one of the search, with Optuna's as its cause."""
    search = make_search(sampler=quiet(sampler), enqueue=None)
    with pytest.raises(StudyError, match=f"^OptunaSearchCV cannot .*{match}") as caught:
        search.fit(*iris)
    assert isinstance(caught.value.__cause__, cause)
    assert not hasattr(search, "study_")


def test_package_that_a_sampler_needs_is_named(
    make_search: Any, iris: Any, hide_module: Any
) -> None:
    """The sampler by CMA-ES looks for one when it draws."""
    hide_module("cmaes")
    sampler = samplers.CmaEsSampler(n_startup_trials=1, seed=0)
    search = make_search(space=SPACE, sampler=sampler, enqueue=None)
    with pytest.raises(MissingDependencyError, match="CmaEsSampler"):
        search.fit(*iris)


class Counting(pruners.BasePruner):
    """Fail to decide."""

    def prune(self, study: Any, trial: Any) -> bool:
        """Raise."""
        raise KeyError("no such step")


def test_error_of_a_pruner_is_told(make_search: Any, iris: Any) -> None:
    """By its name."""
    with pytest.raises(StudyError, match="report a score to Counting") as caught:
        make_search(pruner=Counting()).fit(*iris)
    assert isinstance(caught.value.__cause__, KeyError)


def test_function_that_misuses_optuna_is_told(make_search: Any, iris: Any) -> None:
    """Before the first trial."""

    def space(trial: Any) -> dict[str, Any]:
        return {"learning_rate": trial.suggest_float("rate", 0.1, 0.01)}

    with pytest.raises(ValueError, match=r"function given as 'space': .low <= high"):
        make_search(space=space).fit(*iris)


@pytest.mark.parametrize("states", [(optuna.trial.TrialState.COMPLETE,), None])
def test_callback_counts_trials_that_were_begun(
    make_search: Any, iris: Any, states: Any
) -> None:
    """Not those that are reserved."""
    stop = optuna.study.MaxTrialsCallback(3, states=states)
    search = make_search(callbacks=[stop], pruning="off", n_trials=8).fit(*iris)
    assert len(search.cv_results_["params"]) == 3


@pytest.mark.parametrize("pruning", ["lockstep", "offset", "off"])
def test_scores_of_folds_are_reported(
    make_search: Any, iris: Any, pruning: str
) -> None:
    """Where Optuna's terminators look for them."""
    search = make_search(pruning=pruning, n_trials=3, cv=3, enqueue=None).fit(*iris)
    results = search.cv_results_
    evaluator = quiet(terminators().CrossValidationErrorEvaluator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = evaluator.evaluate(search.study_.trials, search.study_.direction)
    best = [results[f"split{k}_test_score"][search.best_index_] for k in range(3)]
    assert error == pytest.approx(np.sqrt((1 / 3 + 1 / 2) * np.var(best)))


def test_terminator_ends_a_search(iris: Any, net: Any) -> None:
    """Once it finds no room for improvement."""

    class Content(terminators().BaseImprovementEvaluator):  # type: ignore[misc]
        """See no room."""

        def evaluate(self, trials: Any, study_direction: Any) -> float:
            """Return the room for improvement."""
            return -1.0

    def make() -> Any:
        judge = terminators().Terminator(
            improvement_evaluator=Content(), min_n_trials=3
        )
        return terminators().TerminatorCallback(judge)

    search = OptunaSearchCV(
        net,
        SPACE,
        n_trials=9,
        cv=2,
        random_state=0,
        pruning="off",
        callbacks=[quiet(make)],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(*iris)
    assert len(search.cv_results_["params"]) == 3
