"""Tests of when to stop and which epoch was the best."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch

from skdeep._plan import StoppingPlan
from skdeep.training._flat import FlatParameters
from skdeep.training._stopping import Stopper


@pytest.fixture
def watch(make_module: Any) -> Any:
    """Return a function that shows a series of figures to a stopper."""
    module = make_module()
    flat = FlatParameters(module)

    def watch(figures: list[float], **plan: Any) -> tuple[Stopper, int | None]:
        stopper = Stopper(StoppingPlan(**plan))
        for epoch, figure in enumerate(figures, start=1):
            if stopper.update(epoch, {stopper.plan.monitor: figure}, module, flat):
                return stopper, epoch
        return stopper, None

    return watch


def sklearn_stops(losses: list[float], tol: float, patience: int) -> int | None:
    """Return the epoch after which scikit-learn's MLP stops, by its rule."""
    best, count = math.inf, 0
    for epoch, loss in enumerate(losses, start=1):
        count = count + 1 if loss > best - tol else 0
        best = min(best, loss)
        if count > patience:
            return epoch
    return None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("tol", [0.0, 1e-3, 0.05])
def test_stops_where_sklearn_stops(watch: Any, seed: int, tol: float) -> None:
    """Noisy falling losses end the training where they end that of sklearn's MLP."""
    rng = np.random.default_rng(seed)
    losses = (np.exp(-np.arange(60) / 10) + 0.02 * rng.standard_normal(60)).tolist()
    expected = sklearn_stops(losses, tol, 4)
    assert expected is not None
    for monitor, sign in (("train_loss", 1), ("valid_loss", 1), ("valid_score", -1)):
        figures = [sign * loss for loss in losses]
        _, stopped = watch(figures, monitor=monitor, tol=tol, n_iter_no_change=4)
        assert stopped == expected


def test_patience_is_exceeded_not_reached(watch: Any) -> None:
    """With a patience of two, the third epoch without progress is the last."""
    figures = [5.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    assert watch(figures, tol=0.0, n_iter_no_change=2)[1] == 5


@pytest.mark.parametrize(
    ("monitor", "figures", "best"),
    [
        ("train_loss", [3.0, 1.0, 2.0], 2),
        ("valid_loss", [3.0, 2.0, 1.0], 3),
        ("valid_score", [0.1, 0.9, 0.5], 2),
        ("valid_score", [-3.0, -2.0, -9.0], 2),
        ("valid_loss", [1.0, 1.0, 1.0], 1),
        ("valid_score", [0.5, 0.5, 0.5], 1),
    ],
)
def test_best_epoch_is_the_first_with_the_best_figure(
    watch: Any, monitor: str, figures: list[float], best: int
) -> None:
    """Losses are to be small, scores large, and ties go to the earlier epoch."""
    assert watch(figures, monitor=monitor, tol=None)[0].best_epoch == best


def test_smallest_progress_is_kept_though_it_does_not_count(watch: Any) -> None:
    """The best epoch may lie among those that made patience run out."""
    figures = [1.0, 0.999, 0.998, 0.997]
    stopper, stopped = watch(figures, tol=0.1, n_iter_no_change=2)
    assert stopped == 4
    assert stopper.best_epoch == 4


def test_without_tol_training_never_stops(watch: Any) -> None:
    """None watches, but does not end."""
    assert watch([1.0] * 50, tol=None, n_iter_no_change=1)[1] is None


def test_nan_score_is_worse_than_any_other(watch: Any) -> None:
    """A score that could not be taken neither wins nor ends the training at once."""
    score = {"monitor": "valid_score", "tol": 0.0, "n_iter_no_change": 3}
    stopper, stopped = watch([math.nan, -5.0, math.nan, -4.0, math.nan], **score)
    assert stopped is None
    assert stopper.best_epoch == 4
    only_nan, stopped = watch([math.nan] * 10, **score)
    assert only_nan.best_epoch == 1
    assert stopped == 4


@pytest.mark.parametrize("restore", [False, True])
def test_restore_brings_the_best_epoch_back(make_module: Any, restore: bool) -> None:
    """Weights and every buffer of batch normalization come back bit for bit."""
    module = make_module((3, 4, 1), norm=True)
    flat = FlatParameters(module)
    stopper = Stopper(StoppingPlan(monitor="valid_loss", restore_best=restore))
    states = []
    for epoch, loss in enumerate([2.0, 1.0, 3.0], start=1):
        rows = np.random.default_rng(epoch).standard_normal((5, 3))
        module(torch.from_numpy(rows))
        with torch.no_grad():
            flat.parameter.mul_(1.7)
        stopper.update(epoch, {"valid_loss": loss}, module, flat)
        states.append(copy.deepcopy(module.state_dict()))
    assert states[1]["1.num_batches_tracked"] == 2
    stopper.restore(module, flat)
    expected = states[1 if restore else 2]
    for name, value in module.state_dict().items():
        assert torch.equal(value, expected[name]), name
    storage = flat.parameter.untyped_storage().data_ptr()
    assert module[0].weight.untyped_storage().data_ptr() == storage


def test_what_stands_in_is_watched_until_there_is_a_score(make_module: Any) -> None:
    """The first score begins the search for the best epoch anew."""
    module = make_module()
    stopper = Stopper(StoppingPlan(monitor="valid_score", tol=0.0, n_iter_no_change=2))
    flat = FlatParameters(module)

    def show(epoch: int, score: float, loss: float) -> bool:
        row = {"train_loss": 1.0 / epoch, "valid_loss": loss, "valid_score": score}
        return stopper.update(epoch, row, module, flat)

    assert not show(1, math.nan, 3.0)
    assert not show(2, math.nan, 2.0)
    assert not show(3, -math.inf, 5.0)
    assert (stopper.watched, stopper.best_epoch) == ("valid_loss", 2)
    assert not show(4, 0.1, 9.0)
    assert (stopper.watched, stopper.best_epoch) == ("valid_score", 4)
    assert not show(5, math.nan, 1.0)
    assert not show(6, -math.inf, 1.0)
    assert not show(7, 0.1, 1.0)
    assert show(8, 0.1, 1.0)
    assert stopper.best_epoch == 4


def test_training_loss_stands_in_for_a_validation_loss(make_module: Any) -> None:
    """Where validation rows overflow, the last resort is always a number."""
    stopper = Stopper(StoppingPlan(monitor="valid_loss", tol=None))
    module = make_module()
    flat = FlatParameters(module)
    for epoch, loss in enumerate([3.0, 1.0, 2.0], start=1):
        row = {"train_loss": loss, "valid_loss": math.nan}
        stopper.update(epoch, row, module, flat)
    assert (stopper.watched, stopper.best_epoch) == ("train_loss", 2)
    again = Stopper(stopper.plan)
    again.resume(stopper.state(), torch.device("cpu"))
    assert again.watched == "train_loss"
