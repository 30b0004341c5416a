"""Tests of one optimization step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from skdeep._plan import TrainingPlan
from skdeep.data import Batch
from skdeep.losses import WeightPenalty
from skdeep.training._step import Stepper

RATE = 0.1


class LinearLoss(torch.nn.Module):
    """A loss whose gradient by the output is the target."""

    def forward(self, output: Any, y: Any, weight: Any) -> torch.Tensor:
        """Return the sum of products."""
        return (output * y).sum()


@pytest.fixture
def make_stepper(make_module: Any, make_plan: Any) -> Any:
    """Return a maker of steppers over one linear layer of two weights and a bias."""

    def make(
        *,
        weights: list[float],
        bias: float = 0.5,
        l1: float = 0,
        l2: float = 0,
        dtype: torch.dtype = torch.float64,
        **plan: Any,
    ) -> Stepper:
        module = make_module((2, 1), dtype=dtype)
        with torch.no_grad():
            module[0].weight.copy_(torch.tensor([weights]))
            module[0].bias.fill_(bias)
        return Stepper(module, LinearLoss(), make_plan(**plan), WeightPenalty(l1, l2))

    return make


def row(X: list[float], y: float = 1.0, dtype: Any = torch.float64) -> Any:
    """Return one row whose gradient is `y` times `X`, and `y` by the bias."""
    return Batch(torch.tensor([X], dtype=dtype), torch.tensor([[y]]), None)


def values(stepper: Stepper) -> list[float]:
    """Return the weights and the bias."""
    numbers: list[float] = stepper.flat.snapshot().tolist()
    return numbers


def test_plain_step_goes_down_the_gradient(make_stepper: Any) -> None:
    """The step is the rate times the gradient; the loss is that before the step."""
    stepper = make_stepper(weights=[1.0, -2.0])
    loss, output = stepper.step(row([3.0, 4.0], y=2.0), 1)
    assert output.item() == 1 * 3 - 2 * 4 + 0.5
    assert loss.item() == 2 * output.item()
    assert values(stepper) == pytest.approx([1 - 0.6, -2 - 0.8, 0.5 - 0.2])
    assert stepper.steps_done == 1


def test_gradients_do_not_pile_up(make_stepper: Any) -> None:
    """Each step starts from a gradient of zero."""
    stepper = make_stepper(weights=[0.0, 0.0])
    for _ in range(3):
        stepper.step(row([1.0, 0.0]), 1)
    assert values(stepper)[0] == pytest.approx(-3 * RATE)


def test_l2_adds_its_gradient_to_weights_only(make_stepper: Any) -> None:
    """The penalty pulls weights by l2 times themselves, and leaves the bias."""
    stepper = make_stepper(weights=[1.0, -2.0], l2=0.5)
    stepper.step(row([3.0, 4.0]), 1)
    expected = [1 - RATE * (3 + 0.5), -2 - RATE * (4 - 1), 0.5 - RATE]
    assert values(stepper) == pytest.approx(expected)


def test_l1_sets_crossing_weights_to_zero(make_stepper: Any) -> None:
    """A weight that would change its sign stops at zero; the rest moves by the rate."""
    stepper = make_stepper(weights=[0.01, -2.0], l1=0.5)
    stepper.step(row([0.0, 0.0]), 1)
    assert values(stepper) == pytest.approx([0.0, -2 + RATE * 0.5, 0.5 - RATE])
    assert values(stepper)[0] == 0.0


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_weight_decay_is_decoupled(make_stepper: Any, name: str) -> None:
    """Weights shrink by rate times decay beside the step, whatever the optimizer."""
    step = {"name": name, "learning_rate": RATE}
    plain = make_stepper(weights=[1.0, -2.0], optimizer=step)
    decayed = make_stepper(weights=[1.0, -2.0], optimizer={**step, "weight_decay": 0.3})
    for stepper in (plain, decayed):
        stepper.step(row([3.0, 4.0]), 1)
    shrunk = RATE * 0.3
    expected = np.array(values(plain)) - [shrunk * 1.0, shrunk * -2.0, 0.0]
    assert values(decayed) == pytest.approx(expected, rel=1e-12)


def test_adam_with_weight_decay_is_adamw(
    make_module: Any, make_plan: Any, make_batches: Any
) -> None:
    """Over several steps, biases left out of the decay, it is torch's own AdamW."""
    module = make_module()
    twin = copy.deepcopy(module)
    plan = make_plan(
        optimizer={"name": "adam", "learning_rate": 0.05, "weight_decay": 0.4}
    )

    class Squares(torch.nn.Module):
        def forward(self, output: Any, y: Any, weight: Any) -> torch.Tensor:
            return (output - y).square().mean()

    stepper = Stepper(module, Squares(), plan, WeightPenalty(0, 0))
    weights = [p for p in twin.parameters() if p.ndim == 2]
    biases = [p for p in twin.parameters() if p.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": 0.4},
        {"params": biases},
    ]
    expected = torch.optim.AdamW(groups, lr=0.05, weight_decay=0.0)
    for batch in make_batches(40, 8):
        stepper.step(batch, 5)
        twin.zero_grad()
        Squares()(twin(batch.X), batch.y, None).backward()
        expected.step()
    for mine, other in zip(module.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach(), other.detach(), rtol=1e-11)


