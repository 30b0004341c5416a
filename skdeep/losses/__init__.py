"""Losses and penalties: what training makes small."""

from __future__ import annotations

from skdeep.losses._adapter import instantiate
from skdeep.losses._classification import (
    CLASSIFICATION_KINDS,
    LOSSES_CLASSIFICATION,
    ClassificationKind,
    logits_to_proba,
    make_classification_loss,
)
from skdeep.losses._ensemble import EnsembleLoss
from skdeep.losses._mixing import MixedLoss, MixedTargets
from skdeep.losses._penalties import WeightPenalty
from skdeep.losses._regression import (
    LOSSES_REGRESSION,
    RegressionLoss,
    make_regression_loss,
)
from skdeep.losses._stacked import StackedLoss, StackedPenalty

__all__ = [
    "CLASSIFICATION_KINDS",
    "LOSSES_CLASSIFICATION",
    "LOSSES_REGRESSION",
    "ClassificationKind",
    "EnsembleLoss",
    "MixedLoss",
    "MixedTargets",
    "RegressionLoss",
    "StackedLoss",
    "StackedPenalty",
    "WeightPenalty",
    "instantiate",
    "logits_to_proba",
    "make_classification_loss",
    "make_regression_loss",
]
