"""What is worth searching in the networks for texts."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from skdeep.base import (
    WIDE_SPACE,
    Case,
    Choices,
    Floats,
    Ints,
    Range,
    SearchTable,
    depths,
    dropouts,
    for_steps,
    learning_rates,
    widths,
)


def _bags(found: Range) -> Callable[[Case], Range | None]:
    """Return how to find a range that convolutions have no use for."""
    return lambda case: found if case.estimator.conv_channels is None else None


def _convolutions(found: Range) -> Callable[[Case], Range | None]:
    return lambda case: None if case.estimator.conv_channels is None else found


def _own_vectors(found: Range) -> Callable[[Case], Range | None]:
    """Return how to find a range that a file of vectors decides about."""
    return lambda case: found if case.estimator.embeddings is None else None


def _own_vocabulary(found: Range) -> Callable[[Case], Range | None]:
    return lambda case: found if case.estimator.n_features is None else None


def _augmented(found: Range) -> Callable[[Case], Range | None]:
    return lambda case: None if case.estimator.augmenter is None else found


TEXT_SPACE: SearchTable = MappingProxyType(
    {
        "learning_rate": ("fast", learning_rates(3e-4, 3e-2)),
        "embedding_dim": ("fast", _own_vectors(Ints(16, 256, log=True))),
        "embedding_dropout": ("fast", Floats(0.0, 0.5, step=0.1)),
        "min_df": ("wide", _own_vocabulary(Ints(1, 5))),
        "pooling": ("balanced", _bags(Choices(("mean", "sum", "sqrtn", "max")))),
        "use_idf": ("balanced", _bags(Choices((False, True)))),
        "conv_channels": ("balanced", _convolutions(Ints(16, 256, log=True))),
        "hidden_layer_sizes": ("balanced", widths),
        "n_hidden_layers": ("balanced", depths(0, 2)),
        "dropout": ("balanced", dropouts),
        "augmenter__delete": ("balanced", _augmented(Floats(0.05, 0.3, step=0.05))),
        "augmenter__swap": ("balanced", _augmented(Floats(0.05, 0.3, step=0.05))),
        "augmenter__n_aug": ("wide", _augmented(Ints(1, 8))),
        **WIDE_SPACE,
        "sublinear_tf": ("wide", _bags(Choices((False, True)))),
        "lowercase": ("wide", Choices((False, True))),
        "normalization": ("wide", Choices((None, "batch", "layer"))),
        "l2": ("wide", Choices((0.0, 1e-7, 1e-6, 1e-5))),
        "weight_decay": ("wide", for_steps(Choices((0.0, 1e-3, 1e-2, 1e-1)))),
    }
)
