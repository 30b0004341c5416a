"""Estimators that know which versions have pickled them."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import sklearn
import torch
from sklearn.base import BaseEstimator

from skdeep import __version__
from skdeep._compat import CALLBACK_ATTRIBUTES
from skdeep.base._digest import hash_by_value
from skdeep.exceptions import InconsistentVersionWarning


class StampedEstimator(BaseEstimator):
    """Pickles with the versions that wrote it, and warns where others read it.

    `joblib.hash` gives equal estimators equal hashes, whatever time they took. The
    names of the parameters are read off the constructor once: a search clones each
    candidate several times for each fold, and to look into forty parameters took longer
    than to copy them.
    """

    # By class: those made of a class may have constructors of their own.
    _names: ClassVar[dict[type, tuple[Any, list[str]]]] = {}

    @classmethod
    def _get_param_names(cls) -> list[str]:
        constructor, names = cls._names.get(cls, (None, []))
        if constructor is not cls.__init__:
            names = super()._get_param_names()
            cls._names[cls] = cls.__init__, names
        return list(names)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let joblib know the class."""
        super().__init_subclass__(**kwargs)
        hash_by_value(cls)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the versions."""
        state: dict[str, Any] = dict(super().__getstate__())
        state["_versions"] = current_versions()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; warn where other versions wrote it."""
        state = dict(state)
        written_by = state.pop("_versions", {})
        now = current_versions()
        other = [name for name in now if written_by.get(name) != now[name]]
        if other:
            before = ", ".join(f"{name} {written_by.get(name)}" for name in other)
            after = ", ".join(f"{name} {now[name]}" for name in other)
            warnings.warn(
                f"This {type(self).__name__} was pickled by {before} and is read by "
                f"{after}, which may fail or give other results. Fit it again with "
                "this version.",
                InconsistentVersionWarning,
                stacklevel=2,
            )
        super().__setstate__(state)


def current_versions() -> dict[str, str]:
    """Return the versions that a fitted state depends on."""
    return {
        "skdeep": __version__,
        # Without what was built for which device.
        "torch": str(torch.__version__).partition("+")[0],
        "scikit-learn": sklearn.__version__,
    }


def fitted_attributes(estimator: BaseEstimator) -> dict[str, Any]:
    """Return all attributes of an estimator that are no parameters, nor callbacks."""
    others = {*estimator.get_params(deep=False), *CALLBACK_ATTRIBUTES}
    return {n: value for n, value in vars(estimator).items() if n not in others}
