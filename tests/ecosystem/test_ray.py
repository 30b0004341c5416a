"""ray: joblib's work is done by actors."""

from __future__ import annotations

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skdeep import MLPClassifier, OptunaSearchCV

pytestmark = pytest.mark.ecosystem("ray")


@pytest.fixture(scope="module")
def ray():
    """Start ray with two CPUs, and register it with joblib."""
    import ray
    from ray.util.joblib import register_ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_ray()
    yield ray
    ray.shutdown()


def test_grid_search_by_actors_is_the_same(two_classes, ray):
    """Scores do not depend on who trains."""
    X, y = two_classes
    net = MLPClassifier((8,), max_epochs=5, random_state=0)
    search = GridSearchCV(net, {"learning_rate": [0.001, 0.03]}, cv=2)
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config(backend="ray"):
        together = search.set_params(n_jobs=2).fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(together, alone)


def test_optuna_search_by_actors(two_classes, ray, tmp_path):
    """Actors take trials from one file."""
    X, y = two_classes
    search = OptunaSearchCV(
        MLPClassifier((8,), max_epochs=3, random_state=0),
        {"learning_rate": [0.001, 0.003, 0.01, 0.03]},
        n_trials=4,
        cv=2,
        n_jobs=2,
        pruning="off",
        storage=tmp_path / "study.log",
    )
    with joblib.parallel_config(backend="ray"):
        search.fit(X, y)
    assert search.cv_results_["state"].tolist() == ["COMPLETE"] * 4


def test_fitted_network_goes_to_a_task(two_classes, ray):
    """A network in ray's store predicts in another process to the bit."""
    X, y = two_classes
    net = MLPClassifier((8,), max_epochs=5, random_state=0).fit(X, y)

    @ray.remote
    def predict(model, rows):
        return model.predict_proba(rows)

    found = ray.get(predict.remote(ray.put(net), X))
    np.testing.assert_array_equal(found, net.predict_proba(X))
