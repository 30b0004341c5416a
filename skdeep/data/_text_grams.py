"""From texts to words and n-grams, and from these to numbers."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import murmurhash3_32

from skdeep._storable import storable

if TYPE_CHECKING:
    from skdeep._typing import Array

# Words, and each mark or symbol by itself. Accents and vowel signs that are characters
# of their own belong to the word (diacritics; the scripts of India; Thai and Lao).
_TOKEN = re.compile(
    r"\w[\w\u0300-\u036f\u0900-\u0dff\u0e31-\u0e4e\u0eb1-\u0ece]*|[^\w\s]"
)


@storable()
@dataclass(frozen=True)
class GramRules:
    """What is taken for a word and for an n-gram.

    Parameters
    ----------
    ngram_range : tuple of two int
        Least and most words in a row.
    char_ngram_range : tuple of two int or None
        Least and most characters in a row, within a word that is put in "<" and ">";
        None takes none.
    lowercase : bool
        Whether upper and lower case are the same.
    tokenizer : callable or None
        From a text to its words; None takes words, and each mark or symbol by itself.
    """

    ngram_range: tuple[int, int] = (1, 1)
    char_ngram_range: tuple[int, int] | None = None
    lowercase: bool = True
    tokenizer: Callable[[str], Iterable[str]] | None = None

    def tokens(self, text: str) -> list[str]:
        """Return the words of a text."""
        if not text.isascii():
            # One letter, one way to write it: é is one character.
            text = unicodedata.normalize("NFC", text)
        if self.lowercase:
            text = text.lower()
        if self.tokenizer is None:
            return _TOKEN.findall(text)
        return _checked(self.tokenizer(text))

    def word_grams(self, tokens: list[str]) -> list[str]:
        """Return the n-grams of words; a space in front tells them from characters."""
        low, high = self.ngram_range
        grams: list[str] = []
        for n in range(low, high + 1):
            if n == 1:
                grams += [f" {token}" for token in tokens]
            elif n == 2:
                grams += [f" {one} {two}" for one, two in pairwise(tokens)]
            else:
                starts = range(len(tokens) - n + 1)
                grams += [f" {' '.join(tokens[i : i + n])}" for i in starts]
        return grams

    def char_grams(self, token: str) -> list[str]:
        """Return the n-grams of the characters of a word."""
        if self.char_ngram_range is None:
            return []
        low, high = self.char_ngram_range
        word = f"<{token}>"
        return [
            word[i : i + n]
            for n in range(low, high + 1)
            for i in range(len(word) - n + 1)
        ]


def _checked(tokens: Any) -> list[str]:
    """Return what a foreign tokenizer gave as a list, if it is one of words."""
    if isinstance(tokens, Iterable) and not isinstance(tokens, str):
        words = list(tokens)
        if all(isinstance(word, str) for word in words):
            return words
    raise TypeError(
        "The 'tokenizer' parameter must return the words of a text, each a str. Got "
        f"{tokens!r:.60} of type {type(tokens).__name__}. Return a list of str."
    )


class _Growing(dict[str, int]):
    """Give every n-gram that is asked for the next number."""

    def __missing__(self, gram: str) -> int:
        number = self[gram] = len(self)
        return number


class _Hashing(dict[str, int]):
    """Give every n-gram one of so many numbers; the same on every machine."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.n_features = n_features

    def __missing__(self, gram: str) -> int:
        # As half an emoji has no UTF-8 of its own.
        data = gram.encode("utf-8", "surrogatepass")
        hashed: int = murmurhash3_32(data, positive=True)
        number = self[gram] = hashed % self.n_features
        return number


class _Known(dict[str, int]):
    """Give n-grams that are not known the number -1."""

    def __missing__(self, gram: str) -> int:
        return -1


@dataclass
class GramIds:
    """The n-grams of texts by number, end to end.

    Parameters
    ----------
    ids : ndarray of int32 of shape (n_grams,)
        In the order of the text, those of words first; as often as they stand there.
    starts : ndarray of int64 of shape (n_texts + 1,)
        Where those of each text begin, and where the last ones end.
    """

    ids: Array
    starts: Array

    def where(self, kept: Array) -> GramIds:
        """Return those that a mask keeps."""
        before = np.concatenate([[0], np.cumsum(kept)])
        return GramIds(self.ids[kept], before[self.starts])

    def counts(self, n_ids: int) -> sp.csr_array:
        """Return how often each n-gram stands in each text, as a sparse matrix."""
        shape = (len(self.starts) - 1, n_ids)
        ones = np.ones(len(self.ids), dtype=np.float64)
        # Copied, since repeated ones are summed in place.
        counts = sp.csr_array((ones, self.ids.copy(), self.starts.copy()), shape=shape)
        counts.sum_duplicates()
        return counts


