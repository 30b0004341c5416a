"""Tests of optimizers that step over a flat parameter."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from skdeep._plan import OptimizerPlan
from skdeep.training import OPTIMIZERS
from skdeep.training._bare_optimizers import bare_step
from skdeep.training._flat import FlatParameters
from skdeep.training._optimizers import build_optimizer, direct_step, set_learning_rate

# What torch's own class is given for the arguments of a plan made below.
REFERENCE: dict[str, dict[str, Any]] = {
    "sgd": {"momentum": 0.8, "nesterov": True},
    "adam": {"betas": (0.8, 0.95)},
    "adamw": {"betas": (0.8, 0.95), "weight_decay": 0.0},
    "nadam": {"betas": (0.8, 0.95)},
    "radam": {"betas": (0.8, 0.95)},
    "rmsprop": {},
    "adagrad": {},
}


def plan(name: Any, **params: Any) -> OptimizerPlan:
    """Return a plan whose every number differs from torch's default."""
    return OptimizerPlan(
        name=name,
        learning_rate=0.02,
        momentum=0.8,
        betas=(0.8, 0.95),
        params=params,
    )


def gradients(module: nn.Module, step: int) -> torch.Tensor:
    """Let a module find its gradients on rows that change from step to step."""
    rows = np.random.default_rng(step).standard_normal((6, 3))
    loss = module(torch.from_numpy(rows)).square().mean()
    loss.backward()
    return loss.detach()


@pytest.mark.parametrize("name", REFERENCE)
def test_steps_equal_those_of_torch(name: str, make_module: Any) -> None:
    """Five steps on one flat parameter are torch's own on the separate ones."""
    module = make_module((3, 7, 5, 1))
    twin = copy.deepcopy(module)
    flat = FlatParameters(module)
    optimizer = build_optimizer(plan(name), ([flat.parameter], 1.0))
    update = direct_step(optimizer, flat.parameter)
    factory: Any = OPTIMIZERS[name]
    expected = factory(twin.parameters(), lr=0.02, **REFERENCE[name])
    for step in range(5):
        flat.clear()
        gradients(module, step)
        update()
        twin.zero_grad()
        gradients(twin, step)
        expected.step()
    for mine, other in zip(module.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach(), other.detach(), rtol=1e-11)


