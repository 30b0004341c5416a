"""Tests that skops takes estimators, and what `save` says of those it does not take."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import StackingClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skdeep import MLPClassifier, MLPRegressor, load, save
from skdeep.exceptions import PersistenceError
from tests.placed import (
    LABELS,
    NUMBERS,
    PLACED,
    ROWS,
    assert_same_answers,
    assert_same_fit,
    fitted,
    make,
    those_that,
)

sio = pytest.importorskip("skops.io", reason="the extra safe")

# What the guide lists; each estimator has its own encoders besides, of skdeep too.
OF_OTHERS = {
    "functools.partial",
    "numpy.dtype",
    "skorch.setter.optimizer_setter",
    "torch.device",
}


def through_skops(value: Any) -> tuple[Any, set[str]]:
    """Return what skops makes of an object, and the types that it was told to trust."""
    data = sio.dumps(value)
    types = sio.get_untrusted_types(data=data)
    return sio.loads(data, trusted=types), set(types)


@pytest.mark.parametrize(
    "name", those_that(lambda placed: "cv" not in placed.parameters)
)
def test_every_estimator_goes_through_skops(name):
    """Answers are the same; beside skdeep's own types only a few are asked for."""
    back, types = through_skops(fitted(name))
    assert_same_answers(back, fitted(name), PLACED[name].X)
    assert {kind for kind in types if not kind.startswith("skdeep.")} <= OF_OTHERS


@pytest.mark.parametrize("name", ["MLPRegressor", "TextRegressor", "ImageRegressor"])
def test_training_goes_on_after_skops(name):
    """The state of the optimizer, which is tensors, comes along."""
    placed = PLACED[name]
    one = make(name).partial_fit(placed.X, placed.y)
    two, _ = through_skops(one)
    for net in (one, two):
        net.partial_fit(placed.X, placed.y)
    assert_same_fit(one, two)


def test_pipeline_goes_through_skops():
    """As mlflow saves one."""
    pipe = make_pipeline(StandardScaler(), MLPClassifier(max_epochs=2, random_state=0))
    back, _ = through_skops(pipe.fit(ROWS, LABELS))
    assert_same_answers(back, pipe, ROWS)


class Stubborn(TransformerMixin, BaseEstimator):
    """A step of others that skops cannot take."""

    def fit(self, X: Any, y: Any = None) -> Stubborn:
        """Learn nothing."""
        self.made_ = (row for row in X)
        return self

    def transform(self, X: Any) -> Any:
        """Change nothing."""
        return X


class Sampling(Pipeline):
    """A Pipeline of others, called as scikit-learn's is."""


Sampling.__name__ = Sampling.__qualname__ = "Pipeline"
Sampling.__module__ = "imbalanced.pipeline"


def test_step_that_skops_cannot_take_is_named(tmp_path):
    """By its place, class and module, with what skops said."""
    pipe = make_pipeline(Stubborn(), MLPRegressor(max_epochs=1)).fit(ROWS, NUMBERS)
    sentence = (
        r"^Pipeline cannot be saved without pickle: stubborn is of the class "
        r"tests\.persistence\.test_estimators_skops\.Stubborn\. skops, which saves "
    )
    with pytest.raises(PersistenceError, match=sentence) as caught:
        save(pipe, tmp_path / "file")
    assert isinstance(caught.value.__cause__, TypeError)
    assert "\n" not in str(caught.value)
    assert not [*tmp_path.iterdir()]


def test_step_of_a_function_is_named(tmp_path):
    """One of scikit-learn's, which holds what skops does not trust."""
    step = FunctionTransformer(_halved)
    pipe = make_pipeline(step, MLPRegressor(max_epochs=1)).fit(ROWS**2, NUMBERS)
    with pytest.raises(
        PersistenceError, match=r"functiontransformer holds a Fun.*_halved in it"
    ):
        save(pipe, tmp_path / "file")


def _halved(X: Any) -> Any:
    return X / 2


def test_pipeline_of_others_is_named_by_its_module(tmp_path):
    """It is no Pipeline of scikit-learn, though it is called so."""
    pipe = Sampling([("net", MLPClassifier(max_epochs=1))]).fit(ROWS, LABELS)
    sentence = r"it is of the class imbalanced\.pipeline\.Pipeline\. Of the classes of"
    with pytest.raises(PersistenceError, match=sentence):
        save(pipe, tmp_path / "file")
    inside = Pipeline([("sampled", pipe)])
    with pytest.raises(PersistenceError, match=r"sampled is of the class imbalanced"):
        save(inside, tmp_path / "file")
    stacked = StackingClassifier([("net", MLPClassifier())])
    with pytest.raises(PersistenceError, match=r"it holds a StackingClassifier\. Of"):
        save(stacked, tmp_path / "file")


def test_module_that_is_not_there_is_named(tmp_path, monkeypatch):
    """A file of a machine where something else was installed."""
    kind = "tests.persistence.test_estimators_skops.Plain"
    pipe = make_pipeline(Plain(), MLPRegressor(max_epochs=1)).fit(ROWS, NUMBERS)
    save(pipe, tmp_path / "file", trusted=[kind])
    assert load(tmp_path / "file", trusted=[kind]).predict(ROWS).shape == (48,)

    def absent(*_: Any, **__: Any) -> None:
        raise ModuleNotFoundError("No module named 'others'", name="others")

    monkeypatch.setattr(sio, "loads", absent)
    with pytest.raises(PersistenceError, match=r"The file needs others, which"):
        load(tmp_path / "file", trusted=[kind])


class Plain(TransformerMixin, BaseEstimator):
    """A step of others that skops takes if it is told to."""

    def fit(self, X: Any, y: Any = None) -> Plain:
        """Learn nothing."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        """Change nothing."""
        return X