@storable()
class GramVocabulary:
    """A number for each n-gram, learnt from texts or by hashing [1]_.

    Parameters
    ----------
    rules : GramRules
        What an n-gram is.
    n_features : int or None, default=None
        How many numbers there are, which n-grams share by chance; None gives each one
        of the training texts its own.
    min_df : int or float, default=1
        Least number, or share, of training texts that an n-gram stands in. Not with
        `n_features`.
    max_features : int or None, default=None
        The most n-grams: those in the most training texts. Not with `n_features`.

    Attributes
    ----------
    grams : list of str or None
        Those learnt, in the order of their numbers; None where they are hashed.

    References
    ----------
    .. [1] K. Weinberger, A. Dasgupta, J. Langford, A. Smola, J. Attenberg, "Feature
       Hashing for Large Scale Multitask Learning", ICML 2009, arXiv:0902.2206.

    Examples
    --------
    >>> from skdeep.data._text_grams import GramRules, GramVocabulary
    >>> vocabulary = GramVocabulary(GramRules())
    >>> vocabulary.fit(["a b a"]).ids.tolist(), vocabulary.grams
    ([0, 1, 0], [' a', ' b'])
    >>> vocabulary.number(["b c", ""]).starts.tolist()
    [0, 1, 1]
    """

    def __init__(
        self,
        rules: GramRules,
        *,
        n_features: int | None = None,
        min_df: float = 1,
        max_features: int | None = None,
    ) -> None:
        self.rules = rules
        self.n_features = n_features
        self.min_df = min_df
        self.max_features = max_features
        self.grams: list[str] | None = None

    @property
    def size(self) -> int:
        """How many numbers there are."""
        if self.n_features is not None:
            return self.n_features
        return len(self.grams or ())

    def fit(self, texts: Sequence[str] | Array) -> GramIds:
        """Learn the n-grams of texts, and return them by number.

        Parameters
        ----------
        texts : sequence of str
            Training texts.

        Returns
        -------
        found : GramIds

        Raises
        ------
        ValueError
            If no n-gram is left.
        """
        if self.n_features is not None:
            return self.number(texts)
        growing = _Growing()
        found = self._look_up(texts, growing)
        grams = self._choose(list(growing), found, len(texts))
        if not growing:
            raise ValueError(
                "The training texts must hold a word or n-gram to learn from. Got "
                f"{len(texts)} texts without any for ngram_range="
                f"{self.rules.ngram_range}, such as {texts[0]!r:.60}. Pass texts that "
                "are not empty, or include single words."
            )
        if not grams:
            raise ValueError(
                "No word or n-gram of the training texts is left to learn from. Got "
                f"{len(texts)} texts with {len(growing)} different ones, for min_df="
                f"{self.min_df!r}. Lower min_df."
            )
        self._set(sorted(grams))
        numbers = np.fromiter(map(self._index.__getitem__, growing), dtype=np.int32)
        found = GramIds(numbers[found.ids], found.starts)
        return found.where(found.ids >= 0)

    def _choose(self, grams: list[str], found: GramIds, n_texts: int) -> list[str]:
        """Return the n-grams that are frequent enough."""
        least = (
            self.min_df if isinstance(self.min_df, Integral) else self.min_df * n_texts
        )
        most = len(grams) if self.max_features is None else self.max_features
        if least <= 1 and most >= len(grams):
            return grams
        n_with = np.bincount(found.counts(len(grams)).indices, minlength=len(grams))
        kept = np.flatnonzero(n_with >= least).tolist()
        # Of those in as many texts the first in the alphabet.
        kept.sort(key=lambda number: (-n_with[number], grams[number]))
        return [grams[number] for number in kept[:most]]

    def _set(self, grams: list[str]) -> None:
        self.grams = grams
        self._index = _Known(zip(grams, range(len(grams)), strict=True))

    def put_first(self, grams: list[str]) -> Array:
        """Put some n-grams first; return the new number of each old one."""
        first = set(grams)
        old = self.grams or []
        self._set([*grams, *(gram for gram in old if gram not in first)])
        return np.fromiter(map(self._index.__getitem__, old), dtype=np.int32)

    def number(self, texts: Sequence[str] | Array) -> GramIds:
        """Return the n-grams of texts by number, those not known left out."""
        if self.n_features is not None:
            return self._look_up(texts, _Hashing(self.n_features))
        found = self._look_up(texts, self._index)
        return found.where(found.ids >= 0)

    def _look_up(self, texts: Sequence[str] | Array, index: dict[str, int]) -> GramIds:
        rules, find = self.rules, index.__getitem__
        # The same words come again and again, and with them the same characters.
        of_token: dict[str, list[int]] = {}
        ids, starts = array("i"), [0]
        for text in texts:
            tokens = rules.tokens(text)
            ids.extend(map(find, rules.word_grams(tokens)))
            if rules.char_ngram_range is not None:
                for token in tokens:
                    known = of_token.get(token)
                    if known is None:
                        known = list(map(find, rules.char_grams(token)))
                        of_token[token] = known
                    ids.extend(known)
            starts.append(len(ids))
        return GramIds(np.array(ids, dtype=np.int32), np.array(starts, dtype=np.int64))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the index, which the list of n-grams holds."""
        state = vars(self).copy()
        state.pop("_index", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the index."""
        vars(self).update(state)
        if self.grams is not None:
            self._set(self.grams)
