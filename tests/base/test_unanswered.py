"""A row that a network overflows on is an error, in every kind of prediction."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from skdeep import (
    CNNClassifier,
    ImageClassifier,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    VectorizedSearchCV,
)
from skdeep.exceptions import DivergenceError
from tests import placed

RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 3))
LABELS = np.array(["a", "b", "c"])[np.arange(240) % 3]
FAR = X[:3].copy()
FAR[1, 2] = 1e39  # finite in float64, infinite in float32
IMAGES = RNG.random((24, 8, 8, 1))
SIDES = np.arange(24) % 2
QUICK: dict[str, Any] = {"max_epochs": 2, "random_state": 0}


@pytest.fixture(scope="module")
def classifier() -> MLPClassifier:
    """Return a classifier whose network is in float32."""
    return MLPClassifier((8,), **QUICK).fit(X, LABELS)


@pytest.mark.parametrize(
    "method", ["predict", "predict_proba", "predict_log_proba", "score"]
)
def test_overflow_is_an_error_that_names_the_number(
    classifier: MLPClassifier, method: str
) -> None:
    """No answer is made up from NaN, whichever is asked for."""
    given = (FAR, LABELS[:3]) if method == "score" else (FAR,)
    with pytest.raises(ValueError, match=r"Got 1e\+39 in row 1 in column 2\. Clip it"):
        getattr(classifier, method)(*given)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "identity"])
@pytest.mark.parametrize("labels", [LABELS, LABELS == "a"], ids=["three", "two"])
def test_every_answer_is_finite_or_an_error(activation: str, labels: Any) -> None:
    """A saturated network may have an answer; then it is a probability."""
    model = MLPClassifier((8,), activation=activation, **QUICK).fit(X, labels)
    for value in (1e37, -1e39, 1e300):
        row = X[:1].copy()
        row[0, 0] = value
        try:
            proba = model.predict_proba(row)
        except ValueError as error:
            with pytest.raises(ValueError, match="row 0 in column 0"):
                model.predict(row)
            assert "does not overflow on" in str(error)  # noqa: PT017 - one of two
        else:
            np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-5)
            assert model.predict(row) == model.classes_[proba.argmax(axis=1)]


def test_columns_are_named_as_in_a_frame() -> None:
    """The error speaks of a column as its owner does."""
    frame = pd.DataFrame(X, columns=["mass", "length", "price"])
    model = MLPRegressor((8,), **QUICK).fit(frame, X[:, 0])
    late = frame.copy()
    late.loc[7, "price"] = -1e39
    with pytest.raises(ValueError, match=r"-1e\+39 in row 7 in column 'price'"):
        model.predict(late)


def test_sparse_rows_are_checked(classifier: MLPClassifier) -> None:
    """Also where rows are made dense block by block."""
    with pytest.raises(ValueError, match=r"MLPClassifier .* 1e\+39 in row 1"):
        classifier.predict(sp.csr_array(FAR))


def test_row_is_counted_over_blocks(
    classifier: MLPClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is that of X, not of the block that it was computed in."""
    monkeypatch.setattr(MLPClassifier, "_block_rows", lambda *_: 16)
    late = X.copy()
    late[100, 1] = 1e39
    with pytest.raises(ValueError, match="in row 100 in column 1"):
        classifier.predict(late)


def test_double_precision_has_an_answer() -> None:
    """What the error proposes helps."""
    model = MLPClassifier((8,), dtype="float64", **QUICK).fit(X, LABELS)
    assert np.isfinite(model.predict_proba(FAR)).all()


@pytest.mark.parametrize("name", ["CNNClassifier", "ImageClassifier"])
def test_pixels_that_are_too_large_are_an_error_or_an_answer(name: str) -> None:
    """Numbers of images overflow as those of tables do."""
    kind = {"CNNClassifier": CNNClassifier, "ImageClassifier": ImageClassifier}[name]
    images = IMAGES if name == "CNNClassifier" else RNG.random((24, 32, 32, 3))
    parameters = dict(placed.PLACED[name].parameters, augmenter=None)
    model = kind(**parameters).fit(images, SIDES)
    huge = images[:2].copy()
    huge[1] *= 1e38 * RNG.choice([-1.0, 1.0], size=huge[1].shape)
    warnings.filterwarnings("ignore", "CNN.*hardly the same scale|Image.*same scale")
    try:
        answer = model.predict_proba(huge)
    except ValueError as error:
        assert "Got " in str(error)  # noqa: PT017 - either is right
        assert "in row 1. Clip it" in str(error)  # noqa: PT017 - either is right
    else:
        np.testing.assert_allclose(answer.sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("scaling", ["quantile", "robust_clip", "standard", None])
def test_tabular_perceptron_answers_any_finite_number(scaling: str | None) -> None:
    """Its encoder bounds what goes into the network."""
    parameters: dict[str, Any] = {"feature_scaling": scaling, **QUICK}
    model = TabularMLPClassifier((8,), **parameters).fit(X, LABELS)
    proba = model.predict_proba(FAR)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
def test_validation_rows_that_overflow_stop_the_fit(scoring: str) -> None:
    """By NaN no epoch is better than another; the estimator stays as it was."""
    model = MLPClassifier((8,), early_stopping=True, scoring=scoring, **QUICK)
    with pytest.raises((DivergenceError, ValueError), match=r"large|overflow"):
        model.fit(X, LABELS, X_val=FAR, y_val=LABELS[:3])
    assert not hasattr(model, "classes_")


def test_validation_rows_that_overflow_fail_in_a_stack_too() -> None:
    """Fits that run together hold to the same rule."""
    model = MLPClassifier((8,), early_stopping=True, validation_fraction=0.5, **QUICK)
    rows = X.copy()
    rows[::40, 2] = 1e39
    grid = {"learning_rate": [1e-3, 1e-2]}
    search = VectorizedSearchCV(model, grid, cv=2, error_score="raise")
    try:
        search.fit(rows, LABELS)
    except DivergenceError as error:
        assert "validation loss" in str(error)  # noqa: PT017 - either is right
    else:
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_network_that_has_no_answer_itself_is_named() -> None:
    """Rows of usual size are not to blame."""
    model = MLPClassifier((8,), **QUICK).fit(X, LABELS)
    weight = model.module_.layers[0].weight
    weight.data.fill_(float("nan"))
    with pytest.raises(ValueError, match="row 0 of X, whose numbers are not large"):
        model.predict(X)
