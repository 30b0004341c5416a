"""The estimators that the suite of tables compares, each in the pipeline it needs.

A side is made from (task, categorical, numeric, seed) and fitted on the DataFrame as it
comes: categories as they are, missing values left. RealMLP-TD, TabM-D and TabM-PLE come
from pytabkit, each with its own defaults. ``pip install "pytabkit[models]"`` is enough:
1.7.3 runs with scikit-learn 1.9, torch 2.14 and pandas 3. It brings pytorch-lightning
and torchmetrics, which RealMLP-TD needs, and boosting libraries, which nothing here
does. Its first import takes half a minute of CPU time.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier as ScikitLearnClassifier
from sklearn.neural_network import MLPRegressor as ScikitLearnRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)

Side = Callable[[str, list[str], list[str], int], Any]

# scikit-learn's boosting takes no more categories of a column than this.
MAX_CATEGORIES = 255


def is_regression(task: str) -> bool:
    """Tell whether the target is a number."""
    return task == "regression"


def one_hot(categorical: list[str], numeric: list[str], *, scale: bool) -> Pipeline:
    """Return what the sides that take float32 numbers alone see the table through."""
    imputer = SimpleImputer(strategy="median", add_indicator=True)
    # Scaled first: the columns that say what was missing stay zeros and ones.
    numbers = make_pipeline(StandardScaler(), imputer) if scale else imputer
    columns = ColumnTransformer(
        [
            ("n", numbers, numeric),
            (
                "c",
                OneHotEncoder(handle_unknown="ignore", sparse_output=False),
                categorical,
            ),
        ]
    )
    return make_pipeline(columns, FunctionTransformer(_float32))


def _float32(X: Any) -> np.ndarray:
    return np.asarray(X, dtype=np.float32)


def _skdeep(name: str, task: str, **params: Any) -> Any:
    suffix = "Regressor" if is_regression(task) else "Classifier"
    # By name: the suite also runs where the estimator does not exist yet.
    return getattr(importlib.import_module("skdeep"), name + suffix)(**params)


def tabular_mlp(
    task: str, categorical: list[str], numeric: list[str], seed: int
) -> Any:
    """Return skdeep's TabularMLP with its defaults, on the table as it is."""
    return _skdeep("TabularMLP", task, random_state=seed)


def _recipe(name: str) -> Side:
    def make(task: str, categorical: list[str], numeric: list[str], seed: int) -> Any:
        kind = "regression" if is_regression(task) else "classification"
        tabular = importlib.import_module("skdeep.tabular")
        params = tabular.recipe_params(name, kind)
        return _skdeep("TabularMLP", task, **params, random_state=seed)

    return make


def mlp(task: str, categorical: list[str], numeric: list[str], seed: int) -> Any:
    """Return skdeep's MLP with its defaults."""
    network = _skdeep("MLP", task, random_state=seed)
    return make_pipeline(one_hot(categorical, numeric, scale=True), network)


def boosting(task: str, categorical: list[str], numeric: list[str], seed: int) -> Any:
    """Return histogram gradient boosting; missing values and categories are its own."""
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        max_categories=MAX_CATEGORIES,
    )
    columns = ColumnTransformer(
        [("c", encoder, categorical), ("n", "passthrough", numeric)]
    )
    maker = (
        HistGradientBoostingRegressor
        if is_regression(task)
        else HistGradientBoostingClassifier
    )
    # The encoded columns come first, and say themselves which are categories.
    trees = maker(categorical_features=list(range(len(categorical))), random_state=seed)
    return make_pipeline(columns, trees)


def forest(task: str, categorical: list[str], numeric: list[str], seed: int) -> Any:
    """Return a random forest on one thread."""
    maker = RandomForestRegressor if is_regression(task) else RandomForestClassifier
    return make_pipeline(
        one_hot(categorical, numeric, scale=False), maker(n_jobs=1, random_state=seed)
    )


def scikit_learn_mlp(
    task: str, categorical: list[str], numeric: list[str], seed: int
) -> Any:
    """Return scikit-learn's MLP; numbers to predict are standardised for it."""
    network: Any = ScikitLearnClassifier(random_state=seed)
    if is_regression(task):
        network = TransformedTargetRegressor(
            ScikitLearnRegressor(random_state=seed), transformer=StandardScaler()
        )
    return make_pipeline(one_hot(categorical, numeric, scale=True), network)


def _pytabkit(name: str, **params: Any) -> Side:
    def make(task: str, categorical: list[str], numeric: list[str], seed: int) -> Any:
        suffix = "Regressor" if is_regression(task) else "Classifier"
        maker = getattr(importlib.import_module("pytabkit"), f"{name}_{suffix}")
        network = maker(
            random_state=seed, n_threads=1, device="cpu", verbosity=0, **params
        )
        # It refuses missing numbers; a missing category is one of its own.
        columns = ColumnTransformer(
            [
                ("n", SimpleImputer(strategy="median"), numeric),
                ("c", "passthrough", categorical),
            ],
            verbose_feature_names_out=False,
        )
        return make_pipeline(columns.set_output(transform="pandas"), network)

    return make


# The first is ours.
SIDES: dict[str, Side] = {
    "TabularMLP": tabular_mlp,
    "MLP": mlp,
    "HistGradientBoosting": boosting,
    "RandomForest": forest,
    "scikit-learn MLP": scikit_learn_mlp,
    "RealMLP-TD": _pytabkit("RealMLP_TD"),
    "RealMLP-TD (skdeep)": _recipe("realmlp-td"),
    "TabM-D": _pytabkit("TabM_D"),
    # What our "tabm" was published as.
    "TabM-PLE": _pytabkit(
        "TabM_D",
        arch_type="tabm-mini",
        num_emb_type="pwl",
        d_embedding=16,
        num_emb_n_bins=48,
    ),
    "TabM (skdeep)": _recipe("tabm"),
}
# A fit of these takes ten times as long as one of the others, or longer.
SLOW = frozenset(
    {"RealMLP-TD", "RealMLP-TD (skdeep)", "TabM-D", "TabM-PLE", "TabM (skdeep)"}
)


def available(names: Iterable[str]) -> dict[str, Side]:
    """Return those of the sides that can be made here, and say which cannot."""
    found = {}
    for name in names:
        try:
            SIDES[name]("binary", ["c"], ["n"], 0)
        except (ImportError, AttributeError) as error:
            print(f"{name}: skipped, {error}", flush=True)
        else:
            found[name] = SIDES[name]
    return found


def n_epochs(fitted: Any) -> float | None:
    """Return the epochs that a network was trained for, where it says so."""
    last = fitted[-1] if isinstance(fitted, Pipeline) else fitted
    last = getattr(last, "regressor_", last)
    # Of boosting these are trees.
    if isinstance(
        last, (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
    ):
        return None
    rounds = getattr(last, "n_iter_", None)
    return None if rounds is None else float(np.mean(rounds))
