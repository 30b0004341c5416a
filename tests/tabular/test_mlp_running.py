"""Tests of how perceptrons run: dtype, threads, devices, callbacks and output."""

import copy
import re

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler

from skdeep import MLPClassifier, MLPRegressor
from skdeep._devices import available_devices
from skdeep.exceptions import DeviceNotAvailableError


class Spy(Callback):
    """Hand what a function says of the net to another, at the end of each epoch."""

    def __init__(self, look, sink):
        self.look = look
        self.sink = sink

    def on_epoch_end(self, net, **kwargs):
        """Look."""
        self.sink(self.look(net))


class Counter(Callback):
    """Count the hooks that are called, on itself."""

    def __init__(self):
        self.calls = []

    def on_train_begin(self, net, **kwargs):
        """Note the call."""
        self.calls.append("train begins")

    def on_train_end(self, net, **kwargs):
        """Note the call."""
        self.calls.append("train ends")

    def on_epoch_begin(self, net, **kwargs):
        """Note the call."""
        self.calls.append("epoch begins")

    def on_epoch_end(self, net, **kwargs):
        """Note the call."""
        self.calls.append("epoch ends")

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        """Note the call."""
        self.calls.append("batch begins")

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        """Note the call."""
        self.calls.append("batch ends")

    def on_grad_computed(self, net, named_parameters=None, **kwargs):
        """Note the call, and that there are gradients."""
        found = all(p.grad is not None for _, p in named_parameters)
        self.calls.append(f"gradients {found}")


class Interrupt(Callback):
    """Press Ctrl-C in the second epoch."""

    def on_epoch_end(self, net, **kwargs):
        """Raise."""
        if len(net.history) == 2:
            raise KeyboardInterrupt


def _rows(n=40, dtype=np.float64):
    X = np.random.default_rng(0).normal(size=(n, 3)).astype(dtype)
    return X, X[:, 0] + X[:, 1] ** 2


def _model(**parameters):
    return MLPRegressor((5,), random_state=0).set_params(
        **{"max_epochs": 3, **parameters}
    )


@pytest.mark.parametrize(
    ("parameters", "of_X", "expected"),
    [
        ({}, np.float64, np.float64),
        ({}, np.float32, np.float32),
        ({}, np.int64, np.float64),
        ({"batch_size": 39}, np.float64, np.float32),
        ({"batch_size": 40}, np.float64, np.float64),
        ({"dtype": "float32"}, np.float64, np.float32),
        ({"dtype": "float64", "batch_size": 10}, np.float32, np.float64),
    ],
    ids=str,
)
def test_dtype_is_that_of_the_weights(parameters, of_X, expected):
    """By itself float64 only where X is and all rows fit in one batch."""
    X, y = _rows(dtype=of_X)
    model = _model(**parameters, device="cpu").fit(X, y)
    assert {a.dtype for a in [*model.coefs_, *model.intercepts_]} == {
        np.dtype(expected)
    }


def test_dtypes_train_the_same_network():
    """One seed draws the same weights, and rounding is all that differs."""
    X, y = _rows()
    double = _model(dtype="float64").fit(X, y).predict(X)
    single = _model(dtype="float32").fit(X, y).predict(X)
    assert 0 < np.abs(double - single).max() < 1e-4


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("dtype", "float16"),
        ("precision", "half"),
        ("n_threads", 0),
        ("compile", "yes"),
        ("callbacks", [1]),
        ("device", 3),
        ("verbose", -1),
    ],
)
def test_unsuitable_running_is_refused(parameter, value):
    """The sentence names the parameter."""
    X, y = _rows()
    with pytest.raises(ValueError, match=f"'{parameter}' parameter of MLPRegressor"):
        _model(**{parameter: value}).fit(X, y)


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")], ids=repr)
def test_device_is_where_the_network_is(device):
    """A name or a torch device; the fitted attribute is a string."""
    X, y = _rows()
    model = _model(device=device).fit(X, y)
    assert model.device_ == "cpu"
    assert {p.device.type for p in model.module_.parameters()} == {"cpu"}