def test_lbfgs_steps_equal_those_of_torch(make_module: Any) -> None:
    """One iteration a step, with a line search, is torch's own with such arguments."""
    module = make_module((3, 4, 1))
    twin = copy.deepcopy(module)
    flat = FlatParameters(module)
    optimizer = build_optimizer(plan("lbfgs"), ([flat.parameter], 1.0))
    expected = torch.optim.LBFGS(
        twin.parameters(), lr=1.0, max_iter=1, max_eval=25, history_size=10,
        line_search_fn="strong_wolfe",
    )  # fmt: skip
    losses = []
    for _ in range(6):

        def mine() -> float:
            flat.clear()
            return float(gradients(module, 0))

        def theirs() -> float:
            twin.zero_grad()
            return float(gradients(twin, 0))

        losses.append(float(optimizer.step(mine)))
        expected.step(theirs)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * losses[0]
    for own, other in zip(module.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(own.detach(), other.detach(), rtol=1e-8)


def parameter(n: int = 13, dtype: torch.dtype = torch.float64) -> nn.Parameter:
    """Return a flat parameter of an odd size with a gradient in place."""
    values = torch.linspace(-2, 3, n, dtype=dtype)
    flat = nn.Parameter(values)
    flat.grad = values.sin()
    return flat


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_direct_step_equals_step_to_the_last_bit(name: str, dtype: torch.dtype) -> None:
    """Weights and state agree over steps, with a new rate and new betas half-way."""
    mine, other = parameter(dtype=dtype), parameter(dtype=dtype)
    optimizers = [build_optimizer(plan(name), ([flat], 1.0)) for flat in (mine, other)]
    assert optimizers[0].param_groups[0]["fused"] is True
    update = direct_step(optimizers[0], mine)
    assert update != optimizers[0].step
    for step in range(8):
        for flat in (mine, other):
            assert flat.grad is not None
            flat.grad.copy_((flat.detach() * (step + 1)).cos())
        if step == 4:
            for optimizer in optimizers:
                set_learning_rate(optimizer, 0.005)
                optimizer.param_groups[0]["betas"] = (0.7, 0.9)
        update()
        optimizers[1].step()
        assert torch.equal(mine, other)
    states = [optimizers[i].state[flat] for i, flat in enumerate((mine, other))]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_direct_step_goes_on_from_a_loaded_state(name: str) -> None:
    """Three steps, a stop and three more are six steps."""
    whole, halves = parameter(), parameter()
    optimizer = build_optimizer(plan(name), ([whole], 1.0))
    for _ in range(6):
        optimizer.step()
    first = build_optimizer(plan(name), ([halves], 1.0))
    update = direct_step(first, halves)
    for _ in range(3):
        update()
    second = build_optimizer(plan(name), ([halves], 1.0))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    update = direct_step(second, halves)
    for _ in range(3):
        update()
    assert torch.equal(whole, halves)
    assert float(second.state[halves]["step"]) == 6


@pytest.mark.parametrize(
    "params",
    [
        {"amsgrad": True},
        {"maximize": True},
        {"weight_decay": 0.1},
        {"foreach": True},
        {"foreach": False, "fused": False},
    ],
)
def test_direct_step_leaves_other_forms_to_torch(params: dict[str, Any]) -> None:
    """Whatever the kernel is not called for is torch's own arithmetic, and differs."""
    mine, other = parameter(), parameter()
    optimizer = build_optimizer(plan("adam", **params), ([mine], 1.0))
    # The bare step of torch's own class, not a call of the kernel.
    update: Any = direct_step(optimizer, mine)
    assert update.__qualname__ == "bare_step.<locals>.step"
    expected = torch.optim.Adam([other], lr=0.02, betas=(0.8, 0.95), **params)
    for _ in range(3):
        direct_step(optimizer, mine)()
        expected.step()
    np.testing.assert_allclose(mine.detach(), other.detach(), rtol=1e-12)


def test_schedulers_of_torch_do_not_warn() -> None:
    """A scheduler wants to see a step before its own, also in a continued training."""
    flat = parameter()
    optimizer = build_optimizer(plan("adam"), ([flat], 1.0))
    optimizer.step()
    state = copy.deepcopy(optimizer.state_dict())
    resumed = build_optimizer(plan("adam"), ([flat], 1.0))
    resumed.load_state_dict(state)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler = torch.optim.lr_scheduler.StepLR(resumed, step_size=1, gamma=0.5)
        update = direct_step(resumed, flat)
        update()
        scheduler.step()
        update()
    assert resumed.param_groups[0]["lr"] == 0.01


@pytest.mark.parametrize("name", [*REFERENCE, torch.optim.Adamax])
def test_bare_step_equals_step_to_the_last_bit(name: Any) -> None:
    """What is left out around the arithmetic of torch changes none of it."""
    mine, other = parameter(), parameter()
    optimizers = [build_optimizer(plan(name), ([flat], 1.0)) for flat in (mine, other)]
    update = bare_step(optimizers[0])
    assert update != optimizers[0].step
    for step in range(5):
        for flat in (mine, other):
            assert flat.grad is not None
            flat.grad.copy_((flat.detach() * (step + 1)).cos())
        update()
        optimizers[1].step()
    assert not torch.equal(mine, parameter())
    assert torch.equal(mine, other)
    # The state as well, of which SGD has the momentum and Adamax the largest gradient.
    states = [optimizers[i].state[flat] for i, flat in enumerate((mine, other))]
    assert states[0]
    for key, slot in states[0].items():
        np.testing.assert_array_equal(slot, states[1][key])


@pytest.mark.parametrize("name", ["adam", "rmsprop"])
@pytest.mark.parametrize("everywhere", [True, False])
def test_hooks_hear_of_every_step(name: str, everywhere: bool) -> None:
    """Whoever hangs a hook on steps is called before and after each of them."""
    flat, heard = parameter(), []
    optimizer = build_optimizer(plan(name), ([flat], 1.0))

    def hear(told: Any, args: Any, kwargs: Any) -> None:
        assert told is optimizer
        heard.append(float(flat.detach()[0]))

    handles = (
        [
            register_optimizer_step_pre_hook(hear),
            register_optimizer_step_post_hook(hear),
        ]
        if everywhere
        else [
            optimizer.register_step_pre_hook(hear),
            optimizer.register_step_post_hook(hear),
        ]
    )
    try:
        update = direct_step(optimizer, flat)
        for _ in range(3):
            update()
    finally:
        for handle in handles:
            handle.remove()
    assert len(heard) == 6
    assert len(set(heard)) == 4


def test_replaced_step_is_called() -> None:
    """A step that somebody has put in the place of torch's is the one taken."""
    flat, calls = parameter(), []
    optimizer: Any = build_optimizer(plan("rmsprop"), ([flat], 1.0))
    optimizer.step = lambda: calls.append("step")
    update = direct_step(optimizer, flat)
    update()
    update()
    assert calls == ["step", "step"]
    assert torch.equal(flat, parameter())


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "adagrad"])
def test_fused_where_torch_has_it(name: str) -> None:
    """Plain single and double precision is fused, half precision is not."""
    for dtype, fused in ((torch.float32, True), (torch.bfloat16, None)):
        optimizer = build_optimizer(plan(name), ([parameter(dtype=dtype)], 1.0))
        assert optimizer.param_groups[0]["fused"] is fused


