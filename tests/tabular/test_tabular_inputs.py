"""Columns as they come: containers, holes, categories, and what is learnt of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from skdeep import TabularMLPClassifier, TabularMLPRegressor

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

BOTH = [TabularMLPClassifier, TabularMLPRegressor]
N_ROWS = 60
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "n_ensemble": 2,
    "embedding_dim": 3,
    "n_bins": 4,
    "learning_rate": 0.02,
    "max_epochs": 4,
    "early_stopping": False,
    "batch_size": 1000,
    "random_state": 0,
}


def make_columns() -> dict[str, list[Any]]:
    """Return two columns of numbers and two of categories, with holes in two."""
    rng = np.random.default_rng(0)
    size: list[Any] = rng.standard_normal(N_ROWS).tolist()
    city: list[Any] = rng.choice(["Rome", "Oslo", "Lima"], N_ROWS).tolist()
    size[3] = size[10] = city[5] = None
    return {
        "size": size,
        "count": rng.integers(0, 9, N_ROWS).tolist(),
        "city": city,
        "open": (rng.random(N_ROWS) < 0.5).tolist(),
    }


COLUMNS = make_columns()
Y = np.array([city == "Rome" for city in COLUMNS["city"]]) ^ np.array(COLUMNS["open"])


def as_objects(columns: dict[str, list[Any]]) -> np.ndarray:
    """Return columns as an array of objects."""
    array = np.empty((len(columns["size"]), len(columns)), dtype=object)
    for position, values in enumerate(columns.values()):
        array[:, position] = values
    return array


def as_polars_categories(columns: dict[str, list[Any]]) -> Any:
    """Return a polars frame whose strings are of the dtype for categories."""
    return pl.DataFrame(columns).with_columns(pl.col("city").cast(pl.Categorical))


MAKERS: dict[str, Callable[[dict[str, list[Any]]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas objects": lambda columns: pd.DataFrame(columns).astype(object),
    "pandas nullable": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "pandas category": lambda columns: pd.DataFrame(columns).astype(
        {"city": "category", "open": "category"}
    ),
    "polars": pl.DataFrame,
    "polars category": as_polars_categories,
    "objects": as_objects,
    "lists": lambda columns: as_objects(columns).tolist(),
}


def outputs(net: Any, X: Any) -> np.ndarray:
    """Return the predictions that are numbers."""
    answer = net.predict_proba(X) if hasattr(net, "predict_proba") else net.predict(X)
    return np.asarray(answer)


def encoded(net: Any, X: Any) -> np.ndarray:
    """Return what the network of a fitted estimator sees."""
    table = net._read(X)
    return np.asarray(net._state.scaler.transform(table))


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("kind", BOTH)
def test_table_predicts_alike_in_every_container(kind: Any, maker: str) -> None:
    """Frames, arrays and lists that hold the same give the same bits."""
    reference = kind(**SMALL).fit(pd.DataFrame(COLUMNS), Y)
    X = MAKERS[maker](COLUMNS)
    net = kind(**SMALL).fit(X, Y)
    assert net.n_features_in_ == 4
    assert hasattr(net, "feature_names_in_") == (maker not in ("objects", "lists"))
    expected = outputs(reference, pd.DataFrame(COLUMNS))
    np.testing.assert_array_equal(outputs(net, X), expected)
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize("later", [name for name in MAKERS if "as" in name])
@pytest.mark.parametrize("fitted", ["pandas category", "polars"])
def test_predicting_takes_another_frame_than_fitting(fitted: str, later: str) -> None:
    """A model trained from one library serves rows of the other."""
    X = MAKERS[fitted](COLUMNS)
    net = TabularMLPClassifier(**SMALL).fit(X, Y)
    few = {name: values[:7] for name, values in COLUMNS.items()}
    np.testing.assert_allclose(
        outputs(net, MAKERS[later](few)), outputs(net, X)[:7], rtol=1e-12
    )


@pytest.mark.parametrize("max_onehot", [0, 20])
def test_categorical_features_by_position_name_and_mask(max_onehot: int) -> None:
    """Three ways to say which columns are categories, and they are what is meant."""
    params = {**SMALL, "max_onehot": max_onehot}
    plain = TabularMLPClassifier(**params).fit(as_objects(COLUMNS), Y)
    results = []
    for X, features in [
        (as_objects(COLUMNS), [1, 2, 3]),
        (as_objects(COLUMNS), np.array([False, True, True, True])),
        (pd.DataFrame(COLUMNS), ["count", "city", "open"]),
        (pl.DataFrame(COLUMNS), ["open", "city", "count"]),
    ]:
        net = TabularMLPClassifier(**params, categorical_features=features).fit(X, Y)
        assert net._state.scaler.n_numeric == 1
        results.append(outputs(net, X))
    assert plain._state.scaler.n_numeric == 2
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_numeric_array_takes_declared_categories() -> None:
    """Codes in an array of numbers become categories, in any order of the codes."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, N_ROWS)
    X = np.column_stack([rng.standard_normal(N_ROWS), codes])
    net = TabularMLPRegressor(**SMALL, categorical_features=[1]).fit(X, codes == 2)
    # What stands for a category does not matter, but for its place among the others.
    names = np.array([-5.0, 0.5, 7.0, 1e6])
    other = np.column_stack([X[:, 0], names[codes]])
    again = TabularMLPRegressor(**SMALL, categorical_features=[1])
    again.fit(other, codes == 2)
    np.testing.assert_array_equal(again.predict(other), net.predict(X))


