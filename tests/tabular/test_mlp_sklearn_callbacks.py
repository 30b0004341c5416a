"""scikit-learn's callbacks on the estimators: an epoch is a task like any other."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skdeep import MLPClassifier, MLPRegressor
from skdeep.exceptions import DivergenceError

pytest.importorskip("sklearn.callback", reason="came with scikit-learn 1.9")

X, LABELS = make_classification(90, 5, random_state=0)
TABLE, VALUES = make_regression(90, 5, noise=1.0, random_state=0)
WEIGHT = 1.0 + (np.arange(90) % 3)
OF_A_FIT = ("_callback_fit_ctx", "_skl_callbacks_to_teardown", "_parent_callback_ctx")


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


class Recorder:
    """Write down every hook, and keep what the ends of tasks are handed."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.kept: list[Any] = []
        self.handed: list[dict[str, Any]] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Note the first call."""
        self.calls.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        """Note the last call."""
        self.calls.append("teardown")

    def on_fit_task_begin(
        self, estimator: Any, context: Any, *, X: Any = None, y: Any = None
    ) -> None:
        """Note the begin of a task."""
        self.calls.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(
        self,
        estimator: Any,
        context: Any,
        *,
        X: Any = None,
        y: Any = None,
        metadata: Any = None,
        fitted_estimator: Any = None,
    ) -> bool | None:
        """Note the end of a task, and keep what came with it."""
        self.calls.append(f"end {context.task_name} {context.task_id}")
        self.handed.append({"X": X, "y": y, "metadata": metadata})
        self.kept.append(fitted_estimator)
        return None


class StopAfter(Recorder):
    """Ask to stop at the end of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self.epoch = epoch

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:  # type: ignore[override]
        """Return True at the end of the epoch."""
        return bool(context.task_name == "epoch" and context.task_id + 1 == self.epoch)