@pytest.mark.parametrize("key", ["foreach", "capturable", "differentiable", "fused"])
def test_argument_that_speaks_of_fusing_wins(key: str) -> None:
    """A user's word about the implementation is kept."""
    optimizer = build_optimizer(plan("adam", **{key: False}), ([parameter()], 1.0))
    assert not optimizer.param_groups[0]["fused"]


def test_foreign_class_is_not_fused() -> None:
    """What "fused" means to a class outside torch is not known."""

    class Foreign(torch.optim.SGD):
        def __init__(self, params: Any, lr: float, fused: bool = False) -> None:
            super().__init__(params, lr=lr)
            self.got = fused

    optimizer = build_optimizer(plan(Foreign), ([parameter()], 1.0))
    assert isinstance(optimizer, Foreign)
    assert optimizer.got is False
    assert optimizer.defaults["lr"] == 0.02


def test_sgd_without_momentum_has_no_nesterov() -> None:
    """torch refuses Nesterov's form of no momentum; zero momentum is plain descent."""
    optimizer = build_optimizer(
        OptimizerPlan(name="sgd", learning_rate=0.5, momentum=0.0),
        ([flat := parameter()], 1.0),
    )
    before = flat.detach().clone()
    optimizer.step()
    assert flat.grad is not None
    np.testing.assert_allclose(flat.detach(), before - 0.5 * flat.grad, rtol=1e-15)


def test_further_arguments_win() -> None:
    """What optimizer_params says stands before the parameters of the estimator."""
    chosen = plan("adam", lr=0.5, betas=(0.1, 0.2), eps=1e-3)
    group = build_optimizer(chosen, ([parameter()], 1.0)).param_groups[0]
    assert (group["lr"], group["betas"], group["eps"]) == (0.5, (0.1, 0.2), 1e-3)
    lbfgs = build_optimizer(plan("lbfgs", max_iter=7), ([parameter()], 1.0))
    assert lbfgs.param_groups[0]["max_iter"] == 7


@pytest.mark.parametrize("kind", ["name", "class"])
def test_unknown_argument_raises(kind: str) -> None:
    """The sentence names the optimizer, the argument and the choices."""
    name: Any = "rmsprop" if kind == "name" else torch.optim.RMSprop
    sentence = "must hold arguments of RMSprop. Got 'rho'. Choose from lr, alpha, eps"
    with pytest.raises(ValueError, match=sentence):
        build_optimizer(plan(name, rho=0.9), ([parameter()], 1.0))


@pytest.mark.parametrize("params", [{"eps": -1.0}, {"fused": True, "foreach": True}])
def test_refused_argument_raises(params: dict[str, Any]) -> None:
    """What torch refuses is refused in the name of the parameter."""
    with pytest.raises(ValueError, match=r"Adam refused .* Correct 'optimizer_params'"):
        build_optimizer(plan("adam", **params), ([parameter()], 1.0))


def test_class_with_open_arguments_is_taken_at_its_word() -> None:
    """A class that takes any keyword is handed what the user gives."""

    class Open(torch.optim.SGD):
        def __init__(self, params: Any, **options: Any) -> None:
            super().__init__(params, **options)

    optimizer = build_optimizer(plan(Open, lr=0.3, momentum=0.5), ([parameter()], 1.0))
    assert optimizer.param_groups[0]["lr"] == 0.3
    assert optimizer.param_groups[0]["momentum"] == 0.5


def test_class_without_a_rate_is_not_given_one() -> None:
    """Some optimizers find their own step length."""

    class Rateless(torch.optim.Optimizer):
        def __init__(self, params: Any, power: float = 2.0) -> None:
            super().__init__(params, {"power": power})

    optimizer = build_optimizer(plan(Rateless, power=3.0), ([parameter()], 1.0))
    assert optimizer.defaults == {"power": 3.0}


def test_set_learning_rate_keeps_the_factors_of_groups() -> None:
    """All groups step at one rate, times the factor of each."""
    optimizer = build_optimizer(plan("sgd"), ([parameter()], 1.0), ([parameter()], 0.5))
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.01]
    set_learning_rate(optimizer, 0.25, [1.0, 0.5])
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.125]


def test_class_of_an_optimizer_brings_no_decay_of_its_own() -> None:
    """`weight_decay` means one thing; only `optimizer_params` adds torch's own."""
    parameter = torch.nn.Parameter(torch.ones(3))
    default = build_optimizer(plan(torch.optim.AdamW), ([parameter], 1.0))
    assert default.param_groups[0]["weight_decay"] == 0.0
    chosen = build_optimizer(
        plan(torch.optim.AdamW, weight_decay=0.1), ([parameter], 1.0)
    )
    assert chosen.param_groups[0]["weight_decay"] == 0.1
