"""Where synonyms come from."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from skdeep.augmentation._synonyms import find_synonyms
from skdeep.exceptions import MissingDependencyError


def looked_up(source: Any) -> Any:
    """Return the function from a word to its synonyms."""
    return find_synonyms(source)


def test_no_source_gives_no_lookup():
    """None is told from a source that knows nothing."""
    assert looked_up(None) is None
    assert looked_up({})("word") == []


@pytest.mark.parametrize(
    ("word", "synonyms"),
    [
        ("good", ["fine", "nice"]),
        ("Good", ["Fine", "Nice"]),
        ("GOOD", ["FINE", "NICE"]),
        ("Rome", ["the eternal city"]),
        ("fine", []),
    ],
)
def test_synonyms_take_over_capitals(word, synonyms):
    """A dict is asked for the word as it is, then in lower case."""
    table = {"good": ["fine", "nice", "fine"], "Rome": ["the eternal city"]}
    if word == "Rome":
        synonyms = ["The eternal city"]
    assert looked_up(table)(word) == synonyms


def test_function_is_asked_once_a_word():
    """What is slow, such as a service, is not asked again."""
    asked = []

    def source(word):
        asked.append(word)
        return [word + "ish"]

    lookup = looked_up(source)
    assert lookup("green") == lookup("green") == ["greenish"]
    assert asked == ["green"]


def test_word_itself_and_blanks_are_no_synonyms():
    """They would change nothing, or leave a hole."""
    assert looked_up({"a": ["a", "", " ", "b"]})("a") == ["b"]
    assert looked_up(lambda word: None)("a") == []


@pytest.mark.parametrize("wrong", ["one", 3, [1, 2]])
def test_source_that_gives_no_list_of_words_is_refused(wrong):
    """The sentence names the parameter and the word."""
    with pytest.raises(ValueError, match=r"'synonyms' parameter .* for 'a'"):
        looked_up({"a": wrong})("a")


def test_wordnet_without_nltk_says_what_to_install(hide_module):
    """nltk is an optional dependency."""
    hide_module("nltk")
    with pytest.raises(MissingDependencyError, match=r"skdeep-torch\[text\]"):
        looked_up("wordnet")


def fake_nltk(monkeypatch, wordnet):
    """Put a reader in the place of nltk's."""
    corpus: Any = types.ModuleType("nltk.corpus")
    corpus.wordnet = wordnet
    monkeypatch.setitem(sys.modules, "nltk", types.ModuleType("nltk"))
    monkeypatch.setitem(sys.modules, "nltk.corpus", corpus)


def test_wordnet_without_its_data_says_what_to_download(monkeypatch):
    """One sentence in place of nltk's page of search paths."""

    def ensure_loaded():
        raise LookupError("a page\nof paths")

    fake_nltk(monkeypatch, types.SimpleNamespace(ensure_loaded=ensure_loaded))
    with pytest.raises(LookupError, match="downloader wordnet") as caught:
        looked_up("wordnet")
    assert "\n" not in str(caught.value)


def test_wordnet_gives_sorted_lemmas_of_all_senses(monkeypatch):
    """Sets have no order, and the same seed must give the same text."""

    def lemma(name):
        return types.SimpleNamespace(name=lambda: name)

    senses = [["car", "motor_car", "auto"], ["car", "railway_car"]]
    reader = types.SimpleNamespace(
        ensure_loaded=lambda: None,
        synsets=lambda word: [
            types.SimpleNamespace(lemmas=lambda names=names: list(map(lemma, names)))
            for names in senses
            if word == "car"
        ],
    )
    fake_nltk(monkeypatch, reader)
    assert looked_up("wordnet")("car") == ["auto", "motor car", "railway car"]


def test_wordnet_of_nltk_is_read_where_it_is_there():
    """The real reader, without its data on most machines."""
    pytest.importorskip("nltk", reason="the reader of WordNet")
    from nltk.corpus import wordnet

    try:
        wordnet.ensure_loaded()
    except LookupError:
        pytest.skip("WordNet's data are not there")
    assert "automobile" in looked_up("wordnet")("car")
