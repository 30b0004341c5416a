"""Tests of what fitted perceptrons tell, beside scikit-learn's own."""

import warnings

import numpy as np
import pytest
import skorch
import torch
from sklearn import neural_network
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier, MLPRegressor

FITTED = [
    "classes_",
    "n_features_in_",
    "n_outputs_",
    "n_layers_",
    "net_",
    "module_",
    "coefs_",
    "intercepts_",
    "history_",
    "loss_",
    "best_loss_",
    "loss_curve_",
    "validation_loss_curve_",
    "validation_scores_",
    "n_iter_",
    "best_epoch_",
    "device_",
]


def _rows(n=30):
    return np.random.default_rng(0).normal(size=(n, 4))


TARGETS = {
    "binary": lambda X: (X[:, 0] > 0).astype(int),
    "bool": lambda X: X[:, 0] > 0,
    "multiclass": lambda X: np.arange(30) % 3,
    "gaps": lambda X: np.array([-5, 7, 100])[np.arange(30) % 3],
    "float labels": lambda X: (np.arange(30) % 3).astype(float),
    "strings": lambda X: np.array(["b", "a", "c"])[np.arange(30) % 3],
    "objects": lambda X: np.array(["b", "a", "c"], dtype=object)[np.arange(30) % 3],
    "multilabel": lambda X: (X[:, :3] > 0).astype(int),
    "regression": lambda X: X[:, 0] * 3 + 1,
    "integers": lambda X: np.arange(30),
    "two outputs": lambda X: X[:, :2],
}


