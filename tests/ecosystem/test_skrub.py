"""skrub: tables as they come, made into numbers before a network."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier, OptunaSearchCV, TabularMLPClassifier

pytestmark = pytest.mark.ecosystem("skrub")


@pytest.fixture
def sales():
    """Return a frame of a number with holes, a name and a day, and a label."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "price": rng.standard_normal(240),
            "city": rng.choice(["Basel", "Bern", "Genf"], 240),
            "day": pd.date_range("2020-01-01", periods=240),
        }
    )
    label = (frame["price"] + 2 * (frame["city"] == "Bern") > 0.7).to_numpy()
    frame.loc[::15, "price"] = np.nan
    return frame, label


@pytest.mark.parametrize("estimator", [MLPClassifier, TabularMLPClassifier])
def test_tabular_pipeline_prepares_what_a_network_takes(sales, estimator):
    """Names, days and holes become numbers; the label is learnt."""
    import skrub

    X, y = sales
    net = estimator((16,), max_epochs=40, learning_rate=0.01, random_state=0)
    scores = cross_val_score(skrub.tabular_pipeline(net), X, y, cv=3)
    assert scores.mean() > 0.75


def test_categories_are_left_to_the_network(sales):
    """The vectorizer marks categories, and the tabular network embeds them."""
    import skrub

    X, y = sales
    vectorizer = skrub.TableVectorizer(low_cardinality=skrub.ToCategorical())
    net = TabularMLPClassifier((16,), max_epochs=40, random_state=0)
    model = make_pipeline(vectorizer, net)
    assert cross_val_score(model, X, y, cv=3).mean() > 0.8
    assert str(vectorizer.fit_transform(X)["city"].dtype) == "category"


def test_search_sets_parameters_of_both(sales):
    """Scores of a search over the pipeline are those of cross_val_score."""
    import skrub

    X, y = sales
    net = MLPClassifier((8,), max_epochs=5, random_state=0)
    model = skrub.tabular_pipeline(net)
    space = {"mlpclassifier__learning_rate": [0.001, 0.03]}
    search = OptunaSearchCV(model, space, n_trials=2, cv=3, random_state=0).fit(X, y)
    model.set_params(**search.best_params_)
    assert search.best_score_ == cross_val_score(model, X, y, cv=3).mean()
