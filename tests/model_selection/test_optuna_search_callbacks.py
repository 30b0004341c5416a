"""The tasks of which callbacks of scikit-learn hear are those of a grid search."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB

from skdeep import MLPClassifier, OptunaSearchCV, VectorizedSearchCV

pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")
RATES: dict[str, Any] = {"learning_rate": [0.05, 0.1]}
Tree = Counter[tuple[int, str, str | None]]


class Listener:
    """Keep the tree of tasks, and count begins and ends."""

    max_propagation_depth = None

    def __init__(self) -> None:
        self.root: Any = None
        self.n_open = 0
        self.rows: list[int] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Keep the first task."""
        self.root = context

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any) -> None:
        """Count the begin."""
        self.n_open += 1
        if "candidate-split" in context.task_name:
            self.rows.append(len(X))

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Count the end."""
        self.n_open -= 1

    def tree(self) -> Tree:
        """Return how often each kind of task came, by depth."""
        found: Tree = Counter()
        pending = [(0, self.root)]
        while pending:
            depth, task = pending.pop()
            found[depth, task.task_name, task.source_task_name] += 1
            pending += [(depth + 1, part) for part in task._children_map.values()]
        return found


def heard(search: Any, iris: Any) -> Listener:
    """Return what a listener hears of a fit."""
    listener = Listener()
    search.set_callbacks(listener)
    search.fit(*iris)
    assert listener.n_open == 0
    return listener


def net(**params: Any) -> MLPClassifier:
    """Return a network of two epochs."""
    return MLPClassifier((4,), max_epochs=2, random_state=0, **params)


@pytest.mark.parametrize("refit", [True, False])
@pytest.mark.parametrize(
    ("kind", "alone"),
    [
        (VectorizedSearchCV, {"normalization": "batch"}),
        (OptunaSearchCV, {"n_trials": 2, "pruning": "off"}),
        (OptunaSearchCV, {"n_trials": 2, "pruning": "offset"}),
    ],
)
def test_tasks_are_those_of_a_grid_search(
    iris: Any, kind: Any, alone: Any, refit: bool
) -> None:
    """With epochs, where fits are made one by one."""
    settings, params = (alone, {}) if kind is OptunaSearchCV else ({}, alone)
    model = net(**params)
    grid = heard(GridSearchCV(model, RATES, cv=3, refit=refit), iris).tree()
    own = heard(kind(model, RATES, cv=3, refit=refit, **settings), iris).tree()
    assert own == grid
    assert own[3, "epoch", None] == 12


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(VectorizedSearchCV, {}), (OptunaSearchCV, {"n_trials": 2, "random_state": 0})],
)
def test_candidates_and_folds_are_tasks_where_fits_go_together(
    iris: Any, kind: Any, settings: Any
) -> None:
    """Each is begun with its own rows, and ended."""
    listener = heard(kind(net(), RATES, cv=3, **settings), iris)
    tree = listener.tree()
    assert tree[2, "candidate-split-evaluation", None] == 6
    assert listener.rows == [50] * 6
    assert tree[1, "fit", "refit-with-best-params"] == 1


@pytest.mark.filterwarnings("ignore:The estimator GaussianNB does not support")
def test_estimators_of_others_have_a_task_a_fold(iris: Any) -> None:
    """As in a grid search."""
    space = {"var_smoothing": [1e-9, 1e-3]}
    grid = heard(GridSearchCV(GaussianNB(), space, cv=3), iris).tree()
    search = OptunaSearchCV(GaussianNB(), space, cv=3, n_trials=2)
    assert heard(search, iris).tree() == grid
    assert heard(VectorizedSearchCV(GaussianNB(), space, cv=3), iris).tree() == grid


def test_failed_and_pruned_folds_end_their_tasks(
    make_search: Any, iris: Any, strict: Any
) -> None:
    """Whatever became of them."""
    search = make_search(pruner=strict, n_trials=6, enqueue=None)
    listener = heard(search, iris)
    assert "PRUNED" in search.cv_results_["state"]
    assert listener.tree()[2, "candidate-split-evaluation", None] == 18
