"""Tests of hooks in the net, and of skorch's callbacks that watch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    GradientNormClipping,
    ProgressBar,
)

from skdeep.exceptions import SkdeepError
from skdeep.training import EpochHooks, train


class Recorder(Callback):
    """Note every hook that is called."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.batches: list[tuple[bool, int]] = []
        self.losses: list[float] = []
        self.norms: list[float] = []

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kw: Any) -> None:
        """Note the beginning."""
        self.calls.append("train begin")

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kw: Any) -> None:
        """Note the end."""
        self.calls.append("train end")

    def on_epoch_begin(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kw: Any
    ) -> None:
        """Note an epoch and its data."""
        assert dataset_train is not None
        self.calls.append("epoch begin")

    def on_epoch_end(
        self, net: Any, dataset_train: Any = None, dataset_valid: Any = None, **kw: Any
    ) -> None:
        """Note the end of an epoch, whose figures are there already."""
        assert net.history[-1, "train_loss"] > 0
        self.calls.append("epoch end")

    def on_batch_begin(
        self, net: Any, batch: Any = None, training: bool | None = None, **kw: Any
    ) -> None:
        """Note a batch."""
        self.calls.append("batch begin")

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool | None = None, **kw: Any
    ) -> None:
        """Note what a batch led to."""
        X, y = batch
        assert len(X) == len(y) == len(kw["y_pred"])
        assert not kw["y_pred"].requires_grad
        self.calls.append("batch end")
        self.batches.append((bool(training), len(X)))
        self.losses.append(float(kw["loss"]))
        part = "train" if training else "valid"
        assert net.history[-1, "batches", -1, f"{part}_loss"] == self.losses[-1]
        assert net.history[-1, "batches", -1, f"{part}_batch_size"] == len(X)

    def on_grad_computed(
        self, net: Any, named_parameters: Any, batch: Any = None, **kw: Any
    ) -> None:
        """Note the gradient."""
        self.calls.append("gradient")
        grads = [parameter.grad for _, parameter in named_parameters]
        self.norms.append(float(sum((grad**2).sum() for grad in grads)) ** 0.5)


def fit(run: Any, batches: Any, valid: Any = None) -> Any:
    """Train a run to its end."""
    return train(run, batches, valid, EpochHooks())


def callback_of(trained: Any) -> Any:
    """Return the only callback of the net."""
    ((_, callback),) = trained.net.callbacks_
    return callback


def test_recorder_hears_everything_in_order(make_run: Any, make_batches: Any) -> None:
    """Two training batches and one of validation in each of two epochs."""
    run = make_run(callbacks=[Recorder()], max_epochs=2)
    recorder = callback_of(fit(run, make_batches(13), make_batches(6, seed=1)))
    step = ["batch begin", "gradient", "batch end"]
    epoch = ["epoch begin", *step, *step, "batch begin", "batch end", "epoch end"]
    assert recorder.calls == ["train begin", *epoch, *epoch, "train end"]
    assert recorder.batches == 2 * [(True, 8), (True, 5), (False, 6)]
    assert all(norm > 0 for norm in recorder.norms)


def test_listening_changes_nothing(make_run: Any, make_batches: Any) -> None:
    """A training that is listened to has the figures of one that is not."""
    plain = fit(make_run(l1=0.1), make_batches(), make_batches(seed=1)).history
    heard = fit(
        make_run(l1=0.1, callbacks=[Recorder()]), make_batches(), make_batches(seed=1)
    ).history
    for name in ("train_loss", "valid_loss"):
        np.testing.assert_array_equal(heard[name], plain[name])


def test_callbacks_of_epochs_do_not_cost_batches(
    make_run: Any, make_batches: Any
) -> None:
    """Only callbacks with a hook for batches are called at batches."""
    run = make_run(callbacks=[EpochTimer()])
    assert run.net._listeners == []
    net = fit(run, make_batches()).net
    assert [len(row["batches"]) for row in net.history] == [1] * 5


def test_callbacks_are_called_as_they_are(make_run: Any, make_batches: Any) -> None:
    """What gathers numbers has them in the object that was handed in."""
    mine = Recorder()
    trained = fit(make_run(callbacks=[mine]), make_batches())
    assert callback_of(trained) is mine
    assert mine.calls


@pytest.mark.parametrize("named", [False, True])
def test_callbacks_may_be_named(make_run: Any, make_batches: Any, named: bool) -> None:
    """skorch takes callbacks, or pairs of a name and a callback."""
    given = ("diary", Recorder()) if named else Recorder()
    trained = fit(make_run(callbacks=(given,)), make_batches())
    assert trained.net.callbacks_[0][0] == ("diary" if named else "Recorder")


