"""The rows that an estimator gets most wrong."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep._compat import rows_at
from skdeep.base import FittedView
from skdeep.inspection._table import Table

if TYPE_CHECKING:
    from skdeep._typing import Array, FloatArray, MatrixLike


@dataclass(frozen=True)
class TopLosses:
    """What came out of `top_losses`; it prints as a table.

    Attributes
    ----------
    indices : ndarray of int of shape (n,)
        Positions of the rows in X, the worst first.
    losses : ndarray of shape (n,)
        Their losses.
    y_true : ndarray of shape (n,) or (n, n_outputs)
        What was to be predicted.
    y_pred : ndarray of shape (n,) or (n, n_outputs)
        What was.
    estimator : str
        Name of the estimator.
    """

    indices: Array
    losses: FloatArray
    y_true: Array
    y_pred: Array
    estimator: str

    def _table(self) -> Table:
        rows = [
            (str(index), f"{loss:.4g}", _words(truth), _words(said))
            for index, loss, truth, said in zip(
                self.indices, self.losses, self.y_true, self.y_pred, strict=True
            )
        ]
        return Table(self.estimator, ("row", "loss", "true", "predicted"), rows, (0, 1))

    def __str__(self) -> str:
        """Return the table as text."""
        return self._table().as_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return self._table().as_html()


def top_losses(estimator: Any, X: MatrixLike, y: Any, n: int = 10) -> TopLosses:
    """Find the rows that an estimator gets most wrong.

    The loss is the one that the estimator was trained on, of each row by itself,
    without weights and penalties: of a regressor on the scale that its network learns
    on. Wrong labels, and rows unlike all others, come first. Rows that `score` of a
    Pipeline of another library leaves out are left out.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator of skdeep, or a Pipeline that ends in one, or a search that
        found one.
    X : {array-like, sparse matrix} of n_samples rows
        Inputs.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        True targets.
    n : int, default=10
        How many rows; all of them where there are fewer.

    Returns
    -------
    result : TopLosses
        With `indices`, `losses`, `y_true` and `y_pred`, the worst first; prints as a
        table.

    Raises
    ------
    TypeError
        If there is no estimator of skdeep.
    ValueError
        If `n` is below 1, or the data break a rule.
    NotFittedError
        If it has not been fitted.

    See Also
    --------
    forward_pass : How the prediction of such a row comes about.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, top_losses
    >>> X, y = load_iris(return_X_y=True)
    >>> y[0] = 2  # a setosa under a wrong name
    >>> classifier = MLPClassifier((8,), learning_rate=0.01, random_state=0).fit(X, y)
    >>> top_losses(classifier, X, y, n=3).indices[0]
    np.int64(0)
    """
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(
            f"The 'n' parameter of top_losses must be an int of at least 1. Got {n!r}."
        )
    view = FittedView(estimator, "top_losses")
    losses, checked, rows = view.scored_losses(X, y)
    # Equal ones in their order.
    worst = np.argsort(-losses, kind="stable")[: int(n)]
    indices = worst if rows is None else rows[worst]
    return TopLosses(
        indices=indices,
        losses=losses[worst],
        y_true=checked[worst],
        y_pred=estimator.predict(rows_at(X, indices)),
        estimator=view.name,
    )


def _words(value: Any) -> str:
    if np.ndim(value):
        return ", ".join(map(_words, value))
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
