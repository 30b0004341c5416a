"""What can be done to the words of a text.

The four operations of EDA [1]_, the insertion of punctuation of AEDA [2]_, and the
replacement of words that say little of UDA [3]_. Each changes `Words` in place and
returns whether it could.

References
----------
.. [1] J. Wei, K. Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance
   on Text Classification Tasks", EMNLP 2019, arXiv:1901.11196.
.. [2] A. Karimi, L. Rossi, A. Prati, "AEDA: An Easier Data Augmentation Technique for
   Text Classification", Findings of EMNLP 2021, arXiv:2108.13230.
.. [3] Q. Xie, Z. Dai, E. Hovy, M.-T. Luong, Q. V. Le, "Unsupervised Data Augmentation
   for Consistency Training", NeurIPS 2020, arXiv:1904.12848.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from skdeep.augmentation._word_weights import WordWeights
    from skdeep.augmentation._words import Words

MARKS = (".", ";", "?", ":", "!", ",")


def n_changes(share: float, n_words: int) -> int:
    """Return the n of EDA: that share of the words, and at least one."""
    return max(1, int(share * n_words))


def replace_by_synonyms(
    words: Words,
    share: float,
    lookup: Callable[[str], list[str]],
    stop_words: Collection[str],
    rng: np.random.Generator,
) -> bool:
    """Replace n words, wherever they stand, by one of their synonyms each."""
    candidates = sorted(set(words.words))
    candidates = [word for word in candidates if word.lower() not in stop_words]
    left = n_changes(share, len(words))
    changed = False
    for place in rng.permutation(len(candidates)):
        word = candidates[place]
        synonyms = lookup(word)
        if not synonyms:
            continue
        synonym = synonyms[int(rng.integers(len(synonyms)))]
        words.words = [synonym if other == word else other for other in words.words]
        changed, left = True, left - 1
        if not left:
            break
    return changed


def insert_synonyms(
    words: Words,
    share: float,
    lookup: Callable[[str], list[str]],
    stop_words: Collection[str],
    rng: np.random.Generator,
) -> bool:
    """Put a synonym of a random word at a random place, n times."""
    candidates = [
        word for word in words.words if word.lower() not in stop_words and lookup(word)
    ]
    if not candidates:
        return False
    for _ in range(n_changes(share, len(words))):
        synonyms = lookup(candidates[int(rng.integers(len(candidates)))])
        synonym = synonyms[int(rng.integers(len(synonyms)))]
        words.insert(int(rng.integers(len(words) + 1)), synonym)
    return True


def swap_words(words: Words, share: float, rng: np.random.Generator) -> bool:
    """Exchange two random words, n times."""
    n_words = len(words)
    if n_words < 2:
        return False
    for _ in range(n_changes(share, n_words)):
        i = int(rng.integers(n_words))
        j = int(rng.integers(n_words - 1))
        words.swap(i, j + (j >= i))
    return True


def delete_words(words: Words, share: float, rng: np.random.Generator) -> bool:
    """Delete each word with a probability; at least one stays."""
    n_words = len(words)
    if n_words < 2:
        return False
    gone = rng.random(n_words) < share
    if gone.all():
        gone[int(rng.integers(n_words))] = False
    for place in range(n_words - 1, -1, -1):
        if gone[place]:
            words.delete(place)
    return True


def insert_punctuation(words: Words, share: float, rng: np.random.Generator) -> bool:
    """Put from one mark up to a share of the words' number before random words."""
    n_words = len(words)
    if not n_words:
        return False
    n_marks = int(rng.integers(1, n_changes(share, n_words) + 1))
    places = rng.permutation(n_words)[:n_marks]
    for place in sorted(places.tolist(), reverse=True):
        words.insert(place, MARKS[int(rng.integers(len(MARKS)))])
    return True


def replace_by_vocabulary(
    words: Words, share: float, weights: WordWeights, rng: np.random.Generator
) -> bool:
    """Replace words that say little by others of the vocabulary that say little."""
    if not len(words) or not weights.words:
        return False
    chances = weights.chances(words.words, share)
    chosen = rng.random(len(words)) < chances
    draws = rng.random(len(words))
    for place in chosen.nonzero()[0]:
        words.words[place] = weights.draw(float(draws[place]))
    return True
