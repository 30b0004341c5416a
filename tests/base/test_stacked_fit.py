"""Tests of fits that share a network: each comes out as it would alone."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import skorch
import torch
from sklearn.base import clone, is_classifier

from skdeep import MLPClassifier, MLPRegressor, TabularMLPClassifier
from skdeep.base import FitRequest, can_be_stacked, fit_together
from skdeep.exceptions import DivergenceError
from skdeep.tabular._mlp import Perceptron
from tests.naming import shown

QUICK: dict[str, Any] = {"max_epochs": 6, "random_state": 0, "dtype": "float64"}
CLASSIFIER = MLPClassifier((8,), batch_size=20, **QUICK)
REGRESSOR = MLPRegressor((8,), batch_size=20, **QUICK)
SMALL_RATES = [{"learning_rate": rate} for rate in (1e-3, 3e-2)]


class Folds:
    """Rows of which each member leaves out some others."""

    def __init__(self, seed: int, n_rows: int = 66) -> None:
        rng = np.random.default_rng(seed)
        self.X = rng.standard_normal((n_rows, 4))
        self.labels = (self.X[:, 0] + self.X[:, 1] ** 2 > 0.5).astype(int)
        self.three = np.digitize(self.X[:, 0], [-0.4, 0.4])
        self.values = self.X[:, 0] * 3 + rng.random(n_rows) + 12
        self.weight = rng.integers(1, 4, n_rows).astype(float)
        # Of different length, and not of different numbers of batches.
        self.parts = [np.arange(n_rows) % 3 != fold for fold in range(2)]
        self.parts.append((np.arange(n_rows) % 3 != 2) & (np.arange(n_rows) != 0))


@pytest.fixture(scope="module")
def folds() -> Folds:
    """Return the rows."""
    return Folds(0)


def run(
    estimator: Any,
    candidates: list[dict[str, Any]],
    folds: Folds,
    y: np.ndarray,
    weight: np.ndarray | None = None,
    X: Any = None,
) -> list[FitRequest]:
    """Fit every candidate on every fold, as many together as there may be."""
    X = folds.X if X is None else X
    requests = []
    for candidate in candidates:
        for number, part in enumerate(folds.parts):
            params = {} if weight is None else {"sample_weight": weight[part]}
            member = clone(estimator).set_params(**candidate)
            requests.append(FitRequest(member, X[part], y[part], params, number))
    done = list(fit_together(requests))
    assert sorted(map(id, done)) == sorted(map(id, requests))
    return requests


def check_same_as_alone(requests: list[FitRequest], tolerance: float = 1e-9) -> None:
    """Fit each alone, and compare all that a fit leaves behind."""
    for request in requests:
        assert request.error is None
        ours = request.estimator
        alone: Any = clone(ours).fit(request.X, request.y, **request.params)
        assert ours.n_iter_ == alone.n_iter_
        assert ours.best_epoch_ == alone.best_epoch_
        assert set(ours.history_) == set(alone.history_)
        for name in set(alone.history_) - {"duration"}:
            np.testing.assert_allclose(
                ours.history_[name], alone.history_[name], rtol=tolerance
            )
        method = "predict_proba" if is_classifier(alone) else "predict"
        np.testing.assert_allclose(
            getattr(ours, method)(request.X),
            getattr(alone, method)(request.X),
            rtol=tolerance,
            atol=tolerance,
        )


BOTH: dict[str, list[dict[str, Any]]] = {
    "rate": SMALL_RATES,
    "penalties": [
        {"l1": l1, "l2": l2, "weight_decay": decay}
        for l1, l2, decay in ((0, 0, 0), (1e-2, 0, 0), (1e-3, 1e-2, 0.1), (0, 0, 0.5))
    ],
    "dropout": [{"dropout": p} for p in (0.0, 0.2, 0.5)],
    "clipping": [{"max_grad_norm": norm} for norm in (None, 0.1)],
    "seed": [{"random_state": seed} for seed in (0, 1)],
    "length": [{"max_epochs": n} for n in (1, 4)],
    "patience": [
        {"tol": tol, "n_iter_no_change": 1, "max_epochs": 12} for tol in (0.05, None)
    ],
    "schedule": [
        {"lr_schedule": name, "warmup_fraction": 0.2, "learning_rate": 0.05}
        for name in ("cosine", "plateau", None)
    ],
    "stopping": [
        {"early_stopping": True, "n_iter_no_change": 1, "learning_rate": rate, **more}
        for rate, more in ((0.2, {}), (0.02, {}), (0.1, {"dropout": 0.3}))
    ],
    "unshuffled": [{"shuffle": False, **rate} for rate in SMALL_RATES],
    "one batch": [{"batch_size": "auto", **rate} for rate in SMALL_RATES],
    "last row joined": [{"batch_size": 43, **rate} for rate in SMALL_RATES],
    "sgd": [{"optimizer": "sgd", **rate} for rate in SMALL_RATES],
    "adamw": [
        {"optimizer": "adamw", "optimizer_params": {"eps": 1e-6}, **rate}
        for rate in SMALL_RATES
    ],
    "nadam": [{"optimizer": "nadam", **rate} for rate in SMALL_RATES],
    "radam": [{"optimizer": "radam", **rate} for rate in SMALL_RATES],
    "rmsprop": [{"optimizer": "rmsprop", **rate} for rate in SMALL_RATES],
    "adagrad": [{"optimizer": "adagrad", **rate} for rate in SMALL_RATES],
    "linear": [{"hidden_layer_sizes": (), **rate} for rate in SMALL_RATES],
    "deep": [
        {
            "hidden_layer_sizes": (6, 6, 4),
            "normalization": "layer",
            "residual": True,
            "activation": ("relu", "gelu", "tanh"),
            "dropout": dropout,
        }
        for dropout in ((0.0, 0.2, 0.1), 0.0)
    ],
}
OF_CLASSIFIERS: dict[str, list[dict[str, Any]]] = {
    "smoothing": [{"label_smoothing": share} for share in (0.0, 0.1, 0.3)],
    "class weights": [{"class_weight": w} for w in (None, "balanced", {0: 5.0})],
    "focal": [{"loss": "focal", "label_smoothing": share} for share in (0.0, 0.2)],
}
OF_REGRESSORS: dict[str, list[dict[str, Any]]] = {
    name: [{"loss": name, **rate} for rate in SMALL_RATES]
    for name in ("absolute_error", "huber", "quantile", "poisson")
}


@pytest.mark.parametrize("name", [*BOTH, *OF_CLASSIFIERS])
def test_classifiers_together_are_those_alone(name: str, folds: Folds) -> None:
    """Nothing that may differ within a stack changes what comes out."""
    candidates = {**BOTH, **OF_CLASSIFIERS}[name]
    requests = run(CLASSIFIER, candidates, folds, folds.labels)
    assert {request.together for request in requests} == {3 * len(candidates)}
    check_same_as_alone(requests)


@pytest.mark.parametrize("name", [*BOTH, *OF_REGRESSORS])
def test_regressors_together_are_those_alone(name: str, folds: Folds) -> None:
    """Likewise for numbers."""
    candidates = {**BOTH, **OF_REGRESSORS}[name]
    requests = run(REGRESSOR, candidates, folds, folds.values)
    assert {request.together for request in requests} == {3 * len(candidates)}
    check_same_as_alone(requests)


@pytest.mark.parametrize("name", ["smoothing", "class weights", "focal"])
def test_several_classes_together_are_those_alone(name: str, folds: Folds) -> None:
    """A softmax has another loss than a single logit."""
    check_same_as_alone(
        run(CLASSIFIER, OF_CLASSIFIERS[name], folds, folds.three, folds.weight)
    )


@pytest.mark.parametrize(
    "y", ["multilabel", "several numbers", "quantiles"], ids=lambda name: name
)
def test_wide_targets_together_are_those_alone(y: str, folds: Folds) -> None:
    """Several labels, numbers or quantiles a row are several outputs."""
    if y == "multilabel":
        target = np.column_stack([folds.labels, folds.three > 1])
        check_same_as_alone(run(CLASSIFIER, SMALL_RATES, folds, target))
        return
    estimator = clone(REGRESSOR)
    target = np.column_stack([folds.values, -folds.values])
    if y == "quantiles":
        estimator.set_params(loss="quantile", quantile=(0.1, 0.9))
        target = folds.values
    check_same_as_alone(run(estimator, SMALL_RATES, folds, target))


def test_weights_of_rows_count_as_alone(folds: Folds) -> None:
    """Weights multiply those of the classes, also of held-out rows."""
    candidates = [{"class_weight": w, "early_stopping": True} for w in (None, {0: 3.0})]
    check_same_as_alone(run(CLASSIFIER, candidates, folds, folds.labels, folds.weight))


def test_fresh_seeds_differ(folds: Folds) -> None:
    """Without a seed each member has initial weights and orders of its own."""
    requests = run(
        clone(CLASSIFIER).set_params(random_state=None), [{}, {}], folds, folds.labels
    )
    curves = [tuple(r.estimator.history_["train_loss"]) for r in requests]
    assert len(set(curves)) == len(curves)


@pytest.mark.parametrize("dtype", ["float32", "auto"])
def test_float32_agrees_to_five_digits(dtype: str, folds: Folds) -> None:
    """Products of matrices are added up in another order, in the last bits."""
    estimator = clone(CLASSIFIER).set_params(dtype=dtype)
    candidates = [
        {"learning_rate": r, "dropout": p} for r in (1e-3, 1e-2) for p in (0, 0.2)
    ]
    requests = run(estimator, candidates, folds, folds.labels, folds.weight)
    check_same_as_alone(requests, tolerance=1e-5)


def test_one_diverging_member_harms_no_other(folds: Folds) -> None:
    """It leaves the stack with the error that it would raise alone."""
    candidates = [
        {"optimizer": "sgd", "learning_rate": rate} for rate in (0.01, 1e12, 0.02)
    ]
    requests = run(CLASSIFIER, candidates, folds, folds.labels)
    diverged, others = requests[3:6], requests[:3] + requests[6:]
    check_same_as_alone(others)
    for request in diverged:
        error: Any = request.error
        with pytest.raises(DivergenceError) as alone:
            clone(request.estimator).fit(request.X, request.y)
        assert isinstance(error, DivergenceError)
        expected = alone.value
        assert (error.epoch, error.batch) == (expected.epoch, expected.batch)
        assert error.learning_rate == expected.learning_rate
        assert error.estimator == expected.estimator
        assert not hasattr(request.estimator, "net_")


def test_penalty_beyond_all_numbers_is_divergence(folds: Folds) -> None:
    """The objective is held to be finite at the end of an epoch, too."""
    huge = {"l2": 1e300, "optimizer": "sgd", "learning_rate": 1e-8}
    requests = run(CLASSIFIER, [{"optimizer": "sgd"}, huge], folds, folds.labels)
    check_same_as_alone(requests[:3])
    for request in requests[3:]:
        with pytest.raises(DivergenceError) as alone:
            clone(request.estimator).fit(request.X, request.y)
        assert str(request.error) == str(alone.value)


def test_bad_parameters_are_the_errors_of_their_own_fit(folds: Folds) -> None:
    """What fails before the training leaves the others in their stack."""
    candidates = [{"learning_rate": rate} for rate in (1e-3, -1.0)]
    requests = run(CLASSIFIER, candidates, folds, folds.labels)
    check_same_as_alone(requests[:3])
    assert all("'learning_rate'" in str(request.error) for request in requests[3:])


@pytest.mark.parametrize(
    "params",
    [
        {"normalization": "batch"},
        {"activation": torch.nn.Tanh},
        {"loss": torch.nn.CrossEntropyLoss},
        {"optimizer": torch.optim.Adamax},
        {"optimizer": "lbfgs"},
        {"optimizer_params": {"weight_decay": 0.1}},
        {"weight_averaging": "ema"},
        {"callbacks": [skorch.callbacks.EpochTimer()]},
        {"early_stopping": True, "scoring": "accuracy"},
    ],
    ids=shown,
)
def test_what_cannot_be_stacked_trains_alone(params: Any, folds: Folds) -> None:
    """All other settings give the very bits of an ordinary fit."""
    estimator = clone(CLASSIFIER).set_params(max_epochs=2, **params)
    requests = run(estimator, [{}], folds, folds.three)
    assert {request.together for request in requests} == {1}
    check_same_as_alone(requests, tolerance=0)


def test_validation_rows_of_ones_own_are_watched(folds: Folds) -> None:
    """They are no part of what is learnt, stop or no stop."""
    X_val, y_val = folds.X[::5], folds.labels[::5]
    requests = []
    for stops in (True, False):
        for rate in SMALL_RATES:
            estimator = clone(CLASSIFIER).set_params(early_stopping=stops, **rate)
            params = {"X_val": X_val, "y_val": y_val}
            requests.append(FitRequest(estimator, folds.X, folds.labels, params, 0))
    list(fit_together(requests))
    assert [request.together for request in requests] == [4] * 4
    check_same_as_alone(requests)


def test_scores_of_validation_rows_are_taken_alone(folds: Folds) -> None:
    """A metric asks for a fitted estimator after each epoch."""
    estimator = clone(CLASSIFIER).set_params(scoring="accuracy")
    params = {"X_val": folds.X[::5], "y_val": folds.labels[::5]}
    request = FitRequest(estimator, folds.X, folds.labels, params, 0)
    list(fit_together([request]))
    assert request.estimator.validation_scores_ is not None
    check_same_as_alone([request], tolerance=0)


def test_sparse_rows_train_alone(folds: Folds) -> None:
    """They are made dense a batch at a time."""
    requests = run(
        CLASSIFIER, SMALL_RATES, folds, folds.labels, X=sp.csr_array(folds.X)
    )
    assert {request.together for request in requests} == {1}
    check_same_as_alone(requests, tolerance=0)


def test_shapes_are_stacked_apart(folds: Folds) -> None:
    """Networks with other layers, batches or optimizers make stacks of their own."""
    candidates: list[dict[str, Any]] = [
        *SMALL_RATES,
        {"hidden_layer_sizes": (9,)},
        {"activation": "tanh"},
        {"batch_size": 10},
        {"optimizer": "sgd"},
        {"early_stopping": True},
    ]
    requests = run(CLASSIFIER, candidates, folds, folds.labels)
    assert [request.together for request in requests] == [6] * 6 + [3] * 15
    check_same_as_alone(requests)


def test_folds_with_more_batches_are_stacked_apart() -> None:
    """Steps go in step: those of an epoch must be as many."""
    folds = Folds(1, n_rows=64)
    folds.parts[2] = np.arange(64) < 63
    requests = run(CLASSIFIER, SMALL_RATES, folds, folds.labels)
    assert [request.together for request in requests] == [4, 4, 2] * 2
    check_same_as_alone(requests)


def test_large_groups_are_cut(folds: Folds, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack holds only so many members, and pieces are of about one size."""
    monkeypatch.setattr("skdeep.base._stacked_fit.MOST_MEMBERS", 4)
    requests = run(CLASSIFIER, SMALL_RATES, folds, folds.labels)
    assert [request.together for request in requests] == [3] * 6
    check_same_as_alone(requests)