@pytest.mark.parametrize(("limit", "factor"), [(2.0, 2 / np.sqrt(26)), (100.0, 1.0)])
def test_long_gradient_is_scaled_down(
    make_stepper: Any, limit: float, factor: float
) -> None:
    """The norm is over all parameters; a short gradient is left as it is."""
    stepper = make_stepper(weights=[0.0, 0.0], bias=0.0, max_grad_norm=limit)
    stepper.step(row([3.0, 4.0]), 1)
    expected = -RATE * factor * np.array([3.0, 4.0, 1.0])
    assert values(stepper) == pytest.approx(expected, rel=1e-12)


def test_zero_gradient_survives_clipping(make_stepper: Any) -> None:
    """Nothing is divided by zero."""
    stepper = make_stepper(weights=[1.0, 2.0], max_grad_norm=1.0)
    stepper.step(row([0.0, 0.0], y=0.0), 1)
    assert values(stepper) == [1.0, 2.0, 0.5]


def test_clipping_counts_the_penalty_in(make_stepper: Any) -> None:
    """What is limited is the gradient of the whole objective."""
    stepper = make_stepper(weights=[3.0, 4.0], bias=0.0, l2=1.0, max_grad_norm=1.0)
    stepper.step(row([0.0, 0.0], y=0.0), 1)
    assert values(stepper) == pytest.approx([3 - RATE * 0.6, 4 - RATE * 0.8, 0.0])


def test_schedule_is_stretched_over_all_steps(make_stepper: Any) -> None:
    """Ten steps of a cosine over five epochs of two batches."""
    stepper = make_stepper(weights=[0.0, 0.0], lr_schedule="cosine", max_epochs=5)
    rates = []
    for _ in range(10):
        stepper.step(row([0.0, 0.0]), 2)
        rates.append(stepper.rate)
    expected = RATE * (1 + np.cos(np.pi * np.arange(10) / 10)) / 2
    assert rates == pytest.approx(expected)
    assert values(stepper)[2] == pytest.approx(0.5 - sum(expected))
    stepper.step(row([0.0, 0.0]), 2)
    assert stepper.rate == pytest.approx(0.0, abs=1e-12)


def test_warmup_alone_is_a_schedule(make_stepper: Any) -> None:
    """Half of four steps of warm-up take one half and then the whole rate."""
    stepper = make_stepper(weights=[0.0, 0.0], warmup_fraction=0.5, max_epochs=4)
    rates = []
    for _ in range(4):
        stepper.step(row([0.0, 0.0]), 1)
        rates.append(stepper.rate)
    assert rates == pytest.approx([0.05, 0.1, 0.1, 0.1])


def test_decay_follows_the_scheduled_rate(make_stepper: Any) -> None:
    """Where the rate is zero, nothing decays either."""
    stepper = make_stepper(
        weights=[1.0, 1.0],
        optimizer={"weight_decay": 0.5},
        lr_schedule="coslog",
        max_epochs=1,
    )
    stepper.step(row([0.0, 0.0], y=0.0), 100)
    assert values(stepper)[:2] == [1.0, 1.0]
    stepper.step(row([0.0, 0.0], y=0.0), 100)
    assert values(stepper)[0] == pytest.approx(1 - 0.5 * stepper.rate)
    assert 0 < stepper.rate < RATE


def test_plateau_lowers_the_rate_after_epochs_without_progress(
    make_stepper: Any,
) -> None:
    """Half the stopping patience without progress divides the rate by five."""
    stepper = make_stepper(
        weights=[0.0, 0.0],
        lr_schedule="plateau",
        stopping={"n_iter_no_change": 4, "tol": 0.0},
    )
    rates = []
    for epoch in range(1, 7):
        stepper.step(row([0.0, 0.0]), 1)
        rates.append(stepper.rate)
        stepper.end_epoch(epoch, 1.0, [])
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.02, 0.02, 0.004])


