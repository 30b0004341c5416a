"""The forms that texts come in: sequences, arrays, Series, frames of one column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skdeep._typing import Array


class TextForm:
    """Texts, and the form that they were given in.

    Parameters
    ----------
    X : array-like of str of shape (n_samples,)
        A list, a tuple or another sequence, as a column of Hugging Face datasets is; an
        array of NumPy or Arrow, a Series of pandas or polars; or an array, table or
        frame of one column.
    owner : str
        Whose `X` it is, for the sentence of an error.

    Attributes
    ----------
    texts : list of str
        The texts.

    Raises
    ------
    TypeError
        If `X` is a single text or no sequence, or something in it is no text.
    ValueError
        If there are several columns, or a text is missing.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep._text_forms import TextForm
    >>> form = TextForm(np.array(["a", "b"]), "TextClassifier")
    >>> form.texts
    ['a', 'b']
    >>> form.like_given(["c", "d", "e"], np.array([0, 1, 1]))
    array(['c', 'd', 'e'], dtype=object)
    """

    def __init__(self, X: Any, owner: str) -> None:
        self.given = X
        self.texts = read_texts(X, owner)

    def like_given(self, texts: Sequence[str], origin: Array) -> Any:
        """Return other texts in the form of those that were given.

        Parameters
        ----------
        texts : sequence of str
            Any number of them.
        origin : ndarray of int of shape (n_texts,)
            Which of the given ones each belongs to; a pandas index is taken over.

        Returns
        -------
        X : list, ndarray, Series or DataFrame
            A list for a sequence of any type, and for what Arrow holds.
        """
        given = self.given
        kind, frame = type(given), hasattr(given, "columns")
        if _is_of(given, "polars"):
            return kind({given.columns[0]: texts}) if frame else kind(given.name, texts)
        values = np.empty(len(texts), dtype=object)
        values[:] = texts
        if isinstance(given, np.ndarray):
            return values if given.ndim == 1 else values[:, np.newaxis]
        if not hasattr(given, "iloc"):
            return list(texts)
        index = given.index[origin]
        if frame:
            return kind({given.columns[0]: values}, index=index)
        return kind(values, index=index, name=given.name)


def read_texts(X: Any, owner: str) -> list[str]:
    """Return texts as a list.

    Parameters
    ----------
    X : array-like of str of shape (n_samples,)
        See `TextForm`.
    owner : str
        Whose `X` it is, for the sentence of an error.

    Returns
    -------
    texts : list of str

    Raises
    ------
    TypeError
        If `X` is a single text or no sequence, or something in it is no text.
    ValueError
        If there are several columns, or a text is missing.
    """
    items = _column(X, owner)
    for row, item in enumerate(items):
        if type(item) is not str:
            items[row] = _as_text(item, row, owner)
    return items


def occurrences(texts: Iterable[str]) -> Array:
    """Return how many equal texts come before each.

    Parameters
    ----------
    texts : iterable of str
        The texts.

    Returns
    -------
    occurrences : ndarray of int64 of shape (n_texts,)

    Examples
    --------
    >>> from skdeep._text_forms import occurrences
    >>> occurrences(["a", "b", "a", "a"]).tolist()
    [0, 0, 1, 2]
    """
    seen: Counter[str] = Counter()
    found = []
    for text in texts:
        found.append(seen[text])
        seen[text] += 1
    return np.array(found, dtype=np.int64)


def _column(X: Any, owner: str) -> list[Any]:
    if isinstance(X, (str, bytes)):
        raise TypeError(
            f"{owner} expects a list of texts. Got a single {type(X).__name__}: "
            f"{X!r:.60}. Put it in a list."
        )
    if isinstance(X, (list, tuple)):
        return list(X)
    if hasattr(X, "to_pylist"):
        return _arrow_column(X, owner)
    if not isinstance(X, np.ndarray):
        if not hasattr(X, "to_numpy"):
            return _sequence(X, owner)
        X = X.to_numpy()
    if X.ndim == 2 and X.shape[1] == 1:
        X = X[:, 0]
    if X.ndim != 1:
        _refuse_shape(X.shape, owner)
    items: list[Any] = X.tolist()
    return items


def _arrow_column(X: Any, owner: str) -> list[Any]:
    """Return an array of Arrow, or the column of a table that has one."""
    if hasattr(X, "num_columns"):
        if X.num_columns != 1:
            _refuse_shape((X.num_rows, X.num_columns), owner)
        X = X.column(0)
    items: list[Any] = X.to_pylist()
    return items


def _sequence(X: Any, owner: str) -> list[Any]:
    """Return what has a length and an order, of whatever type it is."""
    ordered = hasattr(X, "__len__") and hasattr(X, "__getitem__")
    if not ordered or isinstance(X, (Mapping, Set)):
        raise TypeError(
            f"{owner} expects texts as a list, an array or a Series. Got a "
            f"{type(X).__name__}. Convert it first, e.g. with list."
        )
    return list(X)


def _refuse_shape(shape: tuple[int, ...], owner: str) -> NoReturn:
    raise ValueError(
        f"{owner} expects one text a row. Got X of shape {shape}. Pass the column that "
        "holds the texts."
    )


def _as_text(item: Any, row: int, owner: str) -> str:
    if isinstance(item, str):
        return str(item)
    nothing = isinstance(item, float) and item != item  # noqa: PLR0124 - only NaN is
    if item is None or nothing or type(item).__name__ in ("NAType", "NaTType"):
        raise ValueError(
            f"{owner} expects a text in each row. Got {item!r} in row {row}, which is "
            "missing. Drop such rows, or put '' there."
        )
    if isinstance(item, (bytes, bytearray)):
        raise TypeError(
            f"{owner} expects a text in each row. Got bytes in row {row}: {item!r:.50}."
            " Decode them first, e.g. with .decode('utf-8')."
        )
    raise TypeError(
        f"{owner} expects a text in each row. Got {item!r:.60} of type "
        f"{type(item).__name__} in row {row}. Convert it to str first."
    )


def _is_of(X: Any, package: str) -> bool:
    return type(X).__module__.split(".")[0] == package
