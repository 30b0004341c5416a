"""sktime: forecasts by a regressor on the values before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skdeep import MLPRegressor

pytestmark = pytest.mark.ecosystem("sktime")


@pytest.fixture
def wave():
    """Return ten years of months, a sine of a year."""
    months = pd.period_range("2020-01", periods=120, freq="M")
    return pd.Series(np.sin(2 * np.pi * np.arange(120) / 12), index=months)


@pytest.mark.parametrize("strategy", ["recursive", "direct", "multioutput"])
def test_reduction_forecasts_a_year(wave, strategy):
    """Twelve months ahead are within a third, be it by one network or several."""
    from sktime.forecasting.compose import make_reduction

    net = MLPRegressor((16,), max_epochs=100, learning_rate=0.01, random_state=0)
    forecaster = make_reduction(net, window_length=12, strategy=strategy)
    horizon = list(range(1, 13))
    found = forecaster.fit(wave[:-12], fh=horizon).predict()
    np.testing.assert_allclose(found, wave[-12:], atol=0.33)


def test_network_tunes_inside_a_grid_of_sktime(wave):
    """Its search over windows in time sets parameters of the network."""
    from sktime.forecasting.compose import make_reduction
    from sktime.forecasting.model_selection import ForecastingGridSearchCV
    from sktime.split import ExpandingWindowSplitter

    net = MLPRegressor((16,), max_epochs=60, random_state=0)
    forecaster = make_reduction(net, window_length=12, strategy="recursive")
    windows = ExpandingWindowSplitter(
        fh=list(range(1, 7)), initial_window=84, step_length=12
    )
    search = ForecastingGridSearchCV(
        forecaster,
        windows,
        {"estimator__learning_rate": [1e-5, 1e-2]},
        backend="None",
    )
    search.fit(wave)
    assert search.best_params_ == {"estimator__learning_rate": 1e-2}
