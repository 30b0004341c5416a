"""Published models as parameters of the tabular perceptrons."""

from __future__ import annotations

from typing import Any, Literal

_TABM: dict[str, Any] = {
    "hidden_layer_sizes": (512, 512),
    "dropout": 0.1,
    "n_ensemble": 32,
    "feature_scaling": "quantile",
    "numeric_embedding": "piecewise_linear",
    "embedding_dim": 16,
    "n_bins": 48,
    "max_onehot": 1_000_000,
    "optimizer": "adamw",
    "learning_rate": 2e-3,
    "weight_decay": 3e-4,
    "max_grad_norm": 1.0,
    "weight_averaging": None,
    "batch_size": "auto",
    "max_epochs": 1_000,
    "early_stopping": True,
    "validation_fraction": 0.2,
    "n_iter_no_change": 16,
    "tol": 0.0,
}

_REALMLP: dict[str, Any] = {
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
    "missing_indicators": False,
    "scale_onehot": True,
    "numeric_embedding": "periodic",
    "embedding_dim": 4,
    "n_frequencies": 16,
    "frequency_scale": 0.1,
    "optimizer": "adam",
    "betas": (0.9, 0.95),
    "lr_schedule": "coslog",
    "weight_decay": 0.02,
    "weight_decay_schedule": "flat_cosine",
    "max_grad_norm": None,
    "weight_averaging": None,
    "batch_size": 256,
    "max_epochs": 256,
    "early_stopping": True,
    "validation_fraction": 0.2,
    "tol": None,
}

_BY_TASK: dict[tuple[str, str], dict[str, Any]] = {
    ("tabm", "classification"): {**_TABM, "scoring": "accuracy"},
    ("tabm", "regression"): {**_TABM, "clip_predictions": False},
    ("realmlp-td", "classification"): {
        **_REALMLP,
        "activation": "selu",
        "learning_rate": 0.04,
        "label_smoothing": 0.1,
        "scoring": "accuracy",
    },
    ("realmlp-td", "regression"): {
        **_REALMLP,
        "activation": "mish",
        "learning_rate": 0.2,
        "clip_predictions": True,
    },
}

RECIPES = ("realmlp-td", "tabm")


def recipe_params(
    name: Literal["realmlp-td", "tabm"],
    task: Literal["classification", "regression"],
) -> dict[str, Any]:
    """Return the parameters that make a tabular perceptron a published model.

    Parameters
    ----------
    name : {"realmlp-td", "tabm"}
        "realmlp-td" is the tuned default of RealMLP [1]_; "tabm" is TabM-mini with
        piecewise linear embeddings [2]_.
    task : {"classification", "regression"}
        For which of the two estimators.

    Returns
    -------
    params : dict of str to object
        A copy: change what you like.

    Raises
    ------
    ValueError
        If there is no such recipe.

    See Also
    --------
    TabularMLPClassifier : Takes those for classification.
    TabularMLPRegressor : Takes those for regression.

    Notes
    -----
    Both watch the accuracy of a classifier, as published, and end with probabilities
    that may be far from the best: ``scoring="loss"`` is better where they matter.

    Known differences from the authors' code: the last batch of an epoch is not dropped;
    the hold-out is stratified; of several epochs with the best accuracy the first is
    kept, not the last; the factors of the feature gate decay as other weights do, not
    36 times faster; and "auto" batches of TabM are 64 to 256 rows, theirs 32 to 1,024.

    References
    ----------
    .. [1] Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data", NeurIPS 2024, :arxiv:`2407.04491`
    .. [2] Gorishniy, Kotelnikov, Babenko, "TabM: Advancing Tabular Deep Learning with
       Parameter-Efficient Ensembling", ICLR 2025, :arxiv:`2410.24210`

    Examples
    --------
    >>> from skdeep import TabularMLPRegressor, recipe_params
    >>> TabularMLPRegressor(**recipe_params("realmlp-td", "regression")).activation
    'mish'
    """
    found = _BY_TASK.get((name, task))
    if found is None:
        raise ValueError(
            f"recipe_params knows the recipes {RECIPES} for 'classification' and "
            f"'regression'. Got {name!r} for {task!r}."
        )
    return dict(found)
