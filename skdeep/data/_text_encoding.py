"""Texts as bags of n-grams or as sequences of words, ready for a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import scipy.sparse as sp
import torch

from skdeep._storable import storable
from skdeep.data._text_batches import TokenBags, pad_sequences
from skdeep.data._text_grams import GramIds, GramVocabulary
from skdeep.data._word_vectors import read_vectors

if TYPE_CHECKING:
    from typing import Self

    from skdeep._typing import Array
    from skdeep.data._texts import TextTable

Pooling = Literal["mean", "sum", "sqrtn", "max"]


class TextEncoder:
    """What both kinds of encoding share: the vocabulary, and word vectors from a file.

    Parameters
    ----------
    vocabulary : GramVocabulary
        Empty.
    vectors_file : str or None, default=None
        A file of word vectors, see `read_vectors`.
    width : int or None, default=None
        How many numbers a vector must have.

    Attributes
    ----------
    n_known : int
        The first so many n-grams are words that have a vector in the file.
    vectors : ndarray of shape (n_known, width) or None
        Theirs, until a network has taken them over; not pickled.
    """

    def __init__(
        self,
        vocabulary: GramVocabulary,
        *,
        vectors_file: str | None = None,
        width: int | None = None,
    ) -> None:
        self.vocabulary = vocabulary
        self.vectors_file = vectors_file
        self.width = width
        self.n_known = 0
        self.vectors: Array | None = None
        self.fitted = False
        # What an augmenter has learnt of the training texts, kept for further ones.
        self.word_weights: Any = None
        # The rows that the vocabulary was learnt from, to be encoded once.
        self._learnt: tuple[TextTable, GramIds] | None = None

    def update(self, table: TextTable, weight: Array | None = None) -> Self:
        """Learn from the first texts; leave what later ones are encoded as unchanged.

        Parameters
        ----------
        table : TextTable
            Training texts.
        weight : ndarray of shape (n_samples,) or None
            Weights of the texts.

        Returns
        -------
        self : TextEncoder
        """
        if self.fitted:
            return self
        found = self.vocabulary.fit(table.texts)
        if self.vectors_file is not None:
            found = self._match(found)
        self._learn(found, weight)
        self._learnt = (table, found)
        self.fitted = True
        return self

    def _match(self, found: GramIds) -> GramIds:
        """Look up the words in the file, and put those first that are there."""
        words = [gram[1:] for gram in self.vocabulary.grams or () if gram[0] == " "]
        vectors = read_vectors(str(self.vectors_file), set(words), width=self.width)
        known = [word for word in words if word in vectors]
        self.n_known = len(known)
        if not known:
            single = [word for word in words if " " not in word]
            raise ValueError(
                f"The word vectors of {self.vectors_file} are of no word of the "
                f"training texts. Got e.g. {single[:3]} there. Is it of another "
                "language, or in upper case?"
            )
        self.vectors = np.stack([vectors[word] for word in known])
        renumbered = self.vocabulary.put_first([f" {word}" for word in known])
        return GramIds(renumbered[found.ids], found.starts)

    def _learn(self, found: GramIds, weight: Array | None) -> None:
        """Learn what there is to learn beside the vocabulary."""

    def _find(self, table: TextTable) -> GramIds:
        if self._learnt is not None and self._learnt[0] is table:
            return self._learnt[1]
        return self.vocabulary.number(table.texts)

    def forget_rows(self) -> None:
        """Let go of the training rows and of the vectors."""
        self._learnt = self.vectors = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the training rows and the vectors out of a pickle."""
        return {**vars(self), "_learnt": None, "vectors": None}


@storable()
class BagEncoder(TextEncoder):
    """Texts as weighted n-grams, in no order.

    Parameters
    ----------
    vocabulary : GramVocabulary
        Empty.
    pooling : {"mean", "sum", "sqrtn", "max"}
        How the vectors of n-grams are to be added up: the weights of a text sum to
        one; are left as they are; have squares that sum to one, as those of
        scikit-learn's TF-IDF; or do not matter.
    use_idf : bool
        Weigh n-grams by ``log((1 + n) / (1 + n_with)) + 1``, as scikit-learn does.
    sublinear_tf : bool
        Count n times as ``1 + log(n)``.
    vectors_file : str or None, default=None
        A file of word vectors.
    width : int or None, default=None
        How many numbers a vector must have.
    """

    def __init__(
        self,
        vocabulary: GramVocabulary,
        *,
        pooling: Pooling,
        use_idf: bool,
        sublinear_tf: bool,
        vectors_file: str | None = None,
        width: int | None = None,
    ) -> None:
        super().__init__(vocabulary, vectors_file=vectors_file, width=width)
        self.pooling = pooling
        self.use_idf = use_idf
        self.sublinear_tf = sublinear_tf
        self.idf: Array | None = None

    def _learn(self, found: GramIds, weight: Array | None) -> None:
        if not self.use_idf:
            return
        counts = found.counts(self.vocabulary.size)
        of_row = np.ones(counts.shape[0]) if weight is None else weight
        of_entry = np.repeat(of_row, np.diff(counts.indptr))
        n_with = np.bincount(
            counts.indices, weights=of_entry, minlength=self.vocabulary.size
        )
        self.idf = np.log((1.0 + of_row.sum()) / (1.0 + n_with)) + 1.0

    def transform(self, table: TextTable, dtype: torch.dtype) -> TokenBags:
        """Return texts as the network takes them."""
        return TokenBags.of(self.weights(table), dtype)

    def weights(self, table: TextTable) -> sp.csr_array:
        """Return the weight of each n-gram in each text.

        Parameters
        ----------
        table : TextTable
            Texts.

        Returns
        -------
        weights : csr_array of shape (n_samples, n_features)
        """
        counts = self._find(table).counts(self.vocabulary.size)
        if self.sublinear_tf:
            counts.data = 1.0 + np.log(counts.data)
        if self.idf is not None:
            counts.data *= self.idf[counts.indices]
        if self.pooling in ("mean", "sqrtn"):
            rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
            parts = counts.data if self.pooling == "mean" else counts.data**2
            total = np.bincount(rows, weights=parts, minlength=counts.shape[0])
            total = total if self.pooling == "mean" else np.sqrt(total)
            counts.data /= total[rows]
        return counts


@storable()
class SequenceEncoder(TextEncoder):
    """Texts as words in their order, by number from 1; those not known are left out.

    Parameters
    ----------
    vocabulary : GramVocabulary
        Empty, of single words.
    max_length : int or None, default=None
        Words beyond so many are cut off.
    vectors_file : str or None, default=None
        A file of word vectors.
    width : int or None, default=None
        How many numbers a vector must have.
    """

    def __init__(
        self,
        vocabulary: GramVocabulary,
        *,
        max_length: int | None = None,
        vectors_file: str | None = None,
        width: int | None = None,
    ) -> None:
        super().__init__(vocabulary, vectors_file=vectors_file, width=width)
        self.max_length = max_length

    def sequences(self, table: TextTable) -> list[Array]:
        """Return the numbers of the words of each text, as ndarrays of int64."""
        found = self._find(table)
        return [
            found.ids[low:high][: self.max_length].astype(np.int64) + 1
            for low, high in zip(found.starts[:-1], found.starts[1:], strict=True)
        ]

    def transform(self, table: TextTable, dtype: torch.dtype) -> torch.Tensor:
        """Return texts as the network takes them."""
        return pad_sequences(self.sequences(table))