def test_early_stopping_ends_the_training_without_an_error(
    make_run: Any, make_batches: Any
) -> None:
    """The epoch in which patience runs out is the last, and it is in the history."""
    patient = EarlyStopping(patience=3, threshold=1e9, threshold_mode="abs")
    trained = fit(
        make_run(callbacks=[patient], max_epochs=50), make_batches(), make_batches()
    )
    assert trained.n_epochs == 4
    assert len(trained.history["epoch"]) == 4
    assert callback_of(trained).misses_ == 3


def test_early_stopping_can_watch_the_training_loss(
    make_run: Any, make_batches: Any
) -> None:
    """No validation rows are needed for that."""
    patient = EarlyStopping(
        monitor="train_loss", patience=2, threshold=1e9, threshold_mode="abs"
    )
    assert fit(make_run(callbacks=[patient]), make_batches()).n_epochs == 3


class Interrupter(Callback):
    """Press Ctrl-C at a hook."""

    def __init__(self, hook: str, error: type[BaseException]) -> None:
        self.hook = hook
        self.error = error

    def _press(self, hook: str) -> None:
        if hook == self.hook:
            raise self.error(hook)

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Interrupt the beginning."""
        self._press("train begin")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Interrupt an epoch."""
        self._press("epoch end")

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """Interrupt a batch."""
        self._press("batch end")


@pytest.mark.parametrize("hook", ["train begin", "epoch end", "batch end"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, KeyError])
def test_error_of_a_callback_propagates_as_it_is(
    make_run: Any, make_batches: Any, hook: str, error: type[BaseException]
) -> None:
    """Neither Ctrl-C nor a callback's bug is swallowed or blamed on the network."""
    callbacks = [EarlyStopping(patience=1), Interrupter(hook, error)]
    with pytest.raises(error, match=hook) as caught:
        fit(make_run(callbacks=callbacks), make_batches(), make_batches())
    assert not isinstance(caught.value, SkdeepError)


def mean_square(net: Any, X: Any, y: Any) -> float:
    """Score predictions as a user's function does."""
    return float(np.mean((net.predict(X) - y) ** 2))


@pytest.mark.parametrize("on_train", [False, True])
@pytest.mark.parametrize("scoring", [mean_square, "neg_mean_squared_error"])
def test_epoch_scoring_by_function_and_by_name(
    make_run: Any, make_batches: Any, on_train: bool, scoring: Any
) -> None:
    """With weights that stand still the score is twice the loss of half squares."""
    named = isinstance(scoring, str)
    callback = EpochScoring(
        scoring, on_train=on_train, name="mse", lower_is_better=not named
    )
    run = make_run(callbacks=[callback], optimizer={"learning_rate": 0.0}, max_epochs=2)
    trained = fit(run, make_batches(13), make_batches(7, seed=1))
    loss = trained.history["train_loss" if on_train else "valid_loss"]
    scores = np.array(trained.net.history[:, "mse"])
    np.testing.assert_allclose(scores, (-2 if named else 2) * loss)
    assert trained.net.history[:, "mse_best"] == [True, False]


def test_epoch_scoring_by_lambda(make_run: Any, make_batches: Any) -> None:
    """A function without a name or a pickle is deep-copied all the same."""
    callback = EpochScoring(lambda net, X, y: float(len(y)), name="rows")
    trained = fit(make_run(callbacks=[callback]), make_batches(), make_batches(7))
    assert trained.net.history[:, "rows"] == [7.0] * 5


def test_batch_scoring_finds_its_batches(make_run: Any, make_batches: Any) -> None:
    """Scores of batches are averaged by their rows."""
    callback = BatchScoring(mean_square, name="mse")
    run = make_run(callbacks=[callback], optimizer={"learning_rate": 0.0})
    trained = fit(run, make_batches(), make_batches(10, 4, seed=1))
    np.testing.assert_allclose(
        trained.net.history[:, "mse"], 2 * trained.history["valid_loss"]
    )


def test_gradient_clipping_of_skorch_clips(make_run: Any, make_batches: Any) -> None:
    """What it does to the gradients is what the step uses."""
    ours = fit(make_run(max_grad_norm=0.01), make_batches())
    theirs = fit(make_run(callbacks=[GradientNormClipping(0.01)]), make_batches())
    for mine, other in zip(
        ours.net.module_.parameters(), theirs.net.module_.parameters(), strict=True
    ):
        np.testing.assert_allclose(mine.detach(), other.detach(), rtol=1e-5)


def test_progress_bar_of_skorch_counts_batches(
    make_run: Any, make_batches: Any, capsys: Any
) -> None:
    """It writes to the standard error, as tqdm does, and finds its figures."""
    callback = ProgressBar("count", detect_notebook=False)
    fit(make_run(callbacks=[callback], max_epochs=2), make_batches())
    out, err = capsys.readouterr()
    assert out == ""
    assert "0/3" in err
