"""The operations of EDA, AEDA and UDA, held to their papers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from skdeep.augmentation._synonyms import find_synonyms
from skdeep.augmentation._text_operations import (
    MARKS,
    delete_words,
    insert_punctuation,
    insert_synonyms,
    n_changes,
    replace_by_synonyms,
    replace_by_vocabulary,
    swap_words,
)
from skdeep.augmentation._word_weights import WordWeights
from skdeep.augmentation._words import split_words

TEXT = "one two three four five six seven eight nine ten"
LOOKUP: Any = find_synonyms({word: [f"{word}-a", f"{word}-b"] for word in TEXT.split()})


@pytest.fixture
def rng(seed):
    """Return a generator of the run's seed."""
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    ("share", "n_words", "n"), [(0.1, 5, 1), (0.1, 10, 1), (0.1, 25, 2), (1.0, 3, 3)]
)
def test_number_of_changes_is_the_share_rounded_down(share, n_words, n):
    """And at least one."""
    assert n_changes(share, n_words) == n


def test_replacement_changes_n_words_by_synonyms(rng):
    """As many as the share says, in their places."""
    words = split_words(TEXT)
    assert replace_by_synonyms(words, 0.3, LOOKUP, (), rng)
    pairs = zip(TEXT.split(), words.words, strict=True)
    changed = [(old, new) for old, new in pairs if old != new]
    assert len(changed) == 3
    assert all(new in LOOKUP(old) for old, new in changed)


def test_replacement_takes_all_occurrences_and_spares_stop_words(rng):
    """A word is replaced by the same synonym wherever it stands."""
    words = split_words("two one two one Two")
    assert replace_by_synonyms(words, 0.1, LOOKUP, {"one"}, rng)
    assert words.words[1] == words.words[3] == "one"
    new = {words.words[0], words.words[2]}
    capital = words.words[4]
    # "Two" is a word of its own: either it or "two" was drawn.
    assert (len(new) == 1 and capital == "Two") or new == {"two"}


def test_replacement_looks_further_where_there_is_no_synonym(rng):
    """Words without synonyms are passed over, and counted for nothing."""
    lookup: Any = find_synonyms({"ten": ["X"]})
    words = split_words(TEXT)
    assert replace_by_synonyms(words, 0.1, lookup, (), rng)
    assert words.text == TEXT.replace("ten", "X")
    assert not replace_by_synonyms(split_words("none here"), 0.1, lookup, (), rng)


def test_insertion_adds_synonyms_of_words_of_the_text(rng):
    """N times; the old words keep their order; stop words have no part."""
    words = split_words(TEXT)
    assert insert_synonyms(words, 0.3, LOOKUP, {"one"}, rng)
    new = [word for word in words.words if word not in TEXT.split()]
    assert len(new) == 3
    assert all(word[:-2] in TEXT.split() and word[:-2] != "one" for word in new)
    assert [word for word in words.words if word not in new] == TEXT.split()
    assert not insert_synonyms(split_words("one"), 0.3, LOOKUP, {"one"}, rng)


def test_insertion_reaches_every_place(rng):
    """Also the beginning and the end, which EDA's code leaves out."""
    lookup: Any = find_synonyms({"b": ["new"]})
    places = set()
    for _ in range(100):
        words = split_words("a b c")
        insert_synonyms(words, 0.1, lookup, (), rng)
        places.add(words.words.index("new"))
    assert places == {0, 1, 2, 3}


def test_swap_exchanges_two_words(rng):
    """One swap of two different places leaves all others."""
    words = split_words(TEXT)
    assert swap_words(words, 0.1, rng)
    moved = [a for a, b in zip(TEXT.split(), words.words, strict=True) if a != b]
    assert len(moved) == 2
    assert Counter(words.words) == Counter(TEXT.split())
    assert not swap_words(split_words("alone"), 0.1, rng)


def test_deletion_takes_each_word_with_its_probability():
    """Over many texts the share of words gone is the probability."""
    rng = np.random.default_rng(0)
    left = 0
    for _ in range(500):
        words = split_words(TEXT)
        assert delete_words(words, 0.3, rng)
        left += len(words)
    # Five standard deviations of a binomial of 5,000 draws.
    assert left / 5000 == pytest.approx(0.7, abs=5 * np.sqrt(0.21 / 5000))


def test_deletion_leaves_a_word(rng):
    """Even where all would go; a word alone is not touched."""
    words = split_words(TEXT)
    assert delete_words(words, 1.0, rng)
    assert len(words) == 1
    assert not delete_words(split_words("alone"), 1.0, rng)


def test_punctuation_is_put_between_words(rng):
    """From one to a third of the words' number, before words, which stay in order."""
    counts = set()
    for _ in range(200):
        words = split_words(TEXT)
        assert insert_punctuation(words, 1 / 3, rng)
        marks = [word for word in words.words if word in MARKS]
        assert [word for word in words.words if word not in MARKS] == TEXT.split()
        counts.add(len(marks))
    assert counts == {1, 2, 3}
    assert not insert_punctuation(split_words("?"), 1 / 3, rng)


def test_vocabulary_replaces_words_that_say_little():
    """The rarest word of the text stays, and what comes in is in the vocabulary."""
    texts = [["the", "cat"], ["the", "dog"], ["the", "sun", "a"], ["the", "a"]]
    weights = WordWeights.of(texts)
    rng = np.random.default_rng(1)
    for _ in range(50):
        words = split_words("the sun")
        assert replace_by_vocabulary(words, 0.5, weights, rng)
        assert words.words[1] == "sun"
        assert words.words[0] in weights.words
    assert not replace_by_vocabulary(split_words(""), 0.5, weights, rng)
