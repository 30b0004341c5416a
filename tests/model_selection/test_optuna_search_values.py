"""NumPy scalars are the Python values that they stand for, wherever they come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from scipy.stats import randint

from skdeep import MLPClassifier, VectorizedSearchCV, load, save

SCALARS: dict[str, Any] = {
    "batch_size": np.int64(32),
    "learning_rate": np.float64(0.02),
    "activation": np.str_("tanh"),
    "shuffle": np.bool_(False),
    "hidden_layer_sizes": (np.int64(5),),
}
VALUES: dict[str, Any] = {
    "batch_size": 32,
    "learning_rate": 0.02,
    "activation": "tanh",
    "shuffle": False,
    "hidden_layer_sizes": (5,),
}
SPACE: dict[str, Any] = {
    "batch_size": IntDistribution(
        np.int64(8),  # type: ignore[arg-type]  # NumPy's ints register as such late
        np.int64(64),  # type: ignore[arg-type]
    ),
    "learning_rate": FloatDistribution(np.float64(1e-3), np.float64(0.1), log=True),
    "activation": CategoricalDistribution(["relu", "tanh"]),
    "shuffle": [np.bool_(True), np.bool_(False)],
    "hidden_layer_sizes": [(np.int64(4),), (5,)],
}


@pytest.mark.parametrize("storage", [False, True])
def test_own_values_are_the_first_trial(
    make_search: Any, iris: Any, tmp_path: Path, storage: bool
) -> None:
    """Whatever type they have."""
    net = MLPClassifier(max_epochs=2, random_state=0).set_params(**SCALARS)
    where = tmp_path / "trials.log" if storage else None
    search = make_search(net, SPACE, n_trials=np.int64(2), cv=2, storage=where)
    first = search.fit(*iris).cv_results_["params"][0]
    assert first == VALUES
    assert {name: type(value) for name, value in first.items()} == {
        name: type(value) for name, value in VALUES.items()
    }


@pytest.mark.parametrize("name", SCALARS)
def test_enqueued_values_are_taken(
    make_search: Any, net: Any, iris: Any, name: str
) -> None:
    """Each as its Python value."""
    net.set_params(max_epochs=1)
    search = make_search(net, SPACE, n_trials=1, cv=2, enqueue=[{name: SCALARS[name]}])
    assert search.fit(*iris).best_params_[name] == VALUES[name]


def test_enqueued_value_of_another_distribution_is_taken(
    make_search: Any, net: Any, iris: Any
) -> None:
    """Of one of SciPy that Optuna has not."""
    space = {"max_epochs": randint(1, 4), "l2": [np.float32(0.5), 0.25]}
    given = {"max_epochs": np.int32(2), "l2": np.float32(0.5)}
    search = make_search(net, space, n_trials=1, cv=2, enqueue=[given]).fit(*iris)
    assert search.best_params_ == {"max_epochs": 2, "l2": 0.5}


def test_function_may_draw_from_an_array(
    make_search: Any, net: Any, iris: Any, tmp_path: Path
) -> None:
    """A storage keeps its values."""

    def space(trial: Any) -> dict[str, Any]:
        return {
            "batch_size": trial.suggest_categorical("batch", np.array([16, 32])),
            "max_epochs": np.int64(2),
        }

    search = make_search(net, space, n_trials=2, cv=2, storage=tmp_path / "t.log")
    drawn = search.fit(*iris).cv_results_["params"]
    assert {type(value) for row in drawn for value in row.values()} == {int}


def test_study_is_resumed_with_equal_values_of_python(
    make_search: Any, net: Any, iris: Any, tmp_path: Path
) -> None:
    """The estimator's own parameters are compared by value."""
    given = {"storage": tmp_path / "t.log", "study_name": "rates", "cv": 2}
    net.set_params(max_epochs=1, **SCALARS)
    make_search(net, n_trials=1, **given).fit(*iris)
    net.set_params(**VALUES)
    search = make_search(net, n_trials=2, resume=True, **given).fit(*iris)
    assert len(search.cv_results_["params"]) == 2


def test_grid_of_numpy_scalars_is_stacked(iris: Any, tmp_path: Path) -> None:
    """With equal values of Python in one stack, and the best one can be saved."""
    grid = {name: [VALUES[name], SCALARS[name]] for name in ("batch_size", "shuffle")}
    net = MLPClassifier((4,), max_epochs=1, random_state=0)
    search = VectorizedSearchCV(net, grid, cv=2).fit(*iris)
    assert (search.stack_sizes_ == 8).all()
    net.set_params(**SCALARS).fit(*iris)
    save(net, tmp_path / "net.skdeep")
    again = load(tmp_path / "net.skdeep")
    np.testing.assert_array_equal(again.predict(iris[0]), net.predict(iris[0]))
