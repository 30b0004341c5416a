"""The rows that an estimator gets most wrong."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, MLPRegressor, TabularMLPRegressor, top_losses


def test_losses_are_minus_the_logarithm_of_the_true_class(iris):
    """Cross-entropy, row by row, the largest first."""
    proba = iris.estimator.predict_proba(iris.X)
    codes = np.searchsorted(iris.estimator.classes_, iris.y)
    losses = -np.log(proba[np.arange(len(codes)), codes])
    found = top_losses(iris.estimator, iris.X, iris.y, n=len(codes))
    np.testing.assert_array_equal(found.indices, np.argsort(-losses, kind="stable"))
    np.testing.assert_allclose(found.losses, np.sort(losses)[::-1], rtol=1e-4)
    np.testing.assert_array_equal(found.y_true, iris.y[found.indices])
    np.testing.assert_array_equal(
        found.y_pred, iris.estimator.predict(iris.X[found.indices])
    )


@pytest.mark.parametrize("fixture", ["tabular", "cnn", "frozen"])
def test_losses_of_other_networks(fixture, request):
    """Ensembles by what they say together; images and frozen heads likewise."""
    estimator, X, y = request.getfixturevalue(fixture)
    proba = estimator.predict_proba(X)
    codes = np.searchsorted(estimator.classes_, y)
    expected = np.sort(-np.log(proba[np.arange(len(y)), codes]))[::-1][:5]
    np.testing.assert_allclose(
        top_losses(estimator, X, y, n=5).losses, expected, rtol=1e-4
    )


def test_losses_of_a_regressor_are_on_the_scale_of_its_network(tiny_table):
    """The squared error over the variance of the targets."""
    X, y = tiny_table.X, tiny_table.values
    mlp = MLPRegressor((4,), max_epochs=5, random_state=0).fit(X, y)
    squared = (mlp.predict(X) - y) ** 2 / y.var()
    found = top_losses(mlp, X, y, n=3)
    # Half of it, as in scikit-learn, or all: the factor is the same for all rows.
    np.testing.assert_array_equal(found.indices, np.argsort(-squared)[:3])
    ratio = found.losses / squared[found.indices]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-4)


def test_losses_of_several_targets_and_labels(tiny_table):
    """Columns are averaged, in the loss as in training."""
    X = tiny_table.X
    mlp = TabularMLPRegressor((4,), max_epochs=2, random_state=0).fit(X, X[:, :2])
    squared = ((mlp.predict(X) - X[:, :2]) ** 2 / X[:, :2].var(axis=0)).mean(axis=1)
    found = top_losses(mlp, X, X[:, :2], n=4)
    np.testing.assert_array_equal(found.indices, np.argsort(-squared)[:4])
    assert found.y_true.shape == found.y_pred.shape == (4, 2)
    labels = (X[:, :2] > 1).astype(int)
    multilabel = MLPClassifier((4,), max_epochs=2, random_state=0).fit(X, labels)
    proba = multilabel.predict_proba(X)
    entropy = -np.log(np.where(labels, proba, 1 - proba)).mean(axis=1)
    found = top_losses(multilabel, X, labels, n=4)
    np.testing.assert_array_equal(found.indices, np.argsort(-entropy)[:4])


def test_focal_loss_and_class_weights(tiny_table):
    """The loss is the one trained on; weights are not in it."""
    X, y = tiny_table.X, tiny_table.labels
    mlp = MLPClassifier(
        (4,), loss="focal", class_weight={"ant": 5.0}, max_epochs=5, random_state=0
    ).fit(X, y)
    p = mlp.predict_proba(X)[np.arange(len(y)), np.searchsorted(mlp.classes_, y)]
    focal = -((1 - p) ** 2) * np.log(p)
    found = top_losses(mlp, X, y, n=5)
    np.testing.assert_allclose(found.losses, np.sort(focal)[::-1][:5], rtol=1e-4)


def test_row_with_a_wrong_name_comes_first(tiny_table):
    """What top_losses is for: finding it."""
    X, y = tiny_table.X, tiny_table.labels.copy()
    y[7] = "ant" if y[7] != "ant" else "bee"
    pipeline = make_pipeline(
        StandardScaler(), MLPClassifier((8,), learning_rate=0.02, random_state=0)
    ).fit(X, y)
    assert top_losses(pipeline, X, y, n=1).indices.tolist() == [7]


def test_top_losses_read_as_a_table(iris):
    """Position, loss, truth and prediction."""
    found = top_losses(iris.estimator, iris.X, iris.y, n=2)
    lines = str(found).splitlines()
    assert lines[2].split() == ["row", "loss", "true", "predicted"]
    assert lines[4].split()[0] == str(found.indices[0])
    assert repr(found) == str(found)
    assert found._repr_html_().count("<tr>") == 3


def test_top_losses_are_at_most_as_many_as_rows(iris):
    """Asking for more gives all; asking for none is refused."""
    assert len(top_losses(iris.estimator, iris.X[:4], iris.y[:4]).indices) == 4
    with pytest.raises(ValueError, match=r"int of at least 1\. Got 0\."):
        top_losses(iris.estimator, iris.X, iris.y, n=0)
    with pytest.raises(ValueError, match="unseen class 'rose'"):
        top_losses(iris.estimator, iris.X[:2], ["rose", "setosa"])
