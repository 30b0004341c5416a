"""The table of parameters in docs/migration.md, against the signatures it speaks of."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn import neural_network

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
    assert set(table) <= theirs
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
