"""skforecast: forecasts by a regressor on the values before."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skdeep import MLPRegressor

pytestmark = pytest.mark.ecosystem("skforecast")


@pytest.fixture
def wave():
    """Return ten years of months, a sine of a year."""
    months = pd.date_range("2020-01-01", periods=120, freq="MS")
    return pd.Series(np.sin(2 * np.pi * np.arange(120) / 12), index=months, name="y")


@pytest.fixture
def net():
    """Return a network that learns the wave in a moment."""
    return MLPRegressor((16,), max_epochs=100, learning_rate=0.01, random_state=0)


def test_recursive_forecast_of_a_year(wave, net):
    """Twelve months ahead are within a third."""
    from skforecast.recursive import ForecasterRecursive

    forecaster = ForecasterRecursive(estimator=net, lags=12)
    forecaster.fit(y=wave[:-12])
    np.testing.assert_allclose(forecaster.predict(steps=12), wave[-12:], atol=0.33)


def test_direct_forecast_with_a_calendar(wave, net):
    """One network a step, with a column that is known ahead."""
    from skforecast.direct import ForecasterDirect

    month = pd.DataFrame({"month": wave.index.month.astype(float)}, index=wave.index)
    forecaster = ForecasterDirect(estimator=net, lags=6, steps=3)
    forecaster.fit(y=wave[:-3], exog=month[:-3])
    found = forecaster.predict(steps=3, exog=month[-3:])
    np.testing.assert_allclose(found, wave[-3:], atol=0.33)


def test_backtest_counts_its_windows(wave, net):
    """Past years are forecast as they would have been, with little error."""
    from skforecast.model_selection import TimeSeriesFold, backtesting_forecaster
    from skforecast.recursive import ForecasterRecursive

    folds = TimeSeriesFold(steps=12, initial_train_size=84, refit=False, verbose=False)
    metric, found = backtesting_forecaster(
        ForecasterRecursive(estimator=net, lags=12),
        y=wave,
        cv=folds,
        metric="mean_absolute_error",
        show_progress=False,
    )
    assert len(found) == 36
    assert metric["mean_absolute_error"].item() < 0.25
