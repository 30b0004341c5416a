"""Tests of steps by optimizers of all kinds: shapes, closures, hooks, order, errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)

from skdeep import Checkpoint, MLPClassifier, MLPRegressor
from skdeep.data import Batch
from skdeep.exceptions import NetworkError
from skdeep.losses import WeightPenalty
from skdeep.model_selection import VectorizedSearchCV
from skdeep.training._step import Stepper

ROWS = np.random.default_rng(0).standard_normal((20, 3))
NUMBERS = ROWS @ [1.0, -2.0, 0.5]
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (4,),
    "batch_size": 8,
    "max_epochs": 3,
    "random_state": 0,
}
WITH_MUON = pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason="this torch has no Muon"
)


class RowSteps(torch.optim.Optimizer):
    """Step along the gradient of each row of a matrix, made as long as one."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Step."""
        for group in self.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                length = gradient.norm(dim=-1, keepdim=True) + 1e-12
                parameter.sub_(gradient / length, alpha=group["lr"])


class Noisy(torch.optim.SGD):
    """Step with noise that is drawn for one parameter after another."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, lr=lr)
        self.generator = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Add noise to each gradient."""
        for parameter in self.param_groups[0]["params"]:
            noise = torch.empty_like(parameter.grad)
            parameter.grad.add_(noise.normal_(generator=self.generator))
        super().step()


class Demanding(torch.optim.SGD):
    """Gradient descent that is not done without a closure."""

    @torch.no_grad()
    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """Step."""
        return super().step(closure)


class ReplacingValues(torch.optim.Optimizer):
    """Gradient descent that gives parameters new memory at each step."""

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Step."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data = parameter.data - group["lr"] * parameter.grad


def mean_squares(output: Any, y: Any, weight: Any) -> torch.Tensor:
    """Return the mean square."""
    loss: torch.Tensor = (output - y).square().mean()
    return loss


@pytest.mark.parametrize(
    "kind",
    [
        torch.optim.Adafactor,
        torch.optim.Adadelta,
        torch.optim.Adamax,
        torch.optim.ASGD,
        torch.optim.Rprop,
        RowSteps,
        Noisy,
        ReplacingValues,
        pytest.param("Muon", marks=WITH_MUON),
    ],
)
def test_steps_are_those_of_a_plain_loop(
    make_module: Any, make_plan: Any, make_batches: Any, kind: Any
) -> None:
    """Whatever the optimizer makes of the shapes and of the order of parameters."""
    module = make_module((3, 5, 4, 1))
    if kind == "Muon":
        kind = torch.optim.Muon
        module = torch.nn.Sequential(
            *(torch.nn.utils.skip_init(torch.nn.Linear, a, b, bias=False).double()
              for a, b in ((3, 5), (5, 4), (4, 1)))
        )  # fmt: skip
        for number, parameter in enumerate(module.parameters()):
            generator = torch.Generator().manual_seed(number)
            torch.nn.init.normal_(parameter, generator=generator)
    twin = copy.deepcopy(module)
    step = {"name": kind, "learning_rate": 0.05}
    criterion: Any = mean_squares
    stepper = Stepper(module, criterion, make_plan(optimizer=step), WeightPenalty(0, 0))
    arguments = {"weight_decay": 0.0} if kind.__name__ == "Muon" else {}
    expected = kind(twin.parameters(), lr=0.05, **arguments)
    for batch in [*make_batches(), *make_batches(seed=1)]:
        stepper.step(batch, 6)
        expected.zero_grad()
        mean_squares(twin(batch.X), batch.y, None).backward()
        expected.step()
    for mine, other in zip(module.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach(), other.detach(), rtol=1e-9)
    for shown, own in zip(
        stepper.flat.snapshot().split([p.numel() for p in stepper.flat.owners]),
        stepper.flat.owners,
        strict=True,
    ):
        # What the best epoch is remembered by.
        assert torch.equal(shown, own.detach().reshape(-1))


@pytest.mark.parametrize("kind", [torch.optim.Adafactor, RowSteps])
def test_fit_shows_an_optimizer_the_shapes(kind: Any) -> None:
    """Of a matrix and a vector for each layer."""
    seen: list[Any] = []

    class Look(Callback):
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            groups = net.optimizer_.param_groups
            seen.append([tuple(p.shape) for group in groups for p in group["params"]])

    MLPRegressor(optimizer=kind, callbacks=[Look()], **SMALL).fit(ROWS, NUMBERS)
    assert seen == [[(4, 3), (4,), (1, 4), (1,)]] * 3


