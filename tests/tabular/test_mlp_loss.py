"""Tests of the perceptrons' losses, and of how classes and rows are weighed."""

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.linear_model import PoissonRegressor, QuantileRegressor
from torch import nn

from skdeep import MLPClassifier, MLPRegressor

# Converges on the small convex problems of these tests, in float64.
TO_THE_END: dict[str, Any] = {
    "optimizer": "lbfgs",
    "optimizer_params": {"tolerance_change": 0.0},
    "l2": 0.0,
    "max_epochs": 60,
    "tol": None,
    "random_state": 0,
}
# The first loss is that of the initial weights, and these stay.
AT_REST: dict[str, Any] = {
    "optimizer": "sgd",
    "learning_rate": 1e-300,
    "max_epochs": 1,
    "l2": 0.0,
    "random_state": 0,
}


class CubicError(nn.Module):
    """A foreign loss without a reduction: one loss a row."""

    def forward(self, output, target):
        """Return the cubed absolute errors."""
        return (output - target).abs() ** 3


class MeanCubicError(CubicError):
    """The same as one number for the whole batch."""

    def forward(self, output, target):
        """Return the mean cubed absolute error."""
        return super().forward(output, target).mean()


class NeedsArgument(nn.Module):
    """A loss that cannot be created as it is."""

    def __init__(self, alpha):
        super().__init__()
        self.alpha = alpha


def _classes(n_classes, n=60):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 3))
    return X, rng.permutation(np.arange(n) % n_classes)


def _logits(model, X):
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    Z = np.maximum(Z @ model.coefs_[0] + model.intercepts_[0], 0)
    return Z @ model.coefs_[1] + model.intercepts_[1]


def _log_probability(logits, y):
    """Return the logarithm of the probability of each row's class."""
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    return np.log(softmax(logits, axis=1)[np.arange(len(y)), y])


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_plays_down_what_is_right(n_classes, gamma):
    """It is -(1 - p)**gamma log p, cross-entropy for gamma = 0."""
    X, y = _classes(n_classes)
    model = MLPClassifier((6,), loss="focal", focal_gamma=gamma, **AT_REST).fit(X, y)
    log_p = _log_probability(_logits(model, X), y)
    expected = -((1 - np.exp(log_p)) ** gamma * log_p).mean()
    assert model.loss_curve_ == [pytest.approx(expected, rel=1e-10)]


def test_focal_loss_takes_another_path_than_cross_entropy():
    """What is fitted differs, not only what is reported."""
    X, y = _classes(3)
    model = MLPClassifier((6,), max_epochs=5, random_state=0, learning_rate=0.1)
    plain = model.fit(X, y).predict_proba(X)
    focal = model.set_params(loss="focal", focal_gamma=3.0).fit(X, y).predict_proba(X)
    assert np.abs(plain - focal).max() > 0.01


def test_cross_entropy_of_labels_is_summed_over_the_labels():
    """A multilabel loss is scikit-learn's: a sum over columns, a mean over rows."""
    X, y = _classes(2)
    Y = np.column_stack([y, 1 - y, y])
    model = MLPClassifier((6,), **AT_REST).fit(X, Y)
    z = _logits(model, X)
    p = expit(z)
    expected = -(Y * np.log(p) + (1 - Y) * np.log(1 - p)).sum(axis=1).mean()
    assert model.loss_curve_ == [pytest.approx(expected, rel=1e-10)]


@pytest.mark.parametrize(
    ("loss", "n_classes"),
    [(nn.CrossEntropyLoss, 3), (nn.CrossEntropyLoss, 2), (nn.BCEWithLogitsLoss, 2)],
)
def test_torch_cross_entropy_trains_as_ours_does(loss, n_classes):
    """A torch class of the same meaning gives the same network, weights included."""
    X, y = _classes(n_classes)
    weight = np.linspace(0.5, 2.0, len(y))
    model = MLPClassifier((6,), max_epochs=5, random_state=0)
    ours = model.fit(X, y, sample_weight=weight).predict_proba(X)
    theirs = model.set_params(loss=loss).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(theirs.predict_proba(X), ours, rtol=1e-9)


