"""Tests of averages of the weights along the path of training."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skdeep.training._averaging import WeightAverage
from skdeep.training._flat import FlatParameters


class Path:
    """A module that walks a known path of weights and running statistics."""

    def __init__(self, module: nn.Module, kind: str, max_epochs: int = 8) -> None:
        self.module = module
        self.flat = FlatParameters(module)
        self.average = WeightAverage(kind, self.flat, module, max_epochs)
        self.rng = np.random.default_rng(0)

    def move(self) -> torch.Tensor:
        """Go to a random place and return it."""
        place = torch.from_numpy(self.rng.standard_normal(self.flat.parameter.numel()))
        self.flat.restore(place)
        self.module.train()
        self.module(torch.from_numpy(self.rng.standard_normal((4, 3))))
        return place


def test_ema_equals_average_made_by_hand(make_module: Any) -> None:
    """Each step weighs with a decay of min(0.999, (1 + t) / (10 + t)), from t = 0."""
    path = Path(make_module(), "ema")
    places = []
    for _ in range(30):
        places.append(path.move().numpy())
        path.average.after_step()
    expected = places[0]
    for t, place in enumerate(places[1:], start=1):
        decay = min(0.999, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * place
    assert path.average.weights is not None
    np.testing.assert_allclose(path.average.weights, expected, rtol=1e-12)


def test_ema_decay_is_bounded(make_module: Any) -> None:
    """After many steps a new place weighs a thousandth."""
    path = Path(make_module(), "ema")
    path.flat.restore(torch.zeros_like(path.flat.parameter))
    path.average.after_step()
    path.average.count = 10**6
    path.flat.restore(torch.ones_like(path.flat.parameter))
    path.average.after_step()
    assert path.average.weights is not None
    np.testing.assert_allclose(path.average.weights, 1e-3, rtol=1e-9)


def test_ema_averages_running_statistics_alike(make_module: Any) -> None:
    """Batch normalization's means follow the same decay as the weights."""
    path = Path(make_module((3, 4, 1), norm=True), "ema")
    means = []
    for _ in range(6):
        path.move()
        means.append(path.module[1].running_mean.clone().numpy())  # type: ignore[index]
        path.average.after_step()
    expected = means[0]
    for t, mean in enumerate(means[1:], start=1):
        decay = (1 + t) / (10 + t)
        expected = decay * expected + (1 - decay) * mean
    path.average.adopt()
    mean = path.module[1].running_mean  # type: ignore[index]
    np.testing.assert_allclose(mean, expected, rtol=1e-12)


@pytest.mark.parametrize(("max_epochs", "first"), [(8, 7), (4, 4), (1, 1), (10, 8)])
def test_swa_is_the_mean_of_the_last_quarter(
    make_module: Any, max_epochs: int, first: int
) -> None:
    """Epochs up to three quarters are left out, the rest weigh alike."""
    path = Path(make_module(), "swa", max_epochs)
    places = []
    for epoch in range(1, max_epochs + 1):
        places.append(path.move().numpy())
        path.average.after_step()
        path.average.after_epoch(epoch, [])
        assert (path.average.weights is None) == (epoch < first)
    assert path.average.weights is not None
    expected = np.mean(places[first - 1 :], axis=0)
    np.testing.assert_allclose(path.average.weights, expected, rtol=1e-12)


def test_swa_measures_statistics_with_the_averaged_weights(make_module: Any) -> None:
    """Running means are those of the batches seen through the average."""
    module = make_module((3, 4, 1), norm=True)
    path = Path(module, "swa", 1)
    path.move()
    before = copy.deepcopy(module.state_dict())
    rows = torch.from_numpy(np.random.default_rng(5).standard_normal((12, 3)))
    path.average.after_epoch(1, [rows[:6], rows[6:]])
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert module[1].momentum == 0.1
    assert module.training
    path.average.adopt()
    with torch.no_grad():
        hidden = module[0](rows)
    np.testing.assert_allclose(module[1].running_mean, hidden.mean(dim=0), rtol=1e-12)
    variance = (hidden[:6].var(dim=0) + hidden[6:].var(dim=0)) / 2
    np.testing.assert_allclose(module[1].running_var, variance, rtol=1e-12)


def test_swa_measures_without_dropout(make_module: Any) -> None:
    """Only normalization is in training mode, so that dropout blurs nothing."""
    module = make_module((3, 4, 1), norm=True)
    module.insert(0, nn.Dropout(0.5))
    path = Path(module.eval(), "swa", 1)
    rows = torch.from_numpy(np.random.default_rng(5).standard_normal((12, 3)))
    path.average.after_epoch(1, [rows])
    path.average.adopt()
    assert not module.training
    with torch.no_grad():
        hidden = module[1](rows)
    np.testing.assert_allclose(module[2].running_mean, hidden.mean(dim=0), rtol=1e-12)


def test_swa_passes_by_norms_that_keep_no_statistics(make_module: Any) -> None:
    """Layers without running means have nothing to measure."""
    module = make_module((3, 4, 1), norm=True)
    module.insert(2, nn.BatchNorm1d(4, track_running_stats=False, dtype=torch.float64))
    path = Path(module, "swa", 1)
    path.average.after_epoch(1, [torch.ones(4, 3, dtype=torch.float64)])
    path.average.adopt()
    assert module[2].running_mean is None


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_applied_lends_the_average_and_takes_it_back(
    make_module: Any, kind: str
) -> None:
    """Within the block the module has the average, after it, also on error, its own."""
    module = make_module((3, 4, 1), norm=True)
    path = Path(module, kind, 1)
    for _ in range(3):
        path.move()
        path.average.after_step()
    rows = torch.from_numpy(np.random.default_rng(5).standard_normal((6, 3)))
    path.average.after_epoch(1, [rows])
    path.move()
    live = copy.deepcopy(module.state_dict())

    def look() -> None:
        with path.average.applied():
            assert path.average.weights is not None
            assert torch.equal(path.flat.parameter, path.average.weights)
            assert torch.equal(module[1].running_mean, path.average.buffers[0])
            raise KeyError

    with pytest.raises(KeyError):
        look()
    for name, value in module.state_dict().items():
        assert torch.equal(value, live[name]), name


def test_before_there_is_an_average_nothing_is_lent(make_module: Any) -> None:
    """A training that ends early keeps its weights."""
    path = Path(make_module(), "swa", 100)
    place = path.move()
    path.average.after_epoch(1, [])
    with path.average.applied():
        assert torch.equal(path.flat.parameter, place)
    path.average.adopt()
    assert torch.equal(path.flat.parameter, place)
