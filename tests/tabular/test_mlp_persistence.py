"""Pickles: the same predictions, little more than the weights, nothing of the data."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import skorch
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer

import skdeep
from skdeep import MLPClassifier, MLPRegressor
from skdeep.exceptions import InconsistentVersionWarning
from tests.naming import shown

ESTIMATORS = [MLPClassifier, MLPRegressor]
ROOM = 20_000
# Its bytes, in either precision, occur in no pickle by chance.
MARKER = 1234567.890625

RNG = np.random.default_rng(0)
X = RNG.standard_normal((60, 5))
Y = (X[:, 0] > 0).astype(int)


def by_pickle(value: Any, folder: Path) -> Any:
    """Go through the newest protocol of pickle."""
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def by_old_pickle(value: Any, folder: Path) -> Any:
    """Go through an old protocol of pickle."""
    return pickle.loads(pickle.dumps(value, 2))


def by_deepcopy(value: Any, folder: Path) -> Any:
    """Go through a deep copy."""
    return copy.deepcopy(value)


def by_joblib(value: Any, folder: Path) -> Any:
    """Go through a file of joblib."""
    joblib.dump(value, folder / "value.joblib")
    return joblib.load(folder / "value.joblib")


def by_compressed_joblib(value: Any, folder: Path) -> Any:
    """Go through a compressed file of joblib."""
    joblib.dump(value, folder / "value.gz", compress=3)
    return joblib.load(folder / "value.gz")


def by_memory_map(value: Any, folder: Path) -> Any:
    """Go through a file whose arrays stay on the disk and cannot be written."""
    joblib.dump(value, folder / "value.joblib")
    return joblib.load(folder / "value.joblib", mmap_mode="r")


TRIPS = [
    by_pickle,
    by_old_pickle,
    by_deepcopy,
    by_joblib,
    by_compressed_joblib,
    by_memory_map,
]
KINDS: list[dict[str, Any]] = [
    {},
    {"hidden_layer_sizes": (), "feature_scaling": None},
    {"normalization": "batch", "dropout": 0.3, "batch_size": 20},
    {"activation": torch.nn.PReLU, "residual": True, "hidden_layer_sizes": (5, 5)},
    {"optimizer": "lbfgs", "weight_averaging": None, "dtype": "float32"},
    {"early_stopping": True, "weight_averaging": "ema", "callbacks": [EpochTimer()]},
    {"loss": torch.nn.MSELoss, "lr_schedule": "cosine"},
]


def answers(net: Any) -> list[np.ndarray]:
    """Return all that an estimator predicts."""
    methods = ["predict", "predict_proba", "predict_log_proba"]
    tables = [X, X.astype(np.float32), sp.csr_array(X)]
    return [getattr(net, m)(T) for m in methods if hasattr(net, m) for T in tables]


def assert_same_answers(one: Any, two: Any) -> None:
    """Compare all predictions, bits and dtypes."""
    for a, b in zip(answers(one), answers(two), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("params", KINDS, ids=shown)
@pytest.mark.parametrize("trip", TRIPS)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_round_trip_keeps_predictions_and_attributes(kind, trip, params, tmp_path):
    """What comes back is what went in, by every road."""
    net = kind(**{"max_epochs": 3, "random_state": 0, **params}).fit(X, Y)
    back = trip(net, tmp_path)
    assert_same_answers(back, net)
    assert set(vars(back)) == set(vars(net))
    assert back.module_ is back.net_.module_
    assert back.device_ == net.device_
    if net.callbacks is None:
        assert repr(back) == repr(net)
    assert list(back.history_) == list(net.history_)
    for name, column in net.history_.items():
        assert back.history_[name].dtype == column.dtype
        np.testing.assert_array_equal(back.history_[name], column)
    for name in ("loss_", "best_loss_", "n_iter_", "best_epoch_", "n_layers_"):
        assert getattr(back, name) == getattr(net, name)


@pytest.mark.parametrize("trip", [by_pickle, by_memory_map])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_unpickled_estimator_can_be_fitted_and_cloned(kind, trip, tmp_path):
    """It is as good as new, and its clone is new."""
    net = kind(max_epochs=3, dropout=0.2, random_state=0).fit(X, Y)
    back = trip(net, tmp_path)
    fresh = clone(back)
    with pytest.raises(NotFittedError, match="not fitted"):
        fresh.predict(X)
    assert fresh.get_params() == net.get_params()
    for again in (fresh.fit(X, Y), back.fit(X, Y)):
        assert_same_answers(again, net)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_history_of_several_fits_comes_back_whole(kind):
    """Also with a validation set in only some of them, and through two trips."""
    net = kind(max_epochs=4, tol=None, warm_start=True, random_state=0).fit(X, Y)
    net.fit(X, Y, X_val=X, y_val=Y)
    net.set_params(max_epochs=2).fit(X, Y)
    back = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(net))))
    assert len(net.history_["epoch"]) == 10
    assert np.isnan(net.history_["valid_loss"]).sum() == 6
    for name, column in net.history_.items():
        np.testing.assert_array_equal(back.history_[name], column)
    assert len(back.net_.history) == len(net.net_.history) == 2
    again = back.fit(X, Y)
    assert len(again.history_["epoch"]) == 12


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_partial_fit_goes_on_after_a_trip_as_without(kind, tmp_path):
    """The state of optimizer and generators is kept to the last bit."""
    first = {"classes": [0, 1]} if kind is MLPClassifier else {}
    net = kind((8,), dropout=0.4, batch_size=16, random_state=0)
    net.partial_fit(X, Y, **first).partial_fit(X, Y)
    straight = copy.deepcopy(net).partial_fit(X, Y)
    for trip in TRIPS:
        assert_same_answers(trip(net, tmp_path).partial_fit(X, Y), straight)
    restarted = copy.deepcopy(net)
    restarted._state.resume.clear()
    assert (restarted.partial_fit(X, Y).coefs_[0] != straight.coefs_[0]).any()


def n_weight_bytes(net: Any) -> int:
    """Return the bytes of all parameters and buffers."""
    return sum(t.nbytes for t in net.module_.state_dict().values())


@pytest.mark.parametrize(
    "params",
    [
        {"hidden_layer_sizes": (16,)},
        {"hidden_layer_sizes": (16,), "early_stopping": True, "scoring": None},
        {"hidden_layer_sizes": (300, 300), "early_stopping": True},
        {"hidden_layer_sizes": (40, 40), "normalization": "batch", "dropout": 0.1},
        {"hidden_layer_sizes": (500,), "weight_averaging": "swa", "dtype": "float32"},
    ],
    ids=shown,
)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_file_is_hardly_larger_than_the_weights(kind, params, tmp_path):
    """At most a tenth more and 20 kB, after 200 epochs with every figure taken."""
    if "scoring" in params:
        score = "accuracy" if kind is MLPClassifier else "r2"
        params = {**params, "scoring": score}
    epochs = 200 if params["hidden_layer_sizes"] == (16,) else 3
    net = kind(max_epochs=epochs, tol=None, random_state=0, **params).fit(X, Y)
    joblib.dump(net, tmp_path / "net")
    assert (tmp_path / "net").stat().st_size <= 1.1 * n_weight_bytes(net) + ROOM
    assert len(pickle.dumps(net.net_)) <= 1.1 * n_weight_bytes(net) + ROOM
    # And no less than the weights, or the test would measure something else.
    assert len(pickle.dumps(net)) >= n_weight_bytes(net)


def marked(value: np.ndarray) -> np.ndarray:
    """Put the marker in every other row of a copy."""
    copied = value.astype(np.float64)
    copied[::2] = MARKER
    return copied


@pytest.mark.parametrize("params", KINDS, ids=shown)
@pytest.mark.parametrize("as_type", [np.float64, np.float32])
def test_pickle_holds_no_data(params, as_type):
    """Neither X nor y nor weights nor validation rows can be found in it."""
    marks = {np.array(MARKER, t).tobytes() for t in (np.float64, np.float32)}
    held, target = marked(X).astype(as_type), marked(X[:, 0])
    assert any(mark in pickle.dumps(held) for mark in marks)
    net = MLPRegressor(**{"max_epochs": 2, "target_scaling": None, **params})
    if net.optimizer == "lbfgs":
        net.set_params(target_scaling="standard", feature_scaling="standard")
    else:
        # Nothing that is learnt from the marker, but so little that all stays finite.
        net.set_params(feature_scaling=None, learning_rate=1e-12, max_grad_norm=1e-9)
    weight = np.where(np.arange(60) % 2, 1.0, MARKER)
    net.fit(held, target, weight, X_val=held, y_val=target, sample_weight_val=weight)
    for written in (pickle.dumps(net), pickle.dumps(net.net_)):
        assert not any(mark in written for mark in marks)


def names_in(value: Any) -> set[str]:
    """Return which of some classes a pickle names."""
    written = pickle.dumps(value)
    candidates = ("Generator", "Adam", "Stepper", "Batches", "TensorRows", "Job")
    # As pickle writes a short string: its code, its length, its letters.
    return {
        name
        for name in candidates
        if bytes([0x8C, len(name)]) + name.encode() in written
    }


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_pickle_holds_no_optimizer_and_no_generator(kind):
    """After fit it has nothing but what predicts; the weights stand alone."""
    net = kind((8,), dropout=0.5, batch_size=16, max_epochs=2).fit(X, Y)
    assert names_in(torch.Generator()) == {"Generator"}
    assert names_in(net) == set()
    assert net._state.resume == {}
    parameters = list(net.module_.parameters())
    assert all(p.grad is None for p in parameters)
    # A view of a common buffer would take it along, whole, into the file.
    assert all(p.untyped_storage().nbytes() == p.nbytes for p in parameters)
    assert not hasattr(net.net_, "optimizer_") or net.net_.optimizer_ is None


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_pickle_after_partial_fit_holds_the_optimizer(kind):
    """Two numbers a weight for Adam, on the CPU, and no more than that."""
    first = {"classes": [0, 1]} if kind is MLPClassifier else {}
    net = kind((400,), random_state=0).partial_fit(X, Y, **first)
    back = pickle.loads(pickle.dumps(net))
    (slots,) = back._state.resume["optimizer"]["state"].values()
    n_weights = sum(p.numel() for p in net.module_.parameters())
    assert slots["exp_avg"].shape == slots["exp_avg_sq"].shape == (n_weights,)
    assert bool(slots["exp_avg"].any())
    assert all(value.device.type == "cpu" for value in slots.values())
    states = sum(state.nbytes for state in back._state.resume["generators"].values())
    assert len(pickle.dumps(net)) <= 3.1 * n_weight_bytes(net) + states + ROOM
    # A plain fit lets go of it.
    assert len(pickle.dumps(net.fit(X, Y))) <= 1.1 * n_weight_bytes(net) + ROOM


@pytest.mark.parametrize("trip", TRIPS)
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_net_alone_makes_the_trip(kind, trip, tmp_path):
    """It is a net of skorch, with its module, its loss and its history."""
    net = kind(max_epochs=3, early_stopping=True, random_state=0).fit(X, Y).net_
    back = trip(net, tmp_path)
    assert isinstance(back, skorch.NeuralNet)
    for row, same in zip(back.history, net.history, strict=True):
        assert {**row, "batches": None} == {**same, "batches": None}
    assert isinstance(back.history, skorch.history.History)
    assert back.module is back.module_
    assert back.criterion is back.criterion_
    assert isinstance(back.criterion_, type(net.criterion_))
    inputs = torch.from_numpy(X).to(next(net.module_.parameters()).dtype)
    assert torch.equal(back.module_(inputs), net.module_(inputs))


class Recorder(skorch.callbacks.Callback):
    """Record what not every net records, and not at every epoch."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record a text, a list that grows, a flag, and now and then a number."""
        epoch = len(net.history)
        net.history.record("text", f"epoch {epoch}")
        net.history.record("list", list(range(epoch)))
        net.history.record("flag", epoch == 2)
        if epoch == 2:
            net.history.record("seldom", 0.5)


