"""scikit-learn's own callbacks: scores and progress bars, epoch by epoch."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeep import MLPClassifier, MLPRegressor

callback = pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")

X, LABELS = make_classification(90, 5, random_state=0)
TABLE, VALUES = make_regression(90, 5, noise=1.0, random_state=0)
WEIGHT = 1.0 + (np.arange(90) % 3)


@pytest.fixture
def classifier() -> MLPClassifier:
    """Return a classifier of four epochs and several batches."""
    return MLPClassifier(
        hidden_layer_sizes=(6,), max_epochs=4, batch_size=32, random_state=0
    )


@pytest.fixture
def regressor() -> MLPRegressor:
    """Return a regressor of four epochs."""
    return MLPRegressor(hidden_layer_sizes=(6,), max_epochs=4, random_state=0)


def test_fitted_estimator_of_a_refit_has_no_names_of_the_fit_before(
    classifier: MLPClassifier,
) -> None:
    """An array after a frame is scored without a warning."""
    pandas = pytest.importorskip("pandas")
    classifier.fit(pandas.DataFrame(X, columns=list("abcde")), LABELS)
    monitor = callback.ScoringMonitor(scoring="accuracy")
    classifier.set_callbacks(monitor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.fit(X, LABELS)
    assert not hasattr(classifier, "feature_names_in_")


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["alike", "weighted"])
def test_monitor_scores_every_epoch_of_a_classifier(
    weight: Any, classifier: MLPClassifier
) -> None:
    """Scores of epoch k are those of a fit of k epochs, weights counted."""
    monitor = callback.ScoringMonitor(scoring=["accuracy", "neg_log_loss"])
    classifier.set_callbacks(monitor).fit(X, LABELS, sample_weight=weight)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in rows] == [0, 1, 2, 3]
    for row in rows:
        short = (
            clone(classifier).set_callbacks().set_params(max_epochs=row["task_id"] + 1)
        )
        short.fit(X, LABELS, sample_weight=weight)
        hits = accuracy_score(LABELS, short.predict(X), sample_weight=weight)
        loss = log_loss(LABELS, short.predict_proba(X), sample_weight=weight)
        assert row["accuracy"] == pytest.approx(hits)
        assert row["neg_log_loss"] == pytest.approx(-loss)


def test_monitor_scores_every_epoch_of_a_regressor(regressor: MLPRegressor) -> None:
    """Numbers are scored in the units of the target."""
    monitor = callback.ScoringMonitor(scoring="r2")
    regressor.set_callbacks(monitor).fit(TABLE, VALUES)
    scores = [
        row["r2"] for row in monitor.get_logs().data if row["task_name"] == "epoch"
    ]
    plain = clone(regressor).set_callbacks()
    expected = [
        plain.set_params(max_epochs=epochs).fit(TABLE, VALUES).score(TABLE, VALUES)
        for epochs in (1, 2, 3, 4)
    ]
    assert scores == pytest.approx(expected)


def test_monitor_in_a_pipeline_sees_what_the_step_sees(
    classifier: MLPClassifier,
) -> None:
    """Inside a Pipeline scores are on the transformed rows, under the step's task."""
    monitor = callback.ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(MinMaxScaler(), classifier.set_callbacks(monitor))
    pipeline.fit(X, LABELS)
    log = monitor.get_logs()
    assert log.estimator_name == "Pipeline"
    rows = [row for row in log.data if row["task_name"] == "epoch"]
    assert len(rows) == 4
    assert {row["parent_task_id_path"] for row in rows} == {(0, 1)}
    assert rows[-1]["accuracy"] == pipeline.score(X, LABELS)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_monitor_comes_through_a_grid_search(
    n_jobs: int, classifier: MLPClassifier
) -> None:
    """Every epoch of every fit reports, from other processes too."""
    monitor = callback.ScoringMonitor(scoring="accuracy")
    pipeline = make_pipeline(MinMaxScaler(), classifier.set_callbacks(monitor))
    grid = {"mlpclassifier__learning_rate": [0.01, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs).fit(X, LABELS)
    log = monitor.get_logs()
    assert log.estimator_name == "GridSearchCV"
    rows = [row for row in log.data if row["task_name"] == "epoch"]
    fits = {row["parent_task_id_path"] for row in rows}
    assert len(fits) == 5
    assert len(rows) == 5 * 4
    best = clone(search.best_estimator_)
    best[-1].set_callbacks()
    score = best.fit(X, LABELS).score(X, LABELS)
    refit = max(rows, key=lambda row: row["task_id_path"])
    assert refit["accuracy"] == score


def test_progress_bar_counts_the_epochs(
    classifier: MLPClassifier, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bar is scikit-learn's, and full in the end, also where training is short."""
    pytest.importorskip("rich", reason="the progress bar draws with rich")
    classifier.set_callbacks(callback.ProgressBar()).fit(X, LABELS)
    shown = capsys.readouterr().out
    assert "MLPClassifier - fit" in shown
    assert "100%" in shown
    classifier.set_params(max_epochs=50, tol=10.0, n_iter_no_change=2).fit(X, LABELS)
    assert classifier.n_iter_ < 5
    assert "100%" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:The estimator MinMaxScaler does not support")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_progress_bar_of_a_search_reaches_the_epochs(
    n_jobs: int, classifier: MLPClassifier, capsys: pytest.CaptureFixture[str]
) -> None:
    """Set on the search it propagates through the Pipeline to the network."""
    pytest.importorskip("rich", reason="the progress bar draws with rich")
    pipeline = make_pipeline(MinMaxScaler(), classifier)
    search = GridSearchCV(
        pipeline, {"mlpclassifier__l2": [0.0, 0.1]}, cv=2, n_jobs=n_jobs
    )
    bar = callback.ProgressBar(max_propagation_depth=None)
    search.set_callbacks(bar).fit(X, LABELS)
    shown = capsys.readouterr().out
    assert "GridSearchCV - fit" in shown
    assert "MLPClassifier - fit" in shown
    assert not hasattr(search.best_estimator_[-1], "_skl_callbacks")


def test_callbacks_survive_clone_and_pickle(classifier: MLPClassifier) -> None:
    """A clone reports to the same callback, a pickle has a copy of its own."""
    monitor = callback.ScoringMonitor(scoring="accuracy")
    twin = clone(classifier.set_callbacks(monitor))
    assert twin._skl_callbacks[0] is monitor
    twin.fit(X, LABELS)
    again = pickle.loads(pickle.dumps(twin))
    np.testing.assert_array_equal(again.predict_proba(X), twin.predict_proba(X))
    again.fit(X, LABELS)
    assert len(monitor.get_logs(select="all")) == 1
    assert len(again._skl_callbacks[0].get_logs(select="all")) == 2


def test_estimators_work_where_there_are_no_callbacks() -> None:
    """Before scikit-learn 1.9 there is no set_callbacks, and no harm."""
    program = """
import builtins
import numpy as np

original = builtins.__import__

def without_callbacks(name, globals=None, locals=None, fromlist=(), level=0):
    asking = (globals or {}).get("__name__", "")
    if name.startswith("sklearn.callback") and asking.startswith("skdeep"):
        raise ImportError(f"No module named {name!r}")
    return original(name, globals, locals, fromlist, level)

builtins.__import__ = without_callbacks
from skdeep import MLPClassifier, MLPRegressor

X = np.random.default_rng(0).standard_normal((30, 3))
classifier = MLPClassifier(max_epochs=2, random_state=0).fit(X, X[:, 0] > 0)
regressor = MLPRegressor(max_epochs=2, early_stopping=True).fit(X, X[:, 0])
classifier.partial_fit(X, X[:, 0] > 0)
print(classifier.predict(X).shape, regressor.predict(X).shape)
print(hasattr(classifier, "set_callbacks"), classifier.n_iter_)
"""
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.stderr == ""
    assert finished.stdout.split("\n")[:2] == ["(30,) (30,)", "False 3"]
