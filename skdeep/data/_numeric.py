"""Numeric columns with holes, put to a scale that a network can learn on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy.special import ndtri

from skdeep._storable import storable
from skdeep.data._scaling import ColumnScaler

if TYPE_CHECKING:
    from skdeep._typing import Array

NumericScaling: TypeAlias = Literal["quantile", "robust_clip", "standard"] | None

# A quantile table has one knot for this many distinct values: enough rows between two
# of them for their distance to be more than chance. A few more follow the tails.
VALUES_PER_KNOT = 30
MIN_KNOTS = 32
MAX_KNOTS = 960
# Probabilities nearer to 0 or 1 are beyond 5.2 standard deviations.
TAIL = 1e-7
# Differences of this many units in the last place are what rounding leaves of a
# column that was constant before, say, a change of units.
ROUNDING = 4 * float(np.finfo(np.float64).eps)
# From so many rows on it pays to sort them first.
SORTED_ROWS = 64
# Bounds what new rows may hold, in units of the largest number seen in training: far
# beyond any real number, and far enough from overflow to be reckoned with.
LIMIT = 1e100
# What is not bounded by its scaling must outlive a cast to float32.
LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Distribution:
    """The weighted distribution of the numbers in one column.

    It stays the same, to the last bit, when a row of weight two is given twice, a row
    of weight zero left out, or all weights doubled.

    Parameters
    ----------
    values : ndarray of shape (n_distinct,)
        Sorted, distinct, at least one.
    mass : ndarray of shape (n_distinct,)
        Total weight of the rows that have each value, above zero.
    """

    values: Array
    mass: Array

    @classmethod
    def of_rows(cls, values: Array, weight: Array | None) -> Distribution:
        """Gather rows of shape (n_samples,), none missing, of weights above zero."""
        if weight is None:
            ordered = np.sort(values)
        else:
            order = np.argsort(values, kind="stable")
            ordered, weight = values[order], weight[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        if weight is None:
            mass = np.diff(starts, append=len(ordered)).astype(np.float64)
        else:
            mass = np.add.reduceat(weight, starts)
        return cls(ordered[starts], mass)

    @property
    def low(self) -> float:
        """The smallest value."""
        return float(self.values[0])

    @property
    def high(self) -> float:
        """The largest value."""
        return float(self.values[-1])

    def varies(self) -> bool:
        """Tell whether the values differ by more than rounding."""
        largest = max(abs(self.low), abs(self.high))
        return self.high - self.low > ROUNDING * largest

    def quantile(self, share: float) -> float:
        """Return the value below which a share of the weight lies.

        Halfway between two values where the share falls between them, as in the usual
        median: the second definition of Hyndman & Fan (1996),
        :doi:`10.1080/00031305.1996.10473566`. Unlike the usual interpolation it does
        not ask how many rows there are, which weights do not tell.
        """
        below = np.cumsum(self.mass)
        target = share * below[-1]
        position = min(int(np.searchsorted(below, target)), len(below) - 1)
        value = self.values[position]
        if below[position] == target and position + 1 < len(below):
            value = (value + self.values[position + 1]) / 2
        return float(value)

    def knots(self) -> tuple[Array, Array]:
        """Return some of the values, and the standard normal number of their rank.

        The rank of a value is the share of the weight below it plus half of its own,
        so that a value that occurs often is mapped to the middle of what it takes
        up. Where that is not done, few distinct values end up at both ends of the
        scale, which noise on the training rows is a known cure for.

        Returns
        -------
        values : ndarray of shape (n_knots,)
            Sorted and distinct, the extremes among them; at most about 1000.
        normal : ndarray of shape (n_knots,)
            Rising, between -5.2 and 5.2.
        """
        upto = np.cumsum(self.mass)
        n_values, total = len(upto), upto[-1]
        n_knots = int(np.clip(n_values // VALUES_PER_KNOT, MIN_KNOTS, MAX_KNOTS))
        chosen = np.arange(n_values)
        if n_values > n_knots:
            # One value that most rows have must not take most of the knots, and the
            # longest part of a heavy tail lies beyond the outermost of an even grid.
            even = np.cumsum(np.minimum(self.mass, total / n_knots))
            halvings = np.arange(1.0, np.log2(n_values / n_knots) + 1.0)
            tail = 0.5**halvings / n_knots
            grid = np.concatenate([np.linspace(0.0, 1.0, n_knots), tail, 1.0 - tail])
            chosen = np.unique(np.searchsorted(even, grid * even[-1]))
        rank = (upto[chosen] - self.mass[chosen] / 2) / total
        return self.values[chosen], ndtri(rank.clip(TAIL, 1 - TAIL))


@storable()
class NumericEncoder:
    """Scale numeric columns, fill their holes and say where they were.

    Columns that do not vary in training, or are missing in all rows, are mapped to
    zero whatever they hold later: their weights were never trained.

    Parameters
    ----------
    scaling : {"quantile", "robust_clip", "standard"} or None, default="quantile"
        - "quantile": the standard normal number of the rank, linear between at most
          about 1000 quantiles and constant beyond the extremes of the training rows.
        - "robust_clip": subtract the median, divide by the interquartile range (or
          half the range, where that is zero) and bound the result smoothly by ±3.
        - "standard": subtract the mean and divide by the standard deviation of what
          is not missing.
        - None: leave the numbers as they are.
    indicators : bool, default=True
        Add a column of zeros and ones for every column that was missing in some, but
        not in all, of the training rows.

    Attributes
    ----------
    n_columns : int
        Number of columns, before and after scaling.
    indicated : ndarray of int64 of shape (n_indicators,)
        Positions of the columns that have an indicator.

    References
    ----------
    Holzmüller, Grinsztajn & Steinwart (2024), :arxiv:`2407.04491`: the robust scale.
    """

    def __init__(
        self, scaling: NumericScaling = "quantile", *, indicators: bool = True
    ) -> None:
        self.scaling = scaling
        self.indicators = indicators

    def fit(self, X: Array, weight: Array | None = None) -> NumericEncoder:
        """Learn from the training rows.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            Finite or NaN.
        weight : ndarray of shape (n_samples,) or None
            Non-negative weights; a row of weight zero does not count.

        Returns
        -------
        self : NumericEncoder
        """
        if weight is not None and not weight.all():
            X, weight = X[weight > 0], weight[weight > 0]
        self.n_columns = X.shape[1]
        self.unit = np.ones(self.n_columns)
        self.median = np.zeros(self.n_columns)
        self.center = np.zeros(self.n_columns)
        self.inverse = np.zeros(self.n_columns)
        self.tables: list[tuple[Array, Array] | None] = [None] * self.n_columns
        indicated = []
        for column in range(self.n_columns):
            values = X[:, column].astype(np.float64)
            present = ~np.isnan(values)
            n_present = np.count_nonzero(present)
            if self.indicators and 0 < n_present < len(values):
                indicated.append(column)
            if n_present:
                kept = None if weight is None else weight[present]
                self._fit_column(column, values[present], kept)
        self.indicated = np.array(indicated, dtype=np.int64)
        return self

    def _fit_column(self, column: int, values: Array, weight: Array | None) -> None:
        # A power of two takes nothing from the digits, and from here on no difference
        # and no square can overflow or vanish.
        exponent = np.frexp(np.abs(values).max())[1]
        unit = self.unit[column] = np.ldexp(1.0, np.clip(-exponent, -1000, 1000))
        values = values * unit
        distribution = Distribution.of_rows(values, weight)
        self.median[column] = distribution.quantile(0.5)
        if not distribution.varies():
            return
        if self.scaling == "quantile":
            self.tables[column] = distribution.knots()
        elif self.scaling == "robust_clip":
            self.center[column], self.inverse[column] = robust_scale(distribution)
        elif self.scaling == "standard":
            scaler = ColumnScaler().update(values[:, np.newaxis], weight)
            self.center[column] = scaler.mean[0]
            self.inverse[column] = _inverse(scaler.scale[0])
        else:
            self.inverse[column] = 1.0 / unit

    def transform(self, X: Array) -> Array:
        """Return scaled columns, then the indicators.

        Reckoned in float64, so that a large offset is taken off before any cast to
        fewer digits.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_columns)
            Finite or NaN.

        Returns
        -------
        encoded : ndarray of float64 of shape (n_samples, n_columns + n_indicators)
            Finite, in Fortran order.
        """
        # A column of the table is a row here, which is read and written in one piece.
        scaled = np.empty((self.n_columns + len(self.indicated), len(X)))
        columns = scaled[: self.n_columns]
        missing = np.isnan(X).T
        with np.errstate(over="ignore"):
            np.multiply(X.T, self.unit[:, np.newaxis], out=columns)
            np.clip(columns, -LIMIT, LIMIT, out=columns)
            np.copyto(columns, self.median[:, np.newaxis], where=missing)
            self._scale(columns)
        scaled[self.n_columns :] = missing[self.indicated]
        return scaled.T

    def _scale(self, columns: Array) -> None:
        if self.scaling == "quantile":
            for values, table in zip(columns, self.tables, strict=True):
                _to_normal(values, table)
            return
        columns -= self.center[:, np.newaxis]
        columns *= self.inverse[:, np.newaxis]
        if self.scaling == "robust_clip":
            smooth_clip(columns)
        else:
            np.clip(columns, -LARGEST, LARGEST, out=columns)


def _to_normal(values: Array, table: tuple[Array, Array] | None) -> None:
    """Replace the numbers of one column, which vary where there is a table."""
    if table is None:
        values[:] = 0.0
        return
    knots, normal = table
    if len(values) < SORTED_ROWS:
        found = np.interp(values, knots, normal)
        np.minimum(np.maximum(found, normal[0]), normal[-1], out=values)
        return
    # In their order each number is found next to the one before, in half the time.
    order = np.argsort(values)
    found = np.interp(values[order], knots, normal)
    # Between two knots that nearly are one the slope overflows.
    values[order] = np.clip(found, normal[0], normal[-1])


def robust_scale(distribution: Distribution) -> tuple[float, float]:
    """Return what to subtract from a column and to multiply it by.

    Parameters
    ----------
    distribution : Distribution
        Of the training rows.

    Returns
    -------
    center : float
        The median.
    inverse : float
        One over the interquartile range, two over the range where that is zero, and
        zero for a constant.
    """
    median = distribution.quantile(0.5)
    if not distribution.varies():
        return median, 0.0
    first, third = distribution.quantile(0.25), distribution.quantile(0.75)
    spread = third - first
    if spread <= ROUNDING * max(abs(first), abs(third)):
        spread = (distribution.high - distribution.low) / 2
    return median, _inverse(spread)


def smooth_clip(scaled: Array) -> Array:
    """Bound numbers by ±3 in place, leaving small ones nearly as they are."""
    # Not by the square, which overflows.
    scaled /= np.hypot(1.0, scaled / 3.0)
    return scaled


def _inverse(scale: float) -> float:
    return min(1.0 / scale, LIMIT) if scale > 0 else 0.0
