"""Every public estimator, in many configurations, through scikit-learn's own checks."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    check_param_validation,
    parametrize_with_checks,
)
from torch import nn

from skdeep import (
    CNNClassifier,
    CNNRegressor,
    ImageAugmenter,
    ImageClassifier,
    ImageFeatureExtractor,
    ImageRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
)
from tests.checks import (
    MULTILABEL,
    WEIGHTS_AND_REPETITION,
    common_rules,
    run_check,
)

# The smallest network and training that learn what the checks want learnt.
SMALL = {"hidden_layer_sizes": 16, "max_epochs": 25, "learning_rate": 0.03}

SHARED: list[dict[str, Any]] = [
    {"optimizer": "sgd", "learning_rate": 0.1},
    {"optimizer": "adamw", "weight_decay": 0.01},
    {"optimizer": "rmsprop"},
    {"optimizer": "lbfgs", "max_epochs": 20},
    {"dropout": 0.1},
    {"normalization": "batch"},
    {"normalization": "layer"},
    {"early_stopping": True},
    {"dtype": "float32"},
    {"weight_averaging": "ema"},
    {"l1": 1e-3},
    {"activation": "tanh"},
    {"n_hidden_layers": 3, "hidden_layer_sizes": 8, "residual": True},
    {"batch_size": 16, "max_epochs": 15, "dtype": "float64"},
    {"warm_start": True},
]
CLASSIFIERS = [
    *SHARED,
    {"optimizer": "nadam", "lr_schedule": "cosine"},
    {"lr_schedule": "one_cycle", "warmup_fraction": 0.1, "weight_averaging": "swa"},
    {"class_weight": "balanced"},
    {"loss": "focal"},
    {"label_smoothing": 0.1, "feature_scaling": None},
]
REGRESSORS = [
    *SHARED,
    {"optimizer": "nadam", "lr_schedule": "plateau"},
    {"loss": "absolute_error"},
    {
        "loss": "huber",
        "early_stopping": True,
        "scoring": "neg_mean_absolute_error",
    },
    {"loss": "quantile", "quantile": 0.4},
    {"loss": "poisson"},
    {"target_scaling": None, "feature_scaling": None, "weight_averaging": "swa"},
]
# Likewise for tables as they come: a few members, bins and dimensions.
TABULAR: dict[str, Any] = {
    "hidden_layer_sizes": 16,
    "n_ensemble": 2,
    "embedding_dim": 4,
    "n_bins": 8,
    "max_epochs": 20,
    "learning_rate": 0.03,
    "batch_size": "auto",
    "early_stopping": False,
}
TABULAR_SHARED: list[dict[str, Any]] = [
    {
        "n_ensemble": 1,
        "numeric_embedding": "periodic",
        "feature_scaling": "robust_clip",
        "feature_gate": 6.0,
        "parametrization": "ntk",
        "data_dependent_init": True,
        "parametric_activation": True,
        "lr_schedule": "flat_cosine",
    },
    {
        "n_ensemble": 4,
        "hidden_layer_sizes": (8, 8),
        "residual": True,
        "dropout": 0.1,
        "dropout_schedule": "flat_cosine",
        "weight_decay": 0.01,
        "weight_decay_schedule": "cosine",
    },
]
TABULAR_CLASSIFIERS = [
    *TABULAR_SHARED,
    {"early_stopping": True, "refit": True, "calibration": "temperature"},
]
TABULAR_REGRESSORS = [
    *TABULAR_SHARED,
    {"loss": "quantile", "quantile": 0.4, "binning": "tree", "dtype": "float64"},
]
# Likewise for flat images: squares, or strips one pixel high.
CNN: dict[str, Any] = {
    "conv_channels": 8,
    "hidden_layer_sizes": 16,
    "max_epochs": 25,
    "learning_rate": 0.02,
}
CNNS: list[dict[str, Any]] = [
    {
        "conv_channels": (6, 6),
        "normalization": "batch",
        "pooling": "average",
        "residual": True,
        "max_epochs": 40,
    },
    {"normalization": "layer", "kernel_size": 5, "pool_size": 1, "dropout": 0.1},
    {
        "augmenter": ImageAugmenter(brightness=0.1),
        "optimizer": "sgd",
        "conv_dropout": 0.1,
    },
    {"mixup": 0.1, "dtype": "float32"},
]


class Grid(nn.Sequential):
    """A network that keeps of strips and squares where something is."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, 8, 1),
            nn.AdaptiveAvgPool2d((4, 12)),
            nn.Flatten(),
            nn.Linear(8 * 4 * 12, 10),
        )


