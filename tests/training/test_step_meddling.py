"""Tests that a network trains on whatever its callbacks do to it.

Each is compared with a loop over the same batches, written by hand.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Freezer, Unfreezer

from skdeep import MLPClassifier, MLPRegressor
from skdeep.model_selection import VectorizedSearchCV
from tests.placed import PLACED, fit, make

TRAINS = [name for name in PLACED if "optimizer" in make(name).get_params(deep=False)]
HOOKS = (
    "on_epoch_begin",
    "on_batch_begin",
    "on_grad_computed",
    "on_batch_end",
    "on_epoch_end",
)
ROWS = np.random.default_rng(0).standard_normal((20, 3))
NUMBERS = ROWS @ [1.0, -2.0, 0.5]
RATE = 0.05
# The optimizer of the estimator, and torch's own with its arguments.
OPTIMIZERS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "sgd": ("sgd", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": ("adam", torch.optim.Adam, {}),
    "nadam": ("nadam", torch.optim.NAdam, {}),
    "rmsprop": ("rmsprop", torch.optim.RMSprop, {}),
    "rprop": (torch.optim.Rprop, torch.optim.Rprop, {}),
    "adafactor": (torch.optim.Adafactor, torch.optim.Adafactor, {}),
    "lbfgs": (
        "lbfgs",
        torch.optim.LBFGS,
        {
            "lr": 1.0,
            "max_iter": 1,
            "max_eval": 25,
            "history_size": 10,
            "line_search_fn": "strong_wolfe",
        },
    ),
}
Action = Callable[[torch.nn.Module, torch.optim.Optimizer, int], None]


def first_of(module: torch.nn.Module) -> torch.nn.Parameter:
    """Return the first parameter."""
    return next(module.parameters())


def set_gradients(module: torch.nn.Module, how: Callable[[Any], Any]) -> None:
    """Put other gradients in the place of those that are there."""
    for parameter in module.parameters():
        parameter.grad = how(parameter)


def forget_first(module: torch.nn.Module, _: Any, n_calls: int) -> None:
    """Take the gradient of the first layer now and then."""
    if n_calls % 2:
        first_of(module).grad = None


def halve(parameter: torch.nn.Parameter) -> Any:
    """Return half a gradient."""
    return None if parameter.grad is None else parameter.grad * 0.5


def freeze_for_a_while(module: torch.nn.Module, _: Any, n_calls: int) -> None:
    """Freeze the first layer at the second call, until the fifth."""
    if n_calls in (2, 5):
        first_of(module).requires_grad_(n_calls == 5)


def move_values(module: torch.nn.Module, _: Any, __: int) -> None:
    """Keep the weights small, in memory of their own."""
    for parameter in module.parameters():
        parameter.data = parameter.data * 0.99


ACTIONS: dict[str, Action] = {
    "module forgets": lambda module, _, __: module.zero_grad(),
    "module sets zero": lambda module, _, __: module.zero_grad(set_to_none=False),
    "optimizer forgets": lambda _, optimizer, __: optimizer.zero_grad(),
    "optimizer sets zero": lambda _, o, __: o.zero_grad(set_to_none=False),
    "gradients removed": lambda m, _, __: set_gradients(m, lambda p: None),
    "first removed": forget_first,
    "ones": lambda m, _, __: set_gradients(m, torch.ones_like),
    "halved": lambda module, _, __: set_gradients(module, halve),
    "frozen": freeze_for_a_while,
    "values": move_values,
}


class Meddler(Callback):
    """Do something at one hook, and keep what a loop needs to do the same."""

    def __init__(self, hook: str, action: Action) -> None:
        self.hook = hook
        self.action = action
        self.n_calls = 0
        self.epochs: list[list[Any]] = []

    def _at(self, hook: str, net: Any) -> None:
        if hook == self.hook:
            self.n_calls += 1
            self.action(net.module_, net.optimizer_, self.n_calls)

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Keep the network as it is at first."""
        self.module = copy.deepcopy(net.module_)
        self.criterion = copy.deepcopy(net.criterion_)

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Begin a list of batches."""
        self.epochs.append([])
        self._at("on_epoch_begin", net)

    def on_batch_begin(self, net: Any, batch: Any = None, **kwargs: Any) -> None:
        """Keep a batch."""
        self.epochs[-1].append(batch)
        self._at("on_batch_begin", net)

    def on_grad_computed(self, net: Any, named_parameters: Any, **kwargs: Any) -> None:
        """Meddle with gradients."""
        self._at("on_grad_computed", net)

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """Meddle after a step."""
        self._at("on_batch_end", net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Meddle after an epoch."""
        self._at("on_epoch_end", net)

    def repeat(self, make_optimizer: Callable[[Any], Any]) -> torch.nn.Module:
        """Train the first network by hand, and meddle at the same places."""
        module = self.module
        for parameter in module.parameters():
            parameter.grad = None
        optimizer = make_optimizer(module)
        n_calls = 0

        def at(hook: str) -> None:
            nonlocal n_calls
            if hook == self.hook:
                n_calls += 1
                self.action(module, optimizer, n_calls)

        for batches in self.epochs:
            at("on_epoch_begin")
            for X, y in batches:

                def closure(X: Any = X, y: Any = y) -> float:
                    optimizer.zero_grad()
                    loss = self.criterion(module(X), y, None)
                    loss.backward()
                    at("on_grad_computed")
                    return float(loss.detach())

                at("on_batch_begin")
                if isinstance(optimizer, torch.optim.LBFGS):
                    optimizer.step(closure)
                else:
                    closure()
                    optimizer.step()
                at("on_batch_end")
            at("on_epoch_end")
        assert n_calls == self.n_calls
        return module


