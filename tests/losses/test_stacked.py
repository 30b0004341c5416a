"""Tests of losses and penalties of several networks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from skdeep.losses import (
    StackedLoss,
    StackedPenalty,
    WeightPenalty,
    make_classification_loss,
    make_regression_loss,
)

KINDS: dict[str, Any] = {"binary": 1, "multiclass": 3, "multilabel": 2}


def targets(kind: str, generator: torch.Generator) -> torch.Tensor:
    """Return targets of two members with five rows each."""
    if kind == "multiclass":
        return torch.randint(0, 3, (2, 5), generator=generator)
    draws = torch.rand(2, 5, KINDS[kind], generator=generator, dtype=torch.float64)
    return (draws > 0.5).to(torch.float64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
@pytest.mark.parametrize("shares", [(0.0, 0.0), (0.1, 0.1), (0.0, 0.3)], ids=str)
def test_classification_losses_are_those_of_the_members(
    loss: str, kind: Any, shares: tuple[float, float], seed: int
) -> None:
    """Each member has a share of smoothing, and weights, of its own."""
    generator = torch.Generator().manual_seed(seed)
    output = torch.randn(2, KINDS[kind], 5, generator=generator, dtype=torch.float64)
    weight = torch.rand(2, 5, generator=generator, dtype=torch.float64)
    target = targets(kind, generator)
    losses = [
        make_classification_loss(loss, kind=kind, label_smoothing=s) for s in shares
    ]
    together = StackedLoss(losses)(output, target, weight / 5)
    alone = [
        single(o.T, t, w)
        for single, o, t, w in zip(losses, output, target, weight, strict=True)
    ]
    torch.testing.assert_close(together, torch.stack(alone))


@pytest.mark.parametrize(
    "loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"]
)
def test_regression_losses_are_those_of_the_members(loss: str, seed: int) -> None:
    """Rows that fill up count for nothing, whatever they hold."""
    generator = torch.Generator().manual_seed(seed)
    output = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64)
    target = torch.rand(2, 5, 3, generator=generator, dtype=torch.float64)
    single = make_regression_loss(loss, quantile=0.3, huber_delta=0.5)
    weight = torch.full((2, 5), 0.2, dtype=torch.float64)
    weight[1] = torch.tensor([0.25] * 4 + [0.0])
    output[1, :, 4] = torch.inf
    together = StackedLoss([single, single])(output, target, weight)
    expected = [single(output[0].T, target[0]), single(output[1].T[:4], target[1, :4])]
    torch.testing.assert_close(together, torch.stack(expected))


def test_loss_keeps_the_shares_of_those_who_stay() -> None:
    """Members leave with what belongs to them."""
    losses = [
        make_classification_loss("cross_entropy", kind="binary", label_smoothing=share)
        for share in (0.0, 0.2, 0.4)
    ]
    stacked = StackedLoss(losses)
    stacked.keep([0, 2])
    assert stacked.smoothing == [0.0, 0.4]


def test_penalties_are_those_of_the_members(seed: int) -> None:
    """Values, gradients and crossed zeros, with l1, with l2, with both and neither."""
    rng = np.random.default_rng(seed)
    singles = [
        WeightPenalty(l1, l2) for l1, l2 in ((0, 0), (0.5, 0), (0, 0.3), (0.2, 0.1))
    ]
    start = torch.from_numpy(rng.normal(size=(4, 6)))
    start[:, 0] = 0.0
    pulls = torch.from_numpy(rng.normal(size=(4, 6)))
    stacked = StackedPenalty(singles, start)
    weights, grads = start.clone(), pulls.clone()
    values = stacked.values(weights)
    orthant = stacked.before_step(weights, grads)
    weights.sub_(grads)
    stacked.after_step(weights, orthant)
    for place, single in enumerate(singles):
        own, own_grads = start[place].clone(), pulls[place].clone()
        assert values[place].item() == pytest.approx(single.value(own))
        own_orthant = single.before_step(own, own_grads)
        own.sub_(own_grads)
        single.after_step(own, own_orthant)
        torch.testing.assert_close(grads[place], own_grads)
        torch.testing.assert_close(weights[place], own)


def test_penalty_of_those_who_stay_is_active_or_not() -> None:
    """Where none that is left is penalised, a step is not corrected."""
    stacked = StackedPenalty(
        [WeightPenalty(0, 0), WeightPenalty(0.1, 0)], torch.ones(1)
    )
    assert stacked.active
    stacked.keep([0])
    assert not stacked.active
    assert stacked.before_step(torch.ones(1, 2), torch.ones(1, 2)) is None
