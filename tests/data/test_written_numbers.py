"""Which strings read as numbers or dates, and which columns hold such strings."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep.data import _written_numbers
from skdeep.data._written_numbers import misread, reads_as_date, reads_as_number

NUMBERS = [
    "7",
    "-3",
    "+3",
    "\u22123",
    "0",
    "0.5",
    ".5",
    "5.",
    "12,5",
    "1e5",
    "-1.5E-5",
    " 7 ",
    "1,163.74",
    "1.163,74",
    "1 234",
    "1\u00a0234,5",
    "1\u202f234",
    "1'234.50",
    "1_000",
    "12,34,567.00",
    "$1,234.50",
    "-$5",
    "$-5",
    "€12",
    "12 €",
    "EUR 12.50",
    "(1,234.50)",
    "12.3%",
    "12 %",
    "<0.1",
    "≥ 5",
]
NO_NUMBERS = [
    "",
    " ",
    "-",
    "$",
    "abc",
    "N/A",
    "nan",
    "inf",
    "007",
    "01234",
    "A12",
    "12 Main St",
    "1-2",
    "1/2",
    "1.2.3",
    "192.168.1.1",
    "0x1f",
    "1" * 100,
]
DATES = [
    "2024-01-31",
    "2024/1/31",
    "31/01/2024",
    "31.1.24",
    "12:30",
    "12:30 PM",
    "2024-01-31T12:30:00Z",
    "2024-01-31 12:30:00.123+00:00",
    "5 Jan 2020",
    "05-Jan-2020",
    "January 5, 2020",
]


@pytest.mark.parametrize("text", NUMBERS)
def test_number_in_any_notation_is_one(text: str) -> None:
    """Signs, separators and exponents are how people write numbers."""
    assert reads_as_number(text)
    assert not reads_as_date(text)


@pytest.mark.parametrize("text", NO_NUMBERS + DATES)
def test_words_codes_and_dates_are_no_numbers(text: str) -> None:
    """Zeros in front are part of a code."""
    assert not reads_as_number(text)


@pytest.mark.parametrize("text", DATES)
def test_date_in_any_notation_is_one(text: str) -> None:
    """In digits, or with the name of a month."""
    assert reads_as_date(text)


@pytest.mark.parametrize("text", ["2024", "1-2", "2024-01/31", "May", "a:b", "1.2.3"])
def test_other_strings_are_no_dates(text: str) -> None:
    """A year is a number, and a version is neither."""
    assert not reads_as_date(text)


@pytest.mark.parametrize(
    "text", ["1" * 9999, "-" + " " * 9999, "1," * 9999, ":" * 9999]
)
def test_long_strings_cost_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pattern is tried on what is no number by its length."""
    # What is looked for in them fails the test.
    monkeypatch.setattr(_written_numbers, "_NUMBER", None)
    monkeypatch.setattr(_written_numbers, "_DATE", None)
    assert not reads_as_number(text + "x")
    assert not reads_as_date(text + "x")


def strings(n_levels: int, pattern: str) -> list[str]:
    """Return distinct strings of a pattern."""
    return [pattern.format(10 * i + 3, (10 * i + 3) / 100) for i in range(n_levels)]


@pytest.mark.parametrize(
    ("levels", "n_rows", "expected"),
    [
        (strings(100, "{0}"), 100, "numbers"),
        (strings(60, "{0}"), 100, "numbers"),
        (strings(40, "{0}"), 100, None),
        (strings(40, "{1}"), 10_000, "numbers"),
        (strings(30, "{1}"), 10_000, None),
        (strings(19, "{1}"), 19, None),
        (strings(20, "{1}"), 20, "numbers"),
        ([*strings(99, "{1}"), "N/A"], 100, "numbers"),
        (strings(80, "{1}") + strings(20, "word {0}"), 100, None),
        (strings(100, "0{0}"), 100, None),
        (strings(100, "word {0}"), 100, None),
        ([f"2024-01-{i:02d}" for i in range(1, 32)], 10_000, "dates or times"),
        ([f"2024-01-{i:02d}" for i in range(1, 8)], 10_000, None),
        ([], 0, None),
    ],
)
def test_column_is_doubted_by_its_distinct_strings(
    levels: list[str], n_rows: int, expected: str | None
) -> None:
    """Repeated integers and few sizes may well be categories."""
    assert misread(levels, n_rows) == expected


def test_large_columns_are_judged_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many distinct strings a few hundred are looked at."""
    seen: list[str] = []

    def counted(text: str) -> bool:
        seen.append(text)
        return reads_as_number(text)

    monkeypatch.setattr(_written_numbers, "reads_as_number", counted)
    levels = np.arange(30_000).astype(str).tolist()
    assert misread(levels, len(levels)) == "numbers"
    assert len(seen) == _written_numbers.SAMPLE == 300
