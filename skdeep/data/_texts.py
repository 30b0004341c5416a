"""Texts as rows that a fit can split, shuffle and weigh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_array

from skdeep._text_forms import read_texts as list_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skdeep._typing import Array


class TextTable:
    """Texts in memory, a row each; subsets share them.

    Parameters
    ----------
    texts : ndarray of object of shape (n_samples,)
        Instances of str.
    """

    def __init__(self, texts: Array) -> None:
        self.texts = texts

    @classmethod
    def of(cls, texts: Sequence[str]) -> TextTable:
        """Return a list of texts as a table."""
        values = np.empty(len(texts), dtype=object)
        values[:] = texts
        return cls(values)

    @property
    def shape(self) -> tuple[int]:
        """(n_samples,)."""
        return (len(self.texts),)

    @property
    def dtype(self) -> np.dtype[Any]:
        """What predictions come in: texts are as exact as float64."""
        return np.dtype(np.float64)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.texts)

    def __getitem__(self, rows: Array | slice) -> TextTable:
        """Return the texts at some positions, in that order, or of a slice."""
        return TextTable(self.texts[rows])


def read_texts(X: Any, *, owner: str) -> TextTable:
    """Read texts from a list, an array, a Series or a frame of one column.

    Parameters
    ----------
    X : array-like of str of shape (n_samples,)
        At least one text; a text may be empty.
    owner : str
        Whose `X` it is, for the sentence of an error.

    Returns
    -------
    table : TextTable

    Raises
    ------
    TypeError
        If `X` is a single text or no sequence, or something in it is no text.
    ValueError
        If there are no texts or several columns, or a text is missing.

    Examples
    --------
    >>> from skdeep.data import read_texts
    >>> read_texts(["Guten Tag", ""], owner="TextClassifier").shape
    (2,)
    """
    if isinstance(X, TextTable):
        return X
    texts = list_texts(X, owner)
    if not texts:
        # scikit-learn's own sentence.
        check_array(np.empty((0, 1)), estimator=owner)
    return TextTable.of(texts)
