"""Tests of when perceptrons stop, on what rows they watch, and what they keep."""

import math
from itertools import chain
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_squared_error, r2_score
from skorch.callbacks import Callback

from skdeep import MLPClassifier, MLPRegressor


class Rows(Callback):
    """Hand the targets of training and of validation batches to functions."""

    def __init__(self, on_training, on_validation):
        self.on_training = on_training
        self.on_validation = on_validation

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        """Pass the targets on."""
        to = self.on_training if training else self.on_validation
        to(batch[1].ravel().tolist())


def _classes(n=80, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, (X[:, 0] + X[:, 1] ** 2 + rng.normal(size=n) > 1).astype(int)


def _model(**parameters):
    """Return a model whose validation loss turns round before its last epoch."""
    defaults: dict[str, Any] = {"learning_rate": 0.03, "l2": 0.0, "random_state": 0}
    return MLPClassifier((30,), **{**defaults, "max_epochs": 60, **parameters})


def _stop(figures, tol, patience):
    """Return after how many epochs of falling figures scikit-learn's rule stops."""
    best, count = math.inf, 0
    for epoch, figure in enumerate(figures, start=1):
        count = count + 1 if figure > best - tol else 0
        best = min(best, figure)
        if count > patience:
            return epoch
    return len(figures)


def _seen_rows(model, X, y, **validation):
    """Return the targets of the training rows and of the held-out rows of an epoch."""
    training: list[list[float]] = []
    held_out: list[list[float]] = []
    model.set_params(callbacks=[Rows(training.append, held_out.append)], max_epochs=1)
    model.fit(X, y, **validation)
    return list(chain(*training)), list(chain(*held_out))


@pytest.mark.parametrize("patience", [1, 3, 10])
@pytest.mark.parametrize("tol", [0.003, 0.03])
def test_training_loss_stops_by_scikit_learns_rule(tol, patience):
    """More than n_iter_no_change epochs without a gain of tol end the training."""
    X, y = _classes()
    whole = _model(tol=None).fit(X, y)
    model = _model(tol=tol, n_iter_no_change=patience).fit(X, y)
    assert model.n_iter_ == _stop(whole.loss_curve_, tol, patience)
    assert patience < model.n_iter_ < whole.n_iter_
    assert model.loss_curve_ == whole.loss_curve_[: model.n_iter_]


def test_without_early_stopping_the_last_weights_are_kept():
    """Stopping by the training loss restores nothing."""
    X, y = _classes()
    stopped = _model(tol=0.01, n_iter_no_change=2).fit(X, y)
    short = _model(tol=None, max_epochs=stopped.n_iter_).fit(X, y)
    np.testing.assert_array_equal(stopped.predict_proba(X), short.predict_proba(X))


def test_tol_none_runs_all_epochs():
    """Not even a constant loss stops the training."""
    X, y = _classes()
    model = _model(optimizer="sgd", learning_rate=1e-300, max_epochs=25)
    assert model.fit(X, y).n_iter_ == 12
    assert model.set_params(tol=None).fit(X, y).n_iter_ == 25
    model.set_params(early_stopping=True)
    assert model.fit(X, y).n_iter_ == 25
    assert model.best_epoch_ == 1


@pytest.mark.parametrize("lr_schedule", [None, "plateau"])
def test_infinite_patience_runs_all_epochs(lr_schedule):
    """As in scikit-learn, and the rate is never lowered for want of progress."""
    X, y = _classes()
    model = _model(optimizer="sgd", learning_rate=1e-300, max_epochs=25)
    model.set_params(n_iter_no_change=np.inf, lr_schedule=lr_schedule).fit(X, y)
    assert model.n_iter_ == 25
    assert len(set(model.history_["learning_rate"])) == 1


@pytest.mark.parametrize("fraction", [0.1, 0.35])
def test_early_stopping_holds_out_the_fraction(fraction):
    """Rows are trained on or watched, each once an epoch."""
    X, _ = _classes()
    y = np.arange(80.0)
    model = MLPRegressor((3,), target_scaling=None, validation_fraction=fraction)
    model.set_params(early_stopping=True, random_state=0, batch_size=9)
    training, held_out = _seen_rows(model, X, y)
    assert len(held_out) == round(fraction * 80)
    assert sorted(training + held_out) == y.tolist()
    # Another seed holds out others, and the same seed the same.
    assert _seen_rows(model, X, y)[1] == held_out
    assert _seen_rows(model.set_params(random_state=1), X, y)[1] != held_out


def test_hold_out_is_stratified():
    """Each class gives its share, and one of a single row stays in training."""
    y = np.repeat([0, 1, 2, 3], [60, 30, 9, 1])
    model = _model(early_stopping=True, validation_fraction=0.2)
    training, held_out = _seen_rows(
        model, np.random.default_rng(0).normal(size=(100, 2)), y
    )
    counts = np.bincount(np.array(held_out, dtype=int), minlength=4)
    assert counts.tolist() == [12, 6, 2, 0]
    assert len(training) == 80


def test_hold_out_does_not_enter_the_scaling():
    """Statistics of inputs are those of the training rows alone."""
    X, y = _classes()
    model = _model(early_stopping=True)
    means = []

    def scorer(estimator, X_held_out, y_held_out):
        means.append((X.sum(axis=0) - X_held_out.sum(axis=0)) / (80 - len(X_held_out)))
        return 0.0

    model.set_params(scoring=scorer, max_epochs=1).fit(X, y)
    # The mean of the training rows is zero to the network.
    at_zero = np.maximum(model.intercepts_[0], 0) @ model.coefs_[1]
    odds = model.predict_proba(means)
    np.testing.assert_allclose(
        np.log(odds[0, 1] / odds[0, 0]), at_zero[0] + model.intercepts_[1][0], rtol=1e-5
    )


def test_validation_rows_that_are_given_replace_the_hold_out():
    """All training rows are trained on, all validation rows are watched."""
    X, _ = _classes()
    y = np.arange(80.0)
    for early_stopping in (True, "auto"):
        model = MLPRegressor((3,), early_stopping=early_stopping, target_scaling=None)
        training, watched = _seen_rows(model, X, y, X_val=X[:7], y_val=-y[:7])
        assert sorted(training) == y.tolist()
        assert watched == (-y[:7]).tolist()


@pytest.mark.parametrize(
    ("early_stopping", "n", "given", "held_out", "stops"),
    [
        (False, 10_000, False, 0, False),
        (True, 100, False, 10, True),
        ("auto", 9_999, False, 0, False),
        ("auto", 10_000, False, 1_000, True),
        ("auto", 100, True, 5, True),
        (True, 100, True, 5, True),
        (False, 100, True, 5, False),
    ],
)
def test_early_stopping_auto_needs_rows_to_spare(
    early_stopping, n, given, held_out, stops
):
    """It is on from 10,000 rows, or where validation rows are given."""
    X = np.linspace(0.0, 1.0, n)[:, np.newaxis]
    scores = iter([0.0, 1.0, 0.5, 0.2, 0.1])
    validation = {"X_val": X[:5], "y_val": X[:5, 0]} if given else {}
    n_watched: list[int] = []

    def scorer(estimator, X_watched, y_watched):
        n_watched.append(len(X_watched))
        return next(scores)

    model = MLPRegressor((), early_stopping=early_stopping, scoring=scorer, tol=0.0)
    model.set_params(n_iter_no_change=1, max_epochs=5, batch_size=1000, random_state=0)
    model.fit(X, X[:, 0], **validation)
    assert n_watched[:1] == ([held_out] if held_out else [])
    assert model.n_iter_ == (4 if stops else 5)
    assert (model.best_epoch_ == 2) is stops


def test_validation_without_early_stopping_only_records():
    """The curve is there, and the network is the one without validation rows."""
    X, y = _classes()
    X_val, y_val = _classes(seed=1)
    plain = _model(tol=None).fit(X, y)
    watched = _model(tol=None).fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(plain.predict_proba(X), watched.predict_proba(X))
    assert plain.validation_loss_curve_ is None
    curve = watched.history_["valid_loss"]
    assert curve[-1] == pytest.approx(log_loss(y_val, watched.predict_proba(X_val)))
    assert curve.min() < 0.95 * curve[-1]
    assert watched.best_epoch_ == 1 + np.argmin(watched.loss_curve_)


@pytest.mark.parametrize("normalization", [None, "batch"])
@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
def test_early_stopping_restores_the_best_epoch_to_the_bit(scoring, normalization):
    """Training again for just that many epochs gives the same network."""
    X, y = _classes()
    X_val, y_val = _classes(seed=1)
    model = _model(early_stopping=True, scoring=scoring, batch_size=20, tol=None)
    model.set_params(normalization=normalization, dropout=0.2, max_epochs=45)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert 1 < model.best_epoch_ < model.n_iter_ == 45
    short = _model(normalization=normalization, dropout=0.2, batch_size=20, tol=None)
    short.set_params(max_epochs=model.best_epoch_, scoring=scoring)
    short.fit(X, y, X_val=X_val, y_val=y_val)
    for best, last in zip(
        [*model.coefs_, *model.intercepts_],
        [*short.coefs_, *short.intercepts_],
        strict=True,
    ):
        np.testing.assert_array_equal(best, last)
    np.testing.assert_array_equal(
        model.predict_proba(X_val), short.predict_proba(X_val)
    )


def test_early_stopping_watches_the_validation_loss():
    """It stops by the same rule, and the best epoch is the first smallest loss."""
    X, y = _classes()
    X_val, y_val = _classes(seed=1)
    model = _model(early_stopping=True, tol=1e-3, n_iter_no_change=4)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    curve = model.history_["valid_loss"]
    assert model.n_iter_ == _stop(curve, 1e-3, 4) < 60
    assert model.best_epoch_ == 1 + np.argmin(curve) < model.n_iter_
    assert model.best_loss_ == curve.min()
    assert curve.min() == pytest.approx(log_loss(y_val, model.predict_proba(X_val)))


def test_validation_loss_has_no_penalty():
    """It can be compared between strengths of l1 and l2."""
    X, y = _classes()
    model = _model(l2=0.5, l1=0.01, max_epochs=3).fit(X, y, X_val=X, y_val=y)
    loss = log_loss(y, model.predict_proba(X))
    assert model.history_["valid_loss"][-1] == pytest.approx(loss, rel=1e-6)
    penalty = sum(0.25 * (W**2).sum() + 0.01 * np.abs(W).sum() for W in model.coefs_)
    assert model.loss_ > loss + 0.9 * penalty > 2 * loss


def test_validation_loss_of_a_regressor_is_in_scaled_units():
    """It is half the squared error, divided by the variance of the training target."""
    X, _ = _classes()
    y = 1000 * X[:, 0] + 50
    model = MLPRegressor((5,), max_epochs=3, random_state=0, scoring="r2")
    model.fit(X, y, X_val=X[:20], y_val=y[:20])
    error = mean_squared_error(y[:20], model.predict(X[:20])) / y.var() / 2
    assert model.history_["valid_loss"][-1] == pytest.approx(error, rel=1e-6)
    expected = r2_score(y[:20], model.predict(X[:20]))
    assert model.history_["valid_score"][-1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "scoring",
    ["accuracy", "neg_log_loss", "roc_auc", lambda model, X, y: model.score(X, y)],
    ids=["accuracy", "neg_log_loss", "roc_auc", "callable"],
)
def test_scoring_is_what_the_scorer_says_of_the_model(scoring):
    """Greater is better, labels are the user's, and the best epoch is kept."""
    X, y = _classes()
    X_val, y_val = _classes(seed=1)
    names = np.array(["no", "yes"])
    model = _model(early_stopping=True, scoring=scoring, n_iter_no_change=5, tol=0.0)
    model.fit(X, names[y], X_val=X_val, y_val=names[y_val])
    scores = model.history_["valid_score"]
    assert model.best_epoch_ == 1 + np.argmax(scores)
    assert len(set(scores)) > 2
    proba = model.predict_proba(X_val)
    by_hand = {
        "neg_log_loss": -log_loss(y_val, proba),
        "roc_auc": np.mean(
            proba[y_val == 1, 1][:, np.newaxis] > proba[y_val == 0, 1][np.newaxis]
        ),
    }
    accuracy = (proba.argmax(axis=1) == y_val).mean()
    expected = by_hand.get(scoring, accuracy) if isinstance(scoring, str) else accuracy
    assert scores.max() == pytest.approx(expected, rel=1e-9)


def test_scoring_stops_by_the_same_rule():
    """A scripted score: its sixth epoch is the third without a gain of tol."""
    X, y = _classes()
    scores = iter([0.1, math.nan, 0.5, 0.505, 0.504, 0.45, 0.9])
    model = _model(early_stopping=True, tol=0.01, n_iter_no_change=2)
    model.set_params(scoring=lambda *_: next(scores)).fit(X, y)
    assert model.n_iter_ == 6
    assert model.best_epoch_ == 4
    np.testing.assert_array_equal(
        model.history_["valid_score"], [0.1, math.nan, 0.5, 0.505, 0.504, 0.45]
    )


def test_scorer_sees_rows_in_the_units_of_the_user():
    """It is called with a fitted model and unscaled rows, once an epoch."""
    X, y = _classes()
    seen = []

    def scorer(model, X_watched, y_watched):
        seen.append((type(model), X_watched.copy(), y_watched.copy()))
        return model.score(X_watched, y_watched)

    _model(scoring=scorer, max_epochs=3).fit(X, y, X_val=X[:9], y_val=y[:9])
    assert len(seen) == 3
    assert seen[0][0] is MLPClassifier
    np.testing.assert_array_equal(seen[0][1], X[:9])
    np.testing.assert_array_equal(seen[0][2], y[:9])


def test_sample_weight_val_weighs_validation_rows():
    """Loss and score are weighted means; a weight of zero is no row."""
    X, y = _classes()
    weight = np.linspace(0.0, 2.0, 80)
    model = _model(scoring="accuracy", max_epochs=3)
    model.fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    loss = log_loss(y, model.predict_proba(X), sample_weight=weight)
    assert model.history_["valid_loss"][-1] == pytest.approx(loss, rel=1e-6)
    score = model.score(X, y, sample_weight=weight)
    assert model.history_["valid_score"][-1] == pytest.approx(score, rel=1e-9)
    assert score != model.score(X, y)


def test_held_out_rows_keep_their_sample_weights():
    """Rows of weight zero are neither trained on nor watched."""
    X, y = _classes()
    model = _model(early_stopping=True, validation_fraction=0.25)
    weight = (np.arange(80) < 40).astype(float)
    training, held_out = _seen_rows(model, X, y, sample_weight=weight)
    assert (len(training), len(held_out)) == (30, 10)


@pytest.mark.parametrize(
    ("parameters", "validation", "match"),
    [
        ({}, {"X_val": [[0.0]]}, "takes X_val and y_val together. Got no y_val"),
        ({}, {"y_val": [0]}, "takes X_val and y_val together. Got no X_val"),
        ({}, {"sample_weight_val": [1.0]}, "X_val and y_val together. Got no X_val"),
        ({}, {"X_val": [[0.0, 1.0]], "y_val": [0]}, "X has 2 features, but MLPClass"),
        ({}, {"X_val": [[0.0]], "y_val": [7]}, "with the unseen class 7"),
        ({"validation_fraction": 1.0}, {}, "'validation_fraction' parameter of MLPC"),
        ({"n_iter_no_change": 0}, {}, "'n_iter_no_change' parameter of MLPClassifier"),
        ({"tol": -1.0}, {}, "'tol' parameter of MLPClassifier"),
        ({"early_stopping": "yes"}, {}, "'early_stopping' parameter of MLPClassifier"),
        ({"early_stopping": True, "scoring": "nonsense"}, {}, "nonsense"),
    ],
    ids=str,
)
def test_unsuitable_validation_is_refused(parameters, validation, match):
    """The sentence names the parameter or the argument."""
    with pytest.raises(ValueError, match=match):
        MLPClassifier(**parameters).fit([[0.0], [1.0]] * 5, [0, 1] * 5, **validation)


def test_early_stopping_needs_two_rows():
    """There is nothing to hold out of one row."""
    with pytest.raises(ValueError, match="holds rows out to stop early, and needs at"):
        MLPRegressor(early_stopping=True).fit([[0.0]], [1.0])
