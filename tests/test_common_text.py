"""Networks for texts through scikit-learn's own checks, which hand out tables.

A table is written out in words, one for each number, so that all that scikit-learn
asks of an estimator is asked of these too. What is about texts as such is asked in
tests/text/test_inputs_checks.py.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from skdeep import TextAugmenter, TextClassifier, TextRegressor
from skdeep.data import check_table
from skdeep.text._inputs import Texts
from tests.checks import (
    WEIGHTS_AND_REPETITION,
    common_rules,
    run_check,
)


class TablesAsTexts(Texts):
    """Reads tables as texts: a word says which column it is of, and how large."""

    def read(
        self, holder: Any, X: Any, *targets: Any, reset: bool, **checks: bool
    ) -> Any:
        """Return a text for each row of a table."""
        if sp.issparse(X):
            raise TypeError("These texts are not written out of sparse rows.")
        numbers = check_table(holder, X, "no_validation", reset=reset)
        steps = np.rint(np.clip(3 * numbers, -1e6, 1e6)).astype(int)
        texts = [" ".join(f"c{i}v{v + 9}" for i, v in enumerate(row)) for row in steps]
        return super().read(holder, texts, *targets, reset=reset, **checks)


class WrittenTables:
    """Estimator whose texts are written out of tables."""

    def _modality(self) -> TablesAsTexts:
        return TablesAsTexts(self)

    def __sklearn_tags__(self) -> Any:
        """Say that tables are welcome, and texts are not."""
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.string = False
        tags.input_tags.two_d_array = True
        return tags


class TableClassifier(WrittenTables, TextClassifier):
    """TextClassifier for tables."""


class TableRegressor(WrittenTables, TextRegressor):
    """TextRegressor for tables."""


# The smallest network and training that learn what the checks want learnt.
SMALL: dict[str, Any] = {
    "ngram_range": (1, 1),
    "embedding_dim": 8,
    "batch_size": 1000,
    "learning_rate": 0.1,
    "max_epochs": 30,
}
SHARED: list[dict[str, Any]] = [
    {"hidden_layer_sizes": 8, "use_idf": True},
    {
        "n_features": 512,
        "pooling": "mean",
        "char_ngram_range": (2, 4),
        "max_epochs": 60,
    },
    {
        "pooling": "sum",
        "sublinear_tf": True,
        "hidden_layer_sizes": 8,
        "dropout": 0.1,
        "learning_rate": 0.03,
    },
    {"conv_channels": 8, "kernel_sizes": (1, 2), "learning_rate": 0.03},
    {"early_stopping": True, "hidden_layer_sizes": 8, "normalization": "layer"},
    {"optimizer": "sgd", "learning_rate": 0.3, "weight_averaging": "ema"},
    {"optimizer": "lbfgs", "max_epochs": 20},
    {"augmenter": TextAugmenter(synonym=0, insert=0, n_aug=1), "max_epochs": 40},
    {"dtype": "float32", "embedding_dropout": 0.1},
    {"batch_size": "auto", "l1": 1e-4},
]
CONVOLUTIONS = {**SMALL, **SHARED[3]}
ESTIMATORS = [
    TableClassifier(),
    TableRegressor(),
    TableClassifier(**CONVOLUTIONS),
    TableRegressor(**CONVOLUTIONS),
]
# All the rest, which takes minutes, is for the slow tests.
CONFIGURATIONS = [
    *(TableClassifier(**{**SMALL, **v}) for v in SHARED if "conv_channels" not in v),
    *(TableRegressor(**{**SMALL, **v}) for v in SHARED if "conv_channels" not in v),
    TableClassifier(**{**SMALL, "class_weight": "balanced"}),
    TableRegressor(**{**SMALL, "loss": "quantile", "quantile": 0.4}),
]


def expected_failures(estimator: Any) -> dict[str, str]:
    """Return the checks that a configuration cannot pass, each with the reason."""
    parameters = defaultdict(bool, estimator.get_params())
    rules = [
        *common_rules(parameters),
        (
            parameters["dropout"] > 0 or parameters["embedding_dropout"] > 0,
            WEIGHTS_AND_REPETITION,
            "a mask is drawn for every text: one given twice gets two",
        ),
        (
            parameters["augmenter"] is not None,
            WEIGHTS_AND_REPETITION,
            "every text is changed by itself: one given twice becomes two",
        ),
        (
            parameters["early_stopping"] is True,
            WEIGHTS_AND_REPETITION,
            "a text given twice may be held out once; which ones are depends on n",
        ),
        (
            parameters["batch_size"] == "auto",
            WEIGHTS_AND_REPETITION,
            "a text given twice fills two places in the batches",
        ),
    ]
    return {
        check: reason
        for applies, checks, reason in rules
        if applies
        for check in checks
    }


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_estimator_of_texts_passes_the_checks_of_scikit_learn(
    estimator: Any, check: Any
) -> None:
    """The contract of every estimator holds."""
    run_check(check, estimator, rounded=estimator.dtype != "float64")


@pytest.mark.slow
@parametrize_with_checks(CONFIGURATIONS, expected_failed_checks=expected_failures)
def test_configuration_for_texts_passes_the_checks_of_scikit_learn(
    estimator: Any, check: Any
) -> None:
    """The contract holds whatever the pooling, the optimizer and the rest are."""
    run_check(check, estimator, rounded=estimator.dtype != "float64")


@pytest.mark.parametrize(
    "check",
    [check_param_validation, check_dataframe_column_names_consistency],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("kind", [TableClassifier, TableRegressor])
def test_estimator_of_texts_passes_checks_that_scikit_learn_keeps_for_its_own(
    kind: Any, check: Any
) -> None:
    """Two checks that scikit-learn runs on its own estimators only hold too."""
    check(kind.__name__, kind(max_epochs=2))
