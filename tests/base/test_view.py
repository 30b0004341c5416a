"""What instruments may see of a fitted estimator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier, MLPRegressor
from skdeep.base import FittedView


@pytest.fixture
def mlp(tiny_table):
    """Return a fitted classifier of three classes."""
    mlp = MLPClassifier((4,), max_epochs=2, random_state=0)
    return mlp.fit(tiny_table.X, tiny_table.labels)


def test_view_finds_the_estimator_in_a_pipeline_in_a_search(tiny_table):
    """Steps before it are applied to X."""
    pipeline = make_pipeline(PCA(2), MLPClassifier((4,), max_epochs=2, random_state=0))
    search = GridSearchCV(pipeline, {"mlpclassifier__l2": [0.0, 0.1]}, cv=2)
    search.fit(tiny_table.X, tiny_table.labels)
    view = FittedView(search, "summary")
    best = search.best_estimator_
    assert view.estimator is best[-1]
    np.testing.assert_allclose(
        view.read(tiny_table.X), best[0].transform(tiny_table.X), rtol=1e-6
    )


def test_view_runs_as_prediction_does(mlp, tiny_table):
    """Inputs, network, link and decoding make what predict says."""
    view = FittedView(mlp, "summary")
    table = view.read(tiny_table.X)
    with view.running(90):
        raw = view.module(view.inputs(table))
        assert not raw.requires_grad
        linked = view.linked(view.pooled(raw))
        said = view.decoded(view.pooled(raw), linked)
    np.testing.assert_array_equal(said, mlp.predict(tiny_table.X))
    np.testing.assert_allclose(linked, mlp.predict_proba(tiny_table.X), rtol=1e-6)


def test_view_gives_gradients_where_asked_for(mlp, tiny_table):
    """Even inside torch.no_grad, and the network stays in evaluation mode."""
    view = FittedView(mlp, "grad_cam")
    with torch.no_grad(), view.running(90, gradients=True):
        assert view.module(view.inputs(view.read(tiny_table.X))).requires_grad
    assert not mlp.module_.training


def test_view_says_what_the_outputs_are(mlp, tiny_table):
    """Classes, kinds and widths."""
    view = FittedView(mlp, "summary")
    assert (view.is_classifier, view.loss_kind, view.n_outputs) == (
        True,
        "multiclass",
        3,
    )
    np.testing.assert_array_equal(view.classes, ["ant", "bee", "cat"])
    numbers = MLPRegressor((4,), feature_scaling=None, max_epochs=1)
    view = FittedView(numbers.fit(tiny_table.X, tiny_table.values), "summary")
    assert (view.is_classifier, view.loss_kind, view.classes) == (
        False,
        "numbers",
        None,
    )
    assert not view.scales_inputs
    assert not view.sees_images


def test_losses_are_those_of_training(mlp, tiny_table):
    """Their mean is the first training loss of a network that goes on from here."""
    losses, y = FittedView(mlp, "top_losses").losses(tiny_table.X, tiny_table.labels)
    assert y.tolist() == tiny_table.labels.tolist()
    more = mlp.set_params(warm_start=True, max_epochs=1, l2=0.0, batch_size=90)
    more.fit(tiny_table.X, tiny_table.labels)
    assert losses.mean() == pytest.approx(more.loss_curve_[-1], rel=1e-5)
