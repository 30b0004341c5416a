"""What the parameters of the networks for texts may be."""

from __future__ import annotations

import os
from numbers import Integral, Real
from typing import Any

from skdeep._compat import Interval, Options, RealNotInt, StrOptions
from skdeep._constraints import PerLayer, network_constraints
from skdeep.augmentation import TextAugmenter
from skdeep.base import SHARED_CONSTRAINTS
from skdeep.networks import ACTIVATIONS

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
    "min_df": [_COUNT, Interval(RealNotInt, 0, 1, closed="both")],
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