@pytest.mark.parametrize("indicators", [False, True])
@pytest.mark.parametrize("scaling", ["quantile", "robust_clip", "standard", None])
def test_missing_number_counts_as_the_median(scaling: Any, indicators: bool) -> None:
    """Unless an indicator says that it was missing, where that was seen in training."""
    rng = np.random.default_rng(0)
    X = rng.normal([2.0, -3.0], size=(51, 2))
    X[::5, 0] = np.nan
    y = np.where(np.isnan(X[:, 0]), 5.0, X[:, 1])
    params = {**SMALL, "feature_scaling": scaling, "missing_indicators": indicators}
    net = TabularMLPRegressor(**params).fit(X, y)
    filled = np.where(np.isnan(X), np.nanmedian(X, axis=0), X)
    holes = np.isnan(X[:, 0])
    same = np.isclose(net.predict(filled), net.predict(X), rtol=1e-9)
    assert same[~holes].all()
    assert (same[holes] != indicators).all()
    # The other column had no holes in training, and therefore has no indicator.
    filled[:, 1] = np.median(X[:, 1])
    emptied = filled.copy()
    emptied[:, 1] = np.nan
    np.testing.assert_allclose(net.predict(emptied), net.predict(filled), rtol=1e-9)


@pytest.mark.parametrize("max_onehot", [0, 8])
@pytest.mark.parametrize("kind", BOTH)
def test_unseen_category_counts_as_a_missing_one(kind: Any, max_onehot: int) -> None:
    """It is no category of the training rows, and never disturbs those that are."""
    net = kind(**SMALL, max_onehot=max_onehot).fit(pd.DataFrame(COLUMNS), Y)
    later = {name: list(values) for name, values in COLUMNS.items()}
    seen = outputs(net, pd.DataFrame(later))
    later["city"] = ["Mars", None, "rome", *COLUMNS["city"][3:]]
    answer = outputs(net, pd.DataFrame(later))
    later["city"][0] = later["city"][2] = None
    np.testing.assert_array_equal(answer, outputs(net, pd.DataFrame(later)))
    assert not np.isclose(answer[0], seen[0]).any()
    np.testing.assert_array_equal(answer[3:], seen[3:])


@pytest.mark.parametrize("scaling", ["quantile", "robust_clip", "standard", None])
@pytest.mark.parametrize("value", [7.0, np.nan])
def test_column_that_said_nothing_is_not_listened_to(value: float, scaling: Any):
    """Constant or missing throughout, it trains nothing and changes nothing later."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.standard_normal(N_ROWS), np.full(N_ROWS, value)])
    net = TabularMLPRegressor(**SMALL, feature_scaling=scaling).fit(X, X[:, 0])
    expected = net.predict(X)
    assert np.isfinite(expected).all()
    for later in (1e9, -3.0, np.nan):
        X[:, 1] = later
        np.testing.assert_array_equal(net.predict(X), expected)


@pytest.mark.parametrize("kind", BOTH)
def test_table_of_missing_values_gives_one_answer_for_all(kind: Any) -> None:
    """Without anything in any column there is nothing to learn but the targets."""
    net = kind(**SMALL).fit(np.full((20, 2), np.nan), np.arange(20) % 2)
    answers = outputs(net, np.array([[1.0, 5.0], [-2.0, np.nan], [np.nan, 1e9]]))
    assert np.isfinite(answers).all()
    np.testing.assert_array_equal(answers, np.broadcast_to(answers[0], answers.shape))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("embedding", [None, "piecewise_linear", "periodic"])
@pytest.mark.parametrize("scaling", ["quantile", "robust_clip"])
def test_heavy_tails_are_learnt(scaling: str, embedding: Any, dtype: str) -> None:
    """Numbers of sixty orders of magnitude train, and larger ones predict."""
    rng = np.random.default_rng(0)
    exponent = rng.uniform(-30, 30, 200)
    sign = rng.choice([-1.0, 1.0], 200)
    X = np.column_stack([sign * 10.0**exponent, rng.standard_normal(200)])
    params = {**SMALL, "max_epochs": 60, "dtype": dtype}
    net = TabularMLPClassifier(
        **params, feature_scaling=scaling, numeric_embedding=embedding
    )
    net.fit(X, sign > 0)
    if scaling == "quantile":
        assert net.score(X, sign > 0) > 0.9
    beyond = np.array([[1e300, 0.0], [-1e300, 0.0], [0.0, 1e300], [5e-324, 0.0]])
    assert np.isfinite(net.predict_proba(beyond)).all()


def test_column_empty_at_predict_counts_as_missing() -> None:
    """All rows without a value are as many rows without one each."""
    frame = pd.DataFrame(COLUMNS)
    net = TabularMLPRegressor(**SMALL).fit(frame, Y)
    for name in ("size", "city"):
        later = frame.copy()
        later[name] = None
        one = frame.iloc[[0]].copy()
        one[name] = None
        expected = net.predict(one)
        assert net.predict(later)[0] == pytest.approx(expected[0], rel=1e-12)
        assert np.isfinite(net.predict(later)).all()


def test_booleans_are_two_categories() -> None:
    """A column of truth is -1 and 1 to the network."""
    net = TabularMLPClassifier(**SMALL).fit(pd.DataFrame(COLUMNS), Y)
    column = encoded(net, pd.DataFrame(COLUMNS))[:, -1]
    np.testing.assert_array_equal(column, np.where(COLUMNS["open"], 1.0, -1.0))
