"""The error for cells of a table that are no numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from skdeep.data._series import open_frame
from skdeep.data._written_numbers import reads_as_number


def refuse_words(X: Any, owner: str, error: Exception) -> None:
    """Raise where a table that could not be read holds a word, or pandas' NA.

    Parameters
    ----------
    X : object
        What was given.
    owner : str
        Name of the estimator.
    error : Exception
        The one that it was refused with, which tells neither column nor remedy.

    Raises
    ------
    ValueError
        If there is such a cell; it names the column, or says that X holds texts.
    """
    kind = "Classifier" if owner.endswith("Classifier") else "Regressor"
    for name, cells in _columns(X):
        if name is not None and any(type(cell).__name__ == "NAType" for cell in cells):
            raise ValueError(
                f"{owner} takes no missing values. Got NA in column {name!r}. Impute "
                "them first, e.g. with SimpleImputer, or drop such rows."
            ) from error
        word = next((cell for cell in cells if _is_word(cell)), None)
        if word is None:
            continue
        got = f"{owner} takes numbers in X. Got {str(word)!r:.60}"
        if name is None:
            raise ValueError(
                f"{got} in place of a row. Use Text{kind} for texts, or pass a table."
            ) from error
        numbers = reads_as_number(str(word)) or not all(map(_is_word, cells))
        if numbers:
            remedy = "pandas.to_numeric, once it holds nothing else"
        elif owner.startswith("MLP"):
            remedy = f"OneHotEncoder, or use Tabular{owner}, which takes categories"
        else:
            remedy = "OneHotEncoder"
        raise ValueError(
            f"{got} in column {name!r}. Convert the column to numbers first, e.g. with "
            f"{remedy}."
        ) from error


def _columns(X: Any) -> Iterator[tuple[Any, Any]]:
    """Yield names and cells of the columns that may hold strings."""
    frame = open_frame(X)
    if frame is not None:
        for name, series in zip(frame.names, frame.series, strict=True):
            if getattr(series.dtype, "kind", "O") not in "iufbc":
                yield name, series.to_numpy()
        return
    try:
        cells = np.asarray(X, dtype=object)
    except (ValueError, TypeError):  # rows of several lengths, sparse matrices
        return
    if cells.ndim == 1:
        yield None, cells
    elif cells.ndim == 2:
        yield from enumerate(cells.T)


def _is_word(cell: Any) -> bool:
    """Tell whether a cell is a string that NumPy makes no number of."""
    if not isinstance(cell, (str, bytes)):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False
