"""What is worth searching in the networks for images."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from skdeep.augmentation import ImageAugmenter
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


def _augmented(found: Range) -> Callable[[Case], Range | None]:
    """Return how to find a strength, searched where an instance of ours is set."""
    return lambda case: (
        found if isinstance(case.estimator.augmenter, ImageAugmenter) else None
    )


# No mirror: whether it leaves the meaning of an image is not found out by searching.
_AUGMENTER_SPACE: SearchTable = MappingProxyType(
    {
        "augmenter__rotation": ("balanced", _augmented(Floats(0.0, 30.0))),
        "augmenter__translate": ("balanced", _augmented(Floats(0.0, 0.3))),
        "augmenter__scale": ("balanced", _augmented(Floats(0.0, 0.4))),
        "augmenter__crop_scale": ("wide", _augmented(Floats(0.3, 1.0))),
        "augmenter__shear": ("wide", _augmented(Floats(0.0, 20.0))),
        "augmenter__brightness": ("wide", _augmented(Floats(0.0, 0.5))),
        "augmenter__contrast": ("wide", _augmented(Floats(0.0, 0.5))),
        "augmenter__saturation": ("wide", _augmented(Floats(0.0, 0.5))),
        "augmenter__erase": ("wide", _augmented(Floats(0.0, 0.5))),
    }
)


def _blocks(found: Range) -> Callable[[Case], Range | None]:
    """Return how to find the size of the blocks, where no parameter fixes theirs."""
    fixing = ("activation", "conv_dropout", "kernel_size", "pool_size")
    return lambda case: found if case.one_for_all_layers(*fixing) else None


CNN_SPACE: SearchTable = MappingProxyType(
    {
        "learning_rate": ("fast", learning_rates(3e-4, 1e-2)),
        "dropout": ("fast", dropouts),
        "l2": ("fast", Floats(1e-6, 1e-2, log=True)),
        "conv_channels": ("balanced", _blocks(Ints(8, 128, log=True))),
        "n_conv_layers": ("balanced", _blocks(Ints(1, 4))),
        "hidden_layer_sizes": ("balanced", widths),
        "n_hidden_layers": ("balanced", depths(0, 2)),
        "batch_size": ("balanced", batch_sizes),
        **_AUGMENTER_SPACE,
        **WIDE_SPACE,
        "kernel_size": ("wide", Choices((3, 5, 7))),
        "conv_dropout": ("wide", Floats(0.0, 0.3, step=0.1)),
        "normalization": ("wide", Choices((None, "batch", "layer"))),
        "global_pooling": ("wide", Choices((None, "average"))),
        "residual": ("wide", Choices((False, True))),
        "mixup": ("wide", Choices((0.0, 0.1, 0.2, 0.4))),
    }
)


def _fine_tunes(case: Case) -> bool:
    return bool(case.estimator.trainable_layers != 0)


def _keeps_stages(case: Case) -> bool:
    """Tell whether training starts from weights: then a head learns by itself first."""
    return case.estimator.weights is not None or not _fine_tunes(case)


def _head_rates(case: Case) -> Range | None:
    alone = case.steps() and _keeps_stages(case)
    return Floats(1e-3, 1e-1, log=True) if alone else None


def _rates(case: Case) -> Range | None:
    return learning_rates(1e-4, 1e-2)(case) if _fine_tunes(case) else None


def _fine_tuning(found: Range) -> Callable[[Case], Range | None]:
    """Return how to find a range that a frozen backbone has no use for."""
    return lambda case: found if _fine_tunes(case) else None


def _of_stages(found: Range) -> Callable[[Case], Range | None]:
    """Return how to find what makes the rates of pretrained stages smaller."""
    return lambda case: found if _fine_tunes(case) and _keeps_stages(case) else None


def _views(case: Case) -> Range | None:
    frozen = case.estimator.augmenter is not None and not _fine_tunes(case)
    return Ints(1, 8) if frozen else None


PRETRAINED_SPACE: SearchTable = MappingProxyType(
    {
        "head_learning_rate": ("fast", _head_rates),
        "learning_rate": ("fast", _rates),
        "backbone_lr_mult": ("fast", _of_stages(Floats(1e-2, 1.0, log=True))),
        "weight_decay": ("fast", for_steps(Floats(1e-4, 1.0, log=True))),
        "hidden_layer_sizes": ("balanced", widths),
        "n_hidden_layers": ("balanced", depths(0, 2)),
        "dropout": ("balanced", dropouts),
        "batch_size": ("balanced", batch_sizes),
        "mixup": ("balanced", Choices((0.0, 0.1, 0.2, 0.4))),
        "layer_decay": ("balanced", _of_stages(Floats(0.5, 1.0))),
        "n_views": ("balanced", _views),
        **_AUGMENTER_SPACE,
        **WIDE_SPACE,
        "label_smoothing": ("balanced", WIDE_SPACE["label_smoothing"][1]),
        "lr_schedule": (
            "wide",
            _fine_tuning(Choices((None, "cosine", "one_cycle"))),
        ),
        "max_grad_norm": ("wide", _fine_tuning(Choices((None, 1.0)))),
        "cutmix": ("wide", _fine_tuning(Choices((0.0, 0.5, 1.0)))),
    }
)
