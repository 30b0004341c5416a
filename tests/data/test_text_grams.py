"""Words, n-grams, and the numbers they get."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from skdeep.data import GramRules, GramVocabulary

TEXTS = ["The cat sat.", "the cat, the dog!", "", "A dog sat on the dog"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't stop!", ["don", "'", "t", "stop", "!"]),
        ("e\u0301te\u0301", ["été"]),
        ("हिन्दी", ["हिन्दी"]),
        ("£100 🎉", ["£", "100", "🎉"]),
        ("日本語", ["日本語"]),
        ("  ", []),
    ],
)
def test_tokens_are_words_and_marks(text, tokens):
    """Accents and vowel signs stay with their letters."""
    assert GramRules().tokens(text) == tokens


def test_tokens_keep_their_case_or_come_from_a_tokenizer():
    """`lowercase` comes before a tokenizer of one's own."""
    assert GramRules(lowercase=False).tokens("A b") == ["A", "b"]
    assert GramRules(tokenizer=str.split).tokens("A-b C") == ["a-b", "c"]


@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2), (2, 3), (1, 4)])
def test_counts_are_those_of_scikit_learn(ngram_range):
    """Of words with the same tokens."""
    rules = GramRules(ngram_range)
    vectorizer = CountVectorizer(
        ngram_range=ngram_range, tokenizer=rules.tokens, token_pattern=None
    )
    expected = vectorizer.fit_transform(TEXTS)
    vocabulary = GramVocabulary(rules)
    found = vocabulary.fit(TEXTS)
    names = [gram[1:] for gram in vocabulary.grams or ()]
    assert names == vectorizer.get_feature_names_out().tolist()
    counts = found.counts(vocabulary.size).toarray()
    np.testing.assert_array_equal(counts, expected.toarray())


def test_characters_are_taken_within_words_and_their_ends():
    """The word is put in angle brackets, as fastText does."""
    rules = GramRules((1, 1), (2, 3))
    assert rules.char_grams("ab") == ["<a", "ab", "b>", "<ab", "ab>"]
    vocabulary = GramVocabulary(rules)
    vocabulary.fit(["ab"])
    assert vocabulary.grams == sorted([" ab", "<a", "ab", "b>", "<ab", "ab>"])


def test_words_come_in_their_order():
    """Sequences of words are read from the same numbers."""
    vocabulary = GramVocabulary(GramRules())
    found = vocabulary.fit(["b a", "a a c"])
    grams = vocabulary.grams or []
    words = [grams[i] for i in found.ids]
    assert words == [" b", " a", " a", " a", " c"]
    assert found.starts.tolist() == [0, 2, 5]


def test_unknown_words_are_left_out():
    """What training texts did not have says nothing later."""
    vocabulary = GramVocabulary(GramRules())
    vocabulary.fit(["a b"])
    found = vocabulary.number(["x a x", "x", "b a"])
    assert found.ids.tolist() == [0, 1, 0]
    assert found.starts.tolist() == [0, 1, 1, 3]


@pytest.mark.parametrize(
    ("params", "grams"),
    [
        ({"min_df": 2}, ["cat", "dog", "sat", "the"]),
        ({"min_df": np.int64(2)}, ["cat", "dog", "sat", "the"]),
        ({"min_df": 0.75}, ["the"]),
        ({"max_features": 2}, ["cat", "the"]),
        ({"min_df": 2, "max_features": 9}, ["cat", "dog", "sat", "the"]),
    ],
)
def test_vocabulary_is_bounded(params, grams):
    """By the texts an n-gram stands in; ties in the order of the alphabet."""
    rules = GramRules(tokenizer=lambda text: text.replace(".", "").split())
    texts = ["the cat sat", "the cat", "the dog", "a dog sat on dog dog"]
    vocabulary = GramVocabulary(rules, **params)
    found = vocabulary.fit(texts)
    assert [gram[1:] for gram in vocabulary.grams or ()] == grams
    again = vocabulary.number(texts)
    np.testing.assert_array_equal(found.ids, again.ids)
    np.testing.assert_array_equal(found.starts, again.starts)


@pytest.mark.parametrize(
    ("texts", "rules", "sentence"),
    [
        (["", " "], {}, r"Got 2 texts without any for .*, such as ''\. Pass texts"),
        (["a b", "c"], {"ngram_range": (3, 3)}, r"=\(3, 3\), such as 'a b'"),
        (["a b", "c"], {}, r"No word .* is left .* 3 different ones, for min_df=2"),
    ],
)
def test_empty_vocabulary_is_refused(texts, rules, sentence):
    """With what there was, and the parameter to look at."""
    with pytest.raises(ValueError, match=sentence):
        GramVocabulary(GramRules(**rules), min_df=2).fit(texts)


@pytest.mark.parametrize("tokens", [None, "a b", ["a", 1], 3])
def test_tokenizer_that_gives_no_words_is_refused(tokens):
    """A list of str it must be, or another iterable of them."""
    with pytest.raises(TypeError, match=r"'tokenizer' parameter .* each a str. Got"):
        GramRules(tokenizer=lambda text: tokens).tokens("a b")
    assert GramRules(tokenizer=lambda text: iter("ab")).tokens("x") == ["a", "b"]


def test_hashing_knows_every_word_and_no_vocabulary():
    """Numbers are below `n_features`, also of words never seen."""
    vocabulary = GramVocabulary(GramRules((1, 2)), n_features=7)
    fitted = vocabulary.fit(TEXTS)
    assert vocabulary.grams is None
    assert vocabulary.size == 7
    assert set(fitted.ids.tolist()) <= set(range(7))
    assert len(vocabulary.number(["never seen before"]).ids) == 5


def test_hashing_is_the_same_in_every_process():
    """Python's own hash of a str is not."""
    code = (
        "from skdeep.data import GramRules, GramVocabulary\n"
        "v = GramVocabulary(GramRules(), n_features=1000)\n"
        "print(v.number(['some words é']).ids.tolist())"
    )
    command = [sys.executable, "-c", code]
    there = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    here = GramVocabulary(GramRules(), n_features=1000).number(["some words é"])
    assert there.strip() == str(here.ids.tolist())


def test_some_ngrams_are_put_first():
    """The others keep their order, and all are found again."""
    vocabulary = GramVocabulary(GramRules())
    before = vocabulary.fit(["a b c d"])
    renumbered = vocabulary.put_first([" c", " a"])
    assert vocabulary.grams == [" c", " a", " b", " d"]
    after = vocabulary.number(["a b c d"])
    np.testing.assert_array_equal(renumbered[before.ids], after.ids)
