"""A text as words and what stands between them, so that no character is lost."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

_RUN = re.compile(r"\S+")


class Words:
    """The words of a text and what stands around them.

    Words can be replaced, moved, added and dropped; everything else, such as
    punctuation, emoji and line breaks, stays where it is.

    Parameters
    ----------
    words : list of str
        The words, in order.
    gaps : list of str
        What stands before each word, and after the last one.

    Examples
    --------
    >>> from skdeep.augmentation._words import split_words
    >>> words = split_words("Well, «déjà vu» again!")
    >>> words.words
    ['Well', 'déjà', 'vu', 'again']
    >>> words.delete(3)
    >>> words.insert(0, "Oh")
    >>> words.text
    'Oh Well, «déjà vu» !'
    """

    def __init__(self, words: list[str], gaps: list[str]) -> None:
        self.words = words
        self.gaps = gaps

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.words)

    def copy(self) -> Words:
        """Return words that can be changed without changing these."""
        return Words(list(self.words), list(self.gaps))

    @property
    def text(self) -> str:
        """The text that they make."""
        after = zip(self.words, self.gaps[1:], strict=True)
        return self.gaps[0] + "".join(word + gap for word, gap in after)

    def swap(self, i: int, j: int) -> None:
        """Exchange two words; what stands around them stays."""
        words = self.words
        words[i], words[j] = words[j], words[i]

    def insert(self, position: int, word: str) -> None:
        """Put a word, and a space, before the one at a position or after the last."""
        last = position == len(self.words)
        self.words.insert(position, word)
        self.gaps.insert(position if last else position + 1, " ")

    def delete(self, position: int) -> None:
        """Take a word out, and one of two gaps that would meet."""
        before, after = self.gaps[position], self.gaps[position + 1]
        doubled = before[-1:].isspace() or not before
        kept = after.lstrip() if doubled else after
        self.words.pop(position)
        self.gaps[position : position + 2] = [before + kept]


def split_words(
    text: str, tokenizer: Callable[[str], Iterable[str]] | None = None
) -> Words:
    """Find the words of a text.

    Parameters
    ----------
    text : str
        The text.
    tokenizer : callable or None, default=None
        From a text to its words, in order and as they stand in it. None takes what
        stands between white space, without the punctuation and symbols at its ends.

    Returns
    -------
    words : Words
        Together they make the text again.

    Raises
    ------
    TypeError
        If the tokenizer returns something that is no str.
    ValueError
        If it returns something that is not in the text.
    """
    spans = _default_spans(text) if tokenizer is None else _spans(text, tokenizer)
    words, gaps, end = [], [], 0
    for start, stop in spans:
        gaps.append(text[end:start])
        words.append(text[start:stop])
        end = stop
    return Words(words, [*gaps, text[end:]])


def _default_spans(text: str) -> list[tuple[int, int]]:
    spans = []
    for run in _RUN.finditer(text):
        # Accents and vowel signs that are characters of their own belong to the letter
        # before them: only what is at the ends is looked at.
        inside = [i for i, letter in enumerate(run[0]) if letter.isalnum()]
        if inside:
            first, last = inside[0], inside[-1]
            while last + 1 < len(run[0]) and _is_mark(run[0][last + 1]):
                last += 1
            spans.append((run.start() + first, run.start() + last + 1))
    return spans


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter).startswith("M")


def _spans(
    text: str, tokenizer: Callable[[str], Iterable[Any]]
) -> list[tuple[int, int]]:
    spans, end = [], 0
    for token in tokenizer(text):
        if not isinstance(token, str):
            raise TypeError(
                "The 'tokenizer' parameter of TextAugmenter must return words. Got "
                f"{token!r} among them."
            )
        start = text.find(token, end)
        if start < 0:
            raise ValueError(
                "The 'tokenizer' parameter of TextAugmenter must return words as they "
                f"stand in the text, in order. Got {token!r}, which is not in what is "
                f"left of {text!r:.60}. Let it change nothing, e.g. the case."
            )
        end = start + len(token)
        if token.strip():
            spans.append((start, end))
    return spans
