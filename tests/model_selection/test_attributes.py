"""Tables and shares of a fitted search."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest

from skdeep.exceptions import MissingDependencyError


def test_importances_add_up_and_find_the_parameter_that_matters(
    make_search: Any, iris: Any
) -> None:
    """The largest first."""
    space = {"learning_rate": [1e-6, 0.05], "tol": [1e-4, 1e-5]}
    search = make_search(space=space, n_trials=15, pruning="off", enqueue=None)
    shares = search.fit(*iris).param_importances_
    assert list(shares) == ["learning_rate", "tol"]
    assert sum(shares.values()) == pytest.approx(1.0)
    assert not hasattr(make_search(), "param_importances_")


def test_table_has_a_row_for_each_trial(
    make_search: Any, iris: Any, strict: Any
) -> None:
    """With states, scores, times and parameters as they are set."""
    pd = pytest.importorskip("pandas", reason="tables are of pandas")

    def space(trial: Any) -> dict[str, Any]:
        rate = trial.suggest_float("learning_rate", 1e-6, 0.3, log=True)
        if trial.suggest_categorical("deep", [False, True]):
            return {"learning_rate": rate, "hidden_layer_sizes": (6, 6)}
        return {"learning_rate": rate}

    search = make_search(space=space, n_trials=8, pruner=strict).fit(*iris)
    table = search.trials_dataframe()
    results = search.cv_results_
    assert table.index.tolist() == list(range(8))
    assert table.index.name == "trial_number"
    assert table["state"].tolist() == results["state"].tolist()
    done = table["state"] == "COMPLETE"
    np.testing.assert_array_equal(
        table["score"][done], results["mean_test_score"][done]
    )
    assert (table["duration"] > 0).all()
    assert (
        (table["ended"] - table["began"]).dt.total_seconds().equals(table["duration"])
    )
    np.testing.assert_array_equal(
        table["param_learning_rate"], results["param_learning_rate"]
    )
    layers = table["param_hidden_layer_sizes"].tolist()
    assert set(layers) <= {(6, 6), None}
    assert [layer is None for layer in layers] == list(
        results["param_hidden_layer_sizes"].mask
    )
    assert isinstance(table, pd.DataFrame)


def test_table_needs_pandas(make_search: Any, iris: Any, hide_module: Any) -> None:
    """It is an extra."""
    search = make_search(n_trials=1).fit(*iris)
    hide_module("pandas")
    with pytest.raises(MissingDependencyError, match=r"skdeep-torch\[frames\]"):
        search.trials_dataframe()


def test_importances_are_equal_where_all_trials_score_alike(
    make_search: Any,
) -> None:
    """A repr shows them, and they are worked out once."""
    X = np.repeat([[0.0, 0.0], [9.0, 9.0]], 12, axis=0)
    space = {"learning_rate": [0.05, 0.1], "tol": [1e-4, 1e-5]}
    search = make_search(space=space, n_trials=6, cv=2).fit(X, np.repeat([0, 1], 12))
    assert search.best_score_ == 1.0
    assert search.param_importances_ == {"learning_rate": 0.5, "tol": 0.5}
    assert "param_importances_" in search._repr_html_()


def test_importances_are_worked_out_once(
    make_search: Any, iris: Any, monkeypatch: Any
) -> None:
    """A second fit forgets those of the first."""
    search = make_search(n_trials=5, pruning="off").fit(*iris)
    calls = []
    original = optuna.importance.get_param_importances

    def count(*args: Any, **params: Any) -> Any:
        calls.append(args)
        return original(*args, **params)

    monkeypatch.setattr(optuna.importance, "get_param_importances", count)
    assert search.param_importances_ == search.param_importances_
    assert dir(search)
    assert len(calls) == 1
    assert search.fit(*iris).param_importances_
    assert len(calls) == 2
