"""MAPIE: sets and intervals that hold what they are to hold."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep import MLPClassifier, MLPRegressor, TabularMLPRegressor

pytestmark = pytest.mark.ecosystem("mapie")

N_TRAIN, N_CONFORMALIZE = 300, 500


@pytest.fixture
def rows():
    """Return 1,800 rows, noisy labels of three classes, and a noisy number."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1800, 3))
    values = 3 * X[:, 0] - 2 * X[:, 1] + rng.standard_normal(1800)
    return X, np.digitize(values, [-1.5, 1.5]), values


def parts(*arrays):
    """Cut each array into rows to train, to conformalize and to test on."""
    cuts = [N_TRAIN, N_TRAIN + N_CONFORMALIZE]
    return zip(*(np.split(array, cuts) for array in arrays), strict=True)


@pytest.mark.parametrize("prefit", [True, False])
def test_split_conformal_classifier_covers_what_it_promises(rows, prefit):
    """Nine sets of ten hold the class; most hold one only."""
    from mapie.classification import SplitConformalClassifier

    X, y, _ = rows
    train, hold, test = parts(X, y)
    net = MLPClassifier((16,), max_epochs=40, learning_rate=0.01, random_state=0)
    conformal = SplitConformalClassifier(
        net.fit(*train) if prefit else net,
        confidence_level=0.9,
        prefit=prefit,
        random_state=0,
    )
    if not prefit:
        conformal.fit(*train)
    labels, sets = conformal.conformalize(*hold).predict_set(test[0])
    assert sets.shape == (1000, 3, 1)
    assert sets[np.arange(1000), test[1], 0].mean() == pytest.approx(0.9, abs=0.05)
    assert (labels == test[1]).mean() > 0.75
    assert sets.sum(axis=1).mean() < 2


@pytest.mark.parametrize("regressor", [MLPRegressor, TabularMLPRegressor])
def test_split_conformal_regressor_covers_what_it_promises(rows, regressor):
    """Nine intervals of ten hold the number, and are as wide as its noise asks."""
    from mapie.regression import SplitConformalRegressor

    X, _, values = rows
    train, hold, test = parts(X, values)
    net = regressor((16,), max_epochs=40, learning_rate=0.01, random_state=0)
    conformal = SplitConformalRegressor(net, confidence_level=0.9, prefit=False)
    conformal.fit(*train).conformalize(*hold)
    centres, intervals = conformal.predict_interval(test[0])
    low, high = intervals[:, 0, 0], intervals[:, 1, 0]
    covered = (low <= test[1]) & (test[1] <= high)
    assert covered.mean() == pytest.approx(0.9, abs=0.05)
    assert ((low <= centres) & (centres <= high)).all()
    # 90 % of a standard normal lie within 3.29.
    assert 3 < (high - low).mean() < 5


def test_quantile_regressor_is_conformalized(rows):
    """Networks for three quantiles make intervals, given as fitted ones."""
    from mapie.regression import ConformalizedQuantileRegressor

    X, _, values = rows
    train, hold, test = parts(X, values)
    nets = [
        MLPRegressor(
            (16,),
            loss="quantile",
            quantile=quantile,
            max_epochs=40,
            learning_rate=0.01,
            random_state=0,
        ).fit(*train)
        for quantile in (0.05, 0.95, 0.5)
    ]
    conformal = ConformalizedQuantileRegressor(nets, confidence_level=0.9, prefit=True)
    _, intervals = conformal.conformalize(*hold).predict_interval(test[0])
    covered = (intervals[:, 0, 0] <= test[1]) & (test[1] <= intervals[:, 1, 0])
    assert covered.mean() == pytest.approx(0.9, abs=0.05)
