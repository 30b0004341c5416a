"""Published models as parameters, against what was published of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skdeep import TabularMLPClassifier, TabularMLPRegressor, recipe_params
from skdeep.networks import GeneratorDropout, PeriodicEmbedding
from skdeep.networks._ensembling import EnsembleHead
from skdeep.networks._ntk import NTKLinear
from skdeep.tabular._recipes import RECIPES

KINDS: dict[str, Any] = {
    "classification": TabularMLPClassifier,
    "regression": TabularMLPRegressor,
}
# RealMLP-TD: Holzmüller et al. 2024, Table A.1, and pytabkit 1.7.3.
REALMLP: dict[str, Any] = {
    "hidden_layer_sizes": (256, 256, 256),
    "parametric_activation": True,
    "dropout": 0.15,
    "dropout_schedule": "flat_cosine",
    "n_ensemble": 1,
    "feature_gate": 6.0,
    "parametrization": "ntk",
    "data_dependent_init": True,
    "max_onehot": 8,
    "category_dim": 8,
    "feature_scaling": "robust_clip",
    "scale_onehot": True,
    "numeric_embedding": "periodic",
    "embedding_dim": 4,
    "n_frequencies": 16,
    "frequency_scale": 0.1,
    "betas": (0.9, 0.95),
    "lr_schedule": "coslog",
    "weight_decay": 0.02,
    "weight_decay_schedule": "flat_cosine",
    "max_grad_norm": None,
    "batch_size": 256,
    "max_epochs": 256,
    "validation_fraction": 0.2,
    "tol": None,
    "l1": 0.0,
    "l2": 0.0,
    "warmup_fraction": 0.0,
    "normalization": None,
    "residual": False,
    "weight_averaging": None,
    "refit": False,
}
# TabM-mini with piecewise linear embeddings: Gorishniy et al. 2025, tabm 0.0.3.
TABM: dict[str, Any] = {
    "hidden_layer_sizes": (512, 512),
    "activation": "relu",
    "parametric_activation": False,
    "dropout": 0.1,
    "dropout_schedule": None,
    "n_ensemble": 32,
    "feature_gate": None,
    "parametrization": "standard",
    "data_dependent_init": False,
    "feature_scaling": "quantile",
    "numeric_embedding": "piecewise_linear",
    "embedding_dim": 16,
    "n_bins": 48,
    "binning": "quantile",
    "optimizer": "adamw",
    "learning_rate": 2e-3,
    "weight_decay": 3e-4,
    "max_grad_norm": 1.0,
    "n_iter_no_change": 16,
    "scoring": "loss",
    "lr_schedule": None,
    "weight_decay_schedule": None,
    "weight_averaging": None,
    "batch_size": "auto",
    "normalization": None,
    "l1": 0.0,
    "l2": 0.0,
}
PUBLISHED: dict[tuple[str, str], dict[str, Any]] = {
    ("realmlp-td", "classification"): {
        **REALMLP,
        "activation": "selu",
        "learning_rate": 0.04,
        "label_smoothing": 0.1,
        "scoring": "accuracy",
    },
    ("realmlp-td", "regression"): {
        **REALMLP,
        "activation": "mish",
        "learning_rate": 0.2,
        "clip_predictions": True,
        "target_scaling": "standard",
        "loss": "squared_error",
    },
    ("tabm", "classification"): {
        **TABM,
        "label_smoothing": 0.0,
        "scoring": "accuracy",
    },
    ("tabm", "regression"): {
        **TABM,
        "clip_predictions": False,
        "target_scaling": "standard",
        "loss": "squared_error",
    },
}


def table(n_rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return two numbers and a category a row, and two classes."""
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [rng.standard_normal((n_rows, 2)), rng.choice(["a", "b", "c"], n_rows)]
    ).astype(object)
    X[:, :2] = X[:, :2].astype(float)
    X[::9, 1] = np.nan
    return X, (X[:, 2] == "a").astype(int)


