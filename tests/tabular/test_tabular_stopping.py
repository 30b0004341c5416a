"""When training ends: early, in time, and once more on all rows."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from skorch.callbacks import Callback

from skdeep import TabularMLPClassifier, TabularMLPRegressor

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
# Few rows with labels of chance: the validation loss is best after some epochs.
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (16,),
    "n_ensemble": 2,
    "embedding_dim": 4,
    "n_bins": 8,
    "optimizer": "adamw",
    "learning_rate": 0.02,
    "batch_size": 20,
    "max_epochs": 40,
    "n_iter_no_change": 3,
    "tol": 0.0,
    "random_state": 0,
    "weight_averaging": None,
}


def rows(n_rows: int = 110, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows, and classes that follow them two times out of three."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, 4))
    return X, ((X[:, 0] > 0) ^ (rng.random(n_rows) < 0.3)).astype(int)


def outputs(net: Any, X: Any) -> np.ndarray:
    """Return the predictions that are numbers."""
    answer = net.predict_proba(X) if hasattr(net, "predict_proba") else net.predict(X)
    return np.asarray(answer)


def tensors(net: Any) -> list[np.ndarray]:
    """Return all weights and buffers."""
    return [tensor.numpy() for tensor in net.module_.state_dict().values()]


@pytest.mark.parametrize("kind", BOTH)
def test_best_epoch_is_restored(kind: Any) -> None:
    """A training that ends with the best epoch leaves the same weights."""
    X, y = rows()
    X_val, y_val = rows(60, seed=1)
    net = kind(**SMALL, early_stopping=True).fit(X, y, X_val=X_val, y_val=y_val)
    curve = net.validation_loss_curve_
    assert net.best_epoch_ == int(np.argmin(curve)) + 1
    assert net.n_iter_ == len(curve) == net.best_epoch_ + SMALL["n_iter_no_change"] + 1
    assert net.n_iter_ < 40
    params = {**SMALL, "max_epochs": net.best_epoch_}
    short = kind(**params, early_stopping=False).fit(X, y)
    assert short.n_iter_ == net.best_epoch_
    for one, other in zip(tensors(net), tensors(short), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(("n_rows", "holds_out"), [(99, False), (100, True)])
def test_auto_holds_out_from_a_hundred_rows(
    kind: Any, n_rows: int, holds_out: bool
) -> None:
    """Fewer rows are all needed, unless others are given to watch by."""
    X, y = rows(n_rows)
    params = {**SMALL, "max_epochs": 2, "early_stopping": "auto"}
    assert ("valid_loss" in kind(**params).fit(X, y).history_) == holds_out
    given = kind(**params).fit(X, y, X_val=X, y_val=y)
    assert "valid_loss" in given.history_


def test_rows_held_out_are_each_class_its_share() -> None:
    """A tenth of a rare class too."""
    X, _ = rows(200)
    y = np.repeat(["rare", "usual"], [20, 180])
    seen: list[np.ndarray] = []

    def scoring(estimator: Any, X_valid: Any, y_valid: np.ndarray) -> float:
        seen.append(y_valid)
        return 0.0

    params = {**SMALL, "max_epochs": 1, "early_stopping": True, "scoring": scoring}
    TabularMLPClassifier(**params, validation_fraction=0.1).fit(X, y)
    assert sorted(seen[0]) == ["rare"] * 2 + ["usual"] * 18


class Clock(Callback):
    """Time that passes by a second an epoch, and not otherwise."""

    def __init__(self) -> None:
        self.now = 0.0

    def __deepcopy__(self, memo: dict) -> Clock:
        """Return itself: there is one time."""
        return self

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Let a second pass."""
        self.now += 1.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Return the clock that trainings go by."""
    made = Clock()
    times = SimpleNamespace(perf_counter=lambda: made.now)
    monkeypatch.setattr("skdeep.training._engine.time", times)
    monkeypatch.setattr("skdeep.base._fit.time", times)
    yield made
    assert made.now > 0


@pytest.mark.parametrize(("limit", "n_epochs"), [(0.1, 1), (1.9, 1), (5.5, 5)])
@pytest.mark.parametrize("kind", BOTH)
def test_no_epoch_is_begun_that_would_not_end_in_time(
    clock: Clock, kind: Any, limit: float, n_epochs: int
) -> None:
    """The first epoch excepted: something must be learnt."""
    X, y = rows()
    params = {**SMALL, "early_stopping": False, "callbacks": [clock]}
    net = kind(**params, time_limit=limit).fit(X, y)
    assert net.n_iter_ == n_epochs
    free = kind(**{**params, "max_epochs": n_epochs}).fit(X, y)
    np.testing.assert_array_equal(outputs(net, X), outputs(free, X))


def test_time_limit_keeps_the_best_so_far(clock: Clock) -> None:
    """The epoch with the best validation loss, not the one that time ran out in."""
    X, y = rows()
    params = {**SMALL, "early_stopping": True, "learning_rate": 0.1}
    X_val, y_val = rows(60, seed=1)
    net = TabularMLPClassifier(**params, time_limit=4.5, callbacks=[clock])
    net.fit(X, y, X_val=X_val, y_val=y_val)
    assert net.n_iter_ == 4
    assert net.best_epoch_ == np.argmin(net.history_["valid_loss"]) + 1 < 4
    short = TabularMLPClassifier(
        **{**params, "early_stopping": False, "max_epochs": net.best_epoch_}
    ).fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), short.predict_proba(X))


@pytest.mark.parametrize("limit", [4.0, 9.0, 14.0])
def test_time_limit_counts_the_training_on_all_rows(clock: Clock, limit: float) -> None:
    """With refit=True both trainings end in time together."""
    X, y = rows()
    params = {**SMALL, "n_iter_no_change": 30, "early_stopping": True}
    net = TabularMLPClassifier(
        **params, refit=True, time_limit=limit, callbacks=[clock]
    ).fit(X, y)
    assert clock.now == net.n_iter_ <= limit
    assert net.n_iter_ > net.best_epoch_
    again = TabularMLPClassifier(**params, refit=True, callbacks=[Clock()]).fit(X, y)
    assert again.n_iter_ > net.n_iter_


@pytest.mark.parametrize("wrong", [0, -1.0, "a day", np.nan])
def test_time_limit_is_a_time(wrong: Any) -> None:
    """It lies above zero."""
    net = TabularMLPRegressor(**SMALL, time_limit=wrong)
    with pytest.raises(ValueError, match="The 'time_limit' parameter of TabularMLPRe"):
        net.fit(*rows())


@pytest.mark.parametrize("kind", BOTH)
def test_refit_equals_a_training_on_all_rows(kind: Any) -> None:
    """To the bit, when it stops at the epoch that was best with rows held out."""
    X, y = rows()
    params = {**SMALL, "dropout": 0.2, "dtype": "float32"}
    held = kind(**params, early_stopping=True).fit(X, y)
    net = kind(**params, early_stopping=True, refit=True).fit(X, y)
    assert net.best_epoch_ == held.best_epoch_ > 1
    assert net.n_iter_ == held.n_iter_ + held.best_epoch_
    assert len(net.history_["epoch"]) == net.n_iter_
    np.testing.assert_array_equal(
        net.history_["valid_loss"][: held.n_iter_], held.history_["valid_loss"]
    )
    assert np.isnan(net.history_["valid_loss"][held.n_iter_ :]).all()
    assert net.best_loss_ == held.best_loss_
    short = kind(**{**params, "max_epochs": net.best_epoch_}, early_stopping=False)
    short.fit(X, y)
    np.testing.assert_array_equal(
        net.history_["train_loss"][held.n_iter_ :], short.history_["train_loss"]
    )
    assert net.loss_ == short.loss_
    for one, other in zip(tensors(net), tensors(short), strict=True):
        np.testing.assert_array_equal(one, other)
    probe = rows(30, seed=5)[0]
    np.testing.assert_array_equal(outputs(net, probe), outputs(short, probe))
    assert not np.array_equal(outputs(net, probe), outputs(held, probe))


def test_refit_stretches_schedules_over_all_epochs() -> None:
    """The best epoch is trained with the rates that it had at first."""
    X, y = rows()
    params = {**SMALL, "early_stopping": True, "lr_schedule": "cosine"}
    net = TabularMLPClassifier(**params, refit=True).fit(X, y)
    n_first = net.n_iter_ - net.best_epoch_
    rates = net.history_["learning_rate"]
    # An epoch more or less of a few batches moves the rate within an epoch a little.
    first, second = rates[: net.best_epoch_], rates[n_first:]
    np.testing.assert_allclose(second, first, rtol=0.02)
    assert rates[0] > 1.001 * rates[1]


@pytest.mark.parametrize("kind", BOTH)
def test_refit_has_nothing_to_do_where_no_row_was_held_out(kind: Any) -> None:
    """Rows that were given to watch by are none to train on."""
    X, y = rows()
    X_val, y_val = rows(60, seed=1)
    for extra in ({}, {"X_val": X_val, "y_val": y_val}):
        params = {**SMALL, "early_stopping": bool(extra)}
        plain = kind(**params).fit(X, y, **extra)
        net = kind(**params, refit=True).fit(X, y, **extra)
        assert net.n_iter_ == plain.n_iter_
        np.testing.assert_array_equal(outputs(net, X), outputs(plain, X))
    # Neither has partial_fit, which holds none out.
    one = kind(**SMALL, refit=True).partial_fit(X, y, **_classes(kind))
    other = kind(**SMALL).partial_fit(X, y, **_classes(kind))
    np.testing.assert_array_equal(outputs(one, X), outputs(other, X))


def _classes(kind: Any) -> dict[str, Any]:
    return {"classes": [0, 1]} if kind is TabularMLPClassifier else {}


def test_refit_learns_statistics_of_all_rows() -> None:
    """Encoder, target scale and limits are those of a fit on every row."""
    X, y = rows()
    y = y + X[:, 0]
    net = TabularMLPRegressor(**SMALL, early_stopping=True, refit=True).fit(X, y)
    target = net._state.target
    np.testing.assert_allclose(target.scaler.mean, y.mean(), rtol=1e-12)
    np.testing.assert_allclose(np.ravel(target.limits), [y.min(), y.max()])
    whole = TabularMLPRegressor(**SMALL, early_stopping=False).fit(X, y)
    for name, one in net.module_.inputs.named_buffers():
        other = dict(whole.module_.inputs.named_buffers())[name]
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", BOTH)
def test_refit_survives_pickling(kind: Any) -> None:
    """History and predictions are what they were."""
    X, y = rows()
    net = kind(**SMALL, early_stopping=True, refit=True).fit(X, y)
    again = pickle.loads(pickle.dumps(net))
    assert again.n_iter_ == net.n_iter_
    for name, column in net.history_.items():
        np.testing.assert_array_equal(again.history_[name], column, err_msg=name)
    np.testing.assert_array_equal(outputs(again, X), outputs(net, X))


def test_refit_goes_on_from_a_warm_start() -> None:
    """Both trainings begin with the weights there are, and the history grows."""
    X, y = rows()
    net = TabularMLPClassifier(
        **SMALL, early_stopping=True, refit=True, warm_start=True
    ).fit(X, y)
    n_first, first = len(net.history_["epoch"]), net.loss_
    net.fit(X, y)
    assert len(net.history_["epoch"]) == n_first + net.n_iter_
    assert net.history_["train_loss"][n_first] < net.history_["train_loss"][0]
    assert net.loss_ < first
    assert np.isfinite(net.predict_proba(X)).all()
