"""A page that says what a fitted model is, what it takes, and what it is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep._compat import check_is_fitted
from skdeep._optional import optional_dependency
from skdeep.base import current_versions
from skdeep.persistence._estimators import estimators_in

if TYPE_CHECKING:
    from collections.abc import Mapping


def model_card(
    estimator: Any,
    *,
    metrics: Mapping[str, float] | None = None,
    description: str | None = None,
) -> Any:
    """Describe a fitted estimator or Pipeline in a model card.

    It lists the parameters, what the columns or images have to be, what comes out, how
    training went, the metrics you give, pretrained weights with their licence, and
    versions. The extra "safe" installs skops, which writes it.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator of skdeep, or a `sklearn.pipeline.Pipeline` with one.
    metrics : mapping of str to float or None, default=None
        Results to report by name; on which data they were taken belongs into the
        description.
    description : str or None, default=None
        What the model is for, and what it is not for, in Markdown.

    Returns
    -------
    card : skops.card.Card
        `render()` returns it as Markdown, `save(path)` writes it, `add` adds sections.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    MissingDependencyError
        If skops is not installed.

    See Also
    --------
    save : Save the model itself.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, model_card
    >>> X, y = load_iris(return_X_y=True, as_frame=True)  # doctest: +SKIP
    >>> classifier = MLPClassifier(max_epochs=20, random_state=0).fit(X, y)
    ... # doctest: +SKIP
    >>> card = model_card(classifier, metrics={"accuracy": 0.95})  # doctest: +SKIP
    >>> print(card.get_toc())  # doctest: +SKIP
    """
    with optional_dependency("skops", needed_by="model_card"):
        from skops.card import Card

    check_is_fitted(estimator)
    name = type(estimator).__name__
    card = Card(estimator, template=None)
    card.add(**{name: description or "A model trained with skdeep."})
    inside = f"{name}/"
    for number, ours in enumerate(estimators_in(estimator)):
        part = (
            inside
            if number == 0 and ours is estimator
            else f"{inside}{type(ours).__name__}: "
        )
        _add_tables(card, part, ours)
    if metrics:
        card.add_metrics(
            section=f"{inside}Evaluation",
            description="As given by whoever made this card.",
            **{metric: float(value) for metric, value in metrics.items()},
        )
    card.add_hyperparams(section=f"{inside}Parameters", description="")
    _add_table(
        card, f"{inside}Versions", _rows("Package", "Version", current_versions())
    )
    return card


def _add_tables(card: Any, part: str, estimator: Any) -> None:
    tables = {
        "Inputs": _inputs(estimator),
        "Outputs": _rows("Output", "Value", _outputs(estimator)),
        "Training": _rows("Figure", "Value", _training(estimator)),
        "Pretrained weights": _rows("Property", "Value", _weights(estimator)),
    }
    for title, table in tables.items():
        if any(table.values()):
            _add_table(card, f"{part}{title}", table)


def _add_table(card: Any, section: str, table: dict[str, list[Any]]) -> None:
    card.add_table(**{section: table})
    # skops gives a table the whole path for its title (0.16).
    card.select(section).title = section.rpartition("/")[2]


def _rows(left: str, right: str, pairs: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {left: [*pairs], right: [str(value) for value in pairs.values()]}


def _inputs(estimator: Any) -> dict[str, list[Any]]:
    """Return a table of columns, or what images are brought to."""
    known = vars(estimator)
    state = known.get("_state")
    described = getattr(
        getattr(state, "scaler", None) or known.get("_encoder"), "described", None
    )
    if described is not None:
        return _rows("Images", "Value", described())
    n_columns = known.get("n_features_in_", 0)
    names = known.get("feature_names_in_", np.arange(n_columns))
    schema = known.get("_schema")
    kinds = ["numbers"] * len(names)
    if schema is not None:
        kinds = [
            f"categories: {kind}" if categorical else "numbers"
            for kind, categorical in zip(schema.kinds, schema.categorical, strict=True)
        ]
    return {"Column": [str(name) for name in names], "Holds": kinds}


def _outputs(estimator: Any) -> dict[str, Any]:
    classes = getattr(estimator, "classes_", None)
    found = {} if classes is None else {"classes": ", ".join(map(str, classes))}
    n_outputs = getattr(estimator, "n_outputs_", None)
    return found if n_outputs is None else {**found, "outputs": n_outputs}


def _training(estimator: Any) -> dict[str, Any]:
    module = getattr(estimator, "module_", None)
    if module is None:
        return {}
    numbers = {"weights": sum(p.numel() for p in module.parameters())}
    if not hasattr(estimator, "history_"):
        return numbers
    seconds = float(estimator.history_["duration"].sum())
    figures = {
        "epochs": estimator.n_iter_,
        "best epoch": estimator.best_epoch_,
        "training loss": f"{estimator.loss_:.6g}",
        "best loss": f"{estimator.best_loss_:.6g}",
        "seconds": f"{seconds:.1f}",
        "device": estimator.device_,
    }
    return {**numbers, **figures}


def _weights(estimator: Any) -> dict[str, Any]:
    name = getattr(estimator, "weights_", None)
    if name is None:
        return {}
    return {
        "name": name,
        "licence": estimator.weights_license_ or "none stated with the weights",
        "sha256": estimator.weights_sha256_,
    }
