"""How much the words of a collection say, for replacements that leave the sense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skdeep._storable import storable

if TYPE_CHECKING:
    from skdeep._typing import Array


@storable()
@dataclass
class WordWeights:
    """The words of a collection of texts, and how likely each comes in for another.

    Words that say little are replaced, by words that say little [1]_: what is replaced
    is drawn by how far its TF-IDF is below the largest of its text, and what comes in
    by how far its frequency times IDF is below the largest of the collection.

    Parameters
    ----------
    words : list of str
        Sorted.
    idf : ndarray of shape (n_words,)
        ``log(n_texts / n_texts_with_the_word)``.
    cumulated : ndarray of shape (n_words,)
        Running sum of the chances of coming in; it ends with 1.

    References
    ----------
    .. [1] Q. Xie, Z. Dai, E. Hovy, M.-T. Luong, Q. V. Le, "Unsupervised Data
       Augmentation for Consistency Training", NeurIPS 2020, arXiv:1904.12848,
       appendix on TF-IDF based word replacing.
    """

    words: list[str]
    idf: Array
    cumulated: Array

    def __post_init__(self) -> None:
        """Index the words."""
        self._places = {word: place for place, word in enumerate(self.words)}

    @classmethod
    def of(cls, texts: Iterable[list[str]]) -> WordWeights:
        """Count the words of texts.

        Parameters
        ----------
        texts : iterable of list of str
            The words of each text.

        Returns
        -------
        weights : WordWeights
        """
        in_all: Counter[str] = Counter()
        in_texts: Counter[str] = Counter()
        n_texts = 0
        for words in texts:
            n_texts += 1
            in_all.update(words)
            in_texts.update(set(words))
        words = sorted(in_all)
        frequency = np.array([in_all[word] for word in words], dtype=np.float64)
        n_with = np.array([in_texts[word] for word in words], dtype=np.float64)
        idf = np.log(n_texts / n_with) if words else np.zeros(0)
        score = frequency * idf
        chance = score.max() - score if words else np.zeros(0)
        # Where all words say the same, all are as good.
        total = chance.sum()
        chance = (
            chance / total if total else np.full(len(words), 1 / max(1, len(words)))
        )
        return cls(words, idf, np.cumsum(chance))

    def chances(self, words: list[str], share: float) -> Array:
        """Return the probability of each word of a text that it is replaced.

        Parameters
        ----------
        words : list of str
            Of one text; those never seen are taken for rare.
        share : float
            Their mean, but where some would be above 1.

        Returns
        -------
        chances : ndarray of shape (n_words,)
            In [0, 1].
        """
        unseen = self.idf.max(initial=0.0)
        counts = Counter(words)
        tf_idf = np.array(
            [
                counts[word]
                / len(words)
                * (self.idf[self._places[word]] if word in self._places else unseen)
                for word in words
            ]
        )
        distance = tf_idf.max() - tf_idf
        mean = distance.mean()
        if mean <= 0:
            return np.full(len(words), share)
        shares: Array = np.minimum(share * distance / mean, 1.0)
        return shares

    def draw(self, uniform: float) -> str:
        """Return the word at a place in [0, 1) of the running sum."""
        place = int(np.searchsorted(self.cumulated, uniform, side="right"))
        return self.words[min(place, len(self.words) - 1)]
