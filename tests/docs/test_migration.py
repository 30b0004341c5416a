"""The table of parameters in docs/migration.md, against the signatures it speaks of."""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.base import clone

import skdeep

PAGE = Path(__file__).parents[2] / "docs" / "migration.md"
ESTIMATORS = ("MLPClassifier", "MLPRegressor")


def counterparts() -> dict[str, str]:
    """Return the second column of the first table by the first."""
    section = PAGE.read_text(encoding="utf-8").split("\n## ")[1]
    rows = re.findall(r"^\| `(\w+)` \| (?:`(\w+)`|none) \|", section, re.MULTILINE)
    return dict(rows)


def parameters(room: object, name: str) -> set[str]:
    """Return the parameters of an estimator's constructor."""
    return set(inspect.signature(getattr(room, name)).parameters)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_parameter_of_scikit_learn_has_a_row(name):
    """Whoever comes from scikit-learn finds each parameter in use."""
    missing = parameters(neural_network, name) - set(counterparts())
    assert not missing, f"docs/migration.md says nothing of {sorted(missing)}"


def test_no_row_speaks_of_a_parameter_that_is_not_there():
    """The first column holds parameters of scikit-learn, the second ones of skdeep."""
    theirs = set().union(*(parameters(neural_network, name) for name in ESTIMATORS))
    ours = set.intersection(*(parameters(skdeep, name) for name in ESTIMATORS))
    table = counterparts()
    # MLPRegressor has had a `loss` since scikit-learn 1.7.
    assert set(table) - {"loss"} <= theirs
    assert set(table.values()) - {""} <= ours


def test_penalty_translates_as_the_table_says():
    """Under `l2 = alpha / n_samples` both find the one optimum of a convex problem."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = (X @ [2.0, -1.0, 0.0] + rng.standard_normal(60) > 0).astype(int)
    alpha = 3.0
    theirs = neural_network.MLPClassifier(
        (), solver="lbfgs", alpha=alpha, max_iter=500, tol=1e-12, random_state=0
    ).fit(X, y)
    ours = skdeep.MLPClassifier(
        (),
        optimizer="lbfgs",
        l2=alpha / len(X),
        max_epochs=200,
        tol=None,
        feature_scaling=None,
        random_state=1,
    ).fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-4)
    np.testing.assert_allclose(ours.intercepts_[0], theirs.intercepts_[0], rtol=1e-3)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_same_start_takes_the_same_path(name):
    """From equal weights, without shuffling, both take the same steps of Adam."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((160, 3))
    X = ((X - X.mean(axis=0)) / X.std(axis=0)).astype(np.float32)
    y = X[:, 0] * X[:, 1] + X[:, 2]
    own = {"target_scaling": None}
    if name == "MLPClassifier":
        y, own = np.digitize(y, [-0.5, 0.5]), {}
    shared = {"hidden_layer_sizes": (20,), "batch_size": 32, "shuffle": False}
    ours = getattr(skdeep, name)(
        **shared, **own, l2=0.1 / 32, tol=None, max_epochs=20, random_state=0
    )
    # A step of no length leaves the weights that every fit of this seed starts from.
    start = clone(ours).set_params(learning_rate=1e-30, max_epochs=1).fit(X, y)
    initial = list(zip(start.coefs_, start.intercepts_, strict=True))

    base: Any = getattr(neural_network, name)

    class FromThere(base):
        def _init_coef(self, fan_in, fan_out, dtype):
            (found,) = (pair for pair in initial if pair[0].shape == (fan_in, fan_out))
            return tuple(np.array(part) for part in found)

    theirs = FromThere(
        **shared, alpha=0.1, max_iter=20, tol=0.0, n_iter_no_change=20, random_state=0
    )
    with warnings.catch_warnings(action="ignore"):
        theirs.fit(X, y)
    ours.fit(X, y)
    for w, v in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(w, v, atol=1e-5)
