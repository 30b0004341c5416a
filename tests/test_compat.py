"""Tests of the one file that touches names scikit-learn may change."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone

from skdeep import MLPClassifier, _compat
from skdeep._compat import (
    CallbackSupportMixin,
    EpochTasks,
    check_sample_weight,
    fit_context,
)

X, Y, WEIGHT = np.zeros((4, 2)), np.arange(4), np.ones(4)


class Model(CallbackSupportMixin, BaseEstimator):
    """An estimator whose fit does nothing but report its epochs."""

    _parameter_constraints: dict[str, list[Any]] = {}  # noqa: RUF012

    def __init__(self, max_epochs: int = 3) -> None:
        self.max_epochs = max_epochs

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Model:
        """Report epochs until a callback asks to stop."""
        tasks = EpochTasks(self, self.max_epochs, X, y, sample_weight)
        self.n_iter_ = 0
        for _ in range(self.max_epochs):
            task = tasks.begin()
            self.n_iter_ += 1
            if tasks.end(task, lambda: {"n_iter_": 10 + self.n_iter_}):
                break
        tasks.close(lambda: {"n_iter_": self.n_iter_})
        return self


class Recorder:
    """A callback of scikit-learn that notes what it is told."""

    def __init__(self, stop_after: int = 99) -> None:
        self.stop_after = stop_after
        self.calls: list[tuple[str, str]] = []
        self.seen: list[Any] = []

    def setup(self, estimator: Any, context: Any) -> None:
        """Note the beginning of all."""
        self.calls.append(("setup", context.task_name))

    def teardown(self, estimator: Any, context: Any) -> None:
        """Note the end of all."""
        self.calls.append(("teardown", context.task_name))

    def on_fit_task_begin(
        self, estimator: Any, context: Any, *, X: Any, y: Any, metadata: Any
    ) -> None:
        """Note a task and the data it is given."""
        self.calls.append(("begin", context.task_name))
        self.seen.append((X, y, metadata, context.max_subtasks))

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any
    ) -> bool:
        """Note the end of a task and the estimator as it stands; perhaps stop."""
        self.calls.append(("end", context.task_name))
        assert fitted_estimator is not estimator
        self.seen.append(fitted_estimator.n_iter_)
        return estimator.n_iter_ >= self.stop_after


def test_without_callbacks_nothing_is_reported() -> None:
    """No context is made, and what would be lazy is never asked for."""
    tasks = EpochTasks(Model(), 3, X, Y, None)
    assert tasks.root is None
    task = tasks.begin()
    assert task is None
    assert tasks.end(task, lambda: pytest.fail("was asked for")) is False
    tasks.close(lambda: pytest.fail("was asked for"))


def test_every_epoch_is_a_task_of_the_fit() -> None:
    """The fit is one task, its epochs are its parts, with data and fitted copies."""
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    model = Model(max_epochs=2).set_callbacks(recorder)
    model.fit(X, Y, WEIGHT)
    epoch = [("begin", "epoch"), ("end", "epoch")]
    assert recorder.calls == [
        ("setup", "fit"),
        ("begin", "fit"),
        *epoch,
        *epoch,
        ("end", "fit"),
        ("teardown", "fit"),
    ]
    data, *rest = recorder.seen
    assert data[0] is X
    assert data[1] is Y
    assert data[2]["sample_weight"] is WEIGHT
    assert data[3] == 2
    assert [seen for seen in rest if isinstance(seen, int)] == [11, 12, 2]


def test_no_weights_are_no_metadata() -> None:
    """A callback is told of weights only where there are any."""
    pytest.importorskip("sklearn.callback")
    recorder = Recorder()
    Model(max_epochs=1).set_callbacks(recorder).fit(X, Y)
    assert recorder.seen[0][2] is None


def test_callback_can_stop_the_training() -> None:
    """True from a hook ends the epochs; the fit itself is closed as ever."""
    pytest.importorskip("sklearn.callback")
    recorder = Recorder(stop_after=2)
    model = Model(max_epochs=9).set_callbacks(recorder).fit(X, Y)
    assert model.n_iter_ == 2
    assert recorder.calls[-2:] == [("end", "fit"), ("teardown", "fit")]


def test_names_of_the_last_fit_are_gone() -> None:
    """A copy fitted without names of features has none left over."""
    pytest.importorskip("sklearn.callback")
    names: list[Any] = []

    class Reader(Recorder):
        def on_fit_task_end(
            self, estimator: Any, context: Any, *, fitted_estimator: Any
        ) -> bool:
            names.append(fitted_estimator.feature_names_in_)
            return False

    model = Model(max_epochs=1).set_callbacks(Reader())
    model.feature_names_in_ = np.array(["a", "b"])
    model.fit(X, Y)
    assert names == [None, None]
    assert model.feature_names_in_.tolist() == ["a", "b"]


def test_failed_fit_is_torn_down() -> None:
    """scikit-learn's bracket around fit tidies up after an error."""
    pytest.importorskip("sklearn.callback")

    class Failing(Recorder):
        def on_fit_task_end(self, estimator: Any, context: Any) -> bool:  # type: ignore[override]
            raise KeyError(context.task_name)

    recorder = Failing()
    with pytest.raises(KeyError, match="epoch"):
        Model().set_callbacks(recorder).fit(X, Y)
    assert recorder.calls[-1] == ("teardown", "fit")


@pytest.fixture
def older(hide_module: Callable[[str], None]) -> ModuleType:
    """Return the file as it is with a scikit-learn that has no callbacks."""
    hide_module("sklearn.callback")
    path = Path(str(_compat.__file__))
    spec = importlib.util.spec_from_file_location("older_compat", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_older_sklearn_has_a_stand_in(older: ModuleType) -> None:
    """Without the callback API its mixin is empty, and epochs are not reported."""
    public = [name for name in dir(older.CallbackSupportMixin) if name[0] != "_"]
    assert public == []
    tasks = older.EpochTasks(older.CallbackSupportMixin(), 3, X, Y, None)
    assert tasks.begin() is None


def test_sample_weight_is_checked_as_sklearn_does() -> None:
    """Missing weights are ones, and negative ones are refused."""
    assert check_sample_weight(None, X).tolist() == [1, 1, 1, 1]
    assert check_sample_weight([1, 2, 3, 4], X).dtype == np.float64
    assert check_sample_weight([1, 2, 3, 4], X, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="Negative values"):
        check_sample_weight([1, -2, 3, 4], X)


def test_everything_listed_is_there() -> None:
    """The rest of the house takes its private names from here alone."""
    names = sorted(_compat.__all__, key=lambda name: (not name.isupper(), name))
    assert names == list(_compat.__all__)
    for name in _compat.__all__:
        assert getattr(_compat, name) is not None


class _Wider(MLPClassifier):
    """A subclass with one parameter, and then with another."""

    def __init__(self, width: int = 3) -> None:
        super().__init__((width,))
        self.width = width


def test_subclass_has_the_parameters_of_its_own_constructor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was read off a constructor is kept for its class, and while it is that."""
    assert "hidden_layer_sizes" in MLPClassifier().get_params()
    assert _Wider(5).get_params() == {"width": 5}
    assert clone(_Wider(5)).get_params() == {"width": 5}

    def with_depth(self: _Wider, depth: int = 2) -> None:
        self.depth = depth

    monkeypatch.setattr(_Wider, "__init__", with_depth)
    assert _Wider(4).get_params() == {"depth": 4}
