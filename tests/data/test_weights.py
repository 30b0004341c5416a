"""Tests of how much every row counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from skdeep.data import _weights as module
from skdeep.data import check_weights, class_weights

X = np.zeros((4, 2))
CLASSES = np.array(["ant", "bee", "cat"])


def test_no_weights_are_none() -> None:
    """Nothing given means that all rows count alike."""
    assert check_weights(None, X, "Model") is None


@pytest.mark.parametrize("given", [[1, 2, 0, 3], np.array([1, 2, 0, 3], np.float32)])
def test_weights_become_float64(given: Any) -> None:
    """Any array-like of numbers is taken, in double precision."""
    weight = check_weights(given, X, "Model")
    assert weight is not None
    assert weight.dtype == np.float64
    assert weight.tolist() == [1, 2, 0, 3]


def test_one_number_weighs_every_row() -> None:
    """scikit-learn takes a scalar for all rows."""
    weight = check_weights(2.5, X, "Model")
    assert weight is not None
    assert weight.tolist() == [2.5] * 4


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([0, 0, 0, 0], "at least one non-zero"),
        ([1, -1, 1, 1], "Negative values in data passed to `sample_weight`"),
        ([1, np.nan, 1, 1], "contains NaN"),
        ([1, np.inf, 1, 1], "contains infinity"),
        ([1, 1, 1], r"sample_weight.shape == \(3,\), expected \(4,\)"),
        ([[1], [1], [1], [1]], "must be 1D array or scalar"),
        ([1e308] * 4, r"Model needs sample weights with a finite sum. .* to 1e\+308"),
    ],
)
def test_wrong_weights_raise(given: Any, sentence: str) -> None:
    """Each broken rule has its sentence."""
    with pytest.raises(ValueError, match=sentence):
        check_weights(given, X, "Model")


def test_zeros_that_sklearn_lets_through_raise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before 1.9 scikit-learn said nothing of weights that are all zero."""
    monkeypatch.setattr(module, "check_sample_weight", lambda *_: np.zeros(4))
    with pytest.raises(
        ValueError, match=r"Model needs at least one non-zero .* weight"
    ):
        check_weights([0, 0, 0, 0], X, "Model")


@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 0.5, 1.0, 3.0, 0.25])])
def test_balanced_equals_sklearn(weight: np.ndarray | None) -> None:
    """Balanced is scikit-learn's formula, over sample weights where there are any."""
    codes = np.array([0, 0, 0, 1, 1, 2])
    per_class = class_weights("balanced", CLASSES, codes, weight, "Model")
    counts = np.bincount(codes, weights=weight)
    np.testing.assert_allclose(per_class, counts.sum() / (3 * counts))
    if weight is None:
        expected = compute_class_weight("balanced", classes=CLASSES, y=CLASSES[codes])
        np.testing.assert_allclose(per_class, expected)
    totals = np.bincount(
        codes, weights=per_class[codes] * (1 if weight is None else weight)
    )
    np.testing.assert_allclose(totals, totals[0])


def test_balanced_leaves_absent_classes_alone() -> None:
    """A class without rows neither divides by zero nor takes a share."""
    codes = np.array([0, 0, 2])
    per_class = class_weights("balanced", CLASSES, codes, None, "Model")
    assert per_class.tolist() == [0.75, 1.0, 1.5]


def test_mapping_gives_its_weights_and_one_to_the_rest() -> None:
    """Labels that a mapping leaves out weigh one; zero is a weight."""
    codes = np.array([0, 1, 2])
    mapping = {"cat": 3, "ant": 0.0}
    per_class = class_weights(mapping, CLASSES, codes, None, "Model")
    assert per_class.tolist() == [0.0, 1.0, 3.0]
    assert per_class.dtype == np.float64


@pytest.mark.parametrize(
    ("classes", "mapping"),
    [
        (np.array([1, 2]), {np.int64(1): 5.0}),
        (np.array([1.0, 2.0]), {1: 5.0}),
        (np.array([False, True]), {False: 5.0}),
        (np.array(["a", "b"], dtype=object), {np.str_("a"): 5.0}),
    ],
)
def test_mapping_finds_labels_of_any_type(classes: Any, mapping: Any) -> None:
    """Keys are compared as Python compares them, whatever array they came from."""
    per_class = class_weights(mapping, classes, np.array([0, 1]), None, "Model")
    assert per_class.tolist() == [5.0, 1.0]


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({"dog": 1.0}, r"names? labels that occur in y. Got 'dog', but y has"),
        ({"ant": -1.0}, r"finite weights of at least 0. Got \{'ant': -1.0\}"),
        ({"ant": np.nan}, "finite weights of at least 0"),
        ({"ant": np.inf}, "finite weights of at least 0"),
        ({"ant": "heavy"}, "finite weights of at least 0"),
    ],
)
def test_wrong_mapping_raises(mapping: dict[str, Any], sentence: str) -> None:
    """The sentence names the parameter, the estimator and what was got."""
    with pytest.raises(ValueError, match="'class_weight' parameter of Model") as caught:
        class_weights(mapping, CLASSES, np.array([0, 1, 2]), None, "Model")
    assert caught.match(sentence)
