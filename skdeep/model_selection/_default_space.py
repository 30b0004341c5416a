"""The spaces of skdeep's estimators, wherever they stand in a composition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.distributions import BaseDistribution

    from skdeep.base import Profile


def search_space(
    estimator: Any,
    profile: Profile = "balanced",
    *,
    prefix: str | None = None,
    X: Any = None,
    y: Any = None,
) -> dict[str, BaseDistribution]:
    """Return what is worth searching in an estimator, a dict to be edited at will.

    Estimators of skdeep know ranges for their parameters. In a `Pipeline`, a
    `ColumnTransformer`, a `FeatureUnion` or whatever else is made of estimators they
    are found, and the names are those that `set_params` of the whole takes.

    Parameters
    ----------
    estimator : estimator instance
        One of skdeep, or one that holds some.
    profile : {"fast", "balanced", "wide"}, default="balanced"
        The two to four parameters that matter most, about eight, or all that is
        sensible; of every estimator found.
    prefix : str or None, default=None
        Name under which `estimator` stands in something larger: "mlp" turns "dropout"
        into "mlp__dropout".
    X : array-like of shape (n_samples, ...) or None, default=None
        What will be learnt from. Looked at for the number of rows only, by which go the
        ranges of batches, widths and dropout.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Its targets. Where a class is rare, class weights are searched.

    Returns
    -------
    space : dict of str to optuna.distributions.BaseDistribution
        From names of parameters to distributions of Optuna.

    Raises
    ------
    TypeError
        If it is no estimator, or a class.
    ValueError
        If the profile is unknown, or no estimator of skdeep is found.

    See Also
    --------
    skdeep.MLPClassifier.search_space : The space of one estimator.

    Notes
    -----
    All values are valid whatever the others are. A parameter that has a meaning for
    some values of another only, as `momentum` for one optimizer, cannot stand in a
    dict: write a function that takes a trial of Optuna and returns parameters.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import Pipeline
    >>> from skdeep import MLPClassifier, search_space
    >>> pipeline = Pipeline([("pca", PCA()), ("mlp", MLPClassifier())])
    >>> space = search_space(pipeline, "fast")
    >>> sorted(space)
    ['mlp__hidden_layer_sizes', 'mlp__l2', 'mlp__learning_rate', 'mlp__n_hidden_layers']
    >>> space["mlp__n_hidden_layers"].high
    3
    """
    start = f"{prefix.removesuffix('__')}__" if prefix else ""
    found = default_space(estimator, profile=profile, X=X, y=y)
    return {f"{start}{name}": distribution for name, distribution in found.items()}


def default_space(
    estimator: Any, *, profile: Profile = "balanced", X: Any = None, y: Any = None
) -> dict[str, BaseDistribution]:
    """Return the space that a search takes where it is given none.

    Parameters
    ----------
    estimator : estimator instance
        One of skdeep, or one that holds some.
    profile : {"fast", "balanced", "wide"}, default="balanced"
        How much is searched.
    X : array-like of shape (n_samples, ...) or None, default=None
        What will be learnt from.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Its targets.

    Returns
    -------
    space : dict of str to optuna.distributions.BaseDistribution
        From names that `set_params` of the estimator takes.

    Raises
    ------
    TypeError
        If it is no estimator, or a class.
    ValueError
        If the profile is unknown, or no estimator of skdeep is found.
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise TypeError(
            "A search space is that of an estimator, with its parameters. Got "
            f"{estimator!r:.60}. Pass an instance, such as MLPClassifier()."
        )
    space: dict[str, BaseDistribution] = {}
    for prefix, own in _own_estimators(estimator, ""):
        space |= own.search_space(profile, prefix=prefix, X=X, y=y)
    if not space:
        raise ValueError(
            "A search space is known for the estimators of skdeep, alone or within a "
            f"Pipeline or another estimator. Got {estimator!r}, which holds none. Pass "
            "a dict from names of its parameters to distributions of Optuna."
        )
    return space


def _own_estimators(estimator: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the estimators with a space of their own, and what their names begin with.

    All that is made of named estimators lists them in its parameters: steps,
    transformers, and whatever is called `estimator`.
    """
    if hasattr(estimator, "search_space"):
        yield prefix, estimator
        return
    for name, value in estimator.get_params(deep=True).items():
        inside = hasattr(value, "get_params") and not isinstance(value, type)
        if inside and "__" not in name:
            yield from _own_estimators(value, f"{prefix}{name}__")
