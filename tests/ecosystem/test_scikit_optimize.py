"""scikit-optimize: a search by Gaussian processes."""

from __future__ import annotations

import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdeep import MLPClassifier

pytestmark = pytest.mark.ecosystem("scikit-optimize")


def test_bayes_search_draws_numbers_integers_and_names(two_classes):
    """Integers and names come as NumPy's and are taken; the best is refitted."""
    from skopt import BayesSearchCV
    from skopt.space import Categorical, Integer, Real

    X, y = two_classes
    net = MLPClassifier((8,), max_epochs=5, random_state=0)
    space = {
        "mlpclassifier__learning_rate": Real(1e-3, 1e-1, prior="log-uniform"),
        "mlpclassifier__batch_size": Integer(16, 64),
        "mlpclassifier__activation": Categorical(["relu", "tanh"]),
    }
    model = make_pipeline(StandardScaler(), net)
    search = BayesSearchCV(model, space, n_iter=6, cv=3, random_state=0).fit(X, y)
    model.set_params(**search.best_params_)
    expected = cross_val_score(model, X, y, cv=3).mean()
    assert search.best_score_ == pytest.approx(expected)
    assert search.best_score_ > 0.85
