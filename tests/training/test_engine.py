"""Tests of the only door to the engine."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from skdeep.exceptions import DivergenceError
from skdeep.training import EpochHooks, run_through, stepwise, train


def weights_of(run: Any) -> torch.Tensor:
    """Return all parameters of a run's module, in the module's order."""
    parameters = run.net.module_.parameters()
    return torch.cat([p.detach().clone().reshape(-1) for p in parameters])


def keeper(kept: list[Any], look: Callable[[], Any]) -> Callable[[Any], bool]:
    """Return a hook that keeps what it sees at the end of every epoch."""

    def end(_task: Any) -> bool:
        kept.append(look())
        return False

    return end


def test_training_runs_to_its_last_epoch(make_run: Any, make_batches: Any) -> None:
    """Without a reason to stop all epochs are run; the module is trained in place."""
    run = make_run(max_epochs=7)
    module, before = run.net.module_, weights_of(run)
    trained = train(run, make_batches(), None, EpochHooks())
    assert trained.n_epochs == 7
    assert trained.net.module_ is module
    assert not torch.equal(weights_of(trained), before)
    assert trained.state == {}


def test_steps_pause_between_epochs(make_run: Any, make_batches: Any) -> None:
    """And hand out what the hooks say; their end is that of a training in one go."""
    run = make_run(max_epochs=4, third_party_seed=1)
    steps = stepwise(run, make_batches(), None, EpochHooks(pause="here"))
    assert [next(steps) for _ in range(3)] == ["here"] * 3
    assert run.epoch == 3
    trained = run_through(steps)
    whole = train(make_run(max_epochs=4), make_batches(), None, EpochHooks())
    assert trained.n_epochs == 4
    assert torch.equal(weights_of(trained), weights_of(whole))


def test_settled_weights_are_lent(make_run: Any, make_batches: Any) -> None:
    """They are those that training would end with; then it goes on from its own."""
    run = make_run(max_epochs=3, weight_averaging="ema")
    steps = stepwise(run, make_batches(), None, EpochHooks())
    next(steps)
    own = weights_of(run)
    with run.settled():
        lent = weights_of(run)
        assert not run.net.module_.training
    assert torch.equal(weights_of(run), own)
    assert not torch.equal(lent, own)
    short = make_run(max_epochs=1, weight_averaging="ema")
    ended = train(short, make_batches(), None, EpochHooks())
    assert torch.equal(lent, weights_of(ended))


def test_descent_equals_a_loop_by_hand(
    make_run: Any, make_batches: Any, make_module: Any
) -> None:
    """Gradient descent on shuffled, weighted batches is that of a plain torch loop."""
    trained = train(
        make_run(max_epochs=3),
        make_batches(21, 8, shuffled=True, weighted=True),
        None,
        EpochHooks(),
    )
    module = make_module()
    rows = make_batches(21, 8, shuffled=True, weighted=True)
    for _ in range(3):
        for batch in rows:
            module.zero_grad()
            losses = 0.5 * (module(batch.X) - batch.y).square().sum(dim=1)
            (losses * batch.weight).mean().backward()
            with torch.no_grad():
                for parameter in module.parameters():
                    parameter.sub_(0.1 * parameter.grad)
    for mine, other in zip(
        trained.net.module_.parameters(), module.parameters(), strict=True
    ):
        np.testing.assert_allclose(mine.detach(), other.detach(), rtol=1e-11)


def test_hooks_are_called_around_every_epoch(make_run: Any, make_batches: Any) -> None:
    """Begin, score and end follow one another, and the task goes from first to last."""
    calls: list[Any] = []

    def begin() -> str:
        calls.append("begin")
        return f"task {len(calls)}"

    def score() -> float:
        calls.append("score")
        return float(len(calls))

    def end(task: str) -> bool:
        calls.append(task)
        return False

    hooks = EpochHooks(score=score, begin=begin, end=end)
    trained = train(make_run(max_epochs=2), make_batches(), make_batches(), hooks)
    assert calls == ["begin", "score", "task 1", "begin", "score", "task 4"]
    assert trained.history["valid_score"].tolist() == [2.0, 5.0]


def test_hook_can_end_the_training(make_run: Any, make_batches: Any) -> None:
    """True from the end of an epoch makes it the last."""
    ends = iter([False, True])
    hooks = EpochHooks(end=lambda _task: next(ends))
    assert train(make_run(), make_batches(), None, hooks).n_epochs == 2


def test_last_epoch_is_closed_though_the_plan_stops(
    make_run: Any, make_batches: Any
) -> None:
    """A task that was begun is ended, whoever stops the training."""
    ended: list[int] = []
    hooks = EpochHooks(begin=lambda: 1, end=keeper(ended, lambda: 1))
    run = make_run(stopping={"tol": 1e9, "n_iter_no_change": 1}, max_epochs=50)
    trained = train(run, make_batches(), None, hooks)
    assert trained.n_epochs == 3
    assert len(ended) == 3


@pytest.mark.parametrize("monitor", ["valid_loss", "valid_score"])
def test_best_epoch_is_restored(
    make_run: Any, make_batches: Any, make_module: Any, monitor: str
) -> None:
    """Under early stopping the weights and buffers of the best epoch are left."""
    scores = [0.2, 0.9, 0.1, 0.3, 0.3, 0.3]
    module = make_module((3, 4, 1), norm=True)
    run = make_run(
        module=module,
        stopping={
            "monitor": monitor,
            "restore_best": True,
            "tol": 0.0,
            "n_iter_no_change": 3,
        },
        optimizer={"learning_rate": 0.5},
        max_epochs=40,
    )
    states: list[Any] = []

    def score() -> float:
        assert not module.training
        states.append(copy.deepcopy(module.state_dict()))
        return scores[min(len(states), len(scores)) - 1]

    trained = train(run, make_batches(), make_batches(seed=9), EpochHooks(score=score))
    if monitor == "valid_score":
        assert (trained.best_epoch, trained.n_epochs) == (2, 6)
    else:
        assert trained.best_epoch == np.argmin(trained.history["valid_loss"]) + 1
    best = trained.best_epoch
    assert best < trained.n_epochs
    for name, value in module.state_dict().items():
        assert torch.equal(value, states[best - 1][name]), name


def test_without_early_stopping_the_last_weights_stay(
    make_run: Any, make_batches: Any
) -> None:
    """A validation set alone is only watched."""
    run = make_run()
    last: list[torch.Tensor] = []
    hooks = EpochHooks(end=keeper(last, lambda: weights_of(run)))
    trained = train(run, make_batches(), make_batches(seed=1), hooks)
    assert torch.equal(weights_of(trained), last[-1])


def test_swa_leaves_the_mean_of_the_last_epochs(
    make_run: Any, make_batches: Any
) -> None:
    """Of eight epochs the seventh and the eighth are averaged."""
    run = make_run(weight_averaging="swa", max_epochs=8)
    seen: list[torch.Tensor] = []
    hooks = EpochHooks(end=keeper(seen, lambda: weights_of(run)))
    trained = train(run, make_batches(), None, hooks)
    expected = (seen[6] + seen[7]) / 2
    np.testing.assert_allclose(weights_of(trained), expected, rtol=1e-13)


class StepWeights(Callback):
    """Keep the weights after every step."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_batch_end(self, net: Any, training: bool = True, **kwargs: Any) -> None:
        """Copy the weights."""
        if training:
            parameters = net.module_.parameters()
            self.seen.append(
                torch.cat([p.detach().clone().reshape(-1) for p in parameters]).numpy()
            )


