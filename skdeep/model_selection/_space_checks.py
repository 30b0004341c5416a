"""Mistakes in a space, told before the first trial."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from optuna import TrialPruned
from sklearn.base import clone

from skdeep._compat import InvalidParameterError, validate_parameter_constraints
from skdeep.model_selection._optuna_errors import told_by_search
from skdeep.model_selection._space import Offer, Space, TableSpace

if TYPE_CHECKING:
    from skdeep.model_selection._dimensions import Dimension


def check_space(space: Space, estimator: Any) -> None:
    """Check that the estimator has the parameters of a space and takes their values.

    Parameters
    ----------
    space : TableSpace or FunctionSpace
        Of a function only what it draws for the estimator's own parameters is known.
    estimator : estimator object
        The one to be tuned.

    Raises
    ------
    ValueError
        If a parameter is unknown, or certain to be refused.
    """
    if isinstance(space, TableSpace):
        estimator = _with_augmenters(estimator, space.dimensions)
    known = estimator.get_params(deep=True)
    if not isinstance(space, TableSpace):
        doing = "draw from the function given as 'space'"
        with suppress(TrialPruned), told_by_search(doing, ValueError):
            check_names(space.ask(Offer(known)), estimator)
        return
    check_names(space.dimensions, estimator)
    for name, dimension in space.dimensions.items():
        prefix, _, leaf = name.rpartition("__")
        # A step that the space itself replaces may be of another class by then.
        if _replaced(name, space.dimensions):
            continue
        owner = known[prefix] if prefix else estimator
        _check_values(name, dimension, owner, leaf)


def check_names(names: Iterable[str], estimator: Any) -> None:
    """Check that the estimator has the parameters named.

    Parameters
    ----------
    names : iterable of str
        As in `get_params`.
    estimator : estimator object
        The one to be tuned.

    Raises
    ------
    ValueError
        If it has one of them not.
    """
    names = list(names)
    known = _with_augmenters(estimator, names).get_params(deep=True)
    for name in names:
        if name in known or _replaced(name, names):
            continue
        close = get_close_matches(name, known, n=3)
        ends = [other for other in known if other.endswith(f"__{name}")]
        meant = " or ".join(map(repr, ends or close))
        hint = f"Did you mean {meant}?" if meant else "See its get_params()."
        raise ValueError(
            f"The 'space' parameter of OptunaSearchCV names {name!r}, which is no "
            f"parameter of {type(estimator).__name__}. {hint}"
        )


def _with_augmenters(estimator: Any, names: Iterable[str]) -> Any:
    """Return an estimator whose augmenters, where names are set in them, are no names.

    ``augmenter__rotation`` can be set where `augmenter` is "light" or None, too.
    """
    known = estimator.get_params(deep=True)
    made = {}
    for name in names:
        part = name.rpartition("__")[0]
        owner = known.get(part.rpartition("__")[0], None) if "__" in part else estimator
        own = getattr(owner, "_own_augmenter", None)
        if name not in known and part.endswith("augmenter") and own is not None:
            made[part] = own()
    return clone(estimator).set_params(**made) if made else estimator


def _replaced(name: str, names: Iterable[str]) -> bool:
    parts = name.split("__")
    wholes = {"__".join(parts[:n]) for n in range(1, len(parts))}
    return bool(wholes & set(names))


def _check_values(name: str, dimension: Dimension, owner: Any, leaf: str) -> None:
    constraints = getattr(owner, "_parameter_constraints", {})
    if leaf not in constraints:
        return
    for value in dimension.probes():
        try:
            validate_parameter_constraints(
                {leaf: constraints[leaf]},
                {leaf: value},
                caller_name=type(owner).__name__,
            )
        except InvalidParameterError as error:
            whole = isinstance(value, float) and not value.is_integer()
            hint = " For whole numbers use IntDistribution." if whole else ""
            raise ValueError(
                f"The 'space' parameter of OptunaSearchCV has values for {name!r} that "
                f"are sure to fail: {error}{hint}"
            ) from error
