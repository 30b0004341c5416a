"""Targets of all kinds, their weights, their scale, and quantiles of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skdeep import TabularMLPClassifier, TabularMLPRegressor

SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (8,),
    "n_ensemble": 2,
    "embedding_dim": 4,
    "n_bins": 6,
    "learning_rate": 0.02,
    "max_epochs": 5,
    "early_stopping": False,
    "batch_size": 1000,
    "random_state": 0,
}
LINEAR: dict[str, Any] = {
    **SMALL,
    "hidden_layer_sizes": (),
    "numeric_embedding": None,
    "feature_scaling": "standard",
    "learning_rate": 0.05,
    "max_epochs": 150,
}
RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 3))


@pytest.mark.parametrize("refit", [False, True])
def test_class_weight_equals_sample_weight(refit: bool) -> None:
    """A dict is a sample weight looked up by label, in both trainings of a refit."""
    y = np.array(["a", "b", "c"])[np.arange(90) % 3]
    weight = np.linspace(0.5, 2.0, 90)
    of_class = {"a": 5.0, "c": 0.25}
    of_row = np.array([of_class.get(label, 1.0) for label in y])
    params = {**SMALL, "early_stopping": refit, "refit": refit}
    expected = TabularMLPClassifier(**params).fit(X, y, weight * of_row)
    net = TabularMLPClassifier(**params, class_weight=of_class).fit(X, y, weight)
    np.testing.assert_array_equal(net.predict_proba(X), expected.predict_proba(X))
    plain = TabularMLPClassifier(**params).fit(X, y, weight)
    assert not np.allclose(net.predict_proba(X), plain.predict_proba(X))


def test_balanced_classes_weigh_the_same() -> None:
    """All classes have the same total weight, counted in sample weights."""
    y = np.repeat([0, 1, 2], [60, 20, 10])
    weight = np.linspace(0.5, 2.0, 90)
    totals = np.bincount(y, weights=weight)
    expected = TabularMLPClassifier(**SMALL).fit(X, y, weight / totals[y])
    net = TabularMLPClassifier(**SMALL, class_weight="balanced").fit(X, y, weight)
    np.testing.assert_allclose(
        net.predict_proba(X), expected.predict_proba(X), rtol=1e-6
    )


def test_labels_of_a_row_are_learnt_together() -> None:
    """An indicator comes back as one, with a probability for each label."""
    labels = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.5, X[:, 2] < 0]).astype(int)
    params = {**SMALL, "max_epochs": 60, "batch_size": 20}
    net = TabularMLPClassifier(**params).fit(X, labels)
    assert net.predict_proba(X).shape == (90, 3)
    assert not np.allclose(net.predict_proba(X).sum(axis=1), 1.0)
    assert (net.predict(X) == labels).mean() > 0.9
    np.testing.assert_array_equal(net.predict(X), net.predict_proba(X) > 0.5)


def test_several_numbers_are_learnt_together() -> None:
    """Each on its own scale, with its own limits."""
    y = np.column_stack([X[:, 0], 1e6 + 1e5 * X[:, 1], np.full(90, 7.0)])
    params = {**SMALL, "max_epochs": 80, "batch_size": 20}
    net = TabularMLPRegressor(**params).fit(X, y)
    predicted = net.predict(X)
    assert predicted.shape == (90, 3)
    for column in (0, 1):
        assert np.corrcoef(predicted[:, column], y[:, column])[0, 1] > 0.95
    np.testing.assert_array_equal(predicted[:, 2], 7.0)
    low, high = net._state.target.limits
    np.testing.assert_array_equal(low, y.min(axis=0))
    np.testing.assert_array_equal(high, y.max(axis=0))


@pytest.mark.parametrize("k", [1, 3])
def test_single_class_is_always_predicted(k: int) -> None:
    """With a probability of one."""
    net = TabularMLPClassifier(**{**SMALL, "n_ensemble": k}).fit(X, ["only"] * 90)
    assert net.classes_.tolist() == ["only"]
    assert set(net.predict(5 * X)) == {"only"}
    np.testing.assert_array_equal(net.predict_proba(5 * X), np.ones((90, 1)))


@pytest.mark.parametrize("clip", [False, True])
def test_clipped_predictions_stay_within_the_training_targets(clip: bool) -> None:
    """A straight line goes on for ever, unless it is told not to."""
    y = 100 + 5 * X[:, 0]
    net = TabularMLPRegressor(**LINEAR, clip_predictions=clip).fit(X, y)
    predicted = net.predict(10 * X)
    inside = (predicted >= y.min()) & (predicted <= y.max())
    assert inside.all() == clip
    if clip:
        np.testing.assert_allclose(
            [predicted.min(), predicted.max()], [y.min(), y.max()]
        )


def test_clipping_does_not_change_training() -> None:
    """Only what is predicted: within the limits both are the same."""
    y = 100 + 5 * X[:, 0] + RNG.standard_normal(90)
    free = TabularMLPRegressor(**SMALL, clip_predictions=False).fit(X, y)
    net = TabularMLPRegressor(**SMALL, clip_predictions=True).fit(X, y)
    probe = 5 * X
    expected = np.clip(free.predict(probe), y.min(), y.max())
    np.testing.assert_allclose(net.predict(probe), expected, rtol=1e-12)
    assert net.loss_curve_ == free.loss_curve_


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_units_of_the_target_do_not_matter_once_scaled(loss: str) -> None:
    """Metres or kilometres, from any origin, train the same network."""
    y = X[:, 0] ** 2
    params = {**SMALL, "loss": loss, "dtype": "float64"}
    net = TabularMLPRegressor(**params).fit(X, y)
    other = TabularMLPRegressor(**params).fit(X, 1000 * y + 5e5)
    np.testing.assert_allclose(other.predict(X), 1000 * net.predict(X) + 5e5, rtol=1e-9)
    raw = TabularMLPRegressor(**params, target_scaling=None)
    np.testing.assert_allclose(raw.fit(X, y).loss_curve_[0], raw.loss_curve_[0])
    assert not np.allclose(raw.predict(X), net.predict(X))


def test_unscaled_target_is_what_the_network_puts_out() -> None:
    """Without scaling the first loss is that of the numbers themselves."""
    y = 100 + X[:, 0]
    params = {**SMALL, "max_epochs": 1, "target_scaling": None}
    far = TabularMLPRegressor(**params).fit(X, y)
    assert far.loss_ == pytest.approx((y**2).mean() / 2, rel=0.05)
    assert TabularMLPRegressor(**{**params, "target_scaling": "standard"}).fit(
        X, y
    ).loss_ == pytest.approx(0.5, abs=0.4)


QUANTILES: dict[str, Any] = {
    **SMALL,
    "hidden_layer_sizes": (16,),
    "loss": "quantile",
    "batch_size": 50,
    "max_epochs": 30,
    "lr_schedule": "cosine",
}


def noisy(n_rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and numbers whose spread grows with the rows."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(size=(n_rows, 1))
    return rows, 10 * rows[:, 0] + (1 + 3 * rows[:, 0]) * rng.standard_normal(n_rows)


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("form", [list, tuple, np.array])
def test_several_quantiles_cover_their_shares(form: Any, k: int) -> None:
    """On rows that were not trained on, in either half of the table."""
    rows, y = noisy(1000, 0)
    levels = [0.1, 0.5, 0.9]
    net = TabularMLPRegressor(
        **{**QUANTILES, "n_ensemble": k}, quantile=form(levels)
    ).fit(rows, y)
    rows, y = noisy(2000, 1)
    predicted = net.predict(rows)
    assert predicted.shape == (2000, 3)
    assert (np.diff(predicted, axis=1) >= 0).all()
    for half in (rows[:, 0] < 0.5, rows[:, 0] >= 0.5):
        covered = (y[half, np.newaxis] < predicted[half]).mean(axis=0)
        np.testing.assert_allclose(covered, levels, atol=0.07)


def test_quantile_in_a_list_is_one_number() -> None:
    """A list of one is the same as its number."""
    rows, y = noisy(100, 0)
    params = {**QUANTILES, "max_epochs": 3}
    one = TabularMLPRegressor(**params, quantile=0.8).fit(rows, y)
    listed = TabularMLPRegressor(**params, quantile=[0.8]).fit(rows, y)
    assert one.predict(rows).shape == (100,)
    np.testing.assert_array_equal(listed.predict(rows), one.predict(rows))


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [0.5, 0.1],
        [0.5, 0.5],
        [0.0, 0.5],
        [0.5, 1.0],
        [0.1, np.nan],
        [-0.1, 0.5],
        [[0.1, 0.9]],
        ["low", "high"],
        [None, 0.5],
        np.array([0.9, 0.1]),
        0.0,
        1.0,
        "median",
        None,
    ],
    ids=str,
)
def test_wrong_quantiles_are_refused(wrong: Any) -> None:
    """They are shares between zero and one, in ascending order."""
    net = TabularMLPRegressor(**QUANTILES, quantile=wrong)
    sentence = "The 'quantile' parameter of TabularMLPRegressor must be"
    with pytest.raises(ValueError, match=sentence):
        net.fit(*noisy(30, 0))
    assert not hasattr(net, "module_")


def test_several_quantiles_are_of_one_target() -> None:
    """A table of numbers by quantiles would need a third axis."""
    net = TabularMLPRegressor(**QUANTILES, quantile=[0.1, 0.9])
    with pytest.raises(ValueError, match="several quantiles of one target"):
        net.fit(X, X)


def test_quantile_is_ignored_by_other_losses() -> None:
    """As every parameter of a loss that is not asked for."""
    plain = TabularMLPRegressor(**SMALL).fit(X, X[:, 0])
    net = TabularMLPRegressor(**SMALL, quantile=[0.1, 0.9]).fit(X, X[:, 0])
    np.testing.assert_array_equal(net.predict(X), plain.predict(X))


def test_quantiles_are_clipped_and_stopped_like_a_number() -> None:
    """Early stopping watches the mean pinball loss of what is predicted."""
    rows, y = noisy(200, 0)
    rows_val, y_val = noisy(100, 1)
    levels = np.array([0.2, 0.7])
    params = {**QUANTILES, "early_stopping": True, "clip_predictions": False}
    params["dtype"] = "float64"
    net = TabularMLPRegressor(**params, quantile=levels)
    net.fit(rows, y, X_val=rows_val, y_val=y_val)
    error = y_val[:, np.newaxis] - net.predict(rows_val)
    pinball = np.maximum(levels * error, (levels - 1) * error).mean() / y.std()
    best = net.history_["valid_loss"][net.best_epoch_ - 1]
    # Where two quantiles cross they are put in order after the loss was taken.
    assert best == pytest.approx(pinball, rel=1e-3)
    clipped = TabularMLPRegressor(**{**params, "clip_predictions": True})
    clipped.set_params(quantile=levels).fit(rows, y, X_val=rows_val, y_val=y_val)
    far = clipped.predict(rows_val)
    expected = np.clip(net.predict(rows_val), y.min(), y.max())
    np.testing.assert_allclose(far, expected, rtol=1e-12)


def test_poisson_counts_are_positive() -> None:
    """The target is divided by its mean, and predictions lie above zero."""
    counts = RNG.poisson(np.exp(1 + X[:, 0]))
    params = {**SMALL, "max_epochs": 40, "batch_size": 20, "clip_predictions": False}
    net = TabularMLPRegressor(**params, loss="poisson").fit(X, counts)
    assert (net.predict(3 * X) > 0).all()
    assert net.predict(X).mean() == pytest.approx(counts.mean(), rel=0.1)
    with pytest.raises(ValueError, match="loss='poisson' needs y of at least 0"):
        net.fit(X, counts - 1)