def test_rate_is_that_of_the_optimizer(make_stepper: Any) -> None:
    """Whoever sets it: the user's arguments, L-BFGS, or somebody else's scheduler."""
    assert make_stepper(weights=[0.0, 0.0]).rate == RATE
    given = make_stepper(
        weights=[0.0, 0.0], optimizer={"params": {"lr": 0.5}}, warmup_fraction=0.5
    )
    assert given.rate == 0.5
    given.step(row([1.0, 0.0]), 2)
    assert given.rate == pytest.approx(0.1)
    lbfgs = make_stepper(weights=[0.0, 0.0], optimizer={"name": "lbfgs"})
    assert lbfgs.rate == 1.0
    lbfgs.optimizer.param_groups[0]["lr"] = 0.25
    assert lbfgs.rate == 0.25


def test_listener_sees_and_may_change_the_gradient(make_stepper: Any) -> None:
    """It is called with the gradient in place and before the step."""
    stepper = make_stepper(weights=[0.0, 0.0], bias=0.0)
    seen = []

    def halve(batch: Batch) -> None:
        seen.append(stepper.flat.grad.tolist())
        stepper.flat.grad.mul_(0.5)

    stepper.on_gradient = [halve]
    stepper.step(row([3.0, 4.0]), 1)
    assert seen == [[3.0, 4.0, 1.0]]
    assert values(stepper) == pytest.approx([-0.15, -0.2, -0.05])


def test_lbfgs_minimises_the_penalised_loss(
    make_module: Any, make_plan: Any, make_batches: Any
) -> None:
    """Ridge regression by L-BFGS has the weights of the normal equations."""

    class Squares(torch.nn.Module):
        def forward(self, output: Any, y: Any, weight: Any) -> torch.Tensor:
            return 0.5 * (output - y).square().mean()

    module = make_module((3, 1))
    (batch,) = make_batches(40, 40)
    plan = make_plan(optimizer={"name": "lbfgs"})
    stepper = Stepper(module, Squares(), plan, WeightPenalty(0.0, 0.3))
    for _ in range(30):
        stepper.step(batch, 1)
    X = np.c_[batch.X.numpy(), np.ones(40)]
    ridge = np.diag([0.3, 0.3, 0.3, 0.0])
    expected = np.linalg.solve(X.T @ X / 40 + ridge, X.T @ batch.y.numpy() / 40)
    np.testing.assert_allclose(stepper.flat.snapshot(), expected[:, 0], rtol=1e-4)


def test_optimizer_that_needs_a_closure_gets_one(make_stepper: Any) -> None:
    """A class whose step cannot do without is called with one; it decays but once."""

    class Twice(torch.optim.SGD):
        def step(self, closure: Any) -> Any:  # type: ignore[override]
            closure()
            return super().step(closure)

    stepper = make_stepper(
        weights=[1.0, 0.0], optimizer={"name": Twice, "weight_decay": 0.5}
    )
    loss, output = stepper.step(row([3.0, 0.0]), 1)
    assert loss.item() == output.item() == 3 + 0.5
    assert not loss.requires_grad
    assert values(stepper)[0] == pytest.approx(1 - RATE * 0.5 - RATE * 3)


def test_end_epoch_adds_the_penalty(make_stepper: Any) -> None:
    """The loss of an epoch is the objective: data and penalty."""
    stepper = make_stepper(weights=[1.0, -2.0], l1=0.5, l2=0.25)
    assert stepper.end_epoch(1, 10.0, []) == 10 + 0.5 * 3 + 0.25 / 2 * 5


def test_average_is_taken_after_every_step(make_stepper: Any) -> None:
    """The moving average has seen the weights after the first step."""
    stepper = make_stepper(weights=[0.0, 0.0], weight_averaging="ema")
    stepper.step(row([1.0, 0.0]), 1)
    assert torch.equal(stepper.average.weights, stepper.flat.snapshot())


def continued(stepper: Stepper, plan: TrainingPlan) -> Stepper:
    """Return another stepper that goes on where one stands."""
    module = copy.deepcopy(stepper.module)
    other = Stepper(module, LinearLoss(), plan, WeightPenalty(0, 0))
    other.resume(stepper.state())
    return other


