"""How much every row counts: sample weights times class weights."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep._compat import check_sample_weight

if TYPE_CHECKING:
    from skdeep._typing import Array


def check_weights(sample_weight: Any, X: Any, owner: str) -> Array | None:
    """Return the sample weights as floats, None where all rows count alike.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,), float or None
        Non-negative weights.
    X : array of shape (n_samples, n_features)
        The rows they belong to.
    owner : str
        Name of the estimator, for the error.

    Returns
    -------
    weight : ndarray of shape (n_samples,) or None
        In float64.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, none is above zero, or their sum
        overflows.
    """
    if sample_weight is None:
        return None
    weight = check_sample_weight(sample_weight, X)
    if not np.any(weight > 0):
        raise ValueError(
            f"{owner} needs at least one non-zero sample weight. Got only zero "
            "weights. Leave sample_weight out to weigh all rows alike."
        )
    with np.errstate(over="ignore"):
        summable = np.isfinite(weight.sum())
    if not summable:
        raise ValueError(
            f"{owner} needs sample weights with a finite sum. Got weights of up to "
            f"{float(weight.max())!r}. Divide them by the largest."
        )
    return weight


def class_weights(
    class_weight: Mapping[Any, float] | str,
    classes: Array,
    codes: Array,
    weight: Array | None,
    owner: str,
) -> Array:
    """Return the weight of every class.

    Parameters
    ----------
    class_weight : "balanced" or mapping of label to weight
        "balanced" gives all classes the same total weight; labels missing from a
        mapping weigh one. As in scikit-learn a mapping of all labels may name others
        too, which the rows of a fold may lack.
    classes : ndarray of shape (n_classes,)
        The labels.
    codes : ndarray of shape (n_samples,)
        Class index of every row.
    weight : ndarray of shape (n_samples,) or None
        Sample weights.
    owner : str
        Name of the estimator, for the error.

    Returns
    -------
    per_class : ndarray of shape (n_classes,)
        In float64.

    Raises
    ------
    ValueError
        If a mapping names a label that does not occur, but not all that do, or weighs
        one below zero.
    """
    if isinstance(class_weight, str):
        totals = np.bincount(codes, weights=weight, minlength=len(classes))
        present = totals > 0
        per_class = np.ones(len(classes))
        per_class[present] = totals.sum() / (present.sum() * totals[present])
        return per_class
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    unnamed = [label for label in known if label not in class_weight]
    if unknown and unnamed:
        raise ValueError(
            f"The 'class_weight' parameter of {owner} must name labels that occur in "
            f"y. Got {unknown[0]!r}, but y has the classes {known}, of which "
            f"{unnamed[0]!r} is not named."
        )
    weights = [class_weight.get(label, 1.0) for label in known]
    if not all(isinstance(w, Real) and 0 <= w < np.inf for w in weights):
        raise ValueError(
            f"The 'class_weight' parameter of {owner} must map labels to finite "
            f"weights of at least 0. Got {dict(class_weight)!r}."
        )
    return np.array(weights, dtype=np.float64)
