"""Tests of learning rates as functions of the share of training done."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeep.training import SCHEDULES
from skdeep.training._schedules import Plateau, schedule_factor


@pytest.mark.parametrize(
    ("name", "step", "expected"),
    [
        (None, 0, 1.0),
        (None, 999, 1.0),
        ("constant", 500, 1.0),
        ("plateau", 999, 1.0),
        ("step", 0, 1.0),
        ("step", 499, 1.0),
        ("step", 500, 0.1),
        ("step", 749, 0.1),
        ("step", 750, 0.01),
        ("step", 999, 0.01),
        ("exponential", 0, 1.0),
        ("exponential", 500, 0.1),
        ("exponential", 1000, 0.01),
        ("cosine", 0, 1.0),
        ("cosine", 250, 0.5 + math.sqrt(0.125)),
        ("cosine", 500, 0.5),
        ("cosine", 1000, 0.0),
        ("one_cycle", 0, 0.04),
        ("one_cycle", 150, 0.52),
        ("one_cycle", 300, 1.0),
        ("one_cycle", 650, 0.50005),
        ("one_cycle", 1000, 1e-4),
        ("flat_cosine", 0, 1.0),
        ("flat_cosine", 499, 1.0),
        ("flat_cosine", 500, 1.0),
        ("flat_cosine", 625, 0.5 + math.sqrt(0.125)),
        ("flat_cosine", 750, 0.5),
        ("flat_cosine", 1000, 0.0),
        ("coslog", 0, 0.0),
        ("coslog", 1000, 0.0),
    ],
)
def test_factor_equals_closed_form(
    name: str | None, step: int, expected: float
) -> None:
    """Start, middle and end of a thousand steps, computed by hand."""
    assert schedule_factor(name, step, 1000) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("cycle", range(4))
def test_coslog_has_four_cycles_that_double(cycle: int) -> None:
    """It is zero at the ends of each cycle and one half-way on the scale of log2."""
    low, peak = (2**cycle - 1) / 15, (2 ** (cycle + 0.5) - 1) / 15
    n_steps = 10**9
    assert schedule_factor("coslog", round(low * n_steps), n_steps) < 1e-12
    assert schedule_factor("coslog", round(peak * n_steps), n_steps) > 1 - 1e-12


@given(
    name=st.sampled_from([*SCHEDULES]),
    n_steps=st.integers(1, 500),
    share=st.floats(0, 1),
    warmup=st.floats(0, 0.99),
)
def test_factor_is_a_share(
    name: str, n_steps: int, share: float, warmup: float
) -> None:
    """No schedule leaves [0, 1], with or without a warm-up."""
    factor = schedule_factor(name, int(share * n_steps), n_steps, warmup)
    assert 0 <= factor <= 1


@given(name=st.sampled_from([*SCHEDULES]), share=st.integers(0, 40))
def test_factor_goes_by_the_share_done(name: str, share: int) -> None:
    """A training ten times as long has the same rates at the same share."""
    short = schedule_factor(name, share, 40)
    assert schedule_factor(name, 10 * share, 400) == pytest.approx(short, abs=1e-12)


def test_warmup_rises_linearly_to_one() -> None:
    """Over a fifth of 50 steps the rate takes ten equal steps up."""
    factors = [schedule_factor(None, step, 50, 0.2) for step in range(12)]
    rising = [(step + 1) / 10 for step in range(10)]
    assert factors == pytest.approx([*rising, 1.0, 1.0], rel=1e-12)


def test_warmup_multiplies_the_schedule() -> None:
    """While it lasts, the rate is the product; after it, the schedule alone."""
    during = schedule_factor("cosine", 3, 40, 0.25)
    assert during == pytest.approx(0.4 * (1 + math.cos(math.pi * 3 / 40)) / 2)
    after = schedule_factor("cosine", 30, 40, 0.25)
    assert after == pytest.approx((1 + math.cos(math.pi * 30 / 40)) / 2)


def test_warmup_of_less_than_a_step_does_nothing() -> None:
    """A tiny fraction of a short training must not stop the first step."""
    assert schedule_factor(None, 0, 10, 0.01) == 1.0


def test_plateau_divides_by_five_when_the_loss_stands_still() -> None:
    """Two epochs without an improvement divide the rate, and the count starts anew."""
    plateau = Plateau(patience=2, tol=0.0)
    factors = []
    for loss in (3.0, 2.0, 2.0, 2.5, 2.4, 2.3, 1.0):
        plateau.update(loss)
        factors.append(plateau.factor)
    assert factors == pytest.approx([1, 1, 1, 0.2, 0.2, 0.04, 0.04])


def test_plateau_asks_for_more_than_tol() -> None:
    """Progress that never gains `tol` in one epoch is none."""
    plateau = Plateau(patience=3, tol=0.1)
    for loss in (1.0, 0.95, 0.9, 0.85):
        plateau.update(loss)
    assert plateau.factor == pytest.approx(0.2)
    steady = Plateau(patience=3, tol=0.1)
    for loss in (1.0, 0.8, 0.6, 0.4):
        steady.update(loss)
    assert steady.factor == 1.0
