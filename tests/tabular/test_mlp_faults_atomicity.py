"""A call that fails or is interrupted leaves no trace."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.utils.fixes import parse_version
from skorch.callbacks import Callback, EarlyStopping

from skdeep import MLPClassifier, MLPRegressor
from skdeep.exceptions import ScoringError

ESTIMATORS = [MLPClassifier, MLPRegressor]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((48, 4))
Y = (X[:, 0] + RNG.standard_normal(48) > 0).astype(int)
SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "normalization": "batch",
    "dropout": 0.2,
    "batch_size": 12,
    "max_epochs": 4,
    "random_state": 0,
}


class Stop(Callback):
    """Raise at the second call of one hook of skorch, or the first at the end."""

    def __init__(self, hook: str, error: type[BaseException]) -> None:
        self.hook = hook
        self.error = error

    def initialize(self) -> Stop:
        """Count from nought."""
        self.calls_ = 0
        return self

    def heard(self, hook: str) -> None:
        """Raise when it is time."""
        self.calls_ += hook == self.hook
        if self.calls_ == (1 if self.hook == "on_train_end" else 2):
            raise self.error("stopped by the test")

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Hear of an epoch."""
        self.heard("on_epoch_begin")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Hear of the end of an epoch."""
        self.heard("on_epoch_end")

    def on_batch_begin(self, net: Any, **kwargs: Any) -> None:
        """Hear of a batch."""
        self.heard("on_batch_begin")

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """Hear of the end of a batch."""
        self.heard("on_batch_end")

    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        """Hear of a gradient."""
        self.heard("on_grad_computed")

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Hear of the end."""
        self.heard("on_train_end")


class StopAtEpoch:
    """Raise at the second epoch, as a callback of scikit-learn."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def setup(self, estimator: Any, context: Any) -> None:
        """Be ready to count."""
        self.calls = 0

    def teardown(self, estimator: Any, context: Any) -> None:
        """Be called whatever happens."""
        self.calls = -1

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing."""

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        """Raise when it is time."""
        self.calls += 1
        if self.calls == 2:
            raise self.error("stopped by the test")


def scorer_that_fails(estimator: Any, X_valid: Any, y_valid: Any) -> float:
    """Fail as a scorer may."""
    raise KeyError("stopped by the test")


def spoil(net: Any, y: np.ndarray, how: str) -> tuple[np.ndarray, type[BaseException]]:
    """Make the next call fail; return its y and the error to expect."""
    if how == "bad y":
        return y[:-1], ValueError
    if how == "bad parameter":
        net.set_params(dropout=1.5)
        return y, ValueError
    if how == "divergence":
        net.set_params(learning_rate=1e15, optimizer="adam")
        return y, ArithmeticError
    hook, name = how.split(": ")
    error = {"Ctrl-C": KeyboardInterrupt, "error": LookupError}[name]
    net.set_params(callbacks=[Stop(hook, error)])
    return y, error


FAILURES = [
    "bad y",
    "bad parameter",
    "divergence",
    "on_batch_begin: Ctrl-C",
    "on_batch_end: Ctrl-C",
    "on_grad_computed: Ctrl-C",
]
# These hooks are called too seldom for a call of partial_fit.
LATER_FAILURES = [
    "on_epoch_begin: error",
    "on_epoch_end: Ctrl-C",
    "on_train_end: error",
    "on_train_end: Ctrl-C",
]


def picture(net: Any) -> dict[str, Any]:
    """Return all that a fitted estimator is, in a form that can be compared."""
    attributes = dict(vars(net))
    del attributes["callbacks"]
    tensors = {k: v.clone() for k, v in net.module_.state_dict().items()}
    # The bytes of the optimizer's and the generators' states, to every last one.
    return {
        "attributes": attributes,
        "tensors": tensors,
        "history": copy.deepcopy(net.history_),
        "state": pickle.dumps(net._state),
        "outputs": net.predict(X),
    }


def assert_unchanged(net: Any, before: dict[str, Any]) -> None:
    """Compare an estimator with its picture."""
    after = picture(net)
    assert list(after["attributes"]) == list(before["attributes"])
    for name, value in before["attributes"].items():
        assert after["attributes"][name] is value, name
    for name, tensor in before["tensors"].items():
        assert torch.equal(after["tensors"][name], tensor), name
    assert not net.module_.training
    for name, column in before["history"].items():
        np.testing.assert_array_equal(after["history"][name], column, err_msg=name)
    assert after["state"] == before["state"]
    np.testing.assert_array_equal(after["outputs"], before["outputs"])


def fail(call: Callable[..., Any], y: np.ndarray, error: type[BaseException]) -> None:
    """Make a call that must fail."""
    with pytest.raises(error, match=r"stopped|diverged|dropout|inconsistent"):
        call(X, y)


