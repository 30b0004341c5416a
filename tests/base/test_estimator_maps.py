"""Tests of an estimator whose answers are maps: two parts of its own, and a class.

It cleans maps of numbers from noise. Nothing in the core knows of maps.
"""

from __future__ import annotations

import io
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils import check_array

from skdeep import Checkpoint, MLPRegressor
from skdeep.base import (
    DeepEstimator,
    Material,
    Modality,
    Network,
    RowSetting,
    StepwiseFit,
)
from skdeep.data import TensorRows
from skdeep.tasks import Task


class Maps(Modality):
    """Arrays of shape (n_samples, height, width)."""

    def read(self, holder: Any, X: Any, *_: Any, reset: bool, **checks: bool) -> Any:
        """Return finite numbers."""
        return check_array(X, allow_nd=True, ensure_2d=False, dtype=np.float64)

    def new_encoder(self, table: Any) -> None:
        """Learn nothing."""

    def rows(self, table: Any, setting: RowSetting, *, training: bool) -> TensorRows:
        """Return all maps as one tensor."""
        return TensorRows(self.tensor(table, setting.dtype, setting.device))

    def tensor(self, block: Any, dtype: torch.dtype, device: torch.device) -> Any:
        """Return maps as they are."""
        return torch.from_numpy(block).to(device, dtype)

    def blank(self, n_features: int | None, dtype: torch.dtype) -> Any:
        """Return a map of zeros."""
        return torch.zeros(1, 4, 4, dtype=dtype)


class MapError(torch.nn.Module):
    """Half the squared error, the mean over all places of a map."""

    def forward(self, output: Any, target: Any, weight: Any = None) -> torch.Tensor:
        """Return the mean over the rows."""
        losses = (output - target).square().flatten(1).mean(1) / 2
        return losses.mean() if weight is None else (losses * weight).mean()


class MapTask(Task):
    """A number at every place of a map; the target is its shape."""

    checks = None
    labels = False

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of a map."""
        shape: tuple[int, ...] = self.target
        return shape

    def validated(self, y: Any, n_rows: int, name: str) -> Any:
        """Return finite numbers."""
        return check_array(y, allow_nd=True, ensure_2d=False, input_name=name)

    def find(self, y: Any, **_: Any) -> None:
        """Note the shape."""
        self.target = y.shape[1:]

    def codes(self, y: Any, *, validation: bool = False) -> Any:
        """Return maps as they are."""
        return y

    def strata(self, codes: Any) -> None:
        """Draw rows whatever their maps."""

    def tensor(self, codes: Any, dtype: torch.dtype) -> torch.Tensor:
        """Return maps as they are."""
        return torch.from_numpy(codes).to(dtype)

    def loss(self) -> torch.nn.Module:
        """Return the error of maps."""
        return MapError()

    def link(self, output: torch.Tensor) -> torch.Tensor:
        """Return maps as they are."""
        return output

    def predictions(self, output: torch.Tensor, dtype: Any) -> Any:
        """Return maps as they are."""
        return output.cpu().numpy().astype(dtype)

    def attributes(self) -> dict[str, Any]:
        """Return the shape."""
        return {"map_shape_": self.target}


class Convolutions(Network):
    """Two convolutions."""

    third_party = True  # torch draws its first weights

    def architecture(self) -> dict[str, Any]:
        """Return nothing: all networks are alike."""
        return {}

    def work(self, table: Any, n_outputs: int) -> int:
        """Return the multiply-adds of a map."""
        return int(2 * 8 * 9 * np.prod(table.shape[1:]))

    def build(self, material: Material) -> torch.nn.Module:
        """Return a network of random weights."""
        return torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, material.X.shape[1])),
            torch.nn.Conv2d(1, 8, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 1, 3, padding=1),
            torch.nn.Flatten(1, 2),
        )


class Denoiser(DeepEstimator):
    """From a map of numbers to a map of numbers, by the parameters of a perceptron."""

    __init__ = MLPRegressor.__init__
    _parameter_constraints = MLPRegressor._parameter_constraints

    def _modality(self) -> Maps:
        return Maps("Denoiser")

    def _task(self) -> MapTask:
        return MapTask("Denoiser")

    def _network(self) -> Convolutions:
        return Convolutions(self)

    def predict(self, X: Any) -> Any:
        """Return clean maps."""
        return self._answers(X, "predictions")


def maps(n_rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return noisy waves, and the waves."""
    rng = np.random.default_rng(seed)
    places = np.linspace(0, 3, 12)
    phases = rng.uniform(0, 6, (n_rows, 2))
    clean = np.sin(places[None, :, None] + phases[:, :1, None])
    clean = clean + np.cos(places[None, None, :] + phases[:, 1:, None])
    return clean + rng.normal(0, 0.5, clean.shape), clean


SETTINGS = {"learning_rate": 0.01, "max_epochs": 20, "batch_size": 16}


@pytest.fixture(scope="module")
def fitted() -> Denoiser:
    """Return a denoiser that holds rows out."""
    X, y = maps(120)
    model = Denoiser(**SETTINGS, early_stopping=True, random_state=0)
    return model.fit(X, y, np.linspace(0, 2, 120))


def test_maps_become_cleaner(fitted: Denoiser) -> None:
    """New maps lose more than half of their noise, in blocks as in one go."""
    X, clean = maps(60, seed=1)
    found = fitted.predict(X)
    assert found.shape == (60, 12, 12)
    assert fitted.map_shape_ == (12, 12)
    assert np.mean((found - clean) ** 2) < 0.5 * np.mean((X - clean) ** 2)
    many = np.concatenate([X] * 100)
    np.testing.assert_allclose(fitted.predict(many)[-60:], found, rtol=1e-5, atol=1e-5)


def test_maps_are_kept_by_pickles_checkpoints_and_steps(
    fitted: Denoiser, tmp_path: Any
) -> None:
    """All that the core does with other estimators it does with this one."""
    X, y = maps(40)
    store = io.BytesIO()
    joblib.dump(fitted, store)
    store.seek(0)
    np.testing.assert_array_equal(joblib.load(store).predict(X), fitted.predict(X))
    model = Denoiser(**SETTINGS, random_state=0)
    alone = clone(model).fit(X, y).predict(X)
    checkpoint = Checkpoint(tmp_path / "fit", every=5)
    with pytest.raises(KeyboardInterrupt):
        _interrupted(clone(model), X, y, checkpoint, after=7)
    resumed = clone(model).fit(X, y, checkpoint=checkpoint)
    np.testing.assert_array_equal(resumed.predict(X), alone)
    steps = StepwiseFit(clone(model), X, y)
    while not steps.done:
        steps.advance()
    np.testing.assert_array_equal(steps.estimator.predict(X), alone)


def _interrupted(
    model: Denoiser, X: Any, y: Any, checkpoint: Any, *, after: int
) -> None:
    write, calls = checkpoint.write, []

    def writing(*given: Any) -> None:
        write(*given)
        calls.append(given)
        if 5 * len(calls) > after:
            raise KeyboardInterrupt

    checkpoint.write = writing
    try:
        model.fit(X, y, checkpoint=checkpoint)
    finally:
        checkpoint.write = write
