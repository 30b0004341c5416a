"""A call that fails or is interrupted leaves no trace."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from skdeep import TabularMLPClassifier, TabularMLPRegressor

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "n_ensemble": 2,
    "embedding_dim": 3,
    "n_bins": 4,
    "optimizer": "adamw",
    "learning_rate": 0.02,
    "normalization": "batch",
    "dropout": 0.2,
    "batch_size": 20,
    "max_epochs": 4,
    "tol": None,
    "early_stopping": True,
    "random_state": 0,
}
RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 3))
X[::7, 1] = np.nan
Y = np.arange(60) % 2


class Stop(Callback):
    """Raise at some call of a hook, counted over all trainings of all fits."""

    def __init__(self, hook: str, error: type[BaseException], after: int) -> None:
        self.hook = hook
        self.error = error
        self.left = after

    def __deepcopy__(self, memo: dict) -> Stop:
        """Return itself, so that the count goes on."""
        return self

    def heard(self, hook: str) -> None:
        """Raise when it is time."""
        self.left -= hook == self.hook
        if self.left == 0:
            raise self.error("stopped by the test")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Hear of the end of an epoch."""
        self.heard("on_epoch_end")

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """Hear of the end of a batch."""
        self.heard("on_batch_end")

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Hear of the end."""
        self.heard("on_train_end")


def spoil(net: Any, how: str) -> tuple[np.ndarray, type[BaseException]]:
    """Make the next call fail; return its y and the error to expect."""
    if how == "bad y":
        return Y[:-1], ValueError
    if how == "bad parameter":
        net.set_params(n_ensemble=0)
        return Y, ValueError
    if how == "divergence":
        net.set_params(
            learning_rate=1e30, optimizer="sgd", max_grad_norm=None, normalization=None
        )
        return Y, ArithmeticError
    hook, after = how.split(": ")
    # With refit=True the second training is stopped too.
    calls, error = int(after), KeyboardInterrupt if int(after) % 2 else LookupError
    net.set_params(callbacks=[Stop(hook, error, calls)])
    return Y, error


FAILURES = [
    "bad y",
    "bad parameter",
    "divergence",
    "on_batch_end: 3",
    "on_batch_end: 4",
    "on_epoch_end: 1",
    "on_epoch_end: 5",
    "on_train_end: 1",
    "on_train_end: 2",
]


def picture(net: Any) -> dict[str, Any]:
    """Return what a fitted estimator is, in a form that can be compared."""
    return {
        "tensors": {k: v.clone() for k, v in net.module_.state_dict().items()},
        "history": copy.deepcopy(net.history_),
        "outputs": net.predict(X),
        "temperature": net._state.temperature,
    }


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("kind", BOTH)
def test_fit_that_fails_leaves_the_estimator_as_it_was(kind: Any, how: str) -> None:
    """Unfitted or fitted, in the first training or in the one on all rows."""
    for fitted in (False, True):
        net = kind(**SMALL, refit=True)
        if fitted:
            net.fit(X, Y)
        seen = picture(net) if fitted else {}
        y, error = spoil(net, how)
        before = dict(vars(net))
        sentence = r"stopped|diverged|n_ensemble|inconsistent"
        with pytest.raises(error, match=sentence):
            net.fit(X, y)
        assert vars(net) == before
        if fitted:
            net.set_params(n_ensemble=2, callbacks=None)
            after = picture(net)
            assert seen["temperature"] == after["temperature"]
            np.testing.assert_array_equal(after["outputs"], seen["outputs"])
            for name, tensor in seen["tensors"].items():
                assert torch.equal(after["tensors"][name], tensor), name
            for name, column in seen["history"].items():
                np.testing.assert_array_equal(after["history"][name], column)


@pytest.mark.parametrize("how", ["bad y", "on_batch_end: 1", "on_batch_end: 2"])
@pytest.mark.parametrize("kind", BOTH)
def test_partial_fit_that_fails_leaves_the_calls_before(kind: Any, how: str) -> None:
    """Weights, optimizer and generators stand as they stood, and training goes on."""
    first = {"classes": [0, 1]} if kind is TabularMLPClassifier else {}
    net = kind(**{**SMALL, "early_stopping": False})
    net.partial_fit(X, Y, **first).partial_fit(X, Y)
    twin = copy.deepcopy(net)
    y, error = spoil(net, how)
    with pytest.raises(error, match=r"stopped|inconsistent"):
        net.partial_fit(X, y)
    net.set_params(callbacks=None)
    expected = twin.partial_fit(X, Y).predict(X)
    np.testing.assert_array_equal(net.partial_fit(X, Y).predict(X), expected)


@pytest.mark.parametrize("kind", BOTH)
def test_warm_start_that_fails_leaves_the_first_fit(kind: Any) -> None:
    """The weights that it went on from are those that stay."""
    net = kind(**SMALL, warm_start=True).fit(X, Y)
    expected, n_epochs = net.predict(X), net.n_iter_
    y, error = spoil(net, "on_epoch_end: 3")
    with pytest.raises(error, match="stopped by the test"):
        net.fit(X, y)
    np.testing.assert_array_equal(net.predict(X), expected)
    assert net.n_iter_ == n_epochs
