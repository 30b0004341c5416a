"""Where synonyms come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from skdeep._optional import optional_dependency

Lookup = Callable[[str], list[str]]


def find_synonyms(source: Any) -> Lookup | None:
    """Return a function from a word to its synonyms, or None where there is no source.

    Words are looked up as they are, then in lower case; a synonym takes over a capital
    at the beginning, or capitals throughout.

    Parameters
    ----------
    source : dict, callable, "wordnet" or None
        The parameter `synonyms` of `TextAugmenter`.

    Returns
    -------
    lookup : callable or None
        From a word to a list of str, without the word itself.

    Raises
    ------
    LookupError
        If WordNet's data are not there.
    MissingDependencyError
        If nltk, which reads them, is not installed.

    Examples
    --------
    >>> from skdeep.augmentation._synonyms import find_synonyms
    >>> find_synonyms({"good": ["fine", "nice"]})("Good")
    ['Fine', 'Nice']
    """
    if source is None:
        return None
    if isinstance(source, str):
        return _matching_case(_wordnet())
    if isinstance(source, Mapping):
        return _matching_case(lambda word: source.get(word, ()))
    return _matching_case(source)


def _matching_case(find: Callable[[str], Any]) -> Lookup:
    known: dict[str, list[str]] = {}

    def lookup(word: str) -> list[str]:
        if word not in known:
            known[word] = _synonyms_of(word, find)
        return known[word]

    return lookup


def _synonyms_of(word: str, find: Callable[[str], Any]) -> list[str]:
    lower = word.lower()
    found = _checked(word, find(word)) or _checked(lower, find(lower))
    if len(word) > 1 and word.isupper():
        found = [synonym.upper() for synonym in found]
    elif word[:1].isupper():
        found = [synonym[:1].upper() + synonym[1:] for synonym in found]
    return [synonym for synonym in dict.fromkeys(found) if synonym != word]


def _checked(word: str, found: Any) -> list[str]:
    """Return what a source gave for a word, held to be a list of words."""
    items = [] if found is None else found
    is_list = isinstance(items, Iterable) and not isinstance(items, str)
    synonyms: list[Any] = list(items) if is_list else [None]
    if not all(isinstance(synonym, str) for synonym in synonyms):
        raise ValueError(
            "The 'synonyms' parameter of TextAugmenter must give a list of words for a "
            f"word. Got {found!r:.60} for {word!r}."
        )
    return [synonym for synonym in synonyms if synonym.strip()]


def _wordnet() -> Callable[[str], list[str]]:
    """Return a lookup in WordNet, its synonyms sorted."""
    with optional_dependency("nltk", needed_by="TextAugmenter(synonyms='wordnet')"):
        from nltk.corpus import wordnet
    try:
        wordnet.ensure_loaded()
    except LookupError as error:
        raise LookupError(
            "TextAugmenter(synonyms='wordnet') finds no data of WordNet. Run `python "
            "-m nltk.downloader wordnet`, or pass a dict of synonyms."
        ) from error

    def find(word: str) -> list[str]:
        lemmas = {
            lemma.name().replace("_", " ")
            for synset in wordnet.synsets(word)
            for lemma in synset.lemmas()
        }
        return sorted(lemma for lemma in lemmas if lemma.lower() != word.lower())

    return find
