"""What estimators of texts share: how texts are read, encoded, augmented, embedded."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from skdeep._compat import check_is_fitted
from skdeep._devices import plain_device, plain_torch
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.augmentation import TextAugmenter
from skdeep.base import (
    DeepEstimator,
    Material,
    Modality,
    Network,
    RowSetting,
)
from skdeep.data import (
    NO_TARGETS,
    BagEncoder,
    BagRows,
    GramRules,
    GramVocabulary,
    RenewedRows,
    SequenceEncoder,
    SequenceRows,
    TextTable,
    TokenBags,
    check_target,
    read_texts,
)
from skdeep.networks import (
    BagEmbedding,
    ConvEmbedding,
    TextNetwork,
    draw_vectors,
    per_layer,
)
from skdeep.text._search_spaces import TEXT_SPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdeep._compat import Tags
    from skdeep._typing import Array, MatrixLike
    from skdeep.base import FittedState

# Numbers in the largest map of the texts that go through the network at once.
BLOCK_NUMBERS = 2**21
BLOCK_BAGS = 1024
# In a text, where none is at hand.
USUAL_WORDS = 32


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


class Texts(Modality):
    """Texts, as bags of n-grams or, where a network convolves them, as sequences.

    Parameters
    ----------
    parameters : estimator instance
        Has the parameters as attributes: what is a word, which are known, and how they
        count.
    """

    def __init__(self, parameters: Any) -> None:
        super().__init__(type(parameters).__name__)
        self.parameters = parameters

    def read(
        self,
        holder: Any,
        X: MatrixLike,
        y: Any = NO_TARGETS,
        *,
        reset: bool,
        **checks: bool,
    ) -> Any:
        """Return a list of texts."""
        table = read_texts(X, owner=self.owner)
        if isinstance(y, str) and y == NO_TARGETS:
            return table
        return table, check_target(holder, table, y, **checks)

    def new_encoder(self, table: TextTable) -> BagEncoder | SequenceEncoder:
        """Return an encoder of texts as bags or as sequences."""
        p = self.parameters
        self._check_hashing()
        sequences = p.conv_channels is not None
        rules = GramRules(
            (1, 1) if sequences else tuple(p.ngram_range),
            None
            if sequences or p.char_ngram_range is None
            else tuple(p.char_ngram_range),
            bool(p.lowercase),
            p.tokenizer,
        )
        vocabulary = GramVocabulary(
            rules,
            n_features=None if p.n_features is None else int(p.n_features),
            min_df=p.min_df,
            max_features=p.max_features,
        )
        file = None if p.embeddings is None else os.fspath(p.embeddings)
        width = int(p.embedding_dim)
        if sequences:
            return SequenceEncoder(
                vocabulary,
                max_length=p.max_length,
                vectors_file=file,
                width=width,
            )
        return BagEncoder(
            vocabulary,
            pooling=p.pooling,
            use_idf=bool(p.use_idf),
            sublinear_tf=bool(p.sublinear_tf),
            vectors_file=file,
            width=width,
        )

    def _check_hashing(self) -> None:
        p = self.parameters
        if p.n_features is None:
            return
        if p.min_df != 1 or p.max_features is not None:
            raise ValueError(
                f"{self.owner} bounds its own vocabulary by min_df and "
                f"max_features. Got min_df={p.min_df!r} and max_features="
                f"{p.max_features!r} along with n_features={p.n_features!r}, "
                "which hashes all n-grams. Set n_features=None, or leave these out."
            )
        if p.embeddings is not None:
            raise ValueError(
                f"{self.owner} gives pretrained vectors to words of its own "
                f"vocabulary. Got embeddings along with n_features={p.n_features!r},"
                " under which words share vectors. Set n_features=None."
            )

    def rows(self, table: TextTable, setting: RowSetting, *, training: bool) -> Any:
        """Return the encoded texts, augmented in training at each visit."""
        encoder = self.encoder
        rows: Any
        if training and self.parameters.augmenter is not None:
            rows = RenewedRows(
                table,
                lambda texts: encoder.transform(texts, setting.dtype),
                self._renewer(table, setting),
                setting.device,
            )
        elif self.parameters.conv_channels is None:
            rows = BagRows(table, encoder, setting.dtype, setting.device)
        else:
            rows = SequenceRows(table, encoder, setting.device)
        if training:
            encoder.forget_rows()
        return rows

    def _renewer(
        self, table: TextTable, setting: RowSetting
    ) -> Callable[[str, int, int], str]:
        """Return what makes the text to learn from at each visit.

        One visit in ``1 + n_aug`` sees the text as it is, as one row in so many is in
        what `TextAugmenter.augment` returns.
        """
        augmenter = TextAugmenter(**self.parameters.augmenter.get_params(deep=False))
        if augmenter.random_state is None:
            # Of this fit, so that its own random_state says it all.
            augmenter.random_state = setting.seed % 2**32
        encoder = self.encoder
        if encoder.word_weights is None:
            encoder.word_weights = augmenter.fit(table.texts).word_weights_
        augmenter.word_weights_ = encoder.word_weights
        # A call of partial_fit goes on where the last one ended.
        first = setting.n_epochs_before
        renewed, n_kinds = augmenter.renewer(), 1 + int(augmenter.n_aug)

        def renew(text: str, occurrence: int, visit: int) -> str:
            turn = crc32(text.encode("utf-8", "surrogatepass")) + occurrence
            if (turn + first + visit) % n_kinds == 0:
                return text
            return renewed(text, (occurrence << 32) + first + visit, 1)[0]

        return renew

    def tensor(self, block: TextTable, dtype: torch.dtype, device: torch.device) -> Any:
        """Return encoded texts."""
        return self.encoder.transform(block, dtype)

    def blank(self, n_features: int | None, dtype: torch.dtype) -> Any:
        """Return a text of no known word."""
        if self.parameters.conv_channels is None:
            none = torch.zeros(0, dtype=torch.int32)
            return TokenBags(none, torch.zeros(2, dtype=torch.int32), none.to(dtype))
        n_words = min(USUAL_WORDS, self.parameters.max_length or USUAL_WORDS)
        return torch.zeros(1, n_words, dtype=torch.int64)

    def block_rows(self, table: TextTable) -> int:
        """Return how many texts go through the network at once in prediction."""
        if self.parameters.conv_channels is None:
            return BLOCK_BAGS
        encoder = self.encoder
        # A word has two characters or more, counted in the space behind it.
        longest = max(len(text) for text in table.texts) // 2 + 1
        longest = min(longest, encoder.max_length or longest)
        widest = max(encoder.width, int(self.parameters.conv_channels))
        return int(max(1, min(BLOCK_BAGS, BLOCK_NUMBERS // (longest * widest))))

    def tell(self, tags: Tags) -> None:
        """Say that texts are welcome, and tables are not."""
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False


class TextPerceptron(Network):
    """Vectors of words, added up or convolved, and a perceptron on their vector."""

    def _kernels(self) -> tuple[int, ...]:
        """Return the words in the windows; none where texts are bags."""
        if self.parameters.conv_channels is None:
            return ()
        kernels = self.parameters.kernel_sizes
        several = not isinstance(kernels, Integral)
        return tuple(map(int, kernels)) if several else (int(kernels),)

    def architecture(self) -> dict[str, Any]:
        """Return widths, what stands between them, and how texts are encoded."""
        p, widths = self.parameters, self.widths()
        same = {name: getattr(p, name) for name in _OF_THE_NETWORK}
        return {
            "hidden_layer_sizes": widths,
            "activation": per_layer(p.activation, len(widths), "activation"),
            "dropout": per_layer(p.dropout, len(widths), "dropout"),
            "conv_channels": self.parameters.conv_channels,
            "kernel_sizes": self._kernels(),
            **same,
        }

    def _width(self) -> int:
        """Return how many numbers a text's vector has."""
        kernels = self._kernels()
        if not kernels:
            return int(self.parameters.embedding_dim)
        return int(self.parameters.conv_channels) * len(kernels)

    def work(self, table: Any, n_outputs: int) -> int:
        """Return the multiply-adds of a text of usual length."""
        # The vectors of the words are gathered or convolved.
        work = USUAL_WORDS * self.parameters.embedding_dim
        work *= sum(self._kernels()) * (self.parameters.conv_channels or 0) or 1
        widths = (self._width(), *self.widths(), n_outputs)
        return int(work + sum(a * b for a, b in pairwise(widths)))

    def build(self, material: Material) -> torch.nn.Module:
        """Return a network of random weights, or of the vectors of a file."""
        architecture = self.architecture()
        filler = int(bool(architecture["kernel_sizes"]))
        table, known = self._first_vectors(material, filler=filler)
        share = float(self.parameters.embedding_dropout)
        n_outputs = material.task.n_outputs
        return _network(
            architecture, table, known, n_outputs, share, material.generator
        )

    def describe(self, module: Any) -> dict[str, Any]:
        """Return the share of words that are dropped."""
        return {"embedding_dropout": float(module.dropout.p)}

    def rebuild(
        self,
        described: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        state: FittedState,
        n_features: int | None,
    ) -> torch.nn.Module:
        """Return a network of the same layers."""
        table, known = weights["embedding.table"], weights.get("embedding.known")
        share = float(described["embedding_dropout"])
        n_outputs = state.target.n_outputs
        # A convolution writes zeros into its table: not into the one of the file.
        return _network(state.architecture, table.clone(), known, n_outputs, share)

    def _first_vectors(
        self, material: Material, *, filler: int
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the vectors to train, those of a file among them, and those not to."""
        encoder: Any = material.modality.encoder
        frozen = encoder.n_known and not self.parameters.trainable_embeddings
        n_rows = filler + encoder.vocabulary.size - (encoder.n_known if frozen else 0)
        generator = material.generator
        width = int(self.parameters.embedding_dim)
        # Never none at all: an index has to point somewhere.
        table = draw_vectors(max(1, n_rows), width, material.dtype, generator)
        if not encoder.n_known:
            return table, None
        vectors = torch.from_numpy(encoder.vectors).to(material.dtype)
        if frozen:
            return table, vectors
        table[filler : filler + len(vectors)] = vectors
        return table, None


class TextBase(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DeepEstimator):
    """What the two networks for texts share: they are also transformers."""

    _search_table = TEXT_SPACE

    def _modality(self) -> Texts:
        return Texts(self)

    def _network(self) -> TextPerceptron:
        return TextPerceptron(self)

    def _auto_batch(self, n_rows: int) -> int:
        """Return a batch that makes fifty steps an epoch, if neither tiny nor large.

        So that as many epochs suit few texts and many; the update of the vocabulary,
        which each step pays for, sets the upper end.
        """
        return min(n_rows, max(8, min(128, n_rows // 50)))

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
        modality = self._fitted_modality()
        table = self._read(X)
        network: Any = self.module_.eval()
        parameter = next(network.parameters())
        step = modality.block_rows(table)
        vectors = np.empty((len(table), self._n_features_out), dtype=table.dtype)
        work = float(min(len(table), step) * self._state.row_work)
        with (
            plain_torch(training=False),
            plain_device(),
            limit_threads(resolve_n_threads(self.n_threads, work)),
            torch.inference_mode(),
        ):
            for start in range(0, len(table), step):
                rows = slice(start, start + step)
                place = (parameter.dtype, parameter.device)
                block = modality.tensor(table[rows], *place)
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


def _network(
    architecture: Mapping[str, Any],
    table: torch.Tensor,
    known: torch.Tensor | None,
    n_outputs: int,
    embedding_dropout: float,
    generator: torch.Generator | None = None,
) -> TextNetwork:
    """Return a network whose first vectors are these."""
    embedding: torch.nn.Module
    kernels = architecture["kernel_sizes"]
    if kernels:
        channels = int(architecture["conv_channels"])
        embedding = ConvEmbedding(table, channels, kernels, known, generator)
    else:
        kind: Literal["sum", "max"] = (
            "max" if architecture["pooling"] == "max" else "sum"
        )
        embedding = BagEmbedding(table, known, kind)
    return TextNetwork(
        embedding,
        architecture["hidden_layer_sizes"],
        n_outputs,
        embedding_dropout=embedding_dropout,
        activation=architecture["activation"],
        normalization=architecture["normalization"],
        dropout=architecture["dropout"],
        residual=architecture["residual"],
        dtype=table.dtype,
        generator=generator,
    )
