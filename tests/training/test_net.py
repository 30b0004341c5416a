"""Tests of the skorch net: its epochs, its history, its errors and its pickles."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
import skorch
import torch
from skorch.callbacks import Callback
from torch import nn

from skdeep.exceptions import DivergenceError, NetworkError
from skdeep.training import EpochHooks, train

NO_STEP = {"learning_rate": 0.0}


class Fragile(nn.Module):
    """A linear map that fails as a foreign module would, at batches of one size."""

    def __init__(self, inner: nn.Module, size: int, error: type[Exception]) -> None:
        super().__init__()
        self.inner = inner
        self.size = size
        self.error = error

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Map rows, or raise."""
        if len(X) == self.size:
            if self.error is RuntimeError:
                return X @ X
            raise self.error("out of order")
        output: torch.Tensor = self.inner(X)
        return output


def fit(run: Any, batches: Any, valid: Any = None, **hooks: Any) -> Any:
    """Train a run to its end."""
    return train(run, batches, valid, EpochHooks(**hooks))


def half_squares(module: nn.Module, batches: Any) -> float:
    """Compute the weighted mean of half the squared errors over all rows at once."""
    rows = list(batches)
    with torch.no_grad():
        output = module(torch.cat([batch.X for batch in rows]))
    y = torch.cat([batch.y for batch in rows])
    losses = (0.5 * (output - y) ** 2).sum(dim=1).numpy()
    if rows[0].weight is None:
        return float(losses.mean())
    return float((losses * torch.cat([batch.weight for batch in rows]).numpy()).mean())


def test_net_is_a_skorch_net(make_run: Any) -> None:
    """Whatever skorch's users do with a net can be done with this one."""
    net = make_run().net
    assert isinstance(net, skorch.NeuralNet)
    assert net.initialized_
    assert "Sequential" in repr(net)


def test_training_is_silent(make_run: Any, make_batches: Any, capsys: Any) -> None:
    """skorch's table of epochs is not printed, with callbacks or without."""
    for callbacks in (None, [skorch.callbacks.PrintLog()]):
        fit(make_run(callbacks=callbacks), make_batches(), make_batches(seed=1))
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_are_means_over_rows(
    make_run: Any, make_batches: Any, weighted: bool
) -> None:
    """Batches of any size weigh by their rows, and the penalty is added once."""
    batches = make_batches(27, 8, weighted=weighted)
    valid = make_batches(10, 4, seed=1, weighted=weighted)
    run = make_run(optimizer=NO_STEP, l2=0.5, max_epochs=2)
    module = run.net.module_
    weights = sum(
        float((p.detach() ** 2).sum()) for p in module.parameters() if p.ndim == 2
    )
    expected = half_squares(module, batches)
    trained = fit(run, batches, valid)
    history = trained.history
    np.testing.assert_allclose(history["train_loss"], expected + weights / 4)
    np.testing.assert_allclose(history["valid_loss"], half_squares(module, valid))


def test_history_has_one_row_an_epoch(make_run: Any, make_batches: Any) -> None:
    """Columns, their order and their values follow the epochs."""
    trained = fit(make_run(lr_schedule="step", max_epochs=4), make_batches())
    history = trained.history
    assert list(history) == ["epoch", "train_loss", "learning_rate", "duration"]
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    np.testing.assert_allclose(history["learning_rate"], [0.1, 0.1, 0.01, 1e-3])
    assert (np.diff(history["train_loss"]) < 0).all()
    assert (history["duration"] > 0).all()
    assert len(trained.net.history) == 4
    assert trained.net.history[:, "train_loss"] == history["train_loss"].tolist()


def test_best_epochs_are_marked(
    make_run: Any, make_batches: Any, scripted: Any
) -> None:
    """An epoch is marked where its loss is below all before it."""
    script = dict(enumerate([4.0, 9.0, 3.0, 9.0, 3.0, 8.0, 5.0, 1.0], start=1))
    run = make_run(loss=scripted(script), max_epochs=4)
    net = fit(run, make_batches(8, 8), make_batches(8, 8)).net
    assert net.history[:, "train_loss"] == [4, 3, 3, 5]
    assert net.history[:, "train_loss_best"] == [True, True, False, False]
    assert net.history[:, "valid_loss_best"] == [True, False, True, True]


def test_module_trains_in_training_mode_and_is_watched_in_evaluation(
    make_run: Any, make_batches: Any, make_module: Any
) -> None:
    """Modes change once an epoch, and the trained network is left to predict."""
    modes: list[bool] = []
    module = make_module()
    module[1].register_forward_hook(lambda part, *_: modes.append(part.training))
    trained = fit(
        make_run(module=module, max_epochs=2), make_batches(16), make_batches(16)
    )
    assert modes == 2 * [True, True, False, False]
    assert not trained.net.module_.training


