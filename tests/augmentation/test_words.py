"""Texts as words and what stands between them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skdeep.augmentation._words import split_words


@given(st.text())
def test_words_make_the_text_again(text):
    """No character is lost, whatever the text holds."""
    words = split_words(text)
    assert words.text == text
    assert len(words.gaps) == len(words) + 1
    assert all(word.strip() for word in words.words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \n", []),
        ("...", []),
        ("word", ["word"]),
        ("Don't (ever) stop - now!", ["Don't", "ever", "stop", "now"]),
        ("cafe\u0301, naïve", ["cafe\u0301", "naïve"]),
        ("我 爱 你", ["我", "爱", "你"]),
        ("🎉 party 👨‍👩‍👧!", ["party"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
    ],
)
def test_words_are_found(text, words):
    """Between white space, without the marks at the ends; accents stay with letters."""
    assert split_words(text).words == words


def test_tokenizer_finds_words_without_spaces():
    """One that cuts Chinese into characters, say."""
    words = split_words("我爱你。", list)
    assert words.words == ["我", "爱", "你", "。"]
    words.swap(0, 2)
    assert words.text == "你爱我。"


def test_tokenizer_that_changes_words_is_refused():
    """Otherwise nobody could say where in the text a word stands."""
    with pytest.raises(ValueError, match=r"as they stand in the text.*Got 'hello'"):
        split_words("Hello you", lambda text: text.lower().split())
    numbers: list[Any] = [1]
    with pytest.raises(TypeError, match="must return words"):
        split_words("Hello", lambda text: numbers)


@pytest.mark.parametrize(
    ("text", "position", "left"),
    [
        ("a b c", 0, "b c"),
        ("a b c", 1, "a c"),
        ("a b c", 2, "a b "),
        ("a, b c", 0, ", b c"),
        ("a (b) c", 1, "a () c"),
        ("a\nb c", 1, "a\nc"),
    ],
)
def test_deletion_leaves_marks_and_one_gap(text, position, left):
    """What is no word stays, and two spaces do not meet."""
    words = split_words(text)
    words.delete(position)
    assert words.text == left


@pytest.mark.parametrize(
    ("position", "text"), [(0, "new a, b!"), (1, "a, new b!"), (2, "a, b new!")]
)
def test_insertion_puts_a_space_between(position, text):
    """Also at the beginning, and behind the last word."""
    words = split_words("a, b!")
    words.insert(position, "new")
    assert words.text == text


def test_copy_is_independent():
    """What becomes of a copy does not touch the words it was made of."""
    words = split_words("a b c")
    copied = words.copy()
    copied.delete(0)
    copied.insert(0, "x")
    copied.swap(0, 1)
    assert words.text == "a b c"
