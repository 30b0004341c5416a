"""How strong an augmentation is: the rules of its parameters, and what they mean."""

from __future__ import annotations

from numbers import Real
from typing import Any, TypeAlias

from skdeep._compat import Options

Strength: TypeAlias = "float | tuple[float, float]"


class Strengths(Options):
    """A number in an interval, or two positive ones, the smaller first.

    Parameters
    ----------
    low, high : float
        The interval of a single number; `low` belongs to it.
    includes_high : bool
        Whether `high` does.
    largest : float or None
        The largest number of a pair; None where there is none.
    """

    def __init__(
        self, low: float, high: float, *, includes_high: bool, largest: float | None
    ) -> None:
        super().__init__(object, set())
        self.low = low
        self.high = high
        self.includes_high = includes_high
        self.largest = largest

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is such a number or pair."""
        if isinstance(val, (tuple, list)):
            if len(val) != 2 or not all(map(_is_real, val)):
                return False
            top = float("inf") if self.largest is None else self.largest
            return bool(0 < val[0] <= val[1] <= top and val[1] < float("inf"))
        if not _is_real(val):
            return False
        below = val <= self.high if self.includes_high else val < self.high
        return bool(self.low <= val and below)

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        end = "]" if self.includes_high else ")"
        top = "" if self.largest is None else f" of at most {self.largest}"
        return (
            f"a float in the range [{self.low}, {self.high}{end} or a pair of positive "
            f"floats{top}, the smaller first"
        )


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def around_one(strength: Strength) -> tuple[float, float]:
    """Return the smallest and largest factor: 0.1 stands for 0.9 to 1.1.

    Parameters
    ----------
    strength : float or tuple of float
        How far from one, or the two factors.

    Returns
    -------
    factors : tuple of float
        The smallest and the largest.
    """
    if isinstance(strength, (tuple, list)):
        return float(strength[0]), float(strength[1])
    return 1.0 - float(strength), 1.0 + float(strength)


def up_to_one(strength: Strength) -> tuple[float, float]:
    """Return the smallest and largest share: 0.7 stands for 0.7 to 1.

    Parameters
    ----------
    strength : float or tuple of float
        The smallest share, or both.

    Returns
    -------
    shares : tuple of float
        The smallest and the largest.
    """
    if isinstance(strength, (tuple, list)):
        return float(strength[0]), float(strength[1])
    return float(strength), 1.0