def test_fitted_members_are_ordinary_estimators(folds: Folds) -> None:
    """They pickle, go on training, and hold a skorch net and a module of their own."""
    request = run(CLASSIFIER, SMALL_RATES, folds, folds.labels)[0]
    estimator: Any = request.estimator
    loaded = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(loaded.predict(folds.X), estimator.predict(folds.X))
    assert isinstance(estimator.net_, skorch.NeuralNet)
    assert all(
        p.untyped_storage().nbytes() == p.nbytes for p in estimator.module_.parameters()
    )
    estimator.set_params(warm_start=True).fit(request.X, request.y)
    assert len(estimator.loss_curve_) == 12


def test_seconds_are_shared_out(folds: Folds) -> None:
    """Each member has its part of the time, and none has none."""
    requests = run(CLASSIFIER, SMALL_RATES, folds, folds.labels)
    assert all(request.seconds > 0 for request in requests)


def test_only_perceptrons_can_be_stacked() -> None:
    """So far there are stacked networks for the textbook perceptrons alone."""
    assert can_be_stacked(MLPRegressor())
    assert not can_be_stacked(MLPClassifier(normalization="batch"))
    assert not can_be_stacked(TabularMLPClassifier())
    assert not can_be_stacked("passthrough")


def test_classes_of_ones_own_are_asked_themselves() -> None:
    """A `fit` or a network that somebody has written is not passed over."""

    class Fitted(MLPClassifier):
        """With a fit of its own."""

        def fit(self, X: Any, y: Any) -> Any:
            """Fit."""
            return super().fit(X, y)

    class OwnPerceptron(Perceptron):
        """Built in a way of its own."""

    class Built(MLPClassifier):
        """With a network of its own."""

        def _network(self) -> Perceptron:
            return OwnPerceptron(self)

    class Plain(MLPClassifier):
        """With nothing of its own."""

    assert [can_be_stacked(kind()) for kind in (Fitted, Built, Plain)] == [
        False,
        False,
        True,
    ]
