"""Tests of skorch's callbacks that keep or change what is trained."""

from __future__ import annotations

import copy
import json
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    GradientNormClipping,
    LRScheduler,
    TrainEndCheckpoint,
)

from skdeep.training import EpochHooks, train

# Every second call of the loss is a validation: the second of four is the best.
SECOND_OF_FOUR = {2: 5.0, 4: 1.0, 6: 3.0, 8: 4.0}


class EpochRecorder(Callback):
    """Keep the weights after every epoch."""

    def __init__(self) -> None:
        self.weights: list[Any] = []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Copy the weights."""
        self.weights.append(copy.deepcopy(net.module_.state_dict()))


def fit(run: Any, batches: Any, valid: Any = None) -> Any:
    """Train a run to its end."""
    return train(run, batches, valid, EpochHooks())


def callback_of(trained: Any) -> Any:
    """Return the net's copy of the only callback."""
    ((_, callback),) = trained.net.callbacks_
    return callback


def test_early_stopping_loads_the_best_weights(
    make_run: Any, make_batches: Any, scripted: Any
) -> None:
    """What skorch writes back goes through the flat buffer into the result."""
    run = make_run(
        loss=scripted(SECOND_OF_FOUR),
        callbacks=[EpochRecorder(), EarlyStopping(patience=2, load_best=True)],
        max_epochs=30,
    )
    trained = fit(run, make_batches(8), make_batches(8))
    assert trained.n_epochs == 4
    weights = trained.net.callbacks_[0][1].weights
    expected = weights[1]
    assert not torch.equal(weights[-1]["0.weight"], expected["0.weight"])
    for name, value in trained.net.module_.state_dict().items():
        assert torch.equal(value, expected[name])


def test_lr_scheduler_changes_the_rate(make_run: Any, make_batches: Any) -> None:
    """skorch's schedule is followed, recorded, and leaves no optimizer behind."""
    scheduler = LRScheduler("StepLR", step_size=2, gamma=0.1)
    run = make_run(callbacks=[scheduler], optimizer={"name": "adam"}, max_epochs=5)
    trained = fit(run, make_batches())
    expected = [0.1, 0.1, 0.01, 0.01, 0.001]
    np.testing.assert_allclose(trained.history["learning_rate"], expected, rtol=1e-6)
    np.testing.assert_allclose(trained.net.history[:, "event_lr"], expected)
    assert callback_of(trained).lr_scheduler_ is None


def test_lr_scheduler_acts_on_the_steps(make_run: Any, make_batches: Any) -> None:
    """A rate that falls to nothing leaves the weights alone from then on."""
    scheduler = LRScheduler("StepLR", step_size=2, gamma=0.0)
    run = make_run(callbacks=[EpochRecorder(), scheduler], optimizer={"name": "adam"})
    weights = fit(run, make_batches()).net.callbacks_[0][1].weights
    moved = [
        not torch.equal(before["0.weight"], after["0.weight"])
        for before, after in pairwise(weights)
    ]
    assert moved == [True, False, False, False]


def test_lr_scheduler_can_step_at_batches(make_run: Any, make_batches: Any) -> None:
    """The one-cycle policy changes the rate at every one of nine batches."""
    scheduler = LRScheduler(
        torch.optim.lr_scheduler.OneCycleLR,
        max_lr=0.5,
        total_steps=9,
        cycle_momentum=False,
        step_every="batch",
    )
    policy = scheduler.simulate(9, 0.02)
    run = make_run(callbacks=[scheduler], optimizer={"name": "adam"}, max_epochs=3)
    net = fit(run, make_batches()).net
    rates = [batch["event_lr"] for row in net.history for batch in row["batches"]]
    assert len(rates) == 9
    assert rates == pytest.approx(policy.tolist())


def test_lr_scheduler_works_in_a_continued_training(
    make_run: Any, make_batches: Any
) -> None:
    """torch wants an optimizer's step to be seen before a scheduler's."""
    callbacks = [LRScheduler("StepLR", step_size=1, gamma=0.5)]
    plan = {"optimizer": {"name": "adam"}, "max_epochs": 1, "callbacks": callbacks}
    first = train(make_run(**plan), make_batches(), None, EpochHooks(), keep_state=True)
    second = fit(make_run(**plan, state=first.state), make_batches())
    assert second.n_epochs == 1


@pytest.mark.parametrize("others", [[], [GradientNormClipping(1e9)]])
def test_checkpoint_saves_and_loads_the_best_epoch(
    make_run: Any,
    make_batches: Any,
    scripted: Any,
    tmp_path: Path,
    others: list[Any],
) -> None:
    """skorch's defaults find their figures, with and without hooks at batches."""
    checkpoint = Checkpoint(dirname=str(tmp_path), load_best=True)
    run = make_run(
        loss=scripted(SECOND_OF_FOUR),
        callbacks=[EpochRecorder(), *others, checkpoint],
        max_epochs=4,
    )
    trained = fit(run, make_batches(8), make_batches(8))
    expected = trained.net.callbacks_[0][1].weights[1]
    saved = torch.load(tmp_path / "params.pt", weights_only=True)
    for name, value in trained.net.module_.state_dict().items():
        assert torch.equal(value, expected[name])
        assert torch.equal(saved[name], expected[name])
    rows = json.loads((tmp_path / "history.json").read_text())
    assert [row["valid_loss"] for row in rows] == [5.0, 1.0]


def test_checkpoint_at_the_end_saves_the_final_weights(
    make_run: Any, make_batches: Any, tmp_path: Path
) -> None:
    """Averaged weights are in place by then."""
    callbacks = [TrainEndCheckpoint(dirname=str(tmp_path))]
    trained = fit(make_run(callbacks=callbacks, weight_averaging="ema"), make_batches())
    saved = torch.load(tmp_path / "train_end_params.pt", weights_only=True)
    for name, value in trained.net.module_.state_dict().items():
        assert torch.equal(saved[name], value)


def test_net_with_callbacks_pickles(make_run: Any, make_batches: Any) -> None:
    """What a callback learnt is in the pickle; optimizers are not."""
    callbacks = [
        EarlyStopping(patience=9, load_best=True),
        LRScheduler("StepLR", step_size=2),
    ]
    plan = {"optimizer": {"name": "adam"}}
    plain = fit(make_run(**plan), make_batches(), make_batches()).net
    net = fit(make_run(callbacks=callbacks, **plan), make_batches(), make_batches()).net
    again = pickle.loads(pickle.dumps(net))
    assert [name for name, _ in again.callbacks_] == [
        "EarlyStopping",
        "LRScheduler",
    ]
    assert again.history[:, "event_lr"] == net.history[:, "event_lr"]
    assert len(pickle.dumps(net)) < len(pickle.dumps(plain)) + 2500
