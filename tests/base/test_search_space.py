"""Tests of what estimators tell about their search spaces."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject, SearchStrategy
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sklearn.base import clone, is_classifier

from skdeep import (
    CNNClassifier,
    CNNRegressor,
    ImageAugmenter,
    ImageClassifier,
    ImageRegressor,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    TextAugmenter,
    TextClassifier,
    TextRegressor,
)

PROFILES = ("fast", "balanced", "wide")
TABLES = (MLPClassifier, MLPRegressor, TabularMLPClassifier, TabularMLPRegressor)
IMAGES = (CNNClassifier, CNNRegressor, ImageClassifier, ImageRegressor)
TEXTS = (TextClassifier, TextRegressor)
# As they are by default, and as a user may set them before asking.
ESTIMATORS: list[Any] = [
    *(kind() for kind in (*TABLES, *IMAGES, *TEXTS)),
    *(kind(optimizer="lbfgs", weight_decay=0.0, max_grad_norm=None) for kind in TABLES),
    MLPClassifier(optimizer="sgd", hidden_layer_sizes=(8, 4), dropout=(0.1, 0.2)),
    MLPRegressor(hidden_layer_sizes=8, n_hidden_layers=2, activation="tanh"),
    MLPClassifier(loss=torch.nn.CrossEntropyLoss, class_weight={0: 1.0, 1: 2.0}),
    TabularMLPClassifier(numeric_embedding="periodic"),
    TabularMLPRegressor(numeric_embedding=None, n_ensemble=1),
    CNNClassifier(augmenter=ImageAugmenter.light()),
    CNNRegressor(augmenter="light", kernel_size=(3, 5), conv_dropout=(0.1, 0.2)),
    ImageClassifier(trainable_layers=1, augmenter=ImageAugmenter.strong()),
    ImageClassifier(augmenter=ImageAugmenter.light()),
    ImageRegressor(weights=None, trainable_layers="all"),
    ImageClassifier(optimizer="lbfgs", weight_decay=0.0, max_grad_norm=None),
    TextClassifier(conv_channels=8, augmenter=TextAugmenter(synonym=0, insert=0)),
    TextRegressor(n_features=64, optimizer="sgd"),
]
N_ROWS = 40


def named(estimator: Any) -> str:
    """Return how an estimator reads in a report."""
    return str(estimator).replace("\n", "").replace(" ", "")[:60]


def values_of(distribution: BaseDistribution) -> SearchStrategy[Any]:
    """Return a strategy for the values of a distribution, its ends included."""
    if isinstance(distribution, CategoricalDistribution):
        return st.sampled_from(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return st.integers(distribution.low, distribution.high)
    assert isinstance(distribution, FloatDistribution)
    low, high, step = distribution.low, distribution.high, distribution.step
    if step is None:
        return st.floats(low, high)
    return st.integers(0, round((high - low) / step)).map(lambda k: low + k * step)


def a_point(data: DataObject, space: dict[str, BaseDistribution]) -> dict[str, Any]:
    """Draw a value for every name."""
    return data.draw(st.fixed_dictionaries({n: values_of(d) for n, d in space.items()}))


def targets(estimator: Any, n_rows: int = N_ROWS) -> np.ndarray:
    """Return labels of which one is rare, or numbers."""
    if is_classifier(estimator):
        return (np.arange(n_rows) % 8 == 0).astype(int)
    return np.linspace(-1, 1, n_rows)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=named)
@pytest.mark.parametrize("profile", PROFILES)
def test_all_of_a_space_passes_the_constraints(estimator: Any, profile: Any) -> None:
    """Whatever is drawn, the parameters' own rules have nothing against it."""
    space = estimator.search_space(
        profile, X=np.empty((N_ROWS, 3)), y=targets(estimator)
    )

    @settings(max_examples=20)
    @given(data=st.data())
    def check(data: DataObject) -> None:
        candidate = type(estimator)(**estimator.get_params(deep=False))
        candidate.set_params(**a_point(data, space))
        candidate._validate_params()

    check()


