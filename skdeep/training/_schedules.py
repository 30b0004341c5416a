"""Learning-rate schedules, each a factor as a function of the share of training done.

A schedule stretches with `max_epochs`, so that candidates of a search that train for
different lengths are compared on whole schedules, never on truncated ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_DROPS = (0.5, 0.75)
_FINAL = 0.01
_FLAT = 0.5
_ONE_CYCLE_START = 1 / 25
_ONE_CYCLE_END = 1e-4
_ONE_CYCLE_PEAK = 0.3
PLATEAU_FACTOR = 0.2


def _constant(_t: float) -> float:
    return 1.0


def _step(t: float) -> float:
    return float(0.1 ** sum(t >= drop for drop in _DROPS))


def _exponential(t: float) -> float:
    return float(_FINAL**t)


def _cosine(t: float) -> float:
    return 0.5 * (1.0 + math.cos(math.pi * t))


def _one_cycle(t: float) -> float:
    if t < _ONE_CYCLE_PEAK:
        return 1.0 + (_ONE_CYCLE_START - 1.0) * _cosine(t / _ONE_CYCLE_PEAK)
    down = _cosine((t - _ONE_CYCLE_PEAK) / (1.0 - _ONE_CYCLE_PEAK))
    return _ONE_CYCLE_END + (1.0 - _ONE_CYCLE_END) * down


def _flat_cosine(t: float) -> float:
    return 1.0 if t < _FLAT else _cosine((t - _FLAT) / (1.0 - _FLAT))


def _coslog(t: float) -> float:
    return 0.5 * (1.0 - math.cos(2.0 * math.pi * math.log2(1.0 + 15.0 * t)))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": _constant,
    "step": _step,
    "exponential": _exponential,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "flat_cosine": _flat_cosine,
    "coslog": _coslog,
    "plateau": _constant,
}


def schedule_factor(
    name: str | None, step: int, n_steps: int, warmup_fraction: float = 0.0
) -> float:
    """Return what the learning rate is multiplied by at one step.

    "step" divides by ten at 1/2 and again at 3/4 of training (He et al. 2016,
    :arxiv:`1512.03385`); "exponential" falls to 1 %; "cosine" falls to 0 (Loshchilov &
    Hutter 2017, :arxiv:`1608.03983`); "one_cycle" rises from 1/25 to 1 in the first 30
    % and falls to 1e-4 (Smith & Topin 2019, :arxiv:`1708.07120`, without its cycle of
    the momentum); "coslog" is RealMLP's four growing cycles, and "flat_cosine" is 1
    for the first half and falls to 0 by a cosine in the second (Holzmüller et al. 2024,
    :arxiv:`2407.04491`); "plateau" is 1 here, since it goes by the loss.

    Parameters
    ----------
    name : str or None
        None is "constant".
    step : int
        Steps done, from 0.
    n_steps : int
        Steps of the whole training.
    warmup_fraction : float, default=0.0
        Share of training, in [0, 1), over which the rate rises linearly from one step's
        share to its full value; multiplies the schedule.

    Returns
    -------
    factor : float
        At least 0, at most 1.
    """
    factor = SCHEDULES[name or "constant"](step / n_steps)
    warmup_steps = warmup_fraction * n_steps
    if step + 1 < warmup_steps:
        factor *= (step + 1) / warmup_steps
    return factor


class Plateau:
    """Divide the rate by five whenever the loss has stopped falling.

    Parameters
    ----------
    patience : float
        Epochs without an improvement of more than `tol` before a division.
    tol : float
        Smallest improvement that counts.
    """

    def __init__(self, patience: float, tol: float) -> None:
        self.patience = patience
        self.tol = tol
        self.best = math.inf
        self.waited = 0
        self.factor = 1.0

    def update(self, loss: float) -> None:
        """Take note of one epoch's loss."""
        if loss < self.best - self.tol:
            self.waited = 0
        else:
            self.waited += 1
        self.best = min(self.best, loss)
        if self.waited >= self.patience:
            self.factor *= PLATEAU_FACTOR
            self.waited = 0