def test_torch_margin_loss_is_another_loss():
    """The multi-class hinge is taken on the logits, as torch defines it."""
    X, y = _classes(3)
    model = MLPClassifier((6,), loss=nn.MultiMarginLoss, **AT_REST).fit(X, y)
    logits = _logits(model, X)
    of_class = logits[np.arange(len(y)), y][:, np.newaxis]
    margins = np.maximum(0, 1 - of_class + logits)
    expected = (margins.sum(axis=1) - 1) / 3
    assert model.loss_curve_ == [pytest.approx(expected.mean(), rel=1e-10)]


@pytest.mark.parametrize(
    ("loss", "parameters", "formula"),
    [
        ("squared_error", {}, lambda e: e**2 / 2),
        ("absolute_error", {}, np.abs),
        ("quantile", {"quantile": 0.9}, lambda e: np.where(e > 0, 0.9 * e, -0.1 * e)),
        ("quantile", {"quantile": 0.2}, lambda e: np.where(e > 0, 0.2 * e, -0.8 * e)),
        (
            "huber",
            {"huber_delta": 0.5},
            lambda e: np.where(np.abs(e) < 0.5, e**2 / 2, 0.5 * (np.abs(e) - 0.25)),
        ),
        ("huber", {"huber_delta": 1e9}, lambda e: e**2 / 2),
        (nn.MSELoss, {}, lambda e: e**2),
        (nn.SmoothL1Loss, {}, lambda e: np.where(abs(e) < 1, e**2 / 2, abs(e) - 0.5)),
        (CubicError, {}, lambda e: np.abs(e) ** 3),
        (MeanCubicError, {}, lambda e: np.abs(e) ** 3),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_loss_on_numbers_is_its_formula(loss, parameters, formula):
    """The first loss is the mean of the formula of the errors, target minus output."""
    X, _ = _classes(2)
    y = 5 * X[:, 0] + X[:, 1] ** 2
    model = MLPRegressor((6,), loss=loss, target_scaling=None, **parameters, **AT_REST)
    model.fit(X, y)
    errors = y - _logits(model, X)[:, 0]
    assert model.loss_curve_ == [pytest.approx(formula(errors).mean(), rel=1e-10)]


def test_loss_of_several_outputs_is_their_mean():
    """Two equal targets have the loss of one."""
    X, _ = _classes(2)
    Y = np.column_stack([X[:, 0] + 1, X[:, 1] ** 2])
    model = MLPRegressor((6,), target_scaling=None, **AT_REST).fit(X, Y)
    expected = ((Y - _logits(model, X)) ** 2).mean() / 2
    assert model.loss_curve_ == [pytest.approx(expected, rel=1e-10)]


def test_poisson_loss_is_half_the_deviance():
    """The output is the logarithm of the mean, in units of the mean of the target."""
    X, _ = _classes(2)
    y = np.random.default_rng(0).poisson(np.exp(1 + X[:, 0]))
    model = MLPRegressor((6,), loss="poisson", **AT_REST).fit(X, y)
    t, z = y / y.mean(), _logits(model, X)[:, 0]
    log_t = np.log(t, where=t > 0, out=np.zeros_like(t))
    expected = (t * log_t - t * z - t + np.exp(z)).mean()
    assert model.loss_curve_ == [pytest.approx(expected, rel=1e-10)]
    np.testing.assert_allclose(model.predict(X), y.mean() * np.exp(z), rtol=1e-10)


@pytest.mark.parametrize("target_scaling", ["standard", None])
def test_poisson_without_hidden_layers_is_the_generalised_linear_model(target_scaling):
    """Predictions are positive, right on average, and scikit-learn's."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = rng.poisson(np.exp(0.5 + X @ [0.5, -0.3, 0.0]))
    model = MLPRegressor((), loss="poisson", target_scaling=target_scaling)
    prediction = model.set_params(**TO_THE_END).fit(X, y).predict(X)
    assert prediction.min() > 0
    assert prediction.mean() == pytest.approx(y.mean(), rel=1e-6)
    glm = PoissonRegressor(alpha=0, tol=1e-9).fit(X, y)
    np.testing.assert_allclose(prediction, glm.predict(X), rtol=1e-4)


def test_poisson_refuses_a_negative_target():
    """There is no negative count."""
    with pytest.raises(ValueError, match="loss='poisson' needs y of at least 0"):
        MLPRegressor(loss="poisson").fit([[0.0], [1.0]], [1.0, -1.0])


@pytest.mark.parametrize("quantile", [0.1, 0.5, 0.9])
def test_quantile_loss_covers_its_share(quantile):
    """About that share of the targets lies below the prediction, everywhere."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(600, 1))
    y = 10 * X[:, 0] + (1 + 3 * X[:, 0]) * rng.standard_normal(600)
    model = MLPRegressor((10,), loss="quantile", quantile=quantile, random_state=0)
    model.set_params(learning_rate=0.01, max_epochs=60, tol=None).fit(X, y)
    below = y < model.predict(X)
    for half in (X[:, 0] < 0.5, X[:, 0] >= 0.5):
        assert below[half].mean() == pytest.approx(quantile, abs=0.06)


def test_quantile_loss_without_hidden_layers_is_quantile_regression():
    """The pinball loss reached is that of scikit-learn's exact solution."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    y = X @ [1.0, 2.0] + rng.standard_exponential(100)
    model = MLPRegressor(
        (), loss="quantile", quantile=0.8, l2=0.0, lr_schedule="cosine"
    )
    model.set_params(learning_rate=0.05, max_epochs=300, tol=None, random_state=0)
    model.fit(X, y)
    exact = QuantileRegressor(quantile=0.8, alpha=0.0).fit(X, y)
    np.testing.assert_allclose(model.predict(X), exact.predict(X), atol=0.02)


def test_absolute_error_fits_the_median_and_squared_error_the_mean():
    """Without informative columns only the bias is left to fit."""
    X, y = np.ones((5, 1)), np.array([0.0, 1.0, 2.0, 7.0, 100.0])
    model = MLPRegressor((), max_epochs=400, tol=None, lr_schedule="cosine", l2=0.0)
    model.set_params(learning_rate=0.01, random_state=0)
    assert model.fit(X, y).predict(X)[0] == pytest.approx(22.0, abs=0.05)
    model.set_params(loss="absolute_error")
    assert model.fit(X, y).predict(X)[0] == pytest.approx(2.0, abs=0.05)


def test_huber_loss_withstands_outliers():
    """The slope is nearly that without them, where squared error is far off."""
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(100, 1))
    y = 2 * X[:, 0] + 0.05 * rng.standard_normal(100)
    y[X[:, 0] > 0.9] -= 50
    model = MLPRegressor((), target_scaling=None, feature_scaling=None, **TO_THE_END)
    assert abs(model.fit(X, y).coefs_[0].item() - 2) > 10
    model.set_params(loss="huber", huber_delta=0.1)
    assert model.fit(X, y).coefs_[0].item() == pytest.approx(2.0, abs=0.3)


def test_loss_that_is_one_number_cannot_be_weighted():
    """The mean has been taken before the weights could count."""
    X, y = np.eye(3), np.arange(3.0)
    model = MLPRegressor(loss=MeanCubicError)
    with pytest.raises(ValueError, match="loss=MeanCubicError returns one number for"):
        model.fit(X, y, sample_weight=[1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("estimator", "error", "match"),
    [
        (MLPRegressor(loss=NeedsArgument), TypeError, "created without further argum"),
        (MLPRegressor(loss=nn.PoissonNLLLoss), ValueError, "Use 'poisson'"),
        (MLPClassifier(loss=nn.NLLLoss), ValueError, "Use CrossEntropyLoss"),
        (
            MLPClassifier(loss=nn.MultiMarginLoss, label_smoothing=0.1),
            ValueError,
            "'label_smoothing' parameter must be left out with loss=MultiMarginLoss",
        ),
        (MLPRegressor(loss="cross_entropy"), ValueError, "'loss' parameter of MLPReg"),
        (MLPClassifier(loss=nn.MSELoss()), ValueError, "'loss' parameter of MLPClass"),
    ],
    ids=["argument", "link", "probabilities", "smoothing", "other task", "instance"],
)
def test_unsuitable_loss_is_refused(estimator, error, match):
    """The sentence says what would do."""
    with pytest.raises(error, match=match):
        estimator.fit([[0.0], [1.0], [2.0]], [0, 1, 2])


def test_class_weight_equals_sample_weight():
    """A dict is a sample weight looked up by label; missing labels weigh one."""
    X, y = _classes(3)
    labels = np.array(["a", "b", "c"])[y]
    model = MLPClassifier((6,), max_epochs=10, batch_size=16, random_state=0)
    by_row = model.fit(X, labels, sample_weight=np.array([5.0, 1.0, 0.5])[y])
    expected = by_row.predict_proba(X)
    unweighted = model.fit(X, labels).predict_proba(X)
    model.set_params(class_weight={"a": 5.0, "c": 0.5})
    np.testing.assert_array_equal(model.fit(X, labels).predict_proba(X), expected)
    assert np.abs(expected - unweighted).max() > 0.01


def test_class_weight_multiplies_sample_weight():
    """Both count, and a class of weight zero is as if its rows were not there."""
    X, y = _classes(3)
    weight = np.linspace(1.0, 3.0, len(y))
    model = MLPClassifier((6,), max_epochs=5, random_state=0)
    product = model.fit(X, y, sample_weight=weight * np.array([2.0, 1.0, 0.0])[y])
    expected = product.predict_proba(X)
    model.set_params(class_weight={0: 2.0, 2: 0.0})
    np.testing.assert_array_equal(
        model.fit(X, y, sample_weight=weight).predict_proba(X), expected
    )


@pytest.mark.parametrize("weight", [None, "given"])
def test_balanced_class_weight_is_n_samples_over_n_classes_times_count(weight):
    """Every class has the same total weight, counted in sample weights."""
    X, _ = _classes(2)
    y = np.repeat([0, 1, 2], [40, 15, 5])
    weight = None if weight is None else np.linspace(0.5, 2.0, len(y))
    counted = np.ones(len(y)) if weight is None else weight
    totals = np.bincount(y, weights=counted)
    by_hand = dict(enumerate(counted.sum() / (3 * totals)))
    model = MLPClassifier((6,), max_epochs=5, random_state=0, class_weight=by_hand)
    expected = model.fit(X, y, sample_weight=weight).predict_proba(X)
    model.set_params(class_weight="balanced").fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-10)


def test_balanced_class_weight_finds_a_rare_class():
    """With no information in X all classes become equally probable."""
    y = np.repeat([0, 1], [95, 5])
    model = MLPClassifier((), **TO_THE_END)
    assert model.fit(np.ones((100, 1)), y).predict_proba([[1.0]])[0, 1] < 0.06
    model.set_params(class_weight="balanced").fit(np.ones((100, 1)), y)
    np.testing.assert_allclose(model.predict_proba([[1.0]]), 0.5, atol=1e-4)


@pytest.mark.parametrize(
    ("class_weight", "y", "match"),
    [
        ({"x": 2.0}, [0, 1, 0], "must name labels that occur in y. Got 'x'"),
        ({0: -1.0}, [0, 1, 0], "finite weights of at least 0"),
        ("balanced", [[0, 1], [1, 1], [0, 0]], "needs one class a row"),
        ("even", [0, 1, 0], "'class_weight' parameter of MLPClassifier must be"),
        ({0: 0.0, 1: 0.0}, [0, 1, 0], "needs a row with a weight above zero"),
    ],
)
def test_unsuitable_class_weight_is_refused(class_weight, y, match):
    """Labels, signs, kinds and names are checked."""
    with pytest.raises(ValueError, match=match):
        MLPClassifier(class_weight=class_weight).fit(np.eye(3), y)


def test_scale_of_the_sample_weights_does_not_matter():
    """Only their ratios count: the loss and its balance with l2 stay."""
    X, y = _classes(3)
    weight = np.linspace(1.0, 3.0, len(y))
    model = MLPClassifier((6,), max_epochs=5, l2=0.1, random_state=0)
    first = model.fit(X, y, sample_weight=weight).predict_proba(X)
    second = model.fit(X, y, sample_weight=1024 * weight).predict_proba(X)
    np.testing.assert_allclose(first, second, rtol=1e-12)


def test_sample_weight_of_two_is_the_row_given_twice():
    """Scaling statistics, loss and steps see two rows."""
    X, y = _classes(2, n=30)
    target = X[:, 0] + y
    twice = np.concatenate([np.arange(30), np.arange(10)])
    weight = np.where(np.arange(30) < 10, 2.0, 1.0)
    model = MLPRegressor((6,), max_epochs=10, random_state=0)
    repeated = model.fit(X[twice], target[twice]).predict(X)
    weighted = model.fit(X, target, sample_weight=weight).predict(X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-9)
