"""Predictions keep the digits of targets that are far from zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skdeep import MLPRegressor, load, save
from tests import placed

FAR = 1.7e9  # seconds since 1970, today


def single(X: Any) -> Any:
    """Return numbers in float32, and what is no array of floats as it is."""
    floats = isinstance(X, np.ndarray) and X.dtype.kind == "f"
    return X.astype(np.float32) if floats else X


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("MLPRegressor", {}),
        ("MLPRegressor", {"loss": "quantile", "quantile": [0.1, 0.5, 0.9]}),
        ("MLPRegressor", {"early_stopping": True, "scoring": "r2"}),
        ("TabularMLPRegressor", {}),
        ("TabularMLPRegressor", {"n_ensemble": 1, "clip_predictions": True}),
        ("CNNRegressor", {}),
        ("ImageRegressor", {"trainable_layers": 0}),
        ("TextRegressor", {}),
        ("AugmentedRegressor", {}),
    ],
)
def test_target_far_from_zero_is_predicted_as_near_zero(
    name: str, parameters: dict[str, Any]
) -> None:
    """Units are put back in float64, whose spacing there is 2.4e-7, not 128."""
    X, near = single(placed.PLACED[name].X), np.asarray(placed.PLACED[name].y, float)
    near = (near - near.mean()) / near.std()
    expected = placed.make(name, **parameters).fit(X, near).predict(X)
    model = placed.make(name, **parameters).fit(X, near + FAR)
    predicted = model.predict(X)
    assert predicted.dtype == np.float64
    np.testing.assert_allclose(predicted - FAR, expected, atol=1e-3)


def test_several_targets_far_from_zero_keep_their_digits() -> None:
    """Each column has its own units."""
    X, y = single(placed.ROWS), placed.NUMBERS / placed.NUMBERS.std()
    both = np.column_stack([y + FAR, -1e12 + 1e3 * y])
    model = placed.make("MLPRegressor", max_epochs=200, learning_rate=0.02)
    assert model.fit(X, both).score(X, both) > 0.8
    model.partial_fit(X, both)
    assert model.predict(X).dtype == np.float64
    assert model.score(X, both) > 0.8


def test_saved_model_keeps_the_digits(tmp_path: Any) -> None:
    """The dtype of the targets is part of what is saved."""
    X, y = single(placed.ROWS), placed.NUMBERS + FAR
    model = placed.make("MLPRegressor").fit(X, y)
    save(model, tmp_path / "model.skdeep")
    again = load(tmp_path / "model.skdeep").predict(X)
    assert again.dtype == np.float64
    np.testing.assert_array_equal(again, model.predict(X))


@pytest.mark.parametrize("target", [np.float16, np.float32])
def test_narrow_targets_are_predicted_in_the_dtype_of_the_rows(target: Any) -> None:
    """A target of float32 has no digits that float32 does not hold."""
    X, y = single(placed.ROWS), placed.NUMBERS.astype(target)
    model = MLPRegressor((3,), max_epochs=2, random_state=0).fit(X, y)
    expected = np.float32 if target is np.float32 else np.float64
    assert model.predict(X).dtype == expected
    model.partial_fit(X, y.astype(np.float64))
    assert model.predict(X).dtype == np.float64