def test_history_of_callbacks_comes_back_in_its_own_types():
    """Texts, lists, flags and gaps are not made numbers."""
    net = MLPRegressor(max_epochs=3, callbacks=[Recorder()]).fit(X, Y)
    back = pickle.loads(pickle.dumps(net)).net_.history
    assert [row["text"] for row in back] == ["epoch 1", "epoch 2", "epoch 3"]
    assert [row["list"] for row in back] == [[0], [0, 1], [0, 1, 2]]
    assert [row["flag"] for row in back] == [False, True, False]
    assert [row.get("seldom") for row in back] == [None, 0.5, None]
    assert [type(row["epoch"]) for row in back] == [int] * 3


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_version_stamp_warns_where_it_differs(kind, monkeypatch):
    """A file of another version is read with a warning that names both."""
    net = kind(max_epochs=1, random_state=0).fit(X, Y)
    written = pickle.dumps(net)
    for value in (net, kind()):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pickle.loads(pickle.dumps(value))
    monkeypatch.setattr("skdeep.base._stamped.__version__", "99.0")
    sentence = (
        f"^This {kind.__name__} was pickled by skdeep {skdeep.__version__} and is read "
        "by skdeep 99.0, which may fail or give other results. Fit it again"
    )
    with pytest.warns(InconsistentVersionWarning, match=sentence):
        back = pickle.loads(written)
    assert_same_answers(back, net)
    assert not any("version" in name for name in vars(back))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_unfitted_estimator_makes_the_trip(kind):
    """With its parameters, and no more."""
    net = kind(hidden_layer_sizes=[3, 4], callbacks=[("timer", EpochTimer())])
    back = pickle.loads(pickle.dumps(net))
    assert vars(back).keys() == vars(net).keys()
    assert back.hidden_layer_sizes == [3, 4]


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, by_pickle])
def test_copies_do_not_follow_the_original(make: Callable[..., Any]):
    """What is done to one later is not done to the other."""
    net = MLPRegressor(max_epochs=2, random_state=0).fit(X, Y)
    twin = make(net, Path()) if make is by_pickle else make(net)
    expected = twin.predict(X)
    net.set_params(random_state=1).fit(X, Y)
    assert (net.predict(X) != expected).any()
    np.testing.assert_array_equal(twin.predict(X), expected)
    net.partial_fit(X, Y)
    np.testing.assert_array_equal(twin.predict(X), expected)


def test_pipeline_makes_the_trip(tmp_path):
    """As a whole, in one file."""
    pipe = make_pipeline(StandardScaler(), MLPClassifier(max_epochs=2)).fit(X, Y)
    assert_same_answers(by_joblib(pipe[-1], tmp_path), pipe[-1])
    back = by_joblib(pipe, tmp_path)
    np.testing.assert_array_equal(back.predict(X), pipe.predict(X))
