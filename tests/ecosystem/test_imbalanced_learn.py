"""imbalanced-learn: a sampler before a network changes the rows of fit alone."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from skdeep import MLPClassifier, OptunaSearchCV, forward_pass, save, top_losses
from skdeep.exceptions import PersistenceError

pytestmark = pytest.mark.ecosystem("imbalanced-learn")


@pytest.fixture
def rare():
    """Return 300 rows of which 30 are of the second class, some way off."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3))
    y = np.repeat([0, 1], [270, 30])
    X[y == 1, :2] += 2.5
    order = rng.permutation(300)
    return X[order], y[order]


def pipeline(sampler, **params):
    """Return a sampler of imbalanced-learn before a small network."""
    from imblearn import over_sampling, under_sampling
    from imblearn.pipeline import make_pipeline

    found = getattr(over_sampling, sampler, None) or getattr(under_sampling, sampler)
    net = MLPClassifier((16,), learning_rate=0.01, max_epochs=30, random_state=0)
    return make_pipeline(found(random_state=0), net.set_params(**params))


@pytest.mark.parametrize(
    "sampler", ["RandomUnderSampler", "RandomOverSampler", "SMOTE"]
)
def test_sampler_raises_the_recall_of_a_rare_class(rare, sampler):
    """Balanced rows in fit find more of the rare class; all rows are predicted."""
    X, y = rare
    plain = cross_val_score(pipeline(sampler)[-1], X, y, cv=3, scoring="recall")
    sampled = cross_val_score(pipeline(sampler), X, y, cv=3, scoring="recall")
    assert sampled.mean() > plain.mean() + 0.05
    fitted = pipeline(sampler).fit(X, y)
    assert fitted.predict_proba(X).shape == (300, 2)
    n_trained = {"RandomUnderSampler": 60}.get(sampler, 540)
    assert fitted[0].fit_resample(X, y)[0].shape == (n_trained, 3)


@pytest.mark.parametrize("pruning", ["lockstep", "offset", "off"])
@pytest.mark.parametrize("sampler", ["RandomUnderSampler", "SMOTE"])
def test_search_scores_a_pipeline_as_cross_val_score_does(rare, sampler, pruning):
    """Held-out rows are scored as they are, pruned or not."""
    X, y = rare
    model = pipeline(sampler, max_epochs=8)
    space = {"mlpclassifier__learning_rate": [0.001, 0.01, 0.03]}
    search = OptunaSearchCV(
        model, space, n_trials=3, cv=3, pruning=pruning, random_state=0
    ).fit(X, y)
    assert search.cv_results_["state"].tolist()[0] == "COMPLETE"
    again = clone(model).set_params(**search.best_params_)
    row = search.best_index_
    found = [search.cv_results_[f"split{k}_test_score"][row] for k in range(3)]
    np.testing.assert_array_equal(found, cross_val_score(again, X, y, cv=3))
    again.fit(X, y)
    np.testing.assert_array_equal(search.predict_proba(X), again.predict_proba(X))


def test_grid_search_agrees_with_vectorized_search(rare):
    """Both searches of a grid see the sampler act in fit only."""
    from skdeep import VectorizedSearchCV

    X, y = rare
    grid = {"mlpclassifier__learning_rate": [0.001, 0.01]}
    model = pipeline("RandomUnderSampler", max_epochs=8, dtype="float64")
    theirs = GridSearchCV(model, grid, cv=3).fit(X, y)
    ours = VectorizedSearchCV(model, grid, cv=3).fit(X, y)
    np.testing.assert_allclose(
        ours.cv_results_["mean_test_score"], theirs.cv_results_["mean_test_score"]
    )


def test_instruments_look_at_all_rows(rare):
    """What a fitted Pipeline does with rows is shown for each of them."""
    X, y = rare
    model = pipeline("RandomUnderSampler").fit(X, y)
    worst = top_losses(model, X, y, n=300)
    assert sorted(worst.indices) == list(range(300))
    shown = forward_pass(model, X[:5])
    assert {len(values) for values in shown.values()} == {5}


def test_balanced_bagging_of_networks(rare):
    """A forest of balanced draws takes a network for its member."""
    from imblearn.ensemble import BalancedBaggingClassifier

    X, y = rare
    net = pipeline("SMOTE")[-1]
    bag = BalancedBaggingClassifier(net, n_estimators=3, random_state=0)
    scores = cross_val_score(bag, X, y, cv=3, scoring="balanced_accuracy")
    assert scores.mean() > 0.85


def test_save_says_whose_pipeline_it_is(rare, tmp_path):
    """The sentence tells this Pipeline from scikit-learn's."""
    X, y = rare
    model = pipeline("SMOTE", max_epochs=2).fit(X, y)
    with pytest.raises(PersistenceError, match=r"imblearn\.pipeline"):
        save(model, tmp_path / "model.skdeep")
