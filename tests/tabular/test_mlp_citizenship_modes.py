"""A fit and a prediction are the same in whatever mode the caller left torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification

from skdeep import MLPClassifier, MLPRegressor
from skdeep.exceptions import NetworkError

X, LABELS = make_classification(90, 5, random_state=0)
VALUES = X @ np.arange(5.0)
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "max_epochs": 4,
    "random_state": 0,
}
ESTIMATORS = {
    "batches": (MLPClassifier(**SMALL, batch_size=32), LABELS),
    "line search": (MLPClassifier(**SMALL, optimizer="lbfgs"), LABELS),
    "early stopping": (
        MLPRegressor(**SMALL, early_stopping=True, scoring="r2"),
        VALUES,
    ),
    "everything": (
        MLPClassifier(
            **SMALL,
            dropout=0.2,
            normalization="batch",
            weight_averaging="swa",
            activation=torch.nn.PReLU,
            batch_size=32,
        ),
        LABELS,
    ),
}


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Let torch make tensors of a dtype by default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def deterministic() -> Iterator[None]:
    """Let torch refuse what does not repeat."""
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=False)


MODES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    # Stands for CUDA as the default, which most machines of tests lack.
    "default device": lambda: torch.device("meta"),
    "default float64": lambda: default_dtype(torch.float64),
    "default float16": lambda: default_dtype(torch.float16),
    "deterministic": deterministic,
    "numpy raises": lambda: np.errstate(all="raise"),
    "scikit-learn puts out frames": lambda: config_context(transform_output="pandas"),
    "scikit-learn assumes finite": lambda: config_context(assume_finite=True),
}


def learnt(model: Any, y: Any) -> np.ndarray:
    """Return what a new fit predicts."""
    model = clone(model).fit(X, y)
    answer: np.ndarray = getattr(model, "predict_proba", model.predict)(X)
    return answer


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
@pytest.mark.parametrize(("model", "y"), ESTIMATORS.values(), ids=ESTIMATORS)
def test_mode_of_the_caller_changes_nothing(model: Any, y: Any, mode: Any) -> None:
    """Bits are equal to those outside, in fit, partial_fit and predict."""
    expected = learnt(model, y)
    with mode():
        np.testing.assert_array_equal(learnt(model, y), expected)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_model_goes_on_outside_of_the_mode_it_was_made_in(mode: Any) -> None:
    """Weights that were made under a mode are weights like any others."""
    plain = MLPRegressor(**SMALL).fit(X, VALUES).partial_fit(X, VALUES)
    with mode():
        model = MLPRegressor(**SMALL).fit(X, VALUES)
    model.partial_fit(X, VALUES)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    with mode():
        model.partial_fit(X, VALUES)
        np.testing.assert_array_equal(
            model.predict(X), plain.partial_fit(X, VALUES).predict(X)
        )


@pytest.mark.parametrize("fails", [False, True])
def test_modes_of_the_caller_are_there_after_the_call(fails: bool) -> None:
    """What was suspended is back, also when the fit fails."""

    class Broken(torch.nn.Module):
        """An activation that does not work."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """Fail."""
            raise RuntimeError("broken")

    model = MLPRegressor(**SMALL, activation=Broken if fails else "relu")
    with torch.inference_mode(), torch.device("meta"), torch.autocast("cpu"):
        if fails:
            with pytest.raises(NetworkError, match="broken"):
                model.fit(X, VALUES)
        else:
            model.fit(X, VALUES).predict(X)
        assert torch.is_inference_mode_enabled()
        assert not torch.is_grad_enabled()
        assert torch.is_autocast_enabled("cpu")
        assert torch.empty(0).device.type == "meta"
    assert torch.empty(0).device.type == "cpu"
