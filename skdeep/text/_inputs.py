"""What estimators of texts share: how texts are read, encoded, augmented, embedded."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skdeep._compat import Interval, Options, StrOptions, Tags, check_is_fitted
from skdeep._constraints import PerLayer, network_constraints
from skdeep._devices import plain_torch
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.augmentation import TextAugmenter
from skdeep.base import SHARED_CONSTRAINTS, PerceptronDoor
from skdeep.data import (
    BagEncoder,
    BagRows,
    GramRules,
    GramVocabulary,
    RenewedRows,
    SequenceEncoder,
    SequenceRows,
    TextTable,
    check_target,
    read_texts,
)
from skdeep.networks import (
    ACTIVATIONS,
    BagEmbedding,
    ConvEmbedding,
    TextNetwork,
    draw_vectors,
    per_layer,
)

if TYPE_CHECKING:
    from skdeep._typing import Array, MatrixLike
    from skdeep.base import FittedState, Job, Part
    from skdeep.data import Rows

# Numbers in the largest map of the texts that go through the network at once.
BLOCK_NUMBERS = 2**21
BLOCK_BAGS = 1024
WIDEST = 2**16


class GramRange(Options):
    """Two whole numbers of at least 1, the smaller first."""

    def __init__(self) -> None:
        super().__init__(object, set())

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is such a pair."""
        if not isinstance(val, (tuple, list)) or len(val) != 2:
            return False
        return all(map(_is_count, val)) and val[0] <= val[1]

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        return "a pair of ints of at least 1, the smaller first"


def _is_count(value: Any) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and 1 <= int(value) <= WIDEST


_COUNT = Interval(Integral, 1, None, closed="left")

TEXT_CONSTRAINTS: dict[str, list[Any]] = {
    "ngram_range": [GramRange()],
    "char_ngram_range": [GramRange(), None],
    "n_features": [_COUNT, None],
    "min_df": [_COUNT, Interval(Real, 0, 1, closed="both")],
    "max_features": [_COUNT, None],
    "use_idf": ["boolean"],
    "sublinear_tf": ["boolean"],
    "lowercase": ["boolean"],
    "tokenizer": [callable, None],
    "pooling": [StrOptions({"mean", "sum", "sqrtn", "max"})],
    "embedding_dim": [Interval(Integral, 1, WIDEST, closed="both")],
    "embeddings": [str, os.PathLike, None],
    "trainable_embeddings": ["boolean"],
    "embedding_dropout": [Interval(Real, 0, 1, closed="left")],
    "conv_channels": [Interval(Integral, 1, WIDEST, closed="both"), None],
    "kernel_sizes": [
        PerLayer(_is_count, f"an int in the range [1, {WIDEST}]"),
    ],
    "max_length": [_COUNT, None],
    "augmenter": [TextAugmenter, None],
    **network_constraints(list(ACTIVATIONS)),
    **SHARED_CONSTRAINTS,
}

# What must not change between a training and one that goes on from it.
_OF_THE_NETWORK = (
    "char_ngram_range",
    "embedding_dim",
    "lowercase",
    "max_length",
    "n_features",
    "ngram_range",
    "normalization",
    "pooling",
    "residual",
    "sublinear_tf",
    "trainable_embeddings",
    "use_idf",
)


