"""Tests that equal fits hash alike, and that others do not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import torch

from skdeep import MLPClassifier, MLPRegressor
from skdeep.base._digest import digest
from tests.placed import LABELS, PLACED, ROWS, fit, fitted, make, those_that

HASHED = those_that(lambda placed: "cv" not in placed.parameters)


@pytest.mark.parametrize("name", HASHED)
def test_equal_fits_hash_alike(name):
    """The clock has no part in it, nor what a pickle or a copy does to objects."""
    one = fitted(name)
    others = [fit(make(name), name), pickle.loads(pickle.dumps(one)), copy.copy(one)]
    assert {joblib.hash(other) for other in others} == {joblib.hash(one)}
    assert joblib.hash(copy.deepcopy(one)) == joblib.hash(one)


@pytest.mark.parametrize("name", those_that(lambda placed: placed.resumes))
def test_other_fits_hash_otherwise(name):
    """A single weight is enough."""
    one = copy.deepcopy(fitted(name))
    before = joblib.hash(one)
    with torch.no_grad():
        next(one.module_.parameters()).view(-1)[0] += 1e-3
    assert joblib.hash(one) != before
    assert joblib.hash(make(name)) not in (before, joblib.hash(one))


@pytest.mark.parametrize("name", those_that(lambda placed: placed.partial_fit))
def test_fits_in_passes_hash_alike(name):
    """The state of the optimizer and of the generators is looked at."""
    placed = PLACED[name]
    quiet = {"early_stopping": False, "refit": False}
    known = {k: v for k, v in quiet.items() if k in make(name).get_params()}
    classes = {"classes": np.unique(placed.y)} if "Classifier" in name else {}
    nets = [make(name, **known) for _ in range(2)]
    one, two = (net.partial_fit(placed.X, placed.y, **classes) for net in nets)
    assert joblib.hash(one) == joblib.hash(two)
    two.partial_fit(placed.X, placed.y)
    assert joblib.hash(one) != joblib.hash(two)


def test_time_limit_and_durations_do_not_count():
    """They say nothing of what was learnt; a pickle keeps the durations."""
    one, two = (
        fit(make("TabularMLPRegressor", time_limit=1000.0), "TabularMLPRegressor")
        for _ in range(2)
    )
    assert joblib.hash(one) == joblib.hash(two)
    two.history_["duration"] += 1.0
    for row in two.net_.history:
        row["dur"] += 1.0
    assert joblib.hash(one) == joblib.hash(two)
    back = pickle.loads(pickle.dumps(two))
    np.testing.assert_array_equal(back.history_["duration"], two.history_["duration"])


def test_parameters_and_subclasses_count():
    """Two estimators that are not fitted differ by a parameter or by their class."""

    class Own(MLPClassifier):
        """Of a user."""

    hashes = [
        joblib.hash(estimator)
        for estimator in (
            MLPClassifier(),
            MLPClassifier(max_epochs=3),
            MLPRegressor(),
            Own(),
        )
    ]
    assert len(set(hashes)) == 4
    assert joblib.hash([MLPClassifier()] * 2) == joblib.hash(
        [MLPClassifier(), MLPClassifier()]
    )


def test_cached_function_is_not_called_again(tmp_path):
    """What the hash is for: joblib's memory knows an estimator again."""
    calls = []

    def score(estimator: Any, X: Any, y: Any) -> float:
        calls.append(estimator)
        return float(estimator.score(X, y))

    cached = joblib.Memory(tmp_path, verbose=0).cache(score)
    for _ in range(2):
        net = MLPClassifier(max_epochs=2, random_state=0).fit(ROWS, LABELS)
        cached(net, ROWS, LABELS)
    assert len(calls) == 1


def test_layout_does_not_count_and_values_do():
    """Orders, strides, byte orders, formats of sparse rows, objects that are shared."""
    X = np.arange(12.0).reshape(3, 4)
    one = digest(X)
    for same in (
        np.asfortranarray(X),
        np.repeat(X, 2, axis=1)[:, ::2],
        X.astype(">f8"),
    ):
        assert digest(same) == one
    for other in (X.T, X.reshape(4, 3), X.astype("f4"), X + 1e-12, sp.csr_array(X)):
        assert digest(other) != one
    assert (
        digest(sp.csc_array(X)) == digest(sp.csr_matrix(X)) != digest(sp.csr_array(-X))
    )
    words = np.array([["a", None], [1.5, "b"]], dtype=object)
    assert digest(words) == digest(np.asfortranarray(words)) != digest(words.T)
    pair = [1.5, "a"]
    assert digest([pair, pair]) == digest([pair, [1.5, "a"]])


def test_large_array_in_another_order_is_read_in_pieces(monkeypatch):
    """Some rows at a time, however many there are."""
    monkeypatch.setattr("skdeep.base._digest._PIECE_BYTES", 100)
    X = np.arange(1001 * 3.0).reshape(1001, 3)
    assert digest(np.asfortranarray(X)) == digest(X)
    assert digest(np.asfortranarray(X[:0])) == digest(X[:0])