def test_ema_leaves_the_moving_average_of_all_steps(
    make_run: Any, make_batches: Any
) -> None:
    """The result, and what is scored on the way, is the average made by hand."""
    run = make_run(weight_averaging="ema", callbacks=[StepWeights()], max_epochs=4)
    scored: list[torch.Tensor] = []

    def score() -> float:
        scored.append(weights_of(run))
        return 0.0

    trained = train(run, make_batches(), make_batches(), EpochHooks(score=score))
    steps = trained.net.callbacks_[0][1].seen
    assert len(steps) == 12
    average, averages = steps[0], [steps[0]]
    for t, step in enumerate(steps[1:], start=1):
        decay = (1 + t) / (10 + t)
        average = decay * average + (1 - decay) * step
        averages.append(average)
    np.testing.assert_allclose(weights_of(trained), averages[-1], rtol=1e-12)
    np.testing.assert_allclose(scored[1], averages[5], rtol=1e-12)


def test_validation_loss_is_that_of_the_average(
    make_run: Any, make_batches: Any
) -> None:
    """The last validation loss is the loss of the network that is left."""
    valid = make_batches(8, 8, seed=1)
    trained = train(
        make_run(weight_averaging="ema"), make_batches(), valid, EpochHooks()
    )
    (batch,) = valid
    with torch.no_grad():
        errors = trained.net.module_(batch.X) - batch.y
    expected = 0.5 * float(errors.square().mean())
    assert trained.history["valid_loss"][-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_state_continues_exactly(
    make_run: Any, make_batches: Any, make_module: Any, name: str
) -> None:
    """One epoch and another are two epochs, bit for bit."""
    plan = {"optimizer": {"name": name, "learning_rate": 0.01, "momentum": 0.9}}
    batches = make_batches()
    whole = train(make_run(**plan, max_epochs=2), batches, None, EpochHooks())
    first = train(
        make_run(**plan, max_epochs=1), batches, None, EpochHooks(), keep_state=True
    )
    module = copy.deepcopy(first.net.module_)
    again = make_run(**plan, max_epochs=1, module=module, state=first.state)
    second = train(again, batches, None, EpochHooks(), keep_state=True)
    assert torch.equal(weights_of(second), weights_of(whole))
    assert second.state["steps_done"] == 6


def test_state_is_a_copy(make_run: Any, make_batches: Any) -> None:
    """Going on from a state twice gives the same twice."""
    plan = {"optimizer": {"name": "adam"}, "max_epochs": 1}
    first = train(make_run(**plan), make_batches(), None, EpochHooks(), keep_state=True)
    runs = []
    for _ in range(2):
        module = copy.deepcopy(first.net.module_)
        run = make_run(**plan, module=module, state=first.state)
        runs.append(train(run, make_batches(), None, EpochHooks()))
    assert torch.equal(weights_of(runs[0]), weights_of(runs[1]))


class RootLoss(nn.Module):
    """A finite loss whose gradient is not."""

    def forward(self, output: Any, y: Any, weight: Any) -> torch.Tensor:
        """Return the root of zero."""
        return (output * 0).abs().sqrt().mean()


def test_weights_that_are_no_numbers_raise(make_run: Any, make_batches: Any) -> None:
    """The last step may break the weights, and no later loss would tell."""
    run = make_run(loss=RootLoss(), max_epochs=1)
    with pytest.raises(DivergenceError, match="diverged to nan in epoch 1, batch 1"):
        train(run, make_batches(8, 8), None, EpochHooks())


class GlobalNoise(nn.Module):
    """A foreign layer that draws from torch's global generator."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Add noise in training."""
        return X + torch.rand(X.shape, dtype=X.dtype) if self.training else X


def test_foreign_randomness_is_seeded_and_put_back(
    make_run: Any, make_batches: Any, make_module: Any
) -> None:
    """The same seed gives the same bits, and the global state is as it was."""
    results = []
    before = torch.random.get_rng_state()
    for seed in (1, 1, 2):
        module = nn.Sequential(GlobalNoise(), make_module())
        run = make_run(module=module, third_party_seed=seed)
        train(run, make_batches(), None, EpochHooks())
        results.append(weights_of(run))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("average", [None, "ema", "swa"])
@pytest.mark.parametrize("restore", [False, True])
def test_snapshot_is_what_training_would_leave(
    make_run: Any, make_batches: Any, make_module: Any, average: Any, restore: bool
) -> None:
    """At the end of each epoch it is the network of a training that ends there."""
    plan = {
        "weight_averaging": average,
        "stopping": {"monitor": "valid_loss", "restore_best": restore},
        "optimizer": {"learning_rate": 0.5},
        "max_epochs": 6,
    }

    def result(watched: list[Any] | None, n_epochs: int = 6) -> Any:
        run = make_run(module=make_module((3, 4, 1), norm=True), **plan)
        ends = iter([*[False] * (n_epochs - 1), True])

        def end(_task: Any) -> bool:
            if watched is not None:
                watched.append(run.snapshot())
            return next(ends)

        return train(run, make_batches(), make_batches(seed=9), EpochHooks(end=end))

    snapshots: list[Any] = []
    last = result(snapshots)
    undisturbed = result(None)
    for taken, n_epochs in ((snapshots[2], 3), (snapshots[5], 6)):
        expected = result(None, n_epochs)
        assert taken.n_epochs == n_epochs
        assert taken.best_epoch == expected.best_epoch
        assert taken.history["train_loss"].tolist() == (
            expected.history["train_loss"].tolist()
        )
        state = expected.net.module_.state_dict()
        for name, value in taken.net.module_.state_dict().items():
            assert torch.equal(value, state[name]), name
        assert not taken.net.module_.training
    for name, value in last.net.module_.state_dict().items():
        assert torch.equal(value, undisturbed.net.module_.state_dict()[name]), name


def test_snapshot_is_independent_and_small(make_run: Any, make_batches: Any) -> None:
    """It holds no optimizer and no views, and does not follow the training."""
    taken: list[Any] = []
    run = make_run(optimizer={"name": "adam"})
    hooks = EpochHooks(end=keeper(taken, run.snapshot))
    train(run, make_batches(), None, hooks)
    assert not torch.equal(weights_of(taken[0]), weights_of(taken[-1]))
    net = taken[0].net
    assert len(net.history) == 1
    assert "optimizer_" not in vars(net)
    assert "_stepper" not in vars(net)
    for parameter in net.module_.parameters():
        n_bytes = parameter.untyped_storage().nbytes()
        assert n_bytes == parameter.numel() * parameter.element_size()
    state = pickle.loads(pickle.dumps(net)).module_.state_dict()
    for name, value in net.module_.state_dict().items():
        assert torch.equal(value, state[name])
