"""econml: effects of treatments, with networks for what is not of interest."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.ecosystem("econml")


@pytest.fixture
def trial():
    """Return causes, a dose, a decision, and what each does: twice itself."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((600, 3))
    dose = W[:, 0] + rng.standard_normal(600)
    decision = (W[:, 0] + rng.standard_normal(600) > 0).astype(int)
    noise = W[:, 0] + 0.5 * rng.standard_normal(600)
    return W, dose, decision, noise


def regressor():
    """Return a small network for a number."""
    return MLPRegressor((16,), max_epochs=20, learning_rate=0.01, random_state=0)


def classifier():
    """Return a small network for a decision."""
    return MLPClassifier((16,), max_epochs=20, learning_rate=0.01, random_state=0)


def test_dose_has_the_effect_it_has(trial):
    """Double machine learning removes the cause of both and finds 2."""
    from econml.dml import LinearDML

    W, dose, _, noise = trial
    model = LinearDML(model_y=regressor(), model_t=regressor(), cv=3, random_state=0)
    model.fit(2 * dose + noise, dose, X=None, W=W)
    assert model.const_marginal_ate().item() == pytest.approx(2, abs=0.25)
    low, high = model.const_marginal_ate_interval()
    assert low.item() < high.item()


def test_decision_has_the_effect_it_has(trial):
    """A classifier tells who is treated, and weights the rows."""
    from econml.dml import LinearDML
    from econml.dr import LinearDRLearner

    W, _, decision, noise = trial
    outcome = 2 * decision + noise
    double = LinearDML(
        model_y=regressor(),
        model_t=classifier(),
        discrete_treatment=True,
        cv=3,
        random_state=0,
    ).fit(outcome, decision, X=W[:, 1:2], W=W)
    assert double.ate(W[:, 1:2]) == pytest.approx(2, abs=0.3)
    robust = LinearDRLearner(
        model_propensity=classifier(),
        model_regression=regressor(),
        cv=3,
        random_state=0,
    ).fit(outcome, decision, X=W[:, 1:2], W=W)
    assert robust.ate(W[:, 1:2]) == pytest.approx(2, abs=0.4)


def test_learners_of_two_and_three_models(trial):
    """T and X learners fit copies of a network to each group."""
    from econml.metalearners import TLearner, XLearner

    W, _, decision, noise = trial
    outcome = 2 * decision + noise
    two = TLearner(models=regressor()).fit(outcome, decision, X=W)
    assert two.ate(W) == pytest.approx(2, abs=0.4)
    three = XLearner(models=regressor(), propensity_model=classifier())
    assert three.fit(outcome, decision, X=W).ate(W) == pytest.approx(2, abs=0.4)
