"""Column statistics that put inputs and targets on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from skdeep._storable import storable

if TYPE_CHECKING:
    from skdeep._typing import Array

BLOCK_ROWS = 8192


@storable()
class ColumnScaler:
    """Standardise columns by the weighted mean and standard deviation of the rows seen.

    A column without variation is mapped to zero: it carries no information, and
    whatever it holds later must not pass through weights that were never trained.

    Parameters
    ----------
    center : bool, default=True
        Subtract the mean.
    by_mean : bool, default=False
        Divide by the mean instead of the standard deviation and keep zero where it is
        (for counts under a log link). Implies no centring.
    keep_indicators : bool, default=False
        Leave columns of zeros and ones as they are. They are on scale already, and the
        small deviation of a rare category would turn its ones into outliers.
    """

    def __init__(
        self,
        *,
        center: bool = True,
        by_mean: bool = False,
        keep_indicators: bool = False,
    ) -> None:
        self.keep_indicators = keep_indicators
        self.indicator: Array = np.zeros(0, dtype=bool)
        self.center = center and not by_mean
        self.by_mean = by_mean
        self.weight_sum = 0.0
        self.mean: Array = np.zeros(0)
        self.second_moment: Array = np.zeros(0)
        self.scale: Array = np.zeros(0)
        self.offset: Array | None = None
        self._inverse: Array = np.zeros(0)
        self._single = True

    def update(self, X: Any, weight: Array | None = None) -> ColumnScaler:
        """Merge the statistics of more rows, block by block, in float64.

        Chan, Golub & LeVeque (1983), :doi:`10.1080/00031305.1983.10483115`.

        Parameters
        ----------
        X : {ndarray, csr_array} of shape (n_samples, n_columns)
            Rows to take account of.
        weight : ndarray of shape (n_samples,) or None
            Positive weights; None weighs every row by one.

        Returns
        -------
        self : ColumnScaler

        Raises
        ------
        OverflowError
            If the squares of a column overflow.
        """
        if not self.mean.size:
            self.mean = np.zeros(X.shape[1])
            self.second_moment = np.zeros(X.shape[1])
            self.indicator = np.full(X.shape[1], self.keep_indicators)
        with np.errstate(over="ignore", invalid="ignore"):
            self._merge_rows(X, weight)
        finite = np.isfinite(self.mean if self.by_mean else self.second_moment)
        if not finite.all():
            raise OverflowError(
                "Columns are standardised by their mean and standard deviation, which "
                f"must not overflow. Got larger numbers in column {np.argmin(finite)}. "
                "Divide it by a constant first."
            )
        self._set_scale()
        return self

    def _merge_rows(self, X: Any, weight: Array | None) -> None:
        if sp.issparse(X):
            strange = X.indices[(X.data != 0) & (X.data != 1)]
            self.indicator[strange] = False
            self._merge(*_sparse_moments(X, weight))
            return
        for start in range(0, X.shape[0], BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            block = np.asarray(X[rows], dtype=np.float64)
            candidates = np.flatnonzero(self.indicator)
            if candidates.size:
                self.indicator[candidates] = _is_indicator(block[:, candidates])
            self._merge(*_moments(block, None if weight is None else weight[rows]))

    def _merge(self, total: float, mean: Array, second_moment: Array) -> None:
        both = self.weight_sum + total
        delta = mean - self.mean
        self.mean = self.mean + delta * (total / both)
        self.second_moment = (
            self.second_moment
            + second_moment
            + delta**2 * (self.weight_sum * total / both)
        )
        self.weight_sum = both

    def _set_scale(self) -> None:
        if self.by_mean:
            self.scale = np.where(self.mean > 0, self.mean, 1.0)
            self._inverse = 1.0 / self.scale
            self.offset = None
            self._single = _fits_single(self.offset, self._inverse)
            return
        variance = self.second_moment / self.weight_sum
        # What rounding leaves of a column that was constant before, say, a change of
        # units: a few units in the last place of the mean, squared.
        noise = (10 * np.finfo(np.float64).eps * np.abs(self.mean)) ** 2
        varies = variance > noise
        kept = self.indicator & varies
        self.offset = np.where(kept, 0.0, self.mean) if self.center else None
        variance = np.where(kept, 1.0, variance)
        self.scale = np.where(varies, np.sqrt(variance), 0.0)
        self._inverse = np.divide(
            1.0, self.scale, out=np.zeros_like(self.scale), where=varies
        )
        self._single = _fits_single(self.offset, self._inverse)

    def transform(self, X: Array) -> Array:
        """Return a new, writable, C-ordered array with the columns of `X` put to scale.

        A large offset is taken off before any cast to fewer digits: rows of float64
        are computed in float64, and so are those of float32 where the offset or the
        scale of a column is not exact enough in float32.
        """
        if X.dtype == np.float32 and not self._single:
            return self.transform(X.astype(np.float64)).astype(np.float32)
        inverse = _cast(self._inverse, X.dtype)
        if self.offset is None:
            plain: Array = np.multiply(X, inverse, order="C")
            return plain
        offset = self.offset.astype(X.dtype, copy=False)
        scaled: Array = np.subtract(X, offset, order="C")
        scaled *= inverse
        return scaled

    def factors(self) -> tuple[Array | None, Array]:
        """Return what `transform` subtracts, if anything, and multiplies by."""
        return self.offset, self._inverse

    def inverse_transform(self, X: Array) -> Array:
        """Return `X` in the units the statistics were taken in."""
        restored: Array = X * self.scale
        return restored if self.offset is None else restored + self.offset

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what follows from the moments: half of a pickle."""
        derived = {"scale", "offset", "_inverse", "_single"}
        if not self.keep_indicators:
            derived.add("indicator")
        return {
            name: value for name, value in vars(self).items() if name not in derived
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the moments, and what follows from them."""
        self.indicator = np.zeros(len(state["mean"]), dtype=bool)
        vars(self).update(state)
        self._set_scale()


def _is_indicator(columns: Array) -> Array:
    """Tell which columns hold nothing but zeros and ones."""
    # Most columns of numbers are told apart by their first row.
    possible: Array = (columns[0] == 0) | (columns[0] == 1)
    left = columns[:, possible]
    possible[possible] = ((left == 0) | (left == 1)).all(axis=0)
    return possible


def _fits_single(offset: Array | None, inverse: Array) -> bool:
    """Tell whether columns can be put to scale in float32, but for its last digit."""
    used = inverse[inverse > 0]
    single = np.finfo(np.float32)
    if used.size and not (single.tiny < used.min() and used.max() < single.max):
        return False
    if offset is None:
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        lost = np.abs(offset - offset.astype(np.float32)) * inverse
    return bool((lost <= single.eps).all())


def _cast(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return numbers in a dtype; its largest number for what overflows there."""
    if values.dtype == dtype:
        return values
    return np.minimum(values, np.finfo(dtype).max).astype(dtype)


def _moments(block: Array, weight: Array | None) -> tuple[float, Array, Array]:
    # Plain sums rather than a matrix product: BLAS adds in an order that depends on
    # its number of threads, and so would the last bit of every fit. Sums of the
    # distances to the first row are exactly zero for a constant column.
    first = block[0]
    distance = block - first
    if weight is None:
        total, offset = float(len(block)), distance.mean(axis=0)
        distance -= offset
        return total, first + offset, np.square(distance, out=distance).sum(axis=0)
    column, total = weight[:, np.newaxis], float(weight.sum())
    offset = (distance * column).sum(axis=0) / total
    distance -= offset
    return total, first + offset, (distance**2 * column).sum(axis=0)


def _sparse_moments(X: Any, weight: Array | None) -> tuple[float, Array, Array]:
    n_rows, n_columns = X.shape
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    column, stored = X.indices, X.data.astype(np.float64)
    of_row = np.ones(n_rows) if weight is None else weight
    of_entry = np.repeat(of_row, np.diff(X.indptr))
    total = float(of_row.sum())

    def per_column(values: Array) -> Array:
        return np.bincount(column, weights=values, minlength=n_columns)

    # As for dense rows, distances to the first row where no entry is missing.
    full = np.bincount(column, minlength=n_columns) == n_rows
    first = np.where(full, X[[0]].toarray()[0], 0.0)
    distance = stored - first[column]
    offset = per_column(distance * of_entry) / total
    missing = np.where(full, 0.0, total - per_column(of_entry))
    around_mean = per_column((distance - offset[column]) ** 2 * of_entry)
    return total, first + offset, around_mean + missing * offset**2
