"""mlflow: runs with models, parameters and scores, in a local database."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from skdeep import MLPClassifier, OptunaSearchCV

pytestmark = pytest.mark.ecosystem("mlflow")


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    """Return mlflow, which keeps its runs in a folder of these tests."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        import mlflow

        before = mlflow.get_tracking_uri()
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        mlflow.create_experiment("skdeep", artifact_location=folder.as_uri())
        mlflow.set_experiment("skdeep")
        yield mlflow
        mlflow.set_tracking_uri(before)


@pytest.fixture
def net():
    """Return a small network."""
    return MLPClassifier((8,), max_epochs=10, learning_rate=0.02, random_state=0)


@pytest.mark.parametrize("form", ["skops", "cloudpickle"])
def test_logged_model_comes_back(mlflow, two_classes, net, form):
    """A model is logged, read and served by pyfunc with the same answers."""
    from skops import io

    X, y = two_classes
    net.fit(X, y)
    options = {}
    if form == "skops":
        types = io.get_untrusted_types(data=io.dumps(net))
        options["skops_trusted_types"] = types
    with mlflow.start_run():
        mlflow.log_params(net.get_params())
        logged = mlflow.sklearn.log_model(
            net,
            name="net",
            serialization_format=form,
            input_example=X[:2],
            # Else mlflow asks a package index what the model needs.
            pip_requirements=["skdeep-torch"],
            **options,
        )
    read = mlflow.sklearn.load_model(logged.model_uri)
    np.testing.assert_array_equal(read.predict_proba(X), net.predict_proba(X))
    served = mlflow.pyfunc.load_model(logged.model_uri)
    np.testing.assert_array_equal(served.predict(X), net.predict(X))


def test_losses_of_epochs_are_logged(mlflow, two_classes, net):
    """The history of a fit becomes the curve of a run."""
    net.fit(*two_classes)
    with mlflow.start_run() as run:
        for epoch, loss in enumerate(net.loss_curve_):
            mlflow.log_metric("loss", loss, step=epoch)
    client = mlflow.tracking.MlflowClient()
    found = [
        point.value for point in client.get_metric_history(run.info.run_id, "loss")
    ]
    assert found == pytest.approx(net.loss_curve_)


def test_callback_of_skorch_logs_each_epoch(mlflow, two_classes, net):
    """skorch's MlflowLogger writes the losses while the network trains."""
    from skorch.callbacks import MlflowLogger

    with mlflow.start_run() as run:
        logger = MlflowLogger(terminate_after_train=False)
        net.set_params(callbacks=[logger]).fit(*two_classes)
    client = mlflow.tracking.MlflowClient()
    history = client.get_metric_history(run.info.run_id, "train_loss")
    assert [point.value for point in history] == pytest.approx(net.loss_curve_)


@pytest.mark.parametrize("search", ["GridSearchCV", "OptunaSearchCV"])
def test_best_parameters_of_a_search_are_logged(mlflow, two_classes, net, search):
    """What a search found goes into a run as numbers and texts."""
    values = {"learning_rate": [0.001, 0.02]}
    if search == "GridSearchCV":
        found = GridSearchCV(net, values, cv=2).fit(*two_classes)
    else:
        found = OptunaSearchCV(net, values, n_trials=2, cv=2).fit(*two_classes)
    with mlflow.start_run() as run:
        mlflow.log_params(found.best_params_)
        mlflow.log_metric("score", found.best_score_)
    data = mlflow.get_run(run.info.run_id).data
    assert data.params == {"learning_rate": "0.02"}
    assert data.metrics["score"] == pytest.approx(found.best_score_)