# Pretrained, so to speak: the class brings its weights.
TRAINED: dict[str, Any] = {"trainable_layers": 1, "head_epochs": 20, "max_epochs": 5}
ESTIMATORS = [
    ImageClassifier(Grid),
    ImageRegressor(Grid, **TRAINED),
    ImageFeatureExtractor(Grid),
    CNNClassifier(),
    CNNRegressor(),
    TabularMLPClassifier(),
    TabularMLPRegressor(),
    TabularMLPClassifier(**{**TABULAR, **TABULAR_CLASSIFIERS[-1]}),
    TabularMLPRegressor(**{**TABULAR, **TABULAR_REGRESSORS[-1]}),
    MLPClassifier(),
    MLPRegressor(),
    *(MLPClassifier(**{**SMALL, **varied}) for varied in CLASSIFIERS[-2:]),
    *(MLPRegressor(**{**SMALL, **varied}) for varied in REGRESSORS[-2:]),
]
CONFIGURATIONS = [
    ImageRegressor(Grid),
    ImageClassifier(Grid, **TRAINED),
    *(CNNClassifier(**{**CNN, **varied}) for varied in CNNS),
    *(CNNRegressor(**{**CNN, **varied}) for varied in CNNS),
    *(TabularMLPClassifier(**{**TABULAR, **varied}) for varied in TABULAR_SHARED),
    *(TabularMLPRegressor(**{**TABULAR, **varied}) for varied in TABULAR_SHARED),
    *(MLPClassifier(**{**SMALL, **varied}) for varied in CLASSIFIERS[:-2]),
    *(MLPRegressor(**{**SMALL, **varied}) for varied in REGRESSORS[:-2]),
]


def expected_failures(estimator: Any) -> dict[str, str]:
    """Return the checks that a configuration cannot pass, each with the reason."""
    parameters = defaultdict(bool, estimator.get_params())
    rules = [
        *common_rules(parameters),
        (
            parameters["dropout"] > 0 or parameters["conv_dropout"] > 0,
            WEIGHTS_AND_REPETITION,
            "a mask is drawn for every row: a row given twice gets two",
        ),
        (
            parameters["normalization"] == "batch",
            WEIGHTS_AND_REPETITION,
            "the statistics of a batch are over its rows, whatever they weigh",
        ),
        (
            bool(parameters["augmenter"] or parameters["mixup"]),
            WEIGHTS_AND_REPETITION,
            "every image is made harder, or mixed, by itself: one given twice is two",
        ),
        (
            parameters["data_dependent_init"],
            WEIGHTS_AND_REPETITION,
            "the first weights look at some rows, whatever they weigh",
        ),
        (
            parameters["early_stopping"] is True,
            WEIGHTS_AND_REPETITION,
            "a row given twice may be held out once; which rows are depends on n",
        ),
        (
            parameters["batch_size"] not in ("auto", False),
            WEIGHTS_AND_REPETITION,
            "a row given twice fills two places in the batches",
        ),
        (
            parameters["warm_start"],
            ("check_supervised_y_2d", MULTILABEL[0]),
            "the check compares two fits, of which the second goes on from the first",
        ),
        (
            parameters["loss"] == "poisson",
            ("check_regressor_multioutput",),
            "the check's y is below zero, whatever the tag positive_only says",
        ),
    ]
    # scikit-learn 1.6 also runs it, in vain, for those that take no sparse rows.
    sparse = get_tags(estimator).input_tags.sparse
    return {
        check: reason
        for applies, checks, reason in rules
        if applies
        for check in checks
        if sparse or not check.endswith("_on_sparse_data")
    }


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_estimator_passes_the_checks_of_scikit_learn(
    estimator: Any, check: Any
) -> None:
    """The contract of every estimator holds."""
    run_check(check, estimator, rounded=getattr(estimator, "dtype", None) == "float32")


# Three thousand checks that take five minutes, and seldom find what the few above miss.
@pytest.mark.slow
@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_configuration_passes_the_checks_of_scikit_learn(
    estimator: Any, check: Any
) -> None:
    """The contract holds whatever the optimizer, the loss and the rest are."""
    run_check(check, estimator, rounded=getattr(estimator, "dtype", None) == "float32")


@pytest.mark.parametrize(
    "check",
    [
        check_param_validation,
        check_dataframe_column_names_consistency,
        check_inplace_ensure_writeable,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(max_epochs=2),
        MLPRegressor(max_epochs=2),
        MLPClassifier(max_epochs=2, early_stopping=True, scoring="accuracy"),
        MLPRegressor(
            max_epochs=2, early_stopping=True, scoring="neg_mean_absolute_error"
        ),
    ],
    ids=["classifier", "regressor", "scored-classifier", "scored-regressor"],
)
def test_estimator_passes_checks_that_scikit_learn_keeps_for_its_own(
    estimator: Any, check: Any
) -> None:
    """Three checks that scikit-learn runs on its own estimators only hold too."""
    check(type(estimator).__name__, estimator)