@pytest.mark.parametrize("kind", [torch.optim.Adafactor, RowSteps])
def test_optimizer_with_shapes_goes_on_from_a_pickle_and_a_checkpoint(
    kind: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state of each parameter is kept in its shape."""
    model = MLPRegressor(optimizer=kind, **SMALL)
    once, halves = copy.deepcopy(model), copy.deepcopy(model)
    for _ in range(4):
        once.partial_fit(ROWS, NUMBERS)
    for _ in range(4):
        halves = pickle.loads(pickle.dumps(halves.partial_fit(ROWS, NUMBERS)))
    np.testing.assert_array_equal(once.predict(ROWS), halves.predict(ROWS))

    whole = model.fit(ROWS, NUMBERS).predict(ROWS)
    checkpoint = Checkpoint(tmp_path / "fit.skdeep", every=1)
    with monkeypatch.context() as patch:
        patch.setattr("skdeep.training._engine.TrainedNetwork", None)
        with pytest.raises(TypeError, match="not callable"):
            model.fit(ROWS, NUMBERS, checkpoint=checkpoint)
    resumed = Checkpoint(tmp_path / "fit.skdeep", resume=True)
    model.fit(ROWS, NUMBERS, checkpoint=resumed)
    np.testing.assert_array_equal(model.predict(ROWS), whole)


@WITH_MUON
def test_muon_is_refused_for_a_network_with_biases() -> None:
    """torch has it for matrices; the sentence says what to do with the rest."""
    model = MLPRegressor(optimizer=torch.optim.Muon, **SMALL)
    with pytest.raises(ValueError, match=r"Muon steps matrices only.*'adamw'"):
        model.fit(ROWS, NUMBERS)


@WITH_MUON
def test_class_may_give_matrices_to_muon() -> None:
    """It sees the shapes, so that it can tell which is which."""

    class Both(torch.optim.Optimizer):
        def __init__(self, params: Any, lr: float = 0.01) -> None:
            super().__init__(params, {"lr": lr})
            every = [p for group in self.param_groups for p in group["params"]]
            matrices = [p for p in every if p.ndim == 2]
            others = [p for p in every if p.ndim != 2]
            self.parts = [
                torch.optim.Muon(matrices, lr=lr),
                torch.optim.AdamW(others, lr=lr),
            ]

        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            for part in self.parts:
                part.step()

    settings = {**SMALL, "max_epochs": 60, "learning_rate": 0.02}
    model = MLPRegressor(optimizer=Both, **settings)
    model.fit(ROWS, NUMBERS)
    assert model.history_["train_loss"][-1] < 0.5 * model.history_["train_loss"][0]


@pytest.mark.parametrize(
    "penalties",
    [
        {"l2": 0.5},
        {"l1": 0.1},
        {"optimizer": {"weight_decay": 0.5}},
        {"max_grad_norm": 0.1},
        {
            "l1": 0.05,
            "l2": 0.5,
            "max_grad_norm": 0.5,
            "optimizer": {"weight_decay": 0.5},
        },
    ],
)
def test_order_is_the_same_with_a_closure(
    make_module: Any, make_plan: Any, make_batches: Any, penalties: dict[str, Any]
) -> None:
    """Penalty, clipping, decay, step: to the bit those of the same class without."""
    weights = []
    for kind in (type("Plain", (torch.optim.SGD,), {}), Demanding):
        settings = dict(penalties)
        penalty = WeightPenalty(settings.pop("l1", 0.0), settings.pop("l2", 0.0))
        step = {"name": kind, **settings.pop("optimizer", {})}
        criterion: Any = mean_squares
        plan = make_plan(optimizer=step, **settings)
        stepper = Stepper(make_module(), criterion, plan, penalty)
        for batch in make_batches():
            stepper.step(batch, 3)
        weights.append(stepper.flat.snapshot())
    assert torch.equal(*weights)


def test_optimizer_that_never_asks_is_told(make_run: Any, make_batches: Any) -> None:
    """A step without a loss has no place in the history."""

    class Idle(torch.optim.SGD):
        def step(self, closure: Any) -> Any:  # type: ignore[override]
            return None

    run = make_run(optimizer={"name": Idle})
    batches = make_batches()
    run.begin(batches, None)
    with pytest.raises(RuntimeError, match="Idle of Model did not call the closure"):
        run.advance(batches, None)


class Hung(Callback):
    """Hang hooks on the optimizer when the second epoch begins."""

    def __init__(self, *, everywhere: bool) -> None:
        self.everywhere = everywhere
        self.heard: list[str] = []
        self.handles: list[Any] = []

    def _before(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.heard.append("before")

    def _after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self.heard.append("after")

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Hang them."""
        if len(net.history) != 2:
            return
        if self.everywhere:
            self.handles = [
                register_optimizer_step_pre_hook(self._before),
                register_optimizer_step_post_hook(self._after),
            ]
        else:
            self.handles = [
                net.optimizer_.register_step_pre_hook(self._before),
                net.optimizer_.register_step_post_hook(self._after),
            ]

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Take them off when the third epoch ends."""
        if len(net.history) == 3:
            for handle in self.handles:
                handle.remove()


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize(
    "optimizer",
    ["adam", "adamw", "sgd", "rmsprop", "lbfgs", torch.optim.Adafactor, RowSteps],
)
def test_hooks_that_come_late_are_called(optimizer: Any, everywhere: bool) -> None:
    """At every step from then on, until they are taken off, and to no effect."""
    settings = {**SMALL, "max_epochs": 4}
    hung = Hung(everywhere=everywhere)
    model = MLPRegressor(optimizer=optimizer, callbacks=[hung], **settings)
    model.fit(ROWS, NUMBERS)
    n_steps = 2 if optimizer == "lbfgs" else 6
    assert hung.heard == ["before", "after"] * n_steps
    alone = MLPRegressor(optimizer=optimizer, **settings).fit(ROWS, NUMBERS)
    np.testing.assert_array_equal(model.predict(ROWS), alone.predict(ROWS))


def test_hooks_of_all_optimizers_are_called_by_stacked_fits() -> None:
    """They are asked for at every step of a stack as well."""
    calls: list[str] = []
    labels = NUMBERS > 0
    search = VectorizedSearchCV(MLPClassifier(**SMALL), {"l2": [0.0, 0.1]}, cv=2)
    handle = register_optimizer_step_pre_hook(lambda *_: calls.append("before"))
    try:
        search.fit(ROWS, labels)
    finally:
        handle.remove()
    # Three epochs of two batches in a stack of all, then of three in the last fit.
    assert len(calls) == 3 * 2 + 3 * 3


class Failing(torch.optim.SGD):
    """An optimizer with a bug."""

    error: type[Exception] = KeyError

    def __init__(self, params: Any, lr: float = 0.1) -> None:
        super().__init__(params, lr=lr)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Fail."""
        raise self.error("in the optimizer")


ERRORS = [KeyError, IndexError, AttributeError, TypeError, RuntimeError, AssertionError]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("activation", ["relu", torch.nn.GLU, torch.nn.CELU])
def test_error_of_an_optimizer_is_its_own(
    monkeypatch: pytest.MonkeyPatch, error: Any, activation: Any
) -> None:
    """Also where the network holds foreign parts; a note says where it was."""
    monkeypatch.setattr(Failing, "error", error)
    settings = {**SMALL, "hidden_layer_sizes": ()}
    if activation is not torch.nn.GLU:
        settings = SMALL
    model = MLPRegressor(optimizer=Failing, activation=activation, **settings)
    with pytest.raises(error, match="in the optimizer") as caught:
        model.fit(ROWS, NUMBERS)
    assert not isinstance(caught.value, NetworkError)
    assert any("in epoch 1, batch 1" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("hook", ["on_batch_begin", "on_grad_computed", "on_batch_end"])
def test_error_of_a_callback_is_its_own(error: Any, hook: str) -> None:
    """The gradient's hook is called within a step, but it is not the network."""

    class Failed(Callback):
        pass

    def fail(self: Any, net: Any, *args: Any, **kwargs: Any) -> None:
        raise error("in the callback")

    setattr(Failed, hook, fail)
    model = MLPRegressor(callbacks=[Failed()], activation=torch.nn.CELU, **SMALL)
    with pytest.raises(error, match="in the callback") as caught:
        model.fit(ROWS, NUMBERS)
    assert not isinstance(caught.value, NetworkError)


@pytest.mark.parametrize("normalization", [None, "batch"])
def test_error_of_ours_is_not_said_to_be_the_networks(
    monkeypatch: pytest.MonkeyPatch, normalization: Any
) -> None:
    """Neither of our networks, with autograd and without, nor of our steps."""
    monkeypatch.delattr("skdeep.networks._dropout.GeneratorDropout.forward")
    monkeypatch.setattr("skdeep.networks._dense_pass._draw_mask", None)
    model = MLPRegressor(dropout=0.5, normalization=normalization, **SMALL)
    with pytest.raises((TypeError, NotImplementedError)) as caught:
        model.fit(ROWS, NUMBERS)
    assert not isinstance(caught.value, NetworkError)
    assert "in epoch 1, batch 1" in caught.value.__notes__[0]


def test_error_between_gradient_and_step_is_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A penalty is no part of the network."""
    monkeypatch.delattr("skdeep.losses.WeightPenalty.before_step")
    model = MLPRegressor(activation=torch.nn.CELU, **SMALL)
    with pytest.raises(AttributeError, match="before_step") as caught:
        model.fit(ROWS, NUMBERS)
    assert not isinstance(caught.value, NetworkError)


class Broken(torch.nn.Module):
    """An activation with a bug, in one of the passes."""

    def __init__(self, place: str, error: type[Exception]) -> None:
        super().__init__()
        self.place = place
        self.error = error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Fail, or see to it that the backward pass will."""
        if self.place == "forward":
            raise self.error("in the network")
        if self.place == "validation" and not self.training:
            raise self.error("in the network")
        if self.place == "backward":

            def fail(_: Any) -> None:
                raise self.error("in the network")

            x.register_hook(fail)
        return x.clone()


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("place", ["forward", "backward", "validation"])
def test_error_of_a_users_module_is_the_networks(error: Any, place: str) -> None:
    """Wherever it arises, and with its own traceback as the cause."""
    model = MLPRegressor(
        activation=Broken(place, error),
        early_stopping=place == "validation",
        **SMALL,
    )
    with pytest.raises(NetworkError, match="in the network") as caught:
        model.fit(ROWS, NUMBERS)
    assert isinstance(caught.value.__cause__, error)
    assert (caught.value.epoch, caught.value.batch) == (1, 1)


class LinearLoss(torch.nn.Module):
    """A loss whose gradient by the output is the target."""

    def forward(self, output: Any, y: Any, weight: Any) -> torch.Tensor:
        """Return the sum of products."""
        return (output * y).sum()


@pytest.mark.parametrize(
    "optimizer",
    [
        {"name": "adam"},
        {"name": "sgd", "momentum": 0.9},
        {"name": "rmsprop"},
        {"name": torch.optim.Adafactor},
    ],
)
@pytest.mark.parametrize(
    "settings",
    [
        {"weight_averaging": "ema"},
        {"max_grad_norm": 1.0},
        {"lr_schedule": "cosine", "warmup_fraction": 0.5},
    ],
)
def test_nothing_acts_where_a_gradient_in_float16_overflows(
    make_module: Any, make_plan: Any, optimizer: Any, settings: Any
) -> None:
    """No step, decay, penalty, average or schedule; only the scale falls."""
    plan = make_plan(
        optimizer={**optimizer, "weight_decay": 0.5},
        autocast_dtype=torch.float16,
        **settings,
    )
    module = make_module((2, 1), dtype=torch.float32)
    stepper = Stepper(module, LinearLoss(), plan, WeightPenalty(0.1, 0.1))
    before = stepper.flat.snapshot()
    large: Any = Batch(torch.ones(1, 2), torch.tensor([[1e3]]), None)
    stepper.step(large, 4)
    assert torch.equal(stepper.flat.snapshot(), before)
    assert stepper.steps_done == 0
    assert stepper.optimizer.state_dict()["state"] == {}
    assert stepper.average is None or stepper.average.weights is None
    rate = stepper.rate
    stepper.step(large, 4)
    assert stepper.rate == rate
    scale = stepper.capture()["scaler"]["scale"]
    assert scale == 65536.0 / 4

    fresh = Stepper(
        make_module((2, 1), dtype=torch.float32), LinearLoss(), plan,
        WeightPenalty(0.1, 0.1),
    )  # fmt: skip
    small: Any = Batch(torch.ones(1, 2), torch.tensor([[0.5]]), None)
    for each in (stepper, fresh):
        each.step(small, 4)
        assert each.steps_done == 1
    # The scale is a power of two, and changes no digit of such gradients.
    assert torch.equal(stepper.flat.snapshot(), fresh.flat.snapshot())
    assert not torch.equal(stepper.flat.snapshot(), before)


@pytest.mark.parametrize("name", ["lbfgs", torch.optim.LBFGS, Demanding])
def test_optimizer_with_a_closure_trains_in_full_precision(
    make_run: Any, make_module: Any, make_batches: Any, name: Any
) -> None:
    """Instead of float16, whose scale would be taken off several times."""
    weights = []
    for dtype in (None, torch.float16):
        run = make_run(
            module=make_module(dtype=torch.float32),
            optimizer={"name": name},
            autocast_dtype=dtype,
        )
        batches = make_batches(dtype=torch.float32)
        run.begin(batches, None)
        for _ in range(3):
            run.advance(batches, None)
        weights.append(run.stepper.flat.snapshot())
    assert torch.equal(*weights)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_shaped_optimizers_serve_all_that_looks_at_weights(
    early_stopping: bool,
) -> None:
    """The best epoch's weights are put back; averages are taken."""
    labels = NUMBERS > 0
    model = MLPClassifier(
        optimizer=RowSteps,
        early_stopping=early_stopping,
        weight_averaging="ema",
        l1=1e-3,
        weight_decay=0.01,
        learning_rate=0.05,
        **{**SMALL, "max_epochs": 30},
    ).fit(ROWS, labels)
    again = copy.deepcopy(model).fit(ROWS, labels)
    np.testing.assert_array_equal(model.predict_proba(ROWS), again.predict_proba(ROWS))
    assert model.score(ROWS, labels) > 0.75
