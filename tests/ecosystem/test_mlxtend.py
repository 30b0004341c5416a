"""mlxtend: selection of features, stacks, and pictures of boundaries."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from skdeep import MLPClassifier

pytestmark = pytest.mark.ecosystem("mlxtend")


@pytest.fixture
def net():
    """Return a network that learns the two classes in a moment."""
    return MLPClassifier((8,), max_epochs=20, learning_rate=0.02, random_state=0)


def test_sequential_selection_finds_the_features_that_count(two_classes, net):
    """Of four features the two that decide are selected, by the scores of folds."""
    from mlxtend.feature_selection import SequentialFeatureSelector

    X, y = two_classes
    selector = SequentialFeatureSelector(net, k_features=2, cv=3).fit(X, y)
    assert selector.k_feature_idx_ == (0, 1)
    expected = cross_val_score(net, X[:, :2], y, cv=3).mean()
    assert selector.k_score_ == pytest.approx(expected)


def test_decision_regions_are_drawn(two_classes, net):
    """The picture of two features has the boundary and all rows."""
    from matplotlib.figure import Figure
    from mlxtend.plotting import plot_decision_regions

    X, y = two_classes
    ax = Figure().add_subplot()
    plot_decision_regions(X[:, :2], y, clf=net.fit(X[:, :2], y), ax=ax)
    drawn = [len(np.asarray(points.get_offsets())) for points in ax.collections[-2:]]
    assert sum(drawn) == len(X)


@pytest.mark.parametrize("fitted", [True, False])
def test_vote_of_a_network_and_a_line(two_classes, net, fitted):
    """The vote by probabilities takes networks, fitted before or not."""
    from mlxtend.classifier import EnsembleVoteClassifier

    X, y = two_classes
    members = [net, LogisticRegression()]
    if fitted:
        members = [member.fit(X, y) for member in members]
    vote = EnsembleVoteClassifier(
        members, voting="soft", fit_base_estimators=not fitted
    )
    vote.fit(X, y)
    expected = (
        members[0].fit(X, y).predict_proba(X) + members[1].fit(X, y).predict_proba(X)
    ) / 2
    assert vote.predict_proba(X) == pytest.approx(expected)


def test_stack_of_a_network_and_a_line(two_classes, net):
    """Out-of-fold probabilities of a network feed a second model."""
    from mlxtend.classifier import StackingCVClassifier

    X, y = two_classes
    stack = StackingCVClassifier(
        [net, LogisticRegression()],
        LogisticRegression(),
        cv=3,
        use_probas=True,
        random_state=0,
    )
    assert cross_val_score(stack, X, y, cv=3).mean() > 0.9
