"""NumPy scalars as the Python values that they stand for."""

from __future__ import annotations

from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return a value with the scalars of NumPy in it replaced.

    A study stores values of Python alone, and tells values apart by their type.

    Parameters
    ----------
    value : object
        Anything; tuples, lists and dicts are looked into.

    Returns
    -------
    value : object
        The same object where there is nothing to replace.
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) in (tuple, list):
        parts = [plain(part) for part in value]
        same = all(new is old for new, old in zip(parts, value, strict=True))
        return value if same else type(value)(parts)
    if type(value) is dict:
        return {name: plain(part) for name, part in value.items()}
    return value