def test_device_auto_is_the_fastest():
    """It is the first of those that are there."""
    X, y = _rows()
    assert _model(device="auto").fit(X, y).device_ == available_devices()[0]


@pytest.mark.parametrize("device", ["cuda:99", "mps:7", "abacus"])
def test_absent_device_is_refused(device):
    """The sentence says what there is."""
    X, y = _rows()
    with pytest.raises(DeviceNotAvailableError, match=r"device=.*cpu"):
        _model(device=device).fit(X, y)


@pytest.mark.gpu
def test_cuda_trains_the_network_of_the_cpu():
    """The same seed, up to the rounding of another device."""
    X, y = _rows()
    gpu = _model(device="cuda", precision="full", dtype="float32").fit(X, y)
    cpu = _model(device="cpu", dtype="float32").fit(X, y)
    assert gpu.device_ == "cuda:0"
    np.testing.assert_allclose(gpu.predict(X), cpu.predict(X), rtol=1e-3, atol=1e-4)


def test_precision_full_is_the_default_on_the_cpu():
    """There "auto" changes nothing."""
    X, y = _rows()
    auto = _model(device="cpu", dtype="float32").fit(X, y).predict(X)
    full = _model(device="cpu", dtype="float32", precision="full").fit(X, y)
    np.testing.assert_array_equal(full.predict(X), auto)


def test_precision_the_cpu_lacks_is_refused():
    """No CPU is asked to emulate half precision."""
    X, y = _rows()
    model = _model(device="cpu", dtype="float32", precision="float16")
    with pytest.raises(DeviceNotAvailableError, match="precision='float16' was asked"):
        model.fit(X, y)


def test_precision_bfloat16_rounds_the_steps_only(monkeypatch):
    """Weights stay float32 and come out close to those of full precision."""
    monkeypatch.setattr("skdeep._devices._cpu_has_bfloat16", lambda: True)
    X, y = _rows()
    model = _model(device="cpu", precision="bfloat16").fit(X, y)
    full = _model(device="cpu", dtype="float32").fit(X, y)
    assert model.coefs_[0].dtype == np.float32
    difference = np.abs(model.predict(X) - full.predict(X)).max()
    assert 1e-6 < difference < 0.1


@pytest.mark.parametrize(
    ("n_threads", "expected"), [(2, 2), (1, 1), ("auto", 1), (None, 3)]
)
def test_n_threads_is_torchs_during_the_fit_only(n_threads, expected):
    """Afterwards torch has the number it had before, also if the fit failed."""
    X, y = _rows()
    seen: list[int] = []
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    spy = Spy(lambda net: torch.get_num_threads(), seen.append)
    try:
        model = _model(n_threads=n_threads, callbacks=[spy]).fit(X, y)
        assert torch.get_num_threads() == 3
        with pytest.raises(KeyboardInterrupt):
            model.set_params(callbacks=[spy, Interrupt()]).fit(X, y)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert set(seen) == {expected}


def test_callbacks_are_called_in_order():
    """Every hook of skorch is served, for each epoch and each batch."""
    X, y = _rows()
    counter = Counter()
    model = _model(batch_size=20, max_epochs=2, callbacks=[counter]).fit(X, y)
    step = ["batch begins", "gradients True", "batch ends"]
    epoch = ["epoch begins", *step, *step, "epoch ends"]
    assert counter.calls == ["train begins", *epoch, *epoch, "train ends"]
    assert model.net_.callbacks_ == [("Counter", counter)]


def test_callbacks_do_not_change_the_training():
    """Who only watches leaves the bits as they are."""
    X, y = _rows()
    plain = _model(batch_size=8).fit(X, y).predict(X)
    watched = _model(batch_size=8, callbacks=[("spy", Counter())]).fit(X, y).predict(X)
    np.testing.assert_array_equal(plain, watched)


def test_early_stopping_of_skorch_ends_the_training():
    """Its patience counts, and the fit ends well."""
    X, y = _rows()
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=10.0, sink=id)
    model = _model(callbacks=[stop], max_epochs=20, tol=None)
    assert model.fit(X, y).n_iter_ == 3
    assert np.isfinite(model.predict(X)).all()


