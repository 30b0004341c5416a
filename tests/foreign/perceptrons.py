"""Our perceptrons under the names that scikit-learn's parameters have."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from inspect import signature
from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if

import skdeep

SCHEDULES = {"constant": None, "adaptive": "plateau"}


def constructor_of(estimator: type) -> Callable[..., None]:
    """Return a constructor that stores the parameters of another."""
    theirs = signature(estimator.__init__)  # type: ignore[misc]

    def store(self: Any, *args: Any, **params: Any) -> None:
        given = theirs.bind(self, *args, **params)
        given.apply_defaults()
        for name, value in list(given.arguments.items())[1:]:
            setattr(self, name, value)

    store.__signature__ = theirs  # type: ignore[attr-defined]
    return store


def _can_go_on(perceptron: Any) -> bool:
    return bool(hasattr(perceptron.translated(200), "partial_fit"))


class Perceptron(BaseEstimator):
    """What both have in common: every call goes to an estimator of skdeep.

    Parameters are translated as docs/migration.md says.
    """

    def translated(self, n_samples: int, dtype: str = "auto") -> Any:
        """Return an estimator of skdeep with our parameters, for so many rows."""
        given = self.get_params()
        batch_size = given["batch_size"]
        if given["solver"] == "lbfgs":
            rows = n_samples
        else:
            rows = min(200 if batch_size == "auto" else batch_size, n_samples)
        patience, tol = given["n_iter_no_change"], given["tol"]
        if np.isinf(patience):
            patience, tol = 10, None
        if given["solver"] == "lbfgs":
            tol = None  # theirs is a bound on the gradient
        same = (
            "hidden_layer_sizes activation batch_size shuffle random_state warm_start "
            "momentum early_stopping validation_fraction"
        )
        own: dict[str, Any] = {name: given[name] for name in same.split()}
        own |= {
            "optimizer": given["solver"],
            "l2": given["alpha"] / rows,
            "lr_schedule": SCHEDULES[given["learning_rate"]],
            "learning_rate": given["learning_rate_init"],
            "max_epochs": given["max_iter"],
            "tol": tol,
            "n_iter_no_change": patience,
            "verbose": 2 if given["verbose"] else 0,
            "nesterov": given["nesterovs_momentum"],
            "dtype": dtype,
        }
        if given["solver"] == "adam":
            own["betas"] = (given["beta_1"], given["beta_2"])
            own["optimizer_params"] = {"eps": given["epsilon"]}
        if given["early_stopping"]:
            own["scoring"] = self._score_of_scikit_learn
        if "loss" in given:
            own["loss"] = given["loss"]
        return self._own(**own)

    def _net_for(self, X: Any) -> Any:
        n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
        # Theirs computes in the numbers of X, and in float64 where these are integers.
        narrow = getattr(X, "dtype", None) == np.float32
        fresh = self.translated(n_samples, "float32" if narrow else "float64")
        if not hasattr(self, "net_of_skdeep"):
            self.net_of_skdeep = fresh
        return self.net_of_skdeep.set_params(**fresh.get_params(deep=False))

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit the estimator of skdeep."""
        net = self._net_for(X).fit(X, y, sample_weight=sample_weight)
        if net.n_iter_ == net.max_epochs:
            # What ours tells by these two numbers, theirs tells by a warning.
            warnings.warn("max_iter is reached", ConvergenceWarning, stacklevel=2)
        return self

    def __getattr__(self, name: str) -> Any:
        """Look up what is fitted, and what predicts, in the estimator of skdeep."""
        if name.startswith("_") or "net_of_skdeep" not in vars(self):
            raise AttributeError(name)
        if name == "best_validation_score_":
            scores = self.net_of_skdeep.validation_scores_
            return None if scores is None else max(scores)
        return getattr(self.net_of_skdeep, name)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Score the estimator of skdeep."""
        return float(self.net_of_skdeep.score(X, y, sample_weight))


class MLPClassifier(ClassifierMixin, Perceptron):
    """`skdeep.MLPClassifier`, called as scikit-learn's."""

    _own = skdeep.MLPClassifier
    _score_of_scikit_learn = "accuracy"

    __init__ = constructor_of(neural_network.MLPClassifier)

    @available_if(_can_go_on)
    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Any:
        """Go on with the estimator of skdeep."""
        self._net_for(X).partial_fit(X, y, classes=classes)
        return self


class MLPRegressor(RegressorMixin, Perceptron):
    """`skdeep.MLPRegressor`, called as scikit-learn's."""

    _own = skdeep.MLPRegressor
    _score_of_scikit_learn = "r2"

    __init__ = constructor_of(neural_network.MLPRegressor)

    @available_if(_can_go_on)
    def partial_fit(self, X: Any, y: Any) -> Any:
        """Go on with the estimator of skdeep."""
        self._net_for(X).partial_fit(X, y)
        return self
