"""Strings that people read as numbers or dates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

# A column of so few rows says little about what its strings are.
MIN_ROWS = 20
# Of the distinct strings so many must read alike: a column of numbers may hold "N/A".
MIN_SHARE = 0.9
# More distinct prices or dates than these are no sizes or seasons.
MANY_LEVELS = 30
# No number is longer, and patterns are slow on what nearly fits.
LONGEST = 40
# So many strings tell what a column holds.
SAMPLE = 300

_CURRENCY = r"[$€£¥₹₩₽₺¢]|USD|EUR|GBP|CHF|JPY|CNY|INR|Rs\.?|kr\.?|zł"
_SPACE = r"[\s\u00a0\u202f]"
_BODY = rf"""(?:
    \d{{1,3}}(?P<group>[,.'\u2019_]|{_SPACE})\d{{3}}(?:(?P=group)\d{{3}})*
        (?:(?!(?P=group))[.,]\d+)?
    | \d{{1,2}}(?:,\d{{2}})+,\d{{3}}(?:\.\d+)?
    | \d+[.,]\d*
    | [.,]\d+
    | \d+
    )(?:[eE][+-]?\d+)?"""
_NUMBER = re.compile(
    rf"""[<>≤≥~(]?\s*[+\-\u2212]?\s*(?:{_CURRENCY})?\s*[+\-\u2212]?
    (?P<body>{_BODY})
    \s*(?:{_CURRENCY}|[%‰])?\s*\)?""",
    re.VERBOSE,
)
# An identifier, such as a zip code or an article number, keeps its zeros.
_CODE = re.compile(r"0\d+")
_INTEGER = re.compile(r"[+\-\u2212]?\d+")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_TIME = (
    r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?)?(?:z|[+-]\d{2}:?\d{2})?"
)
_DATE = re.compile(
    rf"""(?:
    (?:\d{{4}}([-/.])\d{{1,2}}\1\d{{1,2}} | \d{{1,2}}([-/.])\d{{1,2}}\2\d{{2,4}}
       | \d{{1,2}}[-\s]{_MONTH}[-\s]\d{{2,4}} | {_MONTH}\s\d{{1,2}},?\s\d{{4}})
    (?:[t\s,]+{_TIME})?
    | {_TIME})""",
    re.VERBOSE | re.IGNORECASE,
)

Reading = Literal["numbers", "dates or times"]


def reads_as_number(text: str) -> bool:
    """Tell whether a string is a number, whatever its notation.

    Signs of currency and percent, separators of thousands, decimal commas, exponents
    and parentheses around a negative amount belong to it; leading zeros do not.

    Parameters
    ----------
    text : str
        What may be a number.

    Returns
    -------
    is_number : bool

    Examples
    --------
    >>> from skdeep.data._written_numbers import reads_as_number
    >>> [reads_as_number(text) for text in ("$1,234.50", "12,5 %", "007", "12 Main St")]
    [True, True, False, False]
    """
    found = _NUMBER.fullmatch(text.strip()) if len(text) <= LONGEST else None
    return found is not None and _CODE.fullmatch(found["body"]) is None


def reads_as_date(text: str) -> bool:
    """Tell whether a string is a date or a time in digits, or with an English month.

    Parameters
    ----------
    text : str
        What may be a date.

    Returns
    -------
    is_date : bool

    Examples
    --------
    >>> from skdeep.data._written_numbers import reads_as_date
    >>> [reads_as_date(text) for text in ("2024-02-29 12:30", "3 May 2024", "1-2")]
    [True, True, False]
    """
    return len(text) <= LONGEST and _DATE.fullmatch(text.strip()) is not None


def misread(strings: Sequence[str], n_rows: int) -> Reading | None:
    """Tell what a column of strings seems to hold, where that is no categories.

    Nine in ten of its distinct strings read as numbers, or as dates; and more than half
    of the rows have a string of their own, or there are more than 30 dates or numbers
    with a fraction, a separator or a sign. Numbers that are mostly plain integers may
    name a category each, as long as they are repeated.

    Parameters
    ----------
    strings : sequence of str
        The distinct ones.
    n_rows : int
        How many rows hold one of them.

    Returns
    -------
    reading : {"numbers", "dates or times"} or None
        None for categories, and for columns of fewer than 20 rows.
    """
    n_levels = len(strings)
    mostly_distinct = 2 * n_levels > n_rows
    if n_rows < MIN_ROWS or not (mostly_distinct or n_levels > MANY_LEVELS):
        return None
    sample = strings[:: -(-n_levels // SAMPLE)]
    least = MIN_SHARE * len(sample)
    numbers = [text for text in sample if reads_as_number(text)]
    if len(numbers) < least:
        dated = sum(map(reads_as_date, sample)) >= least
        return "dates or times" if dated else None
    plain = sum(_INTEGER.fullmatch(text.strip()) is not None for text in numbers)
    measured = n_levels > MANY_LEVELS and 2 * plain < len(numbers)
    return "numbers" if mostly_distinct or measured else None


def example_of(strings: Sequence[str], reading: Reading) -> str:
    """Return the first string that reads so."""
    reads = reads_as_number if reading == "numbers" else reads_as_date
    return next(text for text in strings if reads(text))