def test_validation_takes_no_gradient(make_run: Any, make_batches: Any) -> None:
    """Rows that are held out leave no trace in the weights."""
    with_valid = make_run()
    without = make_run()
    batches = make_batches()
    fit(with_valid, batches, make_batches(seed=1))
    fit(without, batches)
    for mine, other in zip(
        with_valid.net.module_.parameters(),
        without.net.module_.parameters(),
        strict=True,
    ):
        assert torch.equal(mine, other)


def test_batch_norm_statistics_come_from_training_rows_only(
    make_run: Any, make_batches: Any, make_module: Any
) -> None:
    """The number of batches tracked counts training batches."""
    module = make_module((3, 4, 1), norm=True)
    fit(make_run(module=module, max_epochs=3), make_batches(), make_batches(seed=1))
    assert module[1].num_batches_tracked == 3 * 3


@pytest.mark.parametrize(
    ("loss", "shown"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "-inf")]
)
def test_loss_that_is_no_number_raises_with_its_place(
    make_run: Any, make_batches: Any, scripted: Any, loss: float, shown: str
) -> None:
    """The second batch of the second of epochs of three batches."""
    run = make_run(loss=scripted({5: loss}))
    with pytest.raises(DivergenceError, match=f"Model diverged to {shown}") as caught:
        fit(run, make_batches())
    assert (caught.value.epoch, caught.value.batch) == (2, 2)
    assert caught.value.learning_rate == 0.1


def test_loss_that_explodes_raises(make_run: Any, make_batches: Any) -> None:
    """A rate far too large is caught while the loss is still a number."""
    run = make_run(optimizer={"learning_rate": 50.0}, max_epochs=100)
    with pytest.raises(DivergenceError, match="Lower learning_rate") as caught:
        fit(run, make_batches())
    assert math.isfinite(caught.value.loss)
    assert caught.value.loss > 1e8
    assert caught.value.epoch < 10


def test_large_loss_that_falls_is_no_divergence(
    make_run: Any, make_batches: Any, scripted: Any
) -> None:
    """Only growth over the first batch counts, not the units of the target."""
    run = make_run(loss=scripted({1: 1e30, 2: 1e30, 3: 1e29}), max_epochs=1)
    assert fit(run, make_batches()).n_epochs == 1


def test_validation_loss_may_be_no_number(
    make_run: Any, make_batches: Any, scripted: Any
) -> None:
    """What is only watched ends nothing."""
    run = make_run(loss=scripted({2: math.nan}), max_epochs=2)
    trained = fit(run, make_batches(8, 8), make_batches(8, 8))
    assert math.isnan(trained.history["valid_loss"][0])


def test_validation_loss_that_decides_must_be_a_number(
    make_run: Any, make_batches: Any, scripted: Any
) -> None:
    """By NaN no epoch is better than another."""
    stopping = {"monitor": "valid_loss"}
    run = make_run(loss=scripted({2: math.nan}), max_epochs=2, stopping=stopping)
    with pytest.raises(DivergenceError, match=r"validation loss of .* is nan in epoch"):
        fit(run, make_batches(8, 8), make_batches(8, 8))


def test_exploding_penalty_raises(make_run: Any, make_batches: Any) -> None:
    """An infinite objective is caught at the end of the epoch."""
    run = make_run(optimizer=NO_STEP, l2=4e307)
    with pytest.raises(DivergenceError, match="diverged to inf in epoch 1, batch 3"):
        fit(run, make_batches())


@pytest.mark.parametrize("where", ["training", "validation"])
@pytest.mark.parametrize(
    "error", [RuntimeError, TypeError, IndexError, KeyError, AttributeError]
)
def test_error_of_a_network_says_where(
    make_run: Any,
    make_batches: Any,
    make_module: Any,
    where: str,
    error: type[Exception],
) -> None:
    """The second batch, of five rows, is the one that a foreign module cannot take."""
    fragile = Fragile(make_module(), 5, error)
    whole, broken = make_batches(16), make_batches(13)
    data = (broken, None) if where == "training" else (whole, broken)
    with pytest.raises(NetworkError, match="network of Model failed") as caught:
        fit(make_run(module=fragile), *data)
    told = caught.value
    assert (told.epoch, told.batch) == (1, 2)
    assert told.shapes == {"X": (5, 3), "y": (5, 1)}
    assert told.device == "cpu"
    assert isinstance(told.__cause__, error)
    assert told.reason == str(told.__cause__)