class Failing(Recorder):
    """Raise at the end of the second epoch."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self.error = error

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:  # type: ignore[override]
        """Raise what was asked for."""
        if context.task_id == 1:
            raise self.error("the hook failed")


def test_hooks_are_called_around_the_fit_and_every_epoch(
    classifier: MLPClassifier,
) -> None:
    """The tree of tasks is one fit with one leaf an epoch."""
    recorder = Recorder()
    classifier.set_params(max_epochs=2).set_callbacks(recorder).fit(X, LABELS)
    assert recorder.calls == [
        "setup",
        "begin fit 0",
        "begin epoch 0",
        "end epoch 0",
        "begin epoch 1",
        "end epoch 1",
        "end fit 0",
        "teardown",
    ]


def test_hooks_are_handed_the_data_of_the_call(classifier: MLPClassifier) -> None:
    """Callbacks see X and y as the user gave them, and the weights by name."""
    recorder = Recorder()
    listed = X.tolist()
    classifier.set_callbacks(recorder).fit(listed, LABELS, sample_weight=WEIGHT)
    for handed in recorder.handed:
        assert handed["X"] is listed
        assert handed["y"] is LABELS
        np.testing.assert_array_equal(handed["metadata"]["sample_weight"], WEIGHT)
    classifier.fit(listed, LABELS)
    assert recorder.handed[-1]["metadata"] is None


@pytest.mark.parametrize(
    "varied",
    [
        {},
        {"dropout": 0.3, "normalization": "batch"},
        {"weight_averaging": "ema", "normalization": "batch"},
        {"early_stopping": True, "learning_rate": 0.5},
        {"early_stopping": True, "scoring": "accuracy", "learning_rate": 0.5},
        {"optimizer": "lbfgs", "batch_size": "auto"},
        {"l1": 0.01, "optimizer": "sgd"},
    ],
    ids=lambda varied: ",".join(varied) or "defaults",
)
def test_fitted_estimator_is_what_a_fit_of_so_many_epochs_gives(
    varied: dict[str, Any], classifier: MLPClassifier
) -> None:
    """As if training had stopped there, averaged and best weights included."""
    recorder = Recorder()
    classifier.set_params(**varied, max_epochs=6, tol=None)
    plain = clone(classifier).fit(X, LABELS)
    classifier.set_callbacks(recorder).fit(X, LABELS)
    np.testing.assert_array_equal(classifier.coefs_[0], plain.coefs_[0])
    assert len(recorder.kept) == 7
    for epochs, kept in enumerate(recorder.kept[:6], start=1):
        short = clone(plain).set_params(max_epochs=epochs).fit(X, LABELS)
        np.testing.assert_array_equal(kept.predict_proba(X), short.predict_proba(X))
        assert kept.loss_curve_ == short.loss_curve_
        assert kept.best_epoch_ == short.best_epoch_
        assert kept.n_iter_ == epochs
        assert set(vars(short)) <= set(vars(kept))


def test_fitted_estimator_is_independent(classifier: MLPClassifier) -> None:
    """What a hook keeps neither changes nor is changed by the training that goes on."""
    recorder = Recorder()
    classifier.set_params(dropout=0.2).set_callbacks(recorder).fit(X, LABELS)
    classifier.set_callbacks()
    first, last = recorder.kept[0], recorder.kept[-1]
    before = first.predict_proba(X)
    ours = classifier.predict_proba(X)
    for _ in range(3):
        classifier.partial_fit(X, LABELS)
    np.testing.assert_array_equal(first.predict_proba(X), before)
    np.testing.assert_array_equal(last.predict_proba(X), ours)
    later = classifier.predict_proba(X)
    first.partial_fit(X, LABELS)
    assert not np.array_equal(first.predict_proba(X), before)
    np.testing.assert_array_equal(classifier.predict_proba(X), later)


def test_fitted_estimator_is_a_whole_one(classifier: MLPClassifier) -> None:
    """It pickles, copies, clones, scores and shows its net as any other."""
    recorder = Recorder()
    classifier.set_callbacks(recorder).fit(X, LABELS)
    kept = recorder.kept[1].set_callbacks()
    expected = kept.predict_proba(X)
    for again in (pickle.loads(pickle.dumps(kept)), copy.deepcopy(kept)):
        np.testing.assert_array_equal(again.predict_proba(X), expected)
    assert kept.score(X, LABELS) == np.mean(kept.predict(X) == LABELS)
    assert len(kept.net_.history) == 2
    assert not kept.module_.training
    assert kept.net_.module_ is kept.module_
    assert all(parameter.grad is None for parameter in kept.module_.parameters())
    with pytest.raises(NotFittedError):
        clone(kept).predict(X)


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_hook_that_returns_true_ends_training(
    epoch: int, classifier: MLPClassifier
) -> None:
    """The network stays that of the epochs done, and the callbacks are torn down."""
    stop = StopAfter(epoch)
    classifier.set_callbacks(stop).fit(X, LABELS)
    assert classifier.n_iter_ == epoch
    assert stop.calls[-1] == "teardown"
    short = clone(classifier).set_callbacks().set_params(max_epochs=epoch)
    short.fit(X, LABELS)
    np.testing.assert_array_equal(classifier.coefs_[0], short.coefs_[0])


def test_hook_that_returns_true_keeps_the_best_epoch(classifier: MLPClassifier) -> None:
    """Stopped from outside, early stopping still restores the best weights."""
    classifier.set_params(early_stopping=True, learning_rate=0.5, max_epochs=50)
    classifier.set_callbacks(StopAfter(8)).fit(X, LABELS)
    assert classifier.n_iter_ == 8
    curve = classifier.validation_loss_curve_
    assert curve is not None
    assert classifier.best_epoch_ == 1 + int(np.argmin(curve))


def test_callbacks_of_partial_fit_see_its_one_epoch(classifier: MLPClassifier) -> None:
    """Every call is a task of its own, and what it hands out goes on by itself."""
    recorder = Recorder()
    classifier.set_callbacks(recorder)
    classifier.partial_fit(X, LABELS, classes=[0, 1]).partial_fit(X, LABELS)
    assert recorder.calls.count("end epoch 0") == 2
    assert recorder.calls.count("teardown") == 2
    kept = [recorder.kept[0], recorder.kept[2]]
    assert [model.n_iter_ for model in kept] == [1, 2]
    np.testing.assert_array_equal(kept[1].coefs_[0], classifier.coefs_[0])
    kept[0].set_callbacks().partial_fit(X, LABELS)
    assert kept[0].n_iter_ == 2


def test_callbacks_of_a_warm_start_go_on_counting(classifier: MLPClassifier) -> None:
    """What is handed out has the history of both fits."""
    recorder = Recorder()
    classifier.set_params(warm_start=True).fit(X, LABELS)
    classifier.set_callbacks(recorder).fit(X, LABELS)
    lengths = [len(model.loss_curve_) for model in recorder.kept]
    assert lengths == [5, 6, 7, 8, 8]
    assert classifier.loss_curve_ == recorder.kept[-2].loss_curve_


def test_nothing_of_the_callbacks_remains_after_a_fit(
    classifier: MLPClassifier,
) -> None:
    """Contexts belong to the call."""
    classifier.set_callbacks(Recorder()).fit(X, LABELS)
    pipeline = make_pipeline(MinMaxScaler(), classifier).fit(X, LABELS)
    for model in (classifier, pipeline[-1]):
        assert not set(OF_A_FIT) & set(vars(model))
    assert set(vars(classifier.set_callbacks())) == set(
        vars(clone(classifier).fit(X, LABELS))
    )


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_failing_hook_ends_the_call_and_leaves_the_estimator(
    error: type[BaseException], classifier: MLPClassifier
) -> None:
    """The error of a hook comes out, callbacks are torn down, the last fit stays."""
    classifier.fit(X, LABELS)
    before = classifier.predict_proba(X)
    hook = Failing(error)
    classifier.set_callbacks(hook)
    with pytest.raises(error, match="the hook failed"):
        classifier.fit(-X, 1 - LABELS)
    assert hook.calls[-1] == "teardown"
    assert not set(OF_A_FIT) & set(vars(classifier))
    np.testing.assert_array_equal(classifier.predict_proba(X), before)
    assert classifier.set_callbacks().fit(X, LABELS).n_iter_ == 4


def test_failed_fit_tears_the_callbacks_down(regressor: MLPRegressor) -> None:
    """Divergence within, bad data before: nothing of the attempt remains."""
    recorder = Recorder()
    regressor.set_params(learning_rate=1e30, optimizer="sgd", max_epochs=50)
    regressor.set_callbacks(recorder)
    with pytest.raises(DivergenceError):
        regressor.fit(TABLE, VALUES)
    assert recorder.calls[-1] == "teardown"
    with pytest.raises(ValueError, match="NaN"):
        regressor.fit(TABLE, VALUES * np.nan)
    assert recorder.calls.count("setup") == recorder.calls.count("teardown")
    assert not set(OF_A_FIT) & set(vars(regressor))
    assert not [name for name in vars(regressor) if name.endswith("_")]


def test_callbacks_change_nothing_of_the_training(classifier: MLPClassifier) -> None:
    """Watching is free of side effects, dropout and averages included."""
    classifier.set_params(dropout=0.3, weight_averaging="swa", normalization="batch")
    plain = clone(classifier).fit(X, LABELS)
    classifier.set_callbacks(Recorder(), Recorder()).fit(X, LABELS)
    assert classifier.loss_curve_ == plain.loss_curve_
    for ours, theirs in zip(
        classifier.module_.state_dict().values(),
        plain.module_.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


def test_callbacks_must_follow_the_protocol(classifier: MLPClassifier) -> None:
    """The refusal is scikit-learn's."""
    with pytest.raises(TypeError, match="FitCallback protocol"):
        classifier.set_callbacks(print)
    with pytest.raises(TypeError, match="FitCallback protocol"):
        classifier.set_callbacks(Recorder)
