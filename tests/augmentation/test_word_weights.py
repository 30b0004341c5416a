"""How much words say, by the formulas of UDA."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep.augmentation._word_weights import WordWeights

TEXTS = [["the", "cat"], ["the", "dog", "the"], ["the", "cat", "sat"]]


def test_chances_of_coming_in_follow_frequency_times_idf():
    """The largest frequency times IDF, less that of the word, put to one."""
    weights = WordWeights.of(TEXTS)
    assert weights.words == ["cat", "dog", "sat", "the"]
    idf = np.log(3 / np.array([2, 1, 1, 3]))
    np.testing.assert_allclose(weights.idf, idf)
    score = np.array([2, 1, 1, 4]) * idf
    chance = (score.max() - score) / (score.max() - score).sum()
    np.testing.assert_allclose(np.diff(weights.cumulated, prepend=0), chance)


def test_draws_hit_words_by_their_chances():
    """A grid of uniform numbers meets each word in its share."""
    weights = WordWeights.of(TEXTS)
    grid = (np.arange(10_000) + 0.5) / 10_000
    drawn = [weights.draw(uniform) for uniform in grid]
    shares = [drawn.count(word) / len(drawn) for word in weights.words]
    expected = np.diff(weights.cumulated, prepend=0)
    np.testing.assert_allclose(shares, expected, atol=2e-4)
    assert weights.draw(1.0) in weights.words


def test_words_that_say_little_are_replaced():
    """Of a text, by how far TF-IDF is below the largest; the mean is the share."""
    weights = WordWeights.of(TEXTS)
    words = ["the", "cat", "sat"]
    tf_idf = weights.idf[[3, 0, 2]] / 3
    distance = tf_idf.max() - tf_idf
    expected = np.minimum(0.3 * distance / distance.mean(), 1)
    np.testing.assert_allclose(weights.chances(words, 0.3), expected)
    assert weights.chances(words, 0.3)[2] == 0


def test_unknown_words_count_as_rare():
    """A word that no training text had says most."""
    chances = WordWeights.of(TEXTS).chances(["the", "aardvark"], 0.2)
    assert chances[1] == 0
    assert chances[0] == pytest.approx(0.4)


def test_words_that_say_the_same_are_equal():
    """One text, one word, and no text at all."""
    weights = WordWeights.of([["a", "b"]])
    np.testing.assert_allclose(weights.cumulated, [0.5, 1.0])
    np.testing.assert_allclose(weights.chances(["a"], 0.2), [0.2])
    assert WordWeights.of([]).words == []