@pytest.mark.parametrize("name", ["sgd", "adam", "nadam", "rmsprop", "adagrad"])
def test_resumed_stepper_goes_on_exactly(
    make_stepper: Any, make_plan: Any, name: str
) -> None:
    """Two steps and two more are four, bit for bit."""
    plan = {"optimizer": {"name": name, "momentum": 0.9}, "dtype": torch.float32}
    whole = make_stepper(weights=[1.0, 2.0], **plan)
    half = make_stepper(weights=[1.0, 2.0], **plan)
    rows = [row([1.0, -1.0], y, torch.float32) for y in (1.0, -2.0, 0.5, 3.0)]
    for batch in rows:
        whole.step(batch, 1)
    for batch in rows[:2]:
        half.step(batch, 1)
    other = continued(half, make_plan(optimizer=plan["optimizer"]))
    for batch in rows[2:]:
        other.step(batch, 1)
    assert values(other) == values(whole)
    assert other.steps_done == 4


def test_arguments_changed_since_win_over_the_state(
    make_stepper: Any, make_plan: Any
) -> None:
    """A new learning rate counts, though the optimizer's memory is the old one's."""
    stepper = make_stepper(weights=[0.0, 0.0], optimizer={"momentum": 0.5})
    stepper.step(row([1.0, 0.0]), 1)
    changed = {"momentum": 0.5, "learning_rate": 0.01, "nesterov": False}
    other = continued(stepper, make_plan(optimizer=changed))
    assert other.rate == 0.01
    before = values(other)[0]
    other.step(row([1.0, 0.0]), 1)
    # The velocity was 1 and becomes 0.5 * 1 + 1.
    assert values(other)[0] == pytest.approx(before - 0.01 * 1.5)


def test_other_optimizer_starts_afresh(make_stepper: Any, make_plan: Any) -> None:
    """The memory of Adam is nothing to RMSprop."""
    stepper = make_stepper(weights=[1.0, 0.0], optimizer={"name": "adam"})
    stepper.step(row([1.0, 0.0]), 1)
    other = continued(stepper, make_plan(optimizer={"name": "rmsprop"}))
    assert other.steps_done == 0
    other.step(row([1.0, 0.0]), 1)
    assert np.isfinite(values(other)).all()


def test_bfloat16_is_close_to_full_precision(make_stepper: Any) -> None:
    """Autocast computes the forward pass in fewer digits, and keeps the weights."""
    stepper = make_stepper(
        weights=[1.0, -2.0], autocast_dtype=torch.bfloat16, dtype=torch.float32
    )
    batch = row([3.1, 4.2], dtype=torch.float32)
    loss, output = stepper.step(batch, 1)
    assert output.dtype == torch.bfloat16
    assert loss.item() == pytest.approx(3.1 - 8.4 + 0.5, rel=0.02)
    assert stepper.flat.parameter.dtype == torch.float32
    assert values(stepper)[0] == pytest.approx(1 - RATE * 3.1, rel=0.02)


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_float16_scales_the_loss_and_not_the_step(make_stepper: Any, name: str) -> None:
    """Gradients too small for half precision still arrive, in their own size."""
    plan = {"optimizer": {"name": name}, "max_grad_norm": 1e3, "l2": 0.1}
    scaled = make_stepper(
        weights=[1.0, -2.0], autocast_dtype=torch.float16, dtype=torch.float32, **plan
    )
    full = make_stepper(weights=[1.0, -2.0], dtype=torch.float32, **plan)
    for stepper in (scaled, full):
        loss, _ = stepper.step(row([0.3, 0.4], 1e-6, torch.float32), 1)
        assert loss.item() == pytest.approx(1e-6 * (0.3 - 0.8 + 0.5), abs=1e-9)
    assert values(scaled) == pytest.approx(values(full), rel=1e-3)
    np.testing.assert_allclose(scaled.flat.grad, full.flat.grad, rtol=1e-2)


def test_float16_skips_a_step_that_overflows(make_stepper: Any) -> None:
    """The weights stay finite, and a smaller factor lets a later step pass."""
    stepper = make_stepper(
        weights=[1.0, -2.0], autocast_dtype=torch.float16, dtype=torch.float32
    )
    before = values(stepper)
    batch = row([0.5, 0.5], 100.0, torch.float32)
    stepper.step(batch, 1)
    assert values(stepper) == before
    for _ in range(12):
        stepper.step(batch, 1)
    assert values(stepper) != before
    assert np.isfinite(values(stepper)).all()