@pytest.mark.parametrize(("name", "task"), PUBLISHED)
def test_recipe_is_what_was_published(name: Any, task: Any) -> None:
    """Values that a recipe leaves out are right as defaults."""
    net = KINDS[task](**recipe_params(name, task))
    published = PUBLISHED[name, task]
    params = net.get_params()
    assert {key: params[key] for key in published} == published
    # Adam with decoupled decay, by whichever name, and the best epoch of a hold-out.
    assert net.optimizer in ("adam", "adamw")
    assert net.early_stopping is True


def test_recipes_are_those_that_are_named() -> None:
    """All of them are for both tasks."""
    assert {name for name, _ in PUBLISHED} == set(RECIPES)
    for name, task in PUBLISHED:
        parameters: Any = recipe_params(name, task)  # type: ignore[arg-type]  # names of a table
        assert parameters.keys() <= KINDS[task]().get_params().keys()


@pytest.mark.parametrize(("name", "task"), PUBLISHED)
def test_recipe_is_a_copy(name: Any, task: Any) -> None:
    """Whoever changes it changes no one else's."""
    mine = recipe_params(name, task)
    expected = dict(mine)
    mine["n_ensemble"] = 77
    mine.pop("max_epochs")
    assert recipe_params(name, task) == expected


@pytest.mark.parametrize(("name", "task"), PUBLISHED)
def test_recipe_fits_any_table(name: Any, task: Any) -> None:
    """Two epochs on words, numbers and holes, with rows held out."""
    X, y = table()
    params = {**recipe_params(name, task), "max_epochs": 2, "n_ensemble": 3}
    if name == "realmlp-td":
        params["n_ensemble"] = 1
    net = KINDS[task](**params, random_state=0).fit(X, y)
    assert net.n_iter_ == 2
    assert "valid_loss" in net.history_
    answer = net.predict_proba(X) if task == "classification" else net.predict(X)
    assert np.isfinite(answer).all()
    assert np.ptp(answer) > 0


def test_realmlp_is_built_of_its_parts() -> None:
    """Gate, waves, unit variance at first, learned activations, fading dropout."""
    X, y = table()
    params = {**recipe_params("realmlp-td", "regression"), "max_epochs": 1}
    net = TabularMLPRegressor(**params, random_state=0).fit(X, y).module_
    assert net.gate.rate_factor == 6.0
    assert isinstance(net.inputs.numeric, PeriodicEmbedding)
    # Two numbers in four each, and three columns of zeros and ones.
    assert net.inputs.n_outputs == 2 * 4 + 3
    assert [type(layer.linear) for layer in net.hidden] == [NTKLinear] * 3
    for layer in net.hidden:
        activation, dropout = layer.after
        assert isinstance(activation.activation, nn.Mish)
        assert isinstance(dropout, GeneratorDropout)
        assert dropout.p == 0.15


def test_tabm_is_built_of_its_parts() -> None:
    """Factors of the members, shared layers, a head for each of them."""
    X, y = table()
    params = {**recipe_params("tabm", "classification"), "max_epochs": 1}
    net = TabularMLPClassifier(**params, random_state=0).fit(X, y).module_
    n_inputs = 2 * 16 + 1 + 3
    assert net.adapter.weight.shape == (32, n_inputs)
    assert isinstance(net.head, EnsembleHead)
    assert net.head.weight.shape == (32, 1, 512)
    assert [layer.linear.weight.shape for layer in net.hidden] == [
        torch.Size([512, n_inputs]),
        torch.Size([512, 512]),
    ]
    many = np.column_stack([np.arange(300.0) % 100, np.arange(300) % 7])
    wide: Any = TabularMLPClassifier(**params, random_state=0, categorical_features=[0])
    wide.fit(many, np.arange(300) % 2)
    assert wide.module_.inputs.sizes[1:] == [100, 0]


@pytest.mark.parametrize(
    ("name", "task"),
    [
        ("tabpfn", "classification"),
        ("tabm", "ranking"),
        ("TabM", "regression"),
        (None, "regression"),
        ("tabm", None),
    ],
)
def test_unknown_recipe_is_refused(name: Any, task: Any) -> None:
    """With the names that there are."""
    with pytest.raises(ValueError, match=r"\('realmlp-td', 'tabm'\).*Got .* for "):
        recipe_params(name, task)
