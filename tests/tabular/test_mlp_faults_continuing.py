"""What partial_fit and warm_start refuse, since it cannot go on from there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils.validation import check_is_fitted

from skdeep import MLPClassifier, MLPRegressor

pd = pytest.importorskip("pandas")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((24, 3))
LABELS = (X[:, 0] > 0).astype(int)
NUMBERS = X[:, 0] + 0.1 * RNG.standard_normal(24)
BOTH = np.column_stack([LABELS, 1 - LABELS])
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


@pytest.mark.parametrize("y", [LABELS, LABELS.tolist(), LABELS.astype(str)])
def test_first_partial_fit_wants_the_classes(y):
    """As scikit-learn's classifiers do."""
    with pytest.raises(ValueError, match="classes must be passed on the first call to"):
        MLPClassifier().partial_fit(X, y)


def test_column_of_labels_wants_the_classes_too():
    """A column is one label a row, not an indicator."""
    with pytest.raises(ValueError, match="classes must be passed on the first call to"):
        MLPClassifier().partial_fit(X, LABELS[:, np.newaxis])


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ([], r"'classes' of MLPClassifier.partial_fit must be a list .* Got \[\]"),
        (
            [[0, 1], [1, 2]],
            r"must be a list of all labels that will ever come. Got \[\[",
        ),
        ([0.0, 1.0, np.nan], r"must be a list of all labels .* Got \[0.0, 1.0, nan\]"),
        (
            np.array([0, "a"], dtype=object),
            "needs labels of one type. Got y with sever",
        ),
        (3, "must be a list of all labels that will ever come. Got 3"),
        (
            [5, 6],
            r"knows the classes \[5, 6\]. Got y with the unseen class 0. Name all",
        ),
        (["a", "b"], r"knows the classes \['a', 'b'\]. Got y with the unseen class 0"),
    ],
)
def test_bad_classes_are_refused(classes, sentence):
    """The list must hold every label of y, and be a list."""
    net = MLPClassifier()
    before = dict(vars(net))
    with pytest.raises(ValueError, match=sentence):
        net.partial_fit(X, LABELS, classes=classes)
    assert vars(net) == before


def with_classes(**params: Any) -> MLPClassifier:
    """Return a classifier after one call of partial_fit."""
    return MLPClassifier((5,), **params).partial_fit(X, LABELS, classes=[0, 1])


@pytest.mark.parametrize(
    ("table", "y", "changes", "sentence"),
    [
        (
            X,
            LABELS + 1,
            {},
            r"knows the classes \[0, 1\]. Got y with the unseen class 2",
        ),
        (X, NUMBERS, {}, "Got y with the unseen class -"),
        (X, BOTH, {}, r"learns one class a row. Got y of shape \(24, 2\)"),
        (X[:, :2], LABELS, {}, "X has 2 features, but MLPClassifier is expecting 3"),
        (
            X,
            LABELS,
            {"hidden_layer_sizes": (6,)},
            r"same network. Got .* Set warm_start",
        ),
        (X, LABELS, {"activation": "tanh"}, "can only go on training the same network"),
        (X, LABELS, {"normalization": "layer"}, "only go on training the same network"),
        (
            X,
            LABELS,
            {"class_weight": "balanced"},
            "cannot balance classes it has not se",
        ),
        (X, LABELS, {"early_stopping": True}, "makes one pass and cannot stop early"),
    ],
)
def test_later_partial_fit_must_be_like_the_first(table, y, changes, sentence):
    """Columns, classes and network are settled by the first call."""
    net = with_classes().set_params(**changes)
    before = dict(vars(net))
    with pytest.raises(ValueError, match=sentence):
        net.partial_fit(table, y)
    assert vars(net) == before


def test_other_classes_in_a_later_call_are_refused():
    """The classes may be named again, not changed."""
    net = with_classes().partial_fit(X, LABELS, classes=[1, 0])
    with pytest.raises(
        ValueError, match=r"same classes at every call. Got \[0, 1, 2\]"
    ):
        net.partial_fit(X, LABELS, classes=[0, 1, 2])


def test_indicators_keep_their_width():
    """A label cannot come or go."""
    net = MLPClassifier((5,)).partial_fit(X, BOTH)
    with pytest.raises(
        ValueError, match=r"indicator of 2 labels. Got y of shape \(24,"
    ):
        net.partial_fit(X, np.column_stack([BOTH, LABELS]))
    with pytest.raises(
        ValueError, match=r"indicator of 2 labels. Got y of shape \(24,"
    ):
        net.partial_fit(X, LABELS)


def test_regressors_keep_their_width():
    """One number a row stays one number a row."""
    net = MLPRegressor((5,)).partial_fit(X, NUMBERS)
    with pytest.raises(
        ValueError, match=r"predicts 1 number\(s\) a row. Got y of shape"
    ):
        net.partial_fit(X, np.column_stack([NUMBERS, NUMBERS]))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_columns_keep_names_and_order(kind):
    """In partial_fit and in a warm start, as in predict."""
    net = kind((5,), max_epochs=1, warm_start=True).fit(FRAME, LABELS)
    swapped = FRAME[["b", "a", "c"]]
    for call in (net.partial_fit, net.fit):
        with pytest.raises(
            ValueError, match="must be in the same order as they were in"
        ):
            call(swapped, LABELS)
        with pytest.raises(ValueError, match="seen at fit time, yet now missing"):
            call(FRAME[["a", "b"]], LABELS)
    net.set_params(warm_start=False).fit(swapped, LABELS)
    assert net.feature_names_in_.tolist() == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (
            LABELS + 1,
            r"goes on with the classes it knows, \[0, 1\]. Got y with \[1, 2\]",
        ),
        (np.arange(24) % 3, r"classes it knows, \[0, 1\]. Got y with \[0, 1, 2\]"),
        (np.zeros(24, dtype=int), r"classes it knows, \[0, 1\]. Got y with \[0\]"),
        (BOTH, r"learns one class a row. Got y of shape \(24, 2\)"),
    ],
)
def test_warm_start_keeps_the_classes(y, sentence):
    """Other classes would need another last layer."""
    net = MLPClassifier((5,), max_epochs=1, warm_start=True).fit(X, LABELS)
    with pytest.raises(ValueError, match=sentence):
        net.fit(X, y)
    check_is_fitted(net)
    np.testing.assert_array_equal(net.classes_, [0, 1])


def test_warm_start_keeps_the_network():
    """Another shape needs a fresh start, and gets it by warm_start=False."""
    net = MLPRegressor((5,), max_epochs=1, warm_start=True).fit(X, NUMBERS)
    net.set_params(hidden_layer_sizes=(5, 5))
    sentence = r"same network. Got hidden_layer_sizes=\(5, 5\) after \(5,\). Set warm"
    with pytest.raises(ValueError, match=sentence):
        net.fit(X, NUMBERS)
    assert net.set_params(warm_start=False).fit(X, NUMBERS).n_layers_ == 4


def test_state_of_another_kind_of_device_is_left_aside():
    """A generator's state from a GPU does not fit one of the CPU, and is not needed."""
    net = MLPRegressor((5,), dropout=0.5, random_state=0).partial_fit(X, NUMBERS)
    net._state.resume["generators"]["dropout"] = net._state.resume["generators"][
        "dropout"
    ][:16]
    assert np.isfinite(net.partial_fit(X, NUMBERS).predict(X)).all()
