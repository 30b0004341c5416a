"""Tests of layers that learn at rates of their own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from skdeep.training import EpochHooks, train


def weights_of(run: Any) -> torch.Tensor:
    """Return all parameters of a run's module, in the module's order."""
    parameters = run.net.module_.parameters()
    return torch.cat([p.detach().clone().reshape(-1) for p in parameters])


@pytest.mark.parametrize("schedule", [None, "cosine"])
@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_layers_of_their_own_rates_equal_groups_of_torch(
    make_run: Any, make_batches: Any, make_module: Any, name: str, schedule: str | None
) -> None:
    """A layer whose factor is a half moves at half the rate, and decays at half."""
    run = make_run(
        max_epochs=3,
        lr_schedule=schedule,
        optimizer={
            "name": name,
            "learning_rate": 0.05,
            "weight_decay": 0.1,
            "rate_factors": {"0.weight": 0.5, "0.bias": 0.5},
        },
    )
    trained = train(run, make_batches(), None, EpochHooks())
    module = make_module()
    first, last = module[0], module[2]
    groups = [
        {"params": [first.weight], "lr": 0.025, "weight_decay": 0.1},
        {"params": [first.bias], "lr": 0.025, "weight_decay": 0.0},
        {"params": [last.weight], "lr": 0.05, "weight_decay": 0.1},
        {"params": [last.bias], "lr": 0.05, "weight_decay": 0.0},
    ]
    plain = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[name]
    decays = [group.pop("weight_decay") for group in groups]
    optimizer = plain(groups, **({"weight_decay": 0.0} if name == "adamw" else {}))
    rates = [group["lr"] for group in optimizer.param_groups]
    step = 0
    for _ in range(3):
        for batch in make_batches():
            share = 0.5 * (1 + math.cos(math.pi * step / 9)) if schedule else 1.0
            loss = 0.5 * (module(batch.X) - batch.y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            with torch.no_grad():
                for group, rate, decay in zip(
                    optimizer.param_groups, rates, decays, strict=True
                ):
                    group["lr"] = share * rate
                    group["params"][0].mul_(1 - share * rate * decay)
            optimizer.step()
            step += 1
    expected = torch.cat([p.detach().reshape(-1) for p in module.parameters()])
    np.testing.assert_allclose(weights_of(trained), expected, rtol=1e-9)
    assert trained.history["learning_rate"][0] == pytest.approx(0.05, rel=0.2)


def test_sweep_steps_at_each_rate_and_stops_when_told(
    make_run: Any, make_batches: Any
) -> None:
    """Losses are those before the steps, which a slow loop takes as well."""
    rates = [0.01, 0.02, 0.04, 0.08, 0.16]
    run, by_hand = make_run(), make_run()
    batches = make_batches()
    losses = run.sweep(batches, rates, lambda losses: len(losses) == 4)
    module = by_hand.net.module_
    expected = []
    for rate, batch in zip(rates, [*batches, *batches], strict=False):
        module.zero_grad()
        loss = 0.5 * (module(batch.X) - batch.y).square().sum(dim=1).mean()
        loss.backward()
        expected.append(float(loss.detach()))
        with torch.no_grad():
            for parameter in module.parameters():
                assert parameter.grad is not None
                parameter.sub_(rate * parameter.grad)
    np.testing.assert_allclose(losses, expected[:4], rtol=1e-10)