class TextDoor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, PerceptronDoor):
    """Hooks of the networks for texts."""

    def _read(
        self, X: MatrixLike, y: Any = "no_validation", *, reset: bool, **checks: bool
    ) -> Any:
        table = read_texts(X, owner=type(self).__name__)
        if isinstance(y, str) and y == "no_validation":
            return table
        return table, check_target(self, table, y, **checks)

    def _auto_batch(self, n_rows: int) -> int:
        """Return a batch that makes fifty steps an epoch, if neither tiny nor large.

        So that as many epochs suit few texts and many; the update of the vocabulary,
        which each step pays for, sets the upper end.
        """
        return min(n_rows, max(8, min(128, n_rows // 50)))

    def _kernels(self) -> tuple[int, ...]:
        """Return the words in the windows; none where texts are bags."""
        if self.conv_channels is None:
            return ()
        kernels = self.kernel_sizes
        several = not isinstance(kernels, Integral)
        return tuple(map(int, kernels)) if several else (int(kernels),)

    def _architecture(self, table: Any) -> dict[str, Any]:
        widths = self._widths()
        same = {name: getattr(self, name) for name in _OF_THE_NETWORK}
        return {
            "hidden_layer_sizes": widths,
            "activation": per_layer(self.activation, len(widths), "activation"),
            "dropout": per_layer(self.dropout, len(widths), "dropout"),
            "conv_channels": self.conv_channels,
            "kernel_sizes": self._kernels(),
            **same,
        }

    def _width(self) -> int:
        """Return how many numbers a text's vector has."""
        kernels = self._kernels()
        if not kernels:
            return int(self.embedding_dim)
        return int(self.conv_channels) * len(kernels)

    def _n_weights(self, table: Any, n_outputs: int) -> int:
        # Texts of about 32 words, whose vectors are gathered or convolved.
        work = 32 * self.embedding_dim
        work *= sum(self._kernels()) * (self.conv_channels or 0) or 1
        widths = (self._width(), *self._widths(), n_outputs)
        return int(work + sum(a * b for a, b in pairwise(widths)))

    def _block_rows(self, state: FittedState, table: TextTable) -> int:
        if self.conv_channels is None:
            return BLOCK_BAGS
        encoder: Any = state.scaler
        # A word has two characters or more, counted in the space behind it.
        longest = max(len(text) for text in table.texts) // 2 + 1
        longest = min(longest, encoder.max_length or longest)
        widest = max(encoder.width, int(self.conv_channels))
        return max(1, min(BLOCK_BAGS, BLOCK_NUMBERS // (longest * widest)))

    def _make_scaler(self, job: Job) -> BagEncoder | SequenceEncoder:
        self._check_embeddings()
        sequences = self.conv_channels is not None
        rules = GramRules(
            (1, 1) if sequences else tuple(self.ngram_range),
            None
            if sequences or self.char_ngram_range is None
            else tuple(self.char_ngram_range),
            bool(self.lowercase),
            self.tokenizer,
        )
        vocabulary = GramVocabulary(
            rules,
            n_features=None if self.n_features is None else int(self.n_features),
            min_df=self.min_df,
            max_features=self.max_features,
        )
        file = None if self.embeddings is None else os.fspath(self.embeddings)
        width = int(self.embedding_dim)
        if sequences:
            return SequenceEncoder(
                vocabulary,
                max_length=self.max_length,
                vectors_file=file,
                width=width,
            )
        return BagEncoder(
            vocabulary,
            pooling=self.pooling,
            use_idf=bool(self.use_idf),
            sublinear_tf=bool(self.sublinear_tf),
            vectors_file=file,
            width=width,
        )

    def _check_embeddings(self) -> None:
        if self.embeddings is not None and self.n_features is not None:
            raise ValueError(
                f"{type(self).__name__} gives pretrained vectors to words of its own "
                f"vocabulary. Got embeddings along with n_features={self.n_features!r},"
                " under which words share vectors. Set n_features=None."
            )

    def _make_rows(self, job: Job, part: Part, *, training: bool) -> Rows:
        encoder: Any = job.scaler
        rows: Rows
        if training and self.augmenter is not None:
            rows = RenewedRows(
                part.X,
                lambda table: encoder.transform(table, job.dtype),
                self._make_renew(job, part),
                job.device,
            )
        elif self.conv_channels is None:
            rows = BagRows(part.X, encoder, job.dtype, job.device)
        else:
            rows = SequenceRows(part.X, encoder, job.device)
        if training:
            encoder.forget_rows()
        return rows

    def _make_renew(self, job: Job, part: Part) -> Callable[[str, int, int], str]:
        """Return what makes the text to learn from at each visit.

        One visit in ``1 + n_aug`` sees the text as it is, as one row in so many is in
        what `TextAugmenter.augment` returns.
        """
        augmenter = TextAugmenter(**self.augmenter.get_params(deep=False))
        if augmenter.random_state is None:
            # Of this fit, so that its own random_state says it all.
            augmenter.random_state = job.streams.augmentation % 2**32
        encoder: Any = job.scaler
        if encoder.word_weights is None:
            encoder.word_weights = augmenter.fit(part.X.texts).word_weights_
        augmenter.word_weights_ = encoder.word_weights
        # A call of partial_fit goes on where the last one ended.
        first = 0 if job.before is None else len(self.history_["epoch"])
        renewed, n_kinds = augmenter.renewer(), 1 + int(augmenter.n_aug)

        def renew(text: str, occurrence: int, visit: int) -> str:
            turn = crc32(text.encode("utf-8", "surrogatepass")) + occurrence
            if (turn + first + visit) % n_kinds == 0:
                return text
            return renewed(text, (occurrence << 32) + first + visit, 1)[0]

        return renew

    def _build_network(self, job: Job) -> torch.nn.Module:
        widths = self._widths()
        generator = job.generators["initialization"]
        kernels = self._kernels()
        table, known = self._first_vectors(job, filler=int(bool(kernels)))
        embedding: torch.nn.Module
        if kernels:
            embedding = ConvEmbedding(
                table, int(self.conv_channels), kernels, known, generator
            )
        else:
            kind = "max" if self.pooling == "max" else "sum"
            embedding = BagEmbedding(table, known, kind)
        return TextNetwork(
            embedding,
            widths,
            job.target.n_outputs,
            embedding_dropout=float(self.embedding_dropout),
            activation=per_layer(self.activation, len(widths), "activation"),
            normalization=self.normalization,
            dropout=per_layer(self.dropout, len(widths), "dropout"),
            residual=self.residual,
            dtype=job.dtype,
            generator=generator,
        )

    def _first_vectors(
        self, job: Job, *, filler: int
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the vectors to train, those of a file among them, and those not to."""
        encoder: Any = job.scaler
        frozen = encoder.n_known and not self.trainable_embeddings
        n_rows = filler + encoder.vocabulary.size - (encoder.n_known if frozen else 0)
        generator = job.generators["initialization"]
        width = int(self.embedding_dim)
        # Never none at all: an index has to point somewhere.
        table = draw_vectors(max(1, n_rows), width, job.dtype, generator)
        if not encoder.n_known:
            return table, None
        vectors = torch.from_numpy(encoder.vectors).to(job.dtype)
        if frozen:
            return table, vectors
        table[filler : filler + len(vectors)] = vectors
        return table, None

    def _encode_rows(
        self, state: FittedState, block: TextTable, dtype: torch.dtype
    ) -> Any:
        encoder: Any = state.scaler
        return encoder.transform(block, dtype)

    def transform(self, X: MatrixLike) -> Array:
        """Return a vector for each text: what the perceptron is given.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Texts.

        Returns
        -------
        vectors : ndarray of shape (n_samples, n_features_out)
            `embedding_dim` numbers a text; with `conv_channels` that many for each of
            `kernel_sizes`.
        """
        check_is_fitted(self, "net_")
        table = self._read(X, reset=False)
        network: Any = self.module_.eval()
        parameter = next(network.parameters())
        step = self._block_rows(self._state, table)
        vectors = np.empty((len(table), self._n_features_out), dtype=table.dtype)
        work = float(min(len(table), step) * self._state.row_work)
        with (
            plain_torch(training=False),
            limit_threads(resolve_n_threads(self.n_threads, work)),
            torch.inference_mode(),
        ):
            for start in range(0, len(table), step):
                rows = slice(start, start + step)
                block = self._encode_rows(self._state, table[rows], parameter.dtype)
                found = network.features(block.to(parameter.device))
                vectors[rows] = found.cpu().numpy()
        return vectors

    def fit_transform(self, X: MatrixLike, y: Any = None) -> Array:
        """Train the network, and return a vector for each text.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Training texts.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Training targets.

        Returns
        -------
        vectors : ndarray of shape (n_samples, n_features_out)
            See `transform`.
        """
        self.fit(X, y)
        return self.transform(X)

    @property
    def _n_features_out(self) -> int:
        return int(self.module_.embedding.width)  # type: ignore[union-attr,arg-type]

    def __sklearn_tags__(self) -> Tags:
        """Say that texts are welcome, and tables are not."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags
