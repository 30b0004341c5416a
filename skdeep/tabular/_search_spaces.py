"""What is worth searching in the perceptrons for tables."""

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
    batch_sizes,
    depths,
    dropouts,
    for_steps,
    learning_rates,
    widths,
)

MLP_SPACE: SearchTable = MappingProxyType(
    {
        "learning_rate": ("fast", learning_rates(3e-4, 3e-2)),
        "hidden_layer_sizes": ("fast", widths),
        "n_hidden_layers": ("fast", depths(1, 3)),
        "l2": ("fast", Floats(1e-5, 1e-1, log=True)),
        "dropout": ("balanced", dropouts),
        "batch_size": ("balanced", batch_sizes),
        **WIDE_SPACE,
        "activation": ("balanced", Choices(("relu", "gelu", "silu", "tanh"))),
        "normalization": ("wide", Choices((None, "batch", "layer"))),
        "residual": ("wide", Choices((False, True))),
        "l1": ("wide", Choices((0.0, 1e-5, 1e-4, 1e-3))),
        "weight_decay": ("wide", for_steps(Choices((0.0, 1e-3, 1e-2, 1e-1)))),
    }
)


def _with(embedding: str, found: Range) -> Callable[[Case], Range | None]:
    """Return how to find a range that one embedding of numbers alone has use for."""
    return lambda case: found if case.estimator.numeric_embedding == embedding else None


def _embedding_dims(case: Case) -> Range | None:
    return Ints(4, 32, log=True) if case.estimator.numeric_embedding else None


TABULAR_SPACE: SearchTable = MappingProxyType(
    {
        "learning_rate": ("fast", learning_rates(5e-4, 2e-2)),
        "hidden_layer_sizes": ("fast", widths),
        "n_hidden_layers": ("fast", depths(1, 4)),
        "dropout": ("fast", dropouts),
        "weight_decay": (
            "balanced",
            for_steps(Floats(1e-5, 1e-1, log=True)),
        ),
        "batch_size": ("balanced", batch_sizes),
        "embedding_dim": ("balanced", _embedding_dims),
        "n_bins": (
            "balanced",
            _with("piecewise_linear", Ints(4, 128, log=True)),
        ),
        "n_frequencies": ("balanced", _with("periodic", Ints(8, 64, log=True))),
        "frequency_scale": (
            "balanced",
            _with("periodic", Floats(0.01, 10.0, log=True)),
        ),
        **WIDE_SPACE,
        "binning": (
            "wide",
            _with("piecewise_linear", Choices(("quantile", "tree"))),
        ),
        "feature_scaling": (
            "wide",
            Choices(("quantile", "robust_clip", "standard")),
        ),
        "feature_gate": ("wide", Choices((None, 6.0))),
        "max_onehot": ("wide", Ints(2, 32, log=True)),
        "category_dim": ("wide", Ints(2, 32, log=True)),
        "residual": ("wide", Choices((False, True))),
    }
)