def test_sentence_of_a_loss_passes_as_it_is(
    make_run: Any, make_batches: Any, make_module: Any
) -> None:
    """A ValueError says what is wrong with the data already."""
    fragile = Fragile(make_module(), 8, ValueError)
    with pytest.raises(ValueError, match=r"^out of order$"):
        fit(make_run(module=fragile), make_batches())


def test_pickle_brings_network_and_history_back(
    make_run: Any, make_batches: Any
) -> None:
    """Every figure of every epoch and every weight survives, and it predicts."""
    net = fit(make_run(max_epochs=3), make_batches(), make_batches(seed=1)).net
    again = pickle.loads(pickle.dumps(net))
    assert isinstance(again, skorch.NeuralNet)
    rows = [{k: v for k, v in row.items() if k != "batches"} for row in net.history]
    restored = [
        {k: v for k, v in row.items() if k != "batches"} for row in again.history
    ]
    assert restored == rows
    assert [type(v) for v in restored[0].values()] == [
        type(v) for v in rows[0].values()
    ]
    X = torch.from_numpy(np.random.default_rng(0).standard_normal((5, 3)))
    assert torch.equal(again.module_(X), net.module_(X))
    assert again.module is again.module_


def test_pickle_of_an_untrained_net_is_empty_of_history(make_run: Any) -> None:
    """Nothing trained, nothing told."""
    again = pickle.loads(pickle.dumps(make_run().net))
    assert list(again.history) == []


class Diarist(Callback):
    """A callback that writes all kinds of things into the history."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write lists of other lengths, text, and something in one epoch only."""
        epoch = len(net.history)
        net.history.record("norms", [1.0] * epoch)
        net.history.record("note", f"epoch {epoch}")
        net.history.record("big", 2**62)
        if epoch == 2:
            net.history.record("rare", 7)


def test_pickle_keeps_what_callbacks_wrote(make_run: Any, make_batches: Any) -> None:
    """Values need not be numbers, nor stand in every epoch."""
    net = fit(make_run(callbacks=[Diarist()], max_epochs=3), make_batches()).net
    again = pickle.loads(pickle.dumps(net))
    assert again.history[:, "norms"] == [[1.0], [1.0, 1.0], [1.0, 1.0, 1.0]]
    assert again.history[:, "note"] == ["epoch 1", "epoch 2", "epoch 3"]
    assert again.history[:, "big"] == [2**62] * 3
    assert ["rare" in row for row in again.history] == [False, True, False]


def test_pickle_is_small(make_run: Any, make_batches: Any, make_module: Any) -> None:
    """Weights once, and some thousand bytes: no optimizer, no gradient, no data."""
    module = make_module((3, 200, 100, 1), dtype=torch.float32)
    n_bytes = sum(p.numel() * p.element_size() for p in module.parameters())
    run = make_run(module=module, optimizer={"name": "adam"}, max_epochs=20)
    net = fit(run, make_batches(80, dtype=torch.float32)).net
    assert len(pickle.dumps(net)) < 1.1 * n_bytes + 10_000


def test_released_net_holds_on_to_nothing(make_run: Any, make_batches: Any) -> None:
    """Only what predicts is left: parameters of their own memory, no gradients."""
    net = fit(make_run(weight_averaging="ema"), make_batches()).net
    for parameter in net.module_.parameters():
        n_bytes = parameter.untyped_storage().nbytes()
        assert n_bytes == parameter.numel() * parameter.element_size()
        assert parameter.grad is None
    names = vars(net)
    assert "_stepper" not in names
    assert "optimizer_" not in names


def test_copy_of_a_net_is_independent(make_run: Any, make_batches: Any) -> None:
    """A deep copy predicts alike and shares nothing."""
    net = fit(make_run(), make_batches()).net
    twin = copy.deepcopy(net)
    X = torch.ones((2, 3), dtype=torch.float64)
    before = net.module_(X)
    assert torch.equal(twin.module_(X), before)
    with torch.no_grad():
        next(twin.module_.parameters()).add_(1.0)
    assert torch.equal(net.module_(X), before)


def test_skorch_predicts_from_arrays(make_run: Any, make_batches: Any) -> None:
    """Outside of training the net takes what skorch's nets take."""
    net = fit(make_run(), make_batches()).net
    X = np.random.default_rng(0).standard_normal((30, 3))
    # skorch's loader draws from the global generator, even to predict.
    with torch.random.fork_rng(devices=[]):
        predicted = net.predict(X)
    with torch.no_grad():
        expected = net.module_(torch.from_numpy(X))
    np.testing.assert_allclose(predicted, expected, rtol=1e-12)
