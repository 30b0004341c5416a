"""Targets in a form that no estimator can read: told apart before they are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Set
from itertools import chain
from numbers import Number, Real
from typing import Any

import numpy as np

_ROWS = (list, tuple, np.ndarray)
_NUMBERS = (float, int, np.number, np.bool_)
# By name, since pandas and polars may not be there.
_HOLDING_OBJECTS = ("object", "Object", "List", "Array", "Struct")
_LABELS = (str, bytes, bool, Real, np.generic)


def check_target_form(y: Any, owner: str, *, labels: bool, name: str = "y") -> None:
    """Refuse targets with missing values, and values that are no label or number.

    Arrays of numbers or strings pass unseen; the values that they hold are looked at
    where they are read.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets as they were given.
    owner : str
        Name of the estimator, for the error.
    labels : bool
        Whether they are labels; numbers otherwise.
    name : str, default="y"
        Of the argument.

    Raises
    ------
    TypeError
        If they are no sequence.
    ValueError
        If a value is missing, is a collection, or is neither a label nor a number; or
        if labels are of several types.
    """
    form = _Form(owner, name, labels=labels)
    if isinstance(y, np.ndarray):
        if y.dtype == object and y.ndim:
            form.check_values(y.tolist())
        return
    if isinstance(y, (str, bytes, Mapping, Set, Iterator)):
        raise TypeError(
            f"{owner} takes {name} as an array or a list, with a target for each row. "
            f"Got a {type(y).__name__}. Convert it first, e.g. with list()."
        )
    missing = _missing(y)
    if missing is not None and missing.any():
        row = int(np.flatnonzero(missing.reshape(len(missing), -1).any(axis=1))[0])
        raise form.missing("a missing value", row)
    if isinstance(y, (list, tuple)):
        form.check_values(y)
    elif str(getattr(y, "dtype", "")).startswith(_HOLDING_OBJECTS):
        form.check_values(y.to_list())


def _missing(y: Any) -> np.ndarray[Any, Any] | None:
    """Return where a container of pandas or polars has no value; None of others."""
    if hasattr(y, "isna"):
        return np.asarray(y.isna())
    if hasattr(y, "is_null") and hasattr(y, "null_count"):
        return np.asarray(y.is_null())
    return None


class _Form:
    """Looks at targets one by one, and has the words for what is wrong."""

    def __init__(self, owner: str, name: str, *, labels: bool) -> None:
        self.owner, self.name, self.labels = owner, name, labels

    def check_values(self, values: list[Any] | tuple[Any, ...]) -> None:
        """Check a sequence of targets, each a value or a row of them."""
        kinds = set(map(type, values))
        if any(issubclass(kind, _ROWS) for kind in kinds):
            widths = set(map(_width, values))
            if len(widths) > 1 or 0 in widths:
                raise self.collections(max(values, key=_width))
            # Rows of several outputs; what is nested more deeply has too many axes.
            inner = list(chain.from_iterable(values))
            self._check_each(inner, set(map(type, inner)), len(values[0]))
        else:
            self._check_each(values, kinds, 1)

    def _check_each(self, values: Any, kinds: set[type], n_columns: int) -> None:
        if any(all(issubclass(k, one) for k in kinds) for one in (_NUMBERS, str)):
            return
        for position, value in enumerate(values):
            if _is_missing(value, strings=str in kinds):
                raise self.missing(repr(value), position // n_columns)
            if isinstance(value, (Set, Mapping)):
                raise self.collections(value)
        if self.labels:
            self._check_labels(values, kinds)
        else:
            self._check_numbers(values)

    def _check_labels(self, values: Any, kinds: set[type]) -> None:
        strange = [v for v in values if not isinstance(v, (*_LABELS, *_ROWS))]
        if strange:
            raise ValueError(
                f"Unknown label type: {self.owner} takes labels that are strings or "
                f"whole numbers. Got {self.name} with {strange[0]!r:.60} of type "
                f"{type(strange[0]).__name__}. Convert them, e.g. with str()."
            )
        if len({issubclass(kind, str) for kind in kinds}) > 1:
            raise several_types(self.owner, self.name)

    def _check_numbers(self, values: Any) -> None:
        for value in values:
            if isinstance(value, (Number, np.bool_, *_ROWS)):
                continue
            try:
                # Numbers of other packages, and what scikit-learn reads as numbers.
                float(value)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"{self.owner} expects {self.name} as a dense array of real "
                    f"numbers. Got {value!r:.60} of type {type(value).__name__}. "
                    "Convert it first."
                ) from error

    def missing(self, what: str, row: int) -> ValueError:
        """Return the error for a target that is not there."""
        return ValueError(
            f"Input {self.name} contains NaN: {self.owner} needs a target for every "
            f"row. Got {what} in row {row}. Drop such rows from X and {self.name}."
        )

    def collections(self, value: Any) -> ValueError:
        """Return the error for rows with collections instead of targets."""
        if self.labels:
            rule = (
                "learns one label a row, or several as an indicator of zeros and ones"
            )
            remedy = (
                "Turn collections of labels into an indicator by "
                f"sklearn.preprocessing.MultiLabelBinarizer().fit_transform({self.name})"
            )
        else:
            rule = "predicts the same number of targets for every row"
            remedy = f"Pass {self.name} of shape (n_samples, n_outputs)"
        return ValueError(
            f"{self.owner} {rule}. Got {self.name} with the {type(value).__name__} "
            f"{value!r:.60}. {remedy}."
        )


def several_types(owner: str, name: str = "y") -> ValueError:
    """Return the error for labels of which some cannot be compared with others."""
    return ValueError(
        f"{owner} needs labels of one type. Got {name} with several types that cannot "
        f"be sorted together. Convert them, e.g. with {name}.astype(str)."
    )


def _width(value: Any) -> int:
    return len(value) if isinstance(value, _ROWS) else -1


def _is_missing(value: Any, *, strings: bool) -> bool:
    """Tell whether a value is none: None, NA or NaT, and NaN among strings."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    # NaN among numbers is found where they are read.
    return strings and isinstance(value, float) and math.isnan(value)
