"""dask: joblib's work is done by a cluster."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

from skdeep import MLPClassifier, OptunaSearchCV

pytestmark = pytest.mark.ecosystem("dask", "distributed")


@pytest.fixture
def cluster():
    """Start two workers in this process."""
    from distributed import Client

    with Client(
        processes=False, n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as client:
        yield client


def test_grid_search_on_a_cluster_is_the_same(two_classes, cluster):
    """Scores do not depend on who trains."""
    X, y = two_classes
    net = MLPClassifier((8,), max_epochs=5, random_state=0)
    search = GridSearchCV(net, {"learning_rate": [0.001, 0.03]}, cv=3)
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="dask"):
        together = search.set_params(n_jobs=2).fit(X, y).cv_results_
        scores = cross_val_score(net, X, y, cv=3, n_jobs=2)
    np.testing.assert_array_equal(together["mean_test_score"], alone)
    np.testing.assert_array_equal(scores, cross_val_score(net, X, y, cv=3))


def test_optuna_search_shares_its_trials(two_classes, cluster, tmp_path):
    """Workers of a cluster take trials from one file."""
    X, y = two_classes
    net = MLPClassifier((8,), max_epochs=3, random_state=0)
    search = OptunaSearchCV(
        net,
        {"learning_rate": [0.001, 0.003, 0.01, 0.03]},
        n_trials=4,
        cv=2,
        n_jobs=2,
        pruning="off",
        storage=tmp_path / "study.log",
    )
    with joblib.parallel_config(backend="dask"):
        search.fit(X, y)
    assert search.cv_results_["state"].tolist() == ["COMPLETE"] * 4
    again = net.set_params(**search.best_params_)
    assert search.best_score_ == cross_val_score(again, X, y, cv=2).mean()
