"""Tests of spaces found in whatever is made of estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import (
    ImageFeatureExtractor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    search_space,
)
from skdeep.model_selection._default_space import default_space

FAST = set(MLPClassifier().search_space("fast"))


def prefixed(prefix: str, names: set[str] = FAST) -> set[str]:
    """Return names with a prefix before each."""
    return {f"{prefix}__{name}" for name in names}


def _transformer() -> Any:
    """Return a transformer that holds a network of ours."""
    return Pipeline([("net", MLPClassifier()), ("last", "passthrough")])


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (MLPClassifier(), FAST),
        (make_pipeline(StandardScaler(), MLPClassifier()), prefixed("mlpclassifier")),
        (
            Pipeline([("a", StandardScaler()), ("b", make_pipeline(MLPClassifier()))]),
            prefixed("b__mlpclassifier"),
        ),
        (BaggingClassifier(MLPClassifier()), prefixed("estimator")),
        (TransformedTargetRegressor(MLPRegressor()), prefixed("regressor")),
        (
            StackingClassifier([("one", MLPClassifier()), ("two", MLPClassifier())]),
            prefixed("one") | prefixed("two"),
        ),
        (
            ColumnTransformer([("left", _transformer(), [0]), ("kept", "drop", [1])]),
            prefixed("left__net"),
        ),
        (
            FeatureUnion([("union", _transformer()), ("off", "drop")]),
            prefixed("union__net"),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_names_are_those_of_the_whole(estimator: Any, names: set[str]):
    """Estimators are found at any depth, and set_params takes what is found."""
    space = default_space(estimator, profile="fast")
    assert set(space) == names
    assert names <= set(estimator.get_params())


def test_rows_and_classes_reach_the_estimator_within():
    """What is learnt from tells an estimator in a Pipeline as much as one alone."""
    X, y = np.empty((60, 2)), [0] * 55 + [1] * 5
    pipeline = Pipeline([("net", TabularMLPClassifier())])
    space = search_space(pipeline, "wide", X=X, y=y)
    assert space["net__batch_size"].high == 60  # type: ignore[attr-defined]  # an int's
    assert "net__class_weight" in space


def test_prefix_goes_before_what_is_found():
    """A composition may itself be a part of something."""
    space = search_space(make_pipeline(MLPClassifier()), "fast", prefix="outer")
    assert set(space) == prefixed("outer__mlpclassifier")


def test_balanced_is_the_default():
    """Both doors give the same without a word on how much."""
    assert search_space(MLPClassifier()) == default_space(MLPClassifier())
    assert search_space(MLPClassifier()) == MLPClassifier().search_space("balanced")


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), make_pipeline(ImageFeatureExtractor(), StandardScaler())],
    ids=["alone", "pipeline"],
)
def test_estimator_of_others_is_refused(estimator: Any):
    """The error says what to pass in its place."""
    with pytest.raises(ValueError, match=r"holds none. Pass a dict from names"):
        search_space(estimator)


def test_unknown_profile_is_refused_within_a_pipeline():
    """The sentence is that of the estimator."""
    with pytest.raises(ValueError, match=r"'profile' parameter of MLPClassifier"):
        search_space(make_pipeline(MLPClassifier()), "all")  # type: ignore[arg-type]  # the point


@pytest.mark.parametrize("value", [MLPClassifier, None, 3], ids=["class", "None", "3"])
def test_what_is_no_estimator_is_refused(value: Any) -> None:
    """A class has no parameters yet."""
    with pytest.raises(TypeError, match=r"space is that of an estimator.* instance"):
        search_space(value)