def assert_alike(model: Any, expected: torch.nn.Module, rtol: float = 1e-8) -> None:
    """Compare the weights of an estimator."""
    found = model.net_.module_.state_dict()
    for name, values in expected.state_dict().items():
        np.testing.assert_allclose(
            found[name], values, rtol=rtol, atol=1e-10, err_msg=name
        )


def regressor(**params: Any) -> MLPRegressor:
    """Return a small perceptron in double precision, without penalty."""
    defaults: dict[str, Any] = {
        "hidden_layer_sizes": (4,),
        "learning_rate": RATE,
        "activation": "tanh",
        "batch_size": 8,
        "max_epochs": 3,
        "l2": 0.0,
        "max_grad_norm": None,
        "dtype": "float64",
        "random_state": 0,
    }
    return MLPRegressor(**{**defaults, **params})


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_meddling_leaves_the_training_of_a_plain_loop(
    name: str, action: str, hook: str
) -> None:
    """Whatever a callback does, and whenever, it does it to a loop of torch."""
    optimizer, factory, arguments = OPTIMIZERS[name]
    meddler = Meddler(hook, ACTIONS[action])
    model = regressor(optimizer=optimizer, callbacks=[meddler]).fit(ROWS, NUMBERS)
    arguments = {"lr": RATE, **arguments}
    expected = meddler.repeat(lambda m: factory(m.parameters(), **arguments))
    assert_alike(model, expected)


@pytest.mark.parametrize("action", ["frozen", "first removed", "optimizer forgets"])
def test_what_has_no_gradient_does_not_decay(action: str) -> None:
    """torch's AdamW leaves it alone as well."""
    meddler = Meddler("on_grad_computed", ACTIONS[action])
    model = regressor(optimizer="adamw", weight_decay=0.5, callbacks=[meddler])
    model.fit(ROWS, NUMBERS)

    def adamw(module: Any) -> Any:
        weights = [p for n, p in module.named_parameters() if "weight" in n]
        biases = [p for n, p in module.named_parameters() if "bias" in n]
        groups: list[dict[str, Any]] = [
            {"params": weights, "weight_decay": 0.5},
            {"params": biases},
        ]
        return torch.optim.AdamW(groups, lr=RATE, weight_decay=0.0)

    assert_alike(model, meddler.repeat(adamw))


def test_what_is_frozen_is_not_penalised_and_not_clipped_for() -> None:
    """Its weights stay to the bit, and the others go on as without them."""
    kept: list[Any] = []

    def freeze(module: torch.nn.Module, _: Any, n_calls: int) -> None:
        first_of(module).requires_grad = False
        kept.append(first_of(module).detach().clone())

    meddler = Meddler("on_batch_begin", freeze)
    model = regressor(
        l1=0.1, l2=1.0, weight_decay=0.1, max_grad_norm=0.01, callbacks=[meddler]
    ).fit(ROWS, NUMBERS)
    assert torch.equal(first_of(model.net_.module_), kept[0])
    assert not torch.equal(
        list(model.net_.module_.parameters())[2],
        list(meddler.module.parameters())[2],
    )


@pytest.mark.parametrize("name", TRAINS)
def test_every_estimator_learns_though_gradients_are_forgotten(name: str) -> None:
    """What is forgotten between batches is nothing to the next step."""
    actions = ("module forgets", "optimizer forgets", "gradients removed")

    def all_of_them(*args: Any) -> None:
        for action in actions:
            ACTIONS[action](*args)

    alone = fit(make(name), name)
    meddled = fit(
        make(name).set_params(callbacks=[Meddler("on_batch_begin", all_of_them)]), name
    )
    np.testing.assert_array_equal(
        meddled.history_["train_loss"], alone.history_["train_loss"]
    )