@pytest.mark.parametrize("how", FAILURES + LATER_FAILURES)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_first_fit_that_fails_leaves_the_estimator_unfitted(kind, how):
    """No attribute is added, and the next fit is as if there had been none."""
    net = kind(**SETTINGS)
    y, error = spoil(net, Y, how)
    before = dict(vars(net))
    fail(net.fit, y, error)
    assert vars(net) == before
    expected = kind(**SETTINGS).fit(X, Y).predict(X)
    net.set_params(**kind(**SETTINGS).get_params())
    np.testing.assert_array_equal(net.fit(X, Y).predict(X), expected)


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("how", FAILURES + LATER_FAILURES)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_refit_that_fails_leaves_the_first_fit(kind, how, warm_start):
    """The estimator predicts what it did, by the very same attributes."""
    net = kind(warm_start=warm_start, **SETTINGS).fit(X, Y)
    y, error = spoil(net, Y, how)
    before = picture(net)
    fail(net.fit, y, error)
    assert_unchanged(net, before)


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_partial_fit_that_fails_leaves_the_calls_before(kind, how):
    """Weights, optimizer and generators stand as they stood, and training goes on."""
    first = {"classes": [0, 1]} if kind is MLPClassifier else {}
    net = kind(**SETTINGS).partial_fit(X, Y, **first).partial_fit(X, Y)
    twin = copy.deepcopy(net)
    y, error = spoil(net, Y, how)
    before = picture(net)
    fail(net.partial_fit, y, error)
    assert_unchanged(net, before)
    net.set_params(**twin.get_params())
    expected = twin.partial_fit(X, Y).predict(X)
    np.testing.assert_array_equal(net.partial_fit(X, Y).predict(X), expected)


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_first_partial_fit_that_fails_leaves_the_estimator_unfitted(kind, how):
    """Not even the classes stay."""
    first = {"classes": [0, 1]} if kind is MLPClassifier else {}
    net = kind(**SETTINGS)
    y, error = spoil(net, Y, how)
    before = dict(vars(net))
    if how == "divergence":
        net.set_params(batch_size=6, learning_rate=1e30)
        before = dict(vars(net))
    fail(lambda *data: net.partial_fit(*data, **first), y, error)
    assert vars(net) == before


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_failing_scorers_and_activations_leave_no_trace(kind, fitted):
    """Code of the user that fails half-way is no exception."""
    net = kind(**SETTINGS)
    if fitted:
        net.fit(X, Y)
    net.set_params(early_stopping=True, scoring=scorer_that_fails)
    before = dict(vars(net))
    with pytest.raises(ScoringError, match="stopped by the test"):
        net.fit(X, Y)
    assert vars(net) == before
    net.set_params(scoring="loss")
    calls = []

    def fails_late(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        if len(calls) == 7:
            raise KeyboardInterrupt("stopped by the test")
        return x

    net.set_params(activation=fails_late)
    before = dict(vars(net))
    with pytest.raises(KeyboardInterrupt, match="stopped by the test"):
        net.fit(X, Y)
    assert len(calls) == 7
    assert vars(net) == before


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9.0rc0"),
    reason="the callbacks of scikit-learn came with 1.9",
)
@pytest.mark.parametrize("error", [KeyboardInterrupt, LookupError])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_callback_of_scikit_learn_that_fails_leaves_no_trace(kind, error):
    """Its teardown is called, and nothing else is left of the call."""
    for net in (kind(**SETTINGS), kind(**SETTINGS).fit(X, Y)):
        callback = StopAtEpoch(error)
        net.set_callbacks(callback)
        before = dict(vars(net))
        with pytest.raises(error, match="stopped by the test"):
            net.fit(X, Y)
        assert callback.calls == -1
        assert vars(net) == before


@pytest.mark.parametrize("hook", ["on_batch_end", "on_epoch_end", "on_train_end"])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_interrupt_stops_a_whole_search(kind, hook):
    """Ctrl-C in one of many fits does not merely cost that fit."""
    net = kind(callbacks=[Stop(hook, KeyboardInterrupt)], **SETTINGS)
    with pytest.raises(KeyboardInterrupt, match="stopped by the test"):
        cross_val_score(clone(net), X, Y, cv=3, error_score=0.0)
    search = GridSearchCV(net, {"l2": [0.0, 1.0]}, cv=3, error_score=0.0)
    with pytest.raises(KeyboardInterrupt, match="stopped by the test"):
        search.fit(X, Y)
    assert not hasattr(search, "best_params_")


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_early_stopping_of_skorch_is_no_interrupt(kind):
    """It speaks by a KeyboardInterrupt, which ends the training and not the call."""
    callback = EarlyStopping(
        monitor="train_loss",
        patience=2,
        threshold=1e9,
        threshold_mode="abs",
        sink=lambda text: None,
    )
    net = kind(callbacks=[callback], **{**SETTINGS, "max_epochs": 50}).fit(X, Y)
    assert net.n_iter_ < 5
    assert np.isfinite(net.predict(X)).all()


SIGNAL = """
import os, signal, threading, time
import numpy as np, torch
from skorch.callbacks import Callback
from skdeep import MLPRegressor

trains, done = threading.Event(), threading.Event()

class Tell(Callback):
    def on_epoch_end(self, net, **kwargs):
        trains.set()

def interrupt():
    trains.wait()
    time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)
    # Python drops a signal that comes in the midst of a destructor: once more, then.
    while not done.wait(10):
        os.kill(os.getpid(), signal.SIGINT)

X = np.random.default_rng(0).standard_normal((500, 4))
net = MLPRegressor((8,), max_epochs=2, random_state=0).fit(X, X[:, 0])
expected, before = net.predict(X), dict(vars(net))
torch.set_num_threads(2)
net.set_params(max_epochs=10**9, tol=None, callbacks=[Tell()])
before |= net.get_params()
threading.Thread(target=interrupt, daemon=True).start()
try:
    net.fit(X, X[:, 0])
except KeyboardInterrupt:
    done.set()
    assert vars(net) == before
    assert (net.predict(X) == expected).all()
    assert torch.get_num_threads() == 2
    print("left as it was")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_real_ctrl_c_ends_the_call_and_leaves_the_estimator():
    """The signal that a terminal sends, in the midst of a training without end."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNAL],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout.strip() == "left as it was", done.stderr