@pytest.mark.parametrize("name", TARGETS)
def test_attributes_have_scikit_learns_shapes(name):
    """For each kind of target shapes and dtypes are those of its own perceptrons."""
    X = _rows()
    y = TARGETS[name](X)
    regress = name in ("regression", "integers", "two outputs")
    kind = "MLPRegressor" if regress else "MLPClassifier"
    theirs = getattr(neural_network, kind)(hidden_layer_sizes=(5, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", category=UserWarning)
        theirs.set_params(max_iter=2, random_state=0).fit(X, y)
    ours = {"MLPRegressor": MLPRegressor, "MLPClassifier": MLPClassifier}[kind]
    model = ours((5, 4), max_epochs=2, random_state=0).fit(X, y)
    assert [W.shape for W in model.coefs_] == [W.shape for W in theirs.coefs_]
    assert [b.shape for b in model.intercepts_] == [b.shape for b in theirs.intercepts_]
    for attribute in ("n_layers_", "n_outputs_", "n_features_in_", "n_iter_"):
        assert getattr(model, attribute) == getattr(theirs, attribute)
    assert len(model.loss_curve_) == len(theirs.loss_curve_)
    methods = ["predict"] if regress else ["predict", "predict_proba"]
    for method in methods:
        got, expected = getattr(model, method)(X), getattr(theirs, method)(X)
        assert got.shape == expected.shape
        if name != "objects":
            assert got.dtype == expected.dtype
    if not regress:
        np.testing.assert_array_equal(model.classes_, theirs.classes_)
        # Scikit-learn's binarizer makes strings of objects; here they stay.
        like = y if name == "objects" else np.asarray(theirs.classes_)
        assert model.classes_.dtype == like.dtype


@pytest.mark.parametrize("estimator", [MLPClassifier(), MLPRegressor()], ids=str)
def test_nothing_is_fitted_before_fit(estimator):
    """`hasattr` is False, and reading raises AttributeError."""
    present = [name for name in FITTED if hasattr(estimator, name)]
    assert present == []
    for name in ("coefs_", "loss_curve_", "n_layers_"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(estimator, name)


@pytest.mark.parametrize(
    ("estimator", "method"),
    [
        (MLPClassifier(), "predict"),
        (MLPClassifier(), "predict_proba"),
        (MLPClassifier(), "predict_log_proba"),
        (MLPRegressor(), "predict"),
    ],
    ids=str,
)
def test_prediction_before_fit_is_refused(estimator, method):
    """The error is scikit-learn's."""
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        getattr(estimator, method)([[0.0]])


def test_everything_is_there_after_fit():
    """Every attribute that the docstring lists."""
    X = _rows()
    model = MLPClassifier((5,), max_epochs=2).fit(X, X[:, 0] > 0)
    assert [name for name in FITTED if not hasattr(model, name)] == []
    assert not hasattr(model, "feature_names_in_")
    regressor = MLPRegressor((5,), max_epochs=2).fit(X, X[:, 0])
    assert [name for name in FITTED if not hasattr(regressor, name)] == ["classes_"]
    documented = MLPClassifier.__doc__ or ""
    assert all(f"\n    {name} : " in documented for name in FITTED)


def test_net_is_a_skorch_net_with_its_history():
    """It holds the module, and a row of history for each epoch."""
    X = _rows()
    model = MLPClassifier((5,), max_epochs=3, random_state=0).fit(X, X[:, 0] > 0)
    assert isinstance(model.net_, skorch.NeuralNet)
    assert isinstance(model.module_, torch.nn.Module)
    assert model.net_.module_ is model.module_
    assert not model.module_.training
    assert model.net_.history[:, "train_loss"] == model.loss_curve_
    assert model.device_ in ("cpu", "cuda:0", "mps")


def test_module_maps_scaled_rows_to_logits():
    """Its softmax is `predict_proba`."""
    X = _rows()
    model = MLPClassifier((5,), max_epochs=3, random_state=0, device="cpu")
    model.fit(X, np.arange(30) % 3)
    scaled = torch.from_numpy(StandardScaler().fit_transform(X))
    with torch.no_grad():
        proba = torch.softmax(model.module_(scaled), dim=1)
    np.testing.assert_allclose(model.predict_proba(X), proba, rtol=1e-9)


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
def test_history_has_a_column_for_all_that_was_taken(scoring, held_out):
    """Columns and curves are the same numbers, one an epoch."""
    X = _rows()
    model = MLPClassifier((5,), max_epochs=4, early_stopping=held_out, random_state=0)
    model.set_params(scoring=scoring).fit(X, X[:, 0] > 0)
    columns = ["epoch", "train_loss", "learning_rate", "duration"]
    columns += ["valid_loss"] * held_out
    columns += ["valid_score"] * (held_out and scoring == "accuracy")
    assert sorted(model.history_) == sorted(columns)
    assert {column.shape for column in model.history_.values()} == {(4,)}
    np.testing.assert_array_equal(model.history_["epoch"], [1, 2, 3, 4])
    assert model.history_["duration"].min() > 0
    assert model.loss_curve_ == model.history_["train_loss"].tolist()
    assert model.loss_ == model.loss_curve_[-1]
    assert model.validation_loss_curve_ == (
        model.history_["valid_loss"].tolist() if held_out else None
    )
    assert model.validation_scores_ == (
        model.history_["valid_score"].tolist() if "valid_score" in columns else None
    )
    watched = model.validation_loss_curve_ or model.loss_curve_
    assert model.best_loss_ == min(watched)
    assert isinstance(model.loss_curve_, list)
    assert type(model.loss_) is type(model.best_loss_) is float
    assert type(model.n_iter_) is type(model.best_epoch_) is int


def test_log_probabilities_are_logarithms():
    """Also where a probability has rounded to zero, without a warning."""
    X = _rows()
    model = MLPClassifier((5,), max_epochs=3, random_state=0).fit(X, X[:, 0] > 0)
    np.testing.assert_allclose(
        model.predict_log_proba(X), np.log(model.predict_proba(X))
    )
    far = model.predict_log_proba(X * 1e6)
    assert far.max() <= 0
    assert np.isneginf(far).any()


def test_rows_of_probabilities_sum_to_one():
    """To the last digits of float64, from float32 weights."""
    X = _rows()
    model = MLPClassifier((5,), max_epochs=3, dtype="float32", random_state=0)
    proba = model.fit(X, np.arange(30) % 5).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-15)


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_lists_and_columns_are_targets_too(estimator):
    """A list is an array; a column of shape (n, 1) is raveled with a warning."""
    X, y = _rows(), np.arange(30) % 3
    model = estimator((5,), max_epochs=3, random_state=0)
    expected = model.fit(X, y).predict(X)
    np.testing.assert_array_equal(
        model.fit(X.tolist(), y.tolist()).predict(X.tolist()), expected
    )
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        model.fit(X, y[:, np.newaxis])
    prediction = model.predict(X)
    np.testing.assert_array_equal(prediction, expected)
    assert prediction.shape == (30,)


def test_refit_forgets_attributes_of_the_fit_before():
    """Names of columns do not outlive the fit that saw them."""
    pd = pytest.importorskip("pandas")
    X = _rows()
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = MLPRegressor((5,), max_epochs=2).fit(frame, X[:, 0])
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    model.fit(X[:, :2], X[:, 0])
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 2


@pytest.mark.parametrize("y", [np.arange(30) % 2, np.arange(30) % 3], ids=["2", "3"])
def test_score_is_the_weighted_accuracy(y):
    """As every classifier's of scikit-learn."""
    X = _rows()
    model = MLPClassifier((5,), max_epochs=3, random_state=0).fit(X, y)
    right = model.predict(X) == y
    weight = np.arange(30.0)
    assert model.score(X, y) == right.mean()
    expected = np.average(right, weights=weight)
    assert model.score(X, y, sample_weight=weight) == pytest.approx(expected)