def test_scheduler_of_skorch_sets_the_rate():
    """The rate it sets is the one that is used and recorded."""
    X, y = _rows()
    schedule = LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1, gamma=0.1)
    model = _model(callbacks=[schedule], optimizer="sgd", learning_rate=0.1)
    model.set_params(momentum=0.0).fit(X, y)
    np.testing.assert_allclose(model.history_["learning_rate"], [0.1, 0.01, 0.001])
    by_hand = _model(optimizer="sgd", learning_rate=0.1, momentum=0.0, max_epochs=1)
    by_hand.set_params(warm_start=True).fit(X, y)
    for rate in (0.01, 0.001):
        by_hand.set_params(learning_rate=rate).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), by_hand.predict(X))


def test_interrupt_reaches_the_caller():
    """Ctrl-C ends the call, and the estimator is as before."""
    X, y = _rows()
    model = _model(callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not hasattr(model, "net_")


def test_scoring_callback_of_skorch_is_recorded_by_the_net():
    """Its column is in the net's history."""
    X, y = _rows()
    scoring = EpochScoring(_mean_output, name="mean_output", on_train=True)
    model = _model(callbacks=[scoring]).fit(X, y, X_val=X, y_val=y)
    recorded = model.net_.history[:, "mean_output"]
    assert len(recorded) == 3
    assert len(set(recorded)) > 1


def _mean_output(net, X, y):
    return net.module_.layers[-1].bias.mean().item()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_zero_prints_nothing(capfd, early_stopping):
    """Neither to the output nor to the errors, from no thread."""
    X, y = _rows()
    _model(early_stopping=early_stopping).fit(X, y).predict(X)
    assert capfd.readouterr() == ("", "")


def test_verbose_one_prints_some_lines(capsys):
    """At most about twenty, the first and the last epoch among them."""
    X, y = _rows()
    _model(verbose=1, max_epochs=100, tol=None).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert 15 <= len(lines) <= 25
    assert "epoch 1/100" in lines[0]
    assert "epoch 100/100" in lines[-1]


def test_verbose_two_prints_a_line_an_epoch(capsys):
    """With the figures of the history."""
    X, y = _rows()
    model = MLPClassifier((5,), verbose=2, max_epochs=5, early_stopping=True, tol=None)
    model.set_params(scoring="accuracy", random_state=0).fit(X, y > 0)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    for epoch, line in enumerate(lines):
        assert line.startswith(f"[MLPClassifier] epoch {epoch + 1}/5 ")
        figures = dict(re.findall(r"(loss|valid_loss|valid_score) (-?\d+\.\d+)", line))
        for name, column in (
            ("loss", "train_loss"),
            ("valid_loss", "valid_loss"),
            ("valid_score", "valid_score"),
        ):
            expected = f"{model.history_[column][epoch]:.4f}"
            assert figures[name] == expected


def test_verbose_true_is_one(capsys):
    """As everywhere in scikit-learn."""
    X, y = _rows()
    _model(verbose=True).fit(X, y)
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.slow
def test_compile_trains_the_same_network():
    """The compiled steps give the weights up to rounding, and the model pickles."""
    X, y = _rows()
    plain = _model(dtype="float32", dropout=0.0).fit(X, y)
    compiled = _model(dtype="float32", compile=True).fit(X, y)
    np.testing.assert_allclose(compiled.predict(X), plain.predict(X), atol=1e-4)
    again = copy.deepcopy(compiled)
    np.testing.assert_array_equal(again.predict(X), compiled.predict(X))


def test_compile_is_asked_for_once_a_fit(monkeypatch):
    """The network that trains is what torch.compile returned."""
    compiled = []

    def fake(module):
        compiled.append(module)
        return lambda X: module(X) * 0.0 + 1.0

    monkeypatch.setattr(torch, "compile", fake)
    X, y = _rows()
    model = _model(compile=True, target_scaling=None, l2=0.0).fit(X, y)
    assert len(compiled) == 1
    # The stand-in's constant output was what the loss saw.
    np.testing.assert_allclose(model.loss_curve_, ((1 - y) ** 2).mean() / 2)
    _model(compile=False).fit(X, y)
    assert len(compiled) == 1
