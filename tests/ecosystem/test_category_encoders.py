"""category_encoders: categories become numbers by their targets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier, OptunaSearchCV, save
from skdeep.exceptions import PersistenceError

pytestmark = pytest.mark.ecosystem("category_encoders")


@pytest.fixture
def sales():
    """Return a frame of a number and one of twelve shops, and a label."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "price": rng.standard_normal(240),
            "shop": [f"shop {k}" for k in rng.integers(0, 12, 240)],
        }
    )
    good = frame["shop"].isin(["shop 1", "shop 5", "shop 7"])
    return frame, (frame["price"] + 2 * good > 0.5).astype(int)


@pytest.fixture
def net():
    """Return a network that learns the label in a moment."""
    return MLPClassifier((16,), max_epochs=30, learning_rate=0.02, random_state=0)


@pytest.mark.parametrize(
    "encoder", ["TargetEncoder", "CatBoostEncoder", "BinaryEncoder"]
)
def test_encoder_before_a_network(sales, net, encoder):
    """The label is learnt from the codes."""
    import category_encoders

    model = make_pipeline(getattr(category_encoders, encoder)(), net)
    assert cross_val_score(model, *sales, cv=3).mean() > 0.75


def test_search_fits_the_encoder_on_the_rows_of_a_fold(sales, net):
    """Targets of held-out rows stay unseen: scores equal cross_val_score."""
    from category_encoders import TargetEncoder

    X, y = sales
    model = make_pipeline(TargetEncoder(), net)
    space = {"targetencoder__smoothing": [1.0, 50.0]}
    search = OptunaSearchCV(model, space, n_trials=2, cv=3, random_state=0).fit(X, y)
    model.set_params(**search.best_params_)
    assert search.best_score_ == cross_val_score(model, X, y, cv=3).mean()


def test_save_says_that_the_encoder_needs_joblib(sales, net, tmp_path):
    """skops cannot write some encoders; the sentence is ours and names the step."""
    from category_encoders import TargetEncoder

    model = make_pipeline(TargetEncoder(), net).fit(*sales)
    with pytest.raises(PersistenceError, match=r"(?i)TargetEncoder"):
        save(model, tmp_path / "model.skdeep")
    assert list(tmp_path.iterdir()) == []