@pytest.mark.parametrize(
    "estimator",
    [e for e in ESTIMATORS if isinstance(e, TABLES)],
    ids=named,
)
def test_all_of_a_table_space_can_be_fitted(estimator: Any, seed: int) -> None:
    """Whatever is drawn, the parameters agree with one another and with the data."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((N_ROWS, 3)), targets(estimator)
    space = estimator.search_space("wide", X=X, y=y)

    @settings(max_examples=8)
    @given(data=st.data())
    def check(data: DataObject) -> None:
        candidate = type(estimator)(**estimator.get_params())
        candidate.set_params(
            **a_point(data, space), max_epochs=1, random_state=seed, n_threads=1
        )
        candidate.fit(X, y)
        assert candidate.predict(X).shape == y.shape

    check()


@pytest.mark.parametrize(
    "estimator", [e for e in ESTIMATORS if isinstance(e, TEXTS)], ids=named
)
def test_all_of_a_text_space_can_be_fitted(estimator: Any, seed: int) -> None:
    """Likewise for texts, of which each has a word or two."""
    X = [f"word{row % 5} and word{row % 7}" for row in range(16)]
    y = targets(estimator, len(X))
    space = estimator.search_space("wide", X=X, y=y)

    @settings(max_examples=5)
    @given(data=st.data())
    def check(data: DataObject) -> None:
        candidate = clone(estimator)
        candidate.set_params(
            **a_point(data, space), max_epochs=1, random_state=seed, n_threads=1
        )
        candidate.fit(X, y)
        assert candidate.predict(X).shape == y.shape

    check()


@pytest.mark.parametrize(
    "estimator",
    [e for e in ESTIMATORS if isinstance(e, (CNNClassifier, CNNRegressor))],
    ids=named,
)
def test_all_of_a_cnn_space_can_be_fitted(estimator: Any, seed: int) -> None:
    """Likewise for images, which pooling leaves a pixel of at least."""
    X = np.random.default_rng(seed).random((10, 6, 6))
    y = targets(estimator, 10)
    space = estimator.search_space("wide", X=X, y=y)

    @settings(max_examples=4)
    @given(data=st.data())
    def check(data: DataObject) -> None:
        candidate = type(estimator)(**estimator.get_params(deep=False))
        candidate.set_params(**a_point(data, space), max_epochs=1, random_state=seed)
        assert candidate.fit(X, y).predict(X).shape == y.shape

    check()


def inside(estimator: Any, space: dict[str, BaseDistribution], n_rows: int) -> bool:
    """Tell whether the parameters of an estimator, or what they come to, are in it."""
    params = estimator.get_params()
    for size, count in (
        ("hidden_layer_sizes", "n_hidden_layers"),
        ("conv_channels", "n_conv_layers"),
    ):
        if size in space:
            widths = np.atleast_1d(params[size])
            assert params[count] is None
            assert space[count]._contains(len(widths))
            del params[count], params[size]
            # A pyramid of channels has no single number: each of them is in reach.
            assert all(space[size]._contains(int(width)) for width in widths)
    if params["batch_size"] == "auto":
        params["batch_size"] = estimator._auto_batch(n_rows)
    return all(
        distribution._contains(distribution.to_internal_repr(params[name]))
        for name, distribution in space.items()
        if name in params
    )


@pytest.mark.parametrize("kind", [*TABLES, *IMAGES, *TEXTS])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("n_rows", [None, 3, 100, 5_000, 100_000])
def test_defaults_lie_in_every_space(kind: Any, profile: Any, n_rows: Any) -> None:
    """A search over a space can end with the defaults."""
    estimator = kind()
    X = None if n_rows is None else np.empty((n_rows, 0))
    space = estimator.search_space(profile, X=X)
    assert inside(estimator, space, 10**9 if n_rows is None else n_rows)


@pytest.mark.parametrize("kind", [*TABLES, *IMAGES, *TEXTS])
def test_profiles_grow(kind: Any) -> None:
    """Fast is two to four parameters, balanced about eight, and wide holds both."""
    fast, balanced, wide = (kind().search_space(profile) for profile in PROFILES)
    assert 2 <= len(fast) <= 4 < len(balanced) <= 8 < len(wide)
    assert fast.items() <= balanced.items()
    assert balanced.items() <= wide.items()


def test_space_is_a_dict_to_be_edited():
    """What is changed in one dict is in no other."""
    estimator = MLPClassifier()
    del estimator.search_space()["dropout"]
    assert "dropout" in estimator.search_space()


def highest(estimator: Any, **data: Any) -> dict[str, float]:
    """Return where the ranges of the default space end."""
    space = estimator.search_space(**data)
    return {
        name: range_.high for name, range_ in space.items() if hasattr(range_, "high")
    }


def test_batches_widths_and_dropout_go_by_rows():
    """Few rows ask for small batches and narrow networks, many for little dropout."""
    few, many = (highest(MLPClassifier(), X=np.empty((n, 2))) for n in (300, 10**5))
    assert (few["batch_size"], many["batch_size"]) == (300, 800)
    assert few["hidden_layer_sizes"] < many["hidden_layer_sizes"]
    assert few["dropout"] > many["dropout"]


def test_rows_are_counted_in_y_where_there_is_no_x():
    """Targets tell as well how many rows there are, in a list too."""
    assert highest(MLPRegressor(), y=[0.5] * 120)["batch_size"] == 120


@pytest.mark.parametrize(
    ("labels", "searched"),
    [
        (["a"] * 80 + ["b"] * 20, True),
        (["a"] * 60 + ["b"] * 40, False),
        (np.eye(2, dtype=int)[[0] * 90 + [1] * 10], False),
    ],
)
def test_class_weights_are_searched_where_a_class_is_rare(labels: Any, searched: bool):
    """Balanced classes need none, several labels a row take none."""
    space = MLPClassifier().search_space("wide", y=labels)
    assert ("class_weight" in space) == searched
    assert "class_weight" not in MLPClassifier().search_space("wide")


def test_lbfgs_has_no_step_to_search():
    """What an optimizer refuses or ignores is not searched."""
    space = MLPClassifier(optimizer="lbfgs").search_space("wide")
    gone = {"learning_rate", "batch_size", "weight_decay", "max_grad_norm"}
    assert not gone & set(space)
    assert "l2" in space


def test_sgd_takes_longer_steps():
    """The range of rates goes by the optimizer."""
    adam, sgd = (highest(MLPClassifier(optimizer=o)) for o in ("adam", "sgd"))
    assert sgd["learning_rate"] == 10 * adam["learning_rate"]


def test_values_of_single_layers_fix_the_layers():
    """One rate a layer would fit no other number of layers."""
    space = MLPClassifier((8, 4), dropout=(0.1, 0.2)).search_space("fast")
    assert set(space) == {"learning_rate", "l2"}


def test_strengths_are_searched_where_an_augmenter_is_set():
    """A name or nothing has no parameters to reach."""
    bare = CNNClassifier().search_space("wide")
    named_ = CNNClassifier(augmenter="light").search_space("wide")
    own = CNNClassifier(augmenter=ImageAugmenter()).search_space("wide")
    assert set(bare) == set(named_)
    strengths = {name for name in own if name.startswith("augmenter__")}
    assert {"augmenter__rotation", "augmenter__erase"} <= strengths
    assert "augmenter__hflip" not in strengths


def test_frozen_and_trained_backbones_have_different_rates():
    """A frozen backbone has no rate, one from random numbers no head by itself."""
    frozen = ImageClassifier().search_space("fast")
    tuned = ImageClassifier(trainable_layers=2).search_space("fast")
    fresh = ImageClassifier(weights=None, trainable_layers="all").search_space("fast")
    assert set(frozen) == {"head_learning_rate", "weight_decay"}
    assert set(tuned) == {*frozen, "learning_rate", "backbone_lr_mult"}
    assert set(fresh) == {"learning_rate", "weight_decay"}


@pytest.mark.parametrize("prefix", ["net", "net__"])
def test_prefix_goes_before_every_name(prefix: str):
    """Names are those that the whole Pipeline takes."""
    plain = MLPRegressor().search_space("fast")
    space = MLPRegressor().search_space("fast", prefix=prefix)
    assert space == {f"net__{name}": found for name, found in plain.items()}


def test_unknown_profile_is_refused():
    """A slip of the keyboard is named."""
    with pytest.raises(ValueError, match=r"MLPClassifier.search_space must.*'quick'"):
        MLPClassifier().search_space("quick")  # type: ignore[arg-type]  # the point
