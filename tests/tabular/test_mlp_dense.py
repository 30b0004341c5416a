"""Tests of training without autograd: the same fit, and who gets autograd all the same.

A hook on the network makes a fit go through autograd.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from skorch.callbacks import Callback

from skdeep import MLPClassifier, MLPRegressor

N_ROWS = 90


class Watched(Callback):
    """Count how often a network is called and differentiated in training."""

    def __init__(self) -> None:
        self.forward = self.backward = 0

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Hang hooks on the network."""
        net.module_.register_forward_hook(self._forward)
        # The first layer has no input with a gradient, of which torch would warn.
        net.module_.layers[-1].bias.register_hook(self._backward)

    def _forward(self, module: Any, *_: Any) -> None:
        self.forward += module.training

    def _backward(self, *_: Any) -> None:
        self.backward += 1


def table(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a table with targets of a kind."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, 6))
    raw = X @ rng.standard_normal((6, 3))
    targets = {
        "binary": (raw[:, 0] > 0).astype(int),
        "multiclass": raw.argmax(axis=1),
        "multilabel": (raw > 0).astype(int),
        "numbers": raw,
        "counts": np.floor(np.exp(raw[:, 0].clip(-2, 2))),
    }
    return X, targets[kind]


def weights(model: Any) -> np.ndarray:
    """Return all weights of a fitted network."""
    return np.concatenate([p.detach().ravel() for p in model.net_.module_.parameters()])


SETTINGS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("multiclass", {}),
    ("multiclass", {"label_smoothing": 0.1, "class_weight": "balanced"}),
    ("multiclass", {"loss": "focal", "optimizer": "sgd", "learning_rate": 0.05}),
    ("binary", {"l1": 1e-3, "l2": 1e-2, "activation": "gelu"}),
    ("binary", {"loss": "focal", "weight_decay": 0.01, "max_grad_norm": 0.1}),
    ("multilabel", {"activation": ["tanh", "silu"], "dropout": 0.3}),
    ("multiclass", {"residual": True, "hidden_layer_sizes": (8, 8, 8)}),
    ("multiclass", {"normalization": "layer", "weight_averaging": "ema"}),
    ("multiclass", {"early_stopping": True, "lr_schedule": "cosine"}),
    ("multiclass", {"optimizer": "lbfgs", "l2": 1e-2}),
    ("multiclass", {"hidden_layer_sizes": ()}),
    ("numbers", {}),
    ("numbers", {"loss": "huber", "huber_delta": 0.5, "dropout": 0.1}),
    ("numbers", {"loss": "quantile", "quantile": 0.8}),
    ("counts", {"loss": "poisson"}),
)


@pytest.mark.parametrize(("kind", "options"), SETTINGS)
def test_fit_without_autograd_ends_where_one_with_autograd_does(
    kind: str, options: dict[str, Any]
) -> None:
    """In float64, to the last digits, whatever acts around the step."""
    X, y = table(kind)
    of_kind = MLPRegressor if kind in ("numbers", "counts") else MLPClassifier
    settings = {"hidden_layer_sizes": (8, 7), "batch_size": 16, "max_epochs": 12}
    model = of_kind(**{**settings, **options}, dtype="float64", random_state=0)
    alone = model.fit(X, y)
    watched = Watched()
    followed = of_kind(**alone.get_params()).set_params(callbacks=[watched]).fit(X, y)
    assert watched.forward > 0
    assert watched.backward > 0
    assert_allclose(weights(alone), weights(followed), rtol=1e-5, atol=1e-8)
    assert_allclose(alone.loss_curve_, followed.loss_curve_, rtol=1e-6)


def test_hooks_are_called_from_the_batch_on_in_which_they_are_hung_on() -> None:
    """Also by a callback that does so in the middle of an epoch."""

    class Later(Watched):
        def __init__(self) -> None:
            super().__init__()
            self.batch = 0

        def on_train_begin(self, net: Any, **kwargs: Any) -> None:
            pass

        def on_batch_begin(self, net: Any, training: bool = False, **_: Any) -> None:
            self.batch += training
            if self.batch == 3 and training:
                super().on_train_begin(net)

    later = Later()
    X, y = table("multiclass")
    MLPClassifier((8,), batch_size=16, max_epochs=2, callbacks=[later]).fit(X, y)
    assert later.batch == 12
    assert later.forward == later.backward == 10


def test_callbacks_may_compute_with_what_a_batch_gave() -> None:
    """Outputs are theirs: autograd takes them, and the next batch leaves them alone."""

    class Keep(Callback):
        def __init__(self) -> None:
            self.outputs: list[torch.Tensor] = []

        def on_batch_end(self, net: Any, y_pred: Any = None, **kwargs: Any) -> None:
            self.outputs.append(y_pred)

    keep = Keep()
    X, y = table("multiclass")
    MLPClassifier((8,), batch_size=30, max_epochs=1, callbacks=[keep]).fit(X, y)
    first = keep.outputs[0].requires_grad_()
    first.square().sum().backward()
    assert first.grad is not None
    assert_allclose(first.grad, 2 * first.detach())
    assert not np.array_equal(keep.outputs[0].detach(), keep.outputs[1])