def test_search_of_stacked_fits_calls_its_callbacks() -> None:
    """A stack would not call them: such candidates train one by one."""
    labels = NUMBERS > 0
    quiet = MLPClassifier((4,), max_epochs=3, random_state=0)
    scores = []
    for callbacks in (None, [Meddler("on_batch_begin", ACTIONS["module forgets"])]):
        search = VectorizedSearchCV(
            quiet.set_params(callbacks=callbacks), {"l2": [0.0, 0.1]}, cv=2
        ).fit(ROWS, labels)
        scores.append(search.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(*scores)


def test_freezer_of_skorch_freezes_and_its_unfreezer_unfreezes() -> None:
    """The layer stays as it was for two epochs, and learns from the third on."""
    seen: list[Any] = []

    class Look(Callback):
        def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
            seen.append(first_of(net.module_).detach().clone())

    callbacks = [Freezer("layers.0.*"), Unfreezer("layers.0.*", at=3), Look()]
    regressor(callbacks=callbacks, max_epochs=4).fit(ROWS, NUMBERS)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])
    assert not torch.equal(seen[2], seen[3])


def test_layer_that_comes_frozen_can_be_unfrozen(
    make_run: Any, make_module: Any, make_batches: Any
) -> None:
    """From then on the optimizer steps it, too, as a loop over all parameters does."""
    module = make_module()
    module[0].requires_grad_(requires_grad=False)
    before = first_of(module).detach().clone()

    def partly(m: torch.nn.Module, _: Any, n_calls: int) -> None:
        m[0].requires_grad_(n_calls > 3)  # type: ignore[index]

    meddler = Meddler("on_batch_begin", partly)
    run = make_run(module=module, callbacks=[meddler], optimizer={"name": "adam"})
    batches = make_batches()
    run.begin(batches, None)
    for _ in range(2):
        run.advance(batches, None)
    assert not torch.equal(first_of(module), before)
    meddler.module[0].requires_grad_(requires_grad=False)
    expected = meddler.repeat(lambda m: torch.optim.Adam(m.parameters(), lr=0.1))
    for mine, other in zip(module.parameters(), expected.parameters(), strict=True):
        np.testing.assert_allclose(mine.detach(), other.detach(), rtol=1e-9)


def test_state_that_a_callback_loads_is_the_one_gone_on_from() -> None:
    """A callback may turn the optimizer back, as after a bad step."""
    kept: list[Any] = []

    def turn_back(_: Any, optimizer: torch.optim.Optimizer, n_calls: int) -> None:
        if n_calls == 3:
            kept.append(copy.deepcopy(optimizer.state_dict()))
        if n_calls == 6:
            optimizer.load_state_dict(kept[0])
            kept.clear()

    meddler = Meddler("on_batch_begin", turn_back)
    model = regressor(callbacks=[meddler]).fit(ROWS, NUMBERS)
    expected = meddler.repeat(lambda m: torch.optim.Adam(m.parameters(), lr=RATE))
    assert_alike(model, expected)


@pytest.mark.parametrize(
    "name", ["weight_decay", "maximize", "amsgrad", "betas", "lr", "eps"]
)
def test_argument_that_a_callback_changes_is_the_one_stepped_with(name: str) -> None:
    """Groups of an optimizer are there to be changed."""
    values: dict[str, Any] = {
        "weight_decay": 0.1,
        "maximize": True,
        "amsgrad": True,
        "betas": (0.5, 0.6),
        "lr": 0.2,
        "eps": 0.1,
    }

    def change(_: Any, optimizer: torch.optim.Optimizer, n_calls: int) -> None:
        optimizer.param_groups[0][name] = values[name]

    # From the first step on where the state depends on it.
    hook = "on_batch_begin" if name == "amsgrad" else "on_batch_end"
    meddler = Meddler(hook, change)
    model = regressor(callbacks=[meddler]).fit(ROWS, NUMBERS)
    expected = meddler.repeat(lambda m: torch.optim.Adam(m.parameters(), lr=RATE))
    assert_alike(model, expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("hook", ["on_batch_begin", "on_batch_end", "on_epoch_end"])
def test_meddling_between_steps_is_nothing_in_half_precision(
    make_run: Any, make_module: Any, make_batches: Any, dtype: torch.dtype, hook: str
) -> None:
    """Gradients that are forgotten there are made anew by the next batch."""
    weights = []
    for action in (lambda *_: None, ACTIONS["optimizer forgets"]):
        module = make_module(dtype=torch.float32)
        run = make_run(
            module=module, callbacks=[Meddler(hook, action)], autocast_dtype=dtype
        )
        batches = make_batches(dtype=torch.float32)
        run.begin(batches, None)
        for _ in range(3):
            run.advance(batches, None)
        weights.append(run.stepper.flat.snapshot())
    assert torch.equal(*weights)
    untrained = make_run(module=make_module(dtype=torch.float32)).stepper.flat
    assert not torch.equal(weights[0], untrained.snapshot())
