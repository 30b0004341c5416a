"""The folds of a search, made once and checked before anything is fitted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from skdeep._compat import num_samples


def make_splits(
    search: Any, X: Any, y: Any, params: Mapping[str, Any]
) -> list[tuple[Any, Any]]:
    """Return the training and the test rows of each fold.

    Parameters
    ----------
    search : estimator instance
        With parameters `cv` and `estimator`.
    X : array-like of n_samples rows
        Training inputs.
    y : array-like
        Training targets, or None.
    params : mapping
        What the splitter is given beside them, such as `groups`.

    Returns
    -------
    splits : list of tuple of array-like
        At least one.

    Raises
    ------
    ValueError
        If there is no fold, or one of them has no rows or other rows than X.
    """
    rule = f"The 'cv' parameter of {type(search).__name__} must yield"
    given = search.cv
    if isinstance(given, Iterable) and not hasattr(given, "split"):
        given = [_pair(split, rule) for split in given]
    cv = check_cv(given, y, classifier=is_classifier(search.estimator))
    splits = [_pair(split, rule) for split in cv.split(X, y, **params)]
    if not splits:
        raise ValueError(
            f"{rule} at least one fold, but no fold came: no fits were performed. Pass "
            "an int, a splitter or a list; an iterator yields its folds only once."
        )
    counted = getattr(cv, "get_n_splits", None)
    n_splits = len(splits) if counted is None else counted(X, y, **params)
    if n_splits != len(splits):
        raise ValueError(
            f"{rule} as many folds as it says, but cv.split and cv.get_n_splits return "
            f"inconsistent results. Expected {n_splits} splits, got {len(splits)}"
        )
    n_rows = num_samples(X)
    for place, split in enumerate(splits):
        for part, rows in zip(("training", "test"), split, strict=True):
            _check_rows(np.asarray(rows), n_rows, f"fold {place} has {{}} {part}", rule)
    return splits


def _pair(split: Any, rule: str) -> tuple[Any, Any]:
    if not isinstance(split, (tuple, list)) or len(split) != 2:
        raise ValueError(
            f"{rule} pairs of training and test rows. Got {type(split).__name__} of "
            f"length {len(split) if hasattr(split, '__len__') else 'unknown'}."
        )
    return split[0], split[1]


def _check_rows(rows: Any, n_rows: int, fold: str, rule: str) -> None:
    if rows.dtype == bool:
        rows = np.flatnonzero(rows)
    if not rows.size:
        raise ValueError(
            f"{rule} folds with rows, but {fold.format('no')} rows. Use fewer folds, "
            "or leave that one out."
        )
    if rows.dtype.kind in "iu" and not -n_rows <= rows.min() <= rows.max() < n_rows:
        raise ValueError(
            f"{rule} rows of X, but {fold.format('the')} row "
            f"{rows.max() if rows.max() >= n_rows else rows.min()} of {n_rows}. Make "
            "the folds for this X."
        )
