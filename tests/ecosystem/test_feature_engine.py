"""feature-engine: imputers, encoders, and a Pipeline that drops rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier, OptunaSearchCV, save
from skdeep.exceptions import PersistenceError

pytestmark = pytest.mark.ecosystem("feature-engine")


@pytest.fixture
def sales():
    """Return a frame of a number with holes and a name, and a label."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "price": rng.standard_normal(240),
            "city": rng.choice(["Basel", "Bern", "Genf"], 240),
        }
    )
    label = (frame["price"] + 2 * (frame["city"] == "Bern") > 0.7).astype(int)
    frame.loc[::15, "price"] = np.nan
    return frame, label


@pytest.fixture
def net():
    """Return a network that learns the label in a moment."""
    return MLPClassifier((16,), max_epochs=30, learning_rate=0.02, random_state=0)


@pytest.mark.parametrize("encoder", ["OneHotEncoder", "MeanEncoder", "OrdinalEncoder"])
def test_imputer_and_encoder_before_a_network(sales, net, encoder):
    """Frames go through in the usual Pipeline."""
    from feature_engine import encoding
    from feature_engine.imputation import MeanMedianImputer

    model = make_pipeline(MeanMedianImputer(), getattr(encoding, encoder)(), net)
    assert cross_val_score(model, *sales, cv=3).mean() > 0.75


def dropping(net):
    """Return its Pipeline, which drops rows with holes in fit, before a network."""
    from feature_engine.encoding import OneHotEncoder
    from feature_engine.imputation import DropMissingData
    from feature_engine.pipeline import make_pipeline as pipeline_of_rows

    return pipeline_of_rows(DropMissingData(), OneHotEncoder(), net)


@pytest.mark.parametrize("pruning", ["lockstep", "off"])
def test_search_drops_rows_as_cross_val_score_does(sales, net, pruning):
    """Rows with holes are neither trained on nor scored, pruned or not."""
    X, y = sales
    model = dropping(net)
    space = {"mlpclassifier__learning_rate": [0.001, 0.02]}
    search = OptunaSearchCV(
        model, space, n_trials=2, cv=3, pruning=pruning, random_state=0
    ).fit(X, y)
    model.set_params(**search.best_params_)
    row = search.best_index_
    found = [search.cv_results_[f"split{k}_test_score"][row] for k in range(3)]
    np.testing.assert_array_equal(found, cross_val_score(model, X, y, cv=3))


def test_save_says_that_the_pipeline_is_another(sales, net, tmp_path):
    """The sentence names the class by its module."""
    model = dropping(net).fit(*sales)
    with pytest.raises(PersistenceError, match=r"feature_engine\.pipeline"):
        save(model, tmp_path / "model.skdeep")
