"""Any estimator, fitted on augmented rows and asked about rows as they are."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tests.metadata_routing_common import (
    ConsumingClassifier,
    ConsumingRegressor,
    ConsumingTransformer,
    _Registry,
)
from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeep import (
    AugmentedClassifier,
    AugmentedRegressor,
    ImageAugmenter,
    MLPClassifier,
    TextAugmenter,
)

QUIET = {"synonym": 0, "insert": 0, "random_state": 0}


class Jitter(BaseEstimator):
    """Add each row once more, a little moved."""

    def __init__(self, scale: float = 1e-3) -> None:
        self.scale = scale

    def augment(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Return twice the rows."""
        X = np.asarray(X)
        moved = X if X.dtype.kind not in "f" else X * (1 + self.scale)
        parts = [np.concatenate([X, moved])]
        parts += [np.tile(v, 2) for v in (y, sample_weight) if v is not None]
        return parts[0] if len(parts) == 1 else tuple(parts)


class Recorder(ClassifierMixin, BaseEstimator):
    """Remember what it was fitted on, and asked about."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Recorder:
        """Take note."""
        self.classes_ = np.unique(y)
        self.seen_ = list(X), np.asarray(y).tolist(), sample_weight
        return self

    def predict(self, X: Any) -> Any:
        """Take note, and say the first class."""
        self.asked_ = list(X)
        return np.repeat(self.classes_[:1], len(X))


@parametrize_with_checks(
    [
        AugmentedClassifier(LogisticRegression()),
        AugmentedRegressor(Ridge()),
        AugmentedClassifier(
            MLPClassifier(16, max_epochs=25, learning_rate=0.03, random_state=0)
        ),
    ]
)
def test_meta_estimator_passes_the_checks_of_scikit_learn(
    estimator: Any, check: Any, unmoved_process_state: None
) -> None:
    """The contract of an estimator holds around others."""
    state = np.random.get_state(legacy=False)
    try:
        check(estimator)
    finally:
        if "sample_order_invariance" in str(check):
            np.random.set_state(state)


def test_fit_sees_more_rows_and_predict_the_same() -> None:
    """New texts take targets and weights over; what is asked about is not changed."""
    texts = ["one two three", "four five six", "seven eight nine"]
    model = AugmentedClassifier(Recorder(), TextAugmenter(**QUIET, n_aug=2))
    model.fit(texts, ["a", "b", "a"], sample_weight=[1.0, 2.0, 3.0])
    X, y, weight = model.estimator_.seen_
    assert X[:3] == texts
    assert y == [*"aba", *"aabbaa"]
    assert list(weight) == [1, 2, 3, 1, 1, 2, 2, 3, 3]
    model.predict(texts)
    assert model.estimator_.asked_ == texts
    assert model.classes_.tolist() == ["a", "b"]


def test_folds_are_clean() -> None:
    """What is made of a training text is in no test fold, and test texts are as given.

    Each text holds a word of its own, by which its descendants are known.
    """
    texts = [f"unique{row} one two three four" for row in range(12)]
    model = AugmentedClassifier(Recorder(), TextAugmenter(**QUIET, replace=0.2))
    fitted = []

    def record(estimator: Any, X: Any, y: Any) -> float:
        estimator.predict(X)
        fitted.append(estimator.estimator_)
        return 0.0

    cross_val_score(model, texts, [0, 1] * 6, cv=3, scoring=record)
    assert len(fitted) == 3
    for estimator in fitted:
        own = {text.split()[0] for text in estimator.asked_}
        assert set(estimator.asked_) <= set(texts)
        trained = " ".join(estimator.seen_[0])
        assert not any(f"{word} " in trained for word in own)


def test_nested_parameters_are_searched() -> None:
    """Those of the augmenter and of a Pipeline's steps."""
    texts = ["good film", "nice film", "bad film", "dull film"] * 5
    y = [1, 1, 0, 0] * 5
    model = AugmentedClassifier(
        make_pipeline(TfidfVectorizer(), LogisticRegression()), TextAugmenter(**QUIET)
    )
    grid = {
        "augmenter__delete": [0.0, 0.3],
        "augmenter": [TextAugmenter(**QUIET, n_aug=1)],
        "estimator__logisticregression__C": [1, 10],
    }
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(texts, y)
    assert search.best_score_ == 1
    assert search.predict(["nice"]).tolist() == [1]


def test_no_augmenter_is_the_estimator_alone() -> None:
    """So that a search can try both."""
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    model = AugmentedClassifier(LogisticRegression()).fit(X, y)
    alone = LogisticRegression().fit(X, y)
    for method in ("decision_function", "predict_log_proba", "predict"):
        expected = getattr(alone, method)(X)
        np.testing.assert_array_equal(getattr(model, method)(X), expected)
    assert model.n_features_in_ == 3


@pytest.mark.parametrize(
    "inner",
    [
        GaussianNB(),
        Pipeline([("net", GaussianNB())]),
        Pipeline([("outer", Pipeline([("net", GaussianNB())]))]),
        GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=2),
    ],
    ids=["plain", "pipeline", "nested pipeline", "search"],
)
def test_weights_reach_the_estimator(inner: Any) -> None:
    """Through Pipelines and searches; a weight of zero removes a row and its copies."""
    X = np.random.default_rng(0).normal(size=(20, 2))
    y, weight = np.arange(20) % 2, np.repeat([1.0, 0.0], 10)
    model = AugmentedClassifier(inner, Jitter(0.0)).fit(X, y, sample_weight=weight)
    alone = GaussianNB().fit(X[:10], y[:10])
    np.testing.assert_allclose(
        model.predict_proba(X), alone.predict_proba(X), rtol=1e-6
    )


def test_weights_reach_the_estimator_under_metadata_routing() -> None:
    """Where steps ask for them."""
    X = np.random.default_rng(0).normal(size=(20, 2))
    y, weight = np.arange(20) % 2, np.repeat([1.0, 0.0], 10)
    with config_context(enable_metadata_routing=True):
        step = GaussianNB().set_fit_request(sample_weight=True)
        model = AugmentedClassifier(make_pipeline(step)).fit(X, y, weight)
    alone = GaussianNB().fit(X[:10], y[:10])
    np.testing.assert_allclose(
        model.predict_proba(X), alone.predict_proba(X), rtol=1e-6
    )


@pytest.mark.skipif(
    sklearn.__version__.startswith("1.6."), reason="bagging hands weights on, until 1.7"
)
def test_weights_reach_an_ensemble_of_estimators_without_any() -> None:
    """Bagging draws by weight, whatever its estimator can do with one."""
    X = np.random.default_rng(0).normal(size=(20, 2))
    y, weight = (X[:, 0] > 0).astype(int), np.repeat([1.0, 0.0], 10)
    bagging = BaggingClassifier(KNeighborsClassifier(1), random_state=0)
    wrong = np.concatenate([y[:10], 1 - y[10:]])
    one, two = (
        AugmentedClassifier(bagging).fit(X, labels, sample_weight=weight)
        for labels in (y, wrong)
    )
    np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_names_of_features_are_those_of_the_estimator() -> None:
    """Of a frame; texts have none."""
    pandas = pytest.importorskip("pandas", reason="a frame has names")
    frame = pandas.DataFrame({"wide": [0.0, 1.0] * 5, "tall": [1.0, 2.0] * 5})
    model = AugmentedClassifier(LogisticRegression()).fit(frame, [0, 1] * 5)
    assert model.feature_names_in_.tolist() == ["wide", "tall"]
    assert model.n_features_in_ == 2
    with pytest.raises(AttributeError, match="before it is fitted"):
        AugmentedClassifier(LogisticRegression()).feature_names_in_  # noqa: B018


def test_tags_are_those_of_the_estimator() -> None:
    """What it says of classes and outputs holds around it."""
    tags = AugmentedClassifier(KNeighborsClassifier()).__sklearn_tags__()
    assert (
        tags.classifier_tags
        == KNeighborsClassifier().__sklearn_tags__().classifier_tags
    )
    assert tags.target_tags.multi_output
    tags = AugmentedRegressor(Ridge()).__sklearn_tags__()
    assert tags.input_tags.sparse
    assert (
        not AugmentedClassifier(GaussianNB())
        .__sklearn_tags__()
        .target_tags.multi_output
    )


def test_weights_for_an_estimator_without_any_are_refused() -> None:
    """Rather than forgotten."""
    model = AugmentedClassifier(KNeighborsClassifier())
    with pytest.raises(ValueError, match="weights for a KNeighborsClassifier"):
        model.fit(np.eye(6), [0, 1] * 3, sample_weight=np.ones(6))


def test_methods_are_those_of_the_estimator() -> None:
    """What it lacks is lacking."""
    model = AugmentedClassifier(DummyClassifier())
    assert hasattr(model, "predict_proba")
    assert not hasattr(model, "decision_function")
    assert not hasattr(model, "classes_")
    with pytest.raises(AttributeError, match="no attribute 'n_features_in_'"):
        model.n_features_in_  # noqa: B018


def test_seed_and_number_of_new_rows_can_be_set_here() -> None:
    """And leave the augmenter that was passed as it was."""
    texts, y = ["a b c d e f g h"] * 2, [0, 1]
    augmenter = TextAugmenter(synonym=0, insert=0)
    models = [
        AugmentedClassifier(Recorder(), augmenter, n_aug=6, random_state=seed)
        for seed in (0, 0, 1)
    ]
    seen = [model.fit(texts, y).estimator_.seen_[0] for model in models]
    assert seen[0] == seen[1] != seen[2]
    assert len(seen[0]) == 14
    assert augmenter.n_aug == 4
    assert augmenter.random_state is None


def test_failed_fit_leaves_what_was() -> None:
    """Also where the estimator within fails."""
    model = AugmentedClassifier(LogisticRegression(), Jitter())
    model.fit(np.eye(4), [0, 1] * 2)
    before = model.estimator_
    with pytest.raises(ValueError, match=r"inconsistent|NaN"):
        model.fit(np.full((4, 4), np.nan), [0, 1] * 2)
    assert model.estimator_ is before


def test_default_augmenter_warns_once_a_fit() -> None:
    """Of the synonyms that it has not."""
    model = AugmentedClassifier(Recorder(), TextAugmenter())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(["a b", "c d"], [0, 1])
    assert len(caught) == 1
    assert "has no synonyms" in str(caught[0].message)


def test_image_augmenters_serve_any_estimator() -> None:
    """Flat images for a linear model: shifted ones are learnt as well."""
    rng = np.random.default_rng(0)
    images = np.zeros((40, 6, 6))
    y = np.arange(40) % 2
    images[np.arange(40), 2 + rng.integers(2, size=40), np.where(y, 1, 4)] = 1
    X = images.reshape(40, 36)
    augmenter = ImageAugmenter(translate=0.2, padding_mode="zeros")
    model = AugmentedClassifier(Recorder(), augmenter, n_aug=3, random_state=0)
    seen, labels, _ = clone(model).fit(X, y).estimator_.seen_
    assert np.shape(seen) == (160, 36)
    assert labels == np.tile(y, 4).tolist()
    np.testing.assert_array_equal(seen[:40], X)
    again = clone(model).fit(X, y).estimator_.seen_[0]
    np.testing.assert_array_equal(seen, again)
    linear = model.set_params(estimator=LogisticRegression()).fit(X, y)
    assert linear.score(X, y) == 1


CONSUMER = {"sample_weight": np.linspace(0.1, 1.0, 8), "metadata": np.arange(8)}


def recorded(model: Any, **params: Any) -> dict[str, Any]:
    """Return the metadata that `fit` of the estimator within was given."""
    registry = _Registry()
    inner = ConsumingClassifier(registry=registry)
    with config_context(enable_metadata_routing=True):
        inner.set_fit_request(**model)
        AugmentedClassifier(inner, TextAugmenter(n_aug=1, **QUIET)).fit(
            [f"text number {n} is long" for n in range(8)], [0, 1] * 4, **params
        )
    given: dict[str, Any] = registry[-1]._records["fit"]["fit"][0]
    return given


@pytest.mark.parametrize("name", ["sample_weight", "metadata"])
def test_metadata_reach_the_estimator_that_requests_them(name: str) -> None:
    """New rows take over those of the row that they are made of."""
    given = recorded({name: True}, **{name: CONSUMER[name]})
    np.testing.assert_array_equal(
        given[name], np.concatenate([CONSUMER[name], CONSUMER[name]])
    )


def test_metadata_may_have_another_name() -> None:
    """Of the user's, for the request of the estimator."""
    given = recorded({"sample_weight": "trust"}, trust=CONSUMER["sample_weight"])
    assert len(given["sample_weight"]) == 16


def test_metadata_that_nobody_decided_on_are_refused() -> None:
    """As in scikit-learn's meta-estimators."""
    with pytest.raises(UnsetMetadataPassedError, match=r"\[sample_weight\] are passed"):
        recorded({}, sample_weight=CONSUMER["sample_weight"])


def test_metadata_that_are_not_requested_are_refused() -> None:
    """As by scikit-learn's routers."""
    weight = CONSUMER["sample_weight"]
    with pytest.raises(TypeError, match="which are not routed to any object"):
        recorded({"sample_weight": False}, sample_weight=weight)


def test_metadata_go_to_the_step_that_requests_them_alone() -> None:
    """Of a Pipeline."""
    registries = _Registry(), _Registry()
    with config_context(enable_metadata_routing=True):
        first = ConsumingTransformer(registry=registries[0])
        last = ConsumingClassifier(registry=registries[1])
        first.set_fit_request(sample_weight=False, metadata=False)
        first.set_transform_request(sample_weight=False, metadata=False)
        last.set_fit_request(sample_weight=True)
        model = AugmentedClassifier(make_pipeline(first, last), Jitter(0.0))
        model.fit(np.eye(4), [0, 1, 0, 1], sample_weight=np.ones(4))
    seen = str(registries[0][-1]._records)
    assert "fit" in seen
    assert "sample_weight" not in seen
    assert len(registries[1][-1]._records["fit"]["fit"][0]["sample_weight"]) == 8


@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "predict_log_proba", "decision_function"],
)
def test_metadata_are_routed_where_it_predicts(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the request of each method."""
    # The consumer of scikit-learn's tests draws from NumPy's global generator.
    monkeypatch.setattr(np.random, "dirichlet", np.random.default_rng(0).dirichlet)
    registry = _Registry()
    inner = ConsumingClassifier(registry=registry)
    X, weight = np.eye(4), np.ones(4)
    with config_context(enable_metadata_routing=True):
        getattr(inner, f"set_{method}_request")(sample_weight=True)
        model = AugmentedClassifier(inner).fit(X, [0, 1, 0, 1])
        getattr(model, method)(X, sample_weight=weight)
    assert registry[-1]._records[method][method][0]["sample_weight"] is weight
    with pytest.raises(ValueError, match="only supported if enable_metadata_routing"):
        getattr(model, method)(X, sample_weight=weight)


def test_metadata_without_routing_are_refused() -> None:
    """All but weights."""
    model = AugmentedClassifier(ConsumingClassifier())
    with pytest.raises(ValueError, match="only supported if enable_metadata_routing"):
        model.fit(np.eye(4), [0, 1, 0, 1], metadata=np.ones(4))


@pytest.mark.parametrize(
    ("owner", "inner"),
    [
        (AugmentedClassifier, ConsumingClassifier()),
        (AugmentedRegressor, ConsumingRegressor()),
    ],
)
def test_router_shows_the_requests_of_the_estimator(owner: Any, inner: Any) -> None:
    """Also to what is around: a cross-validation asks it."""
    with config_context(enable_metadata_routing=True):
        inner = clone(inner).set_fit_request(sample_weight=True)
        inner.set_score_request(sample_weight=False)
        model = owner(inner).set_score_request(sample_weight=False)
        router = model.get_metadata_routing()
        assert router.consumes("fit", ["sample_weight", "metadata"]) == {
            "sample_weight"
        }
        X, y = np.arange(24.0).reshape(12, 2), np.arange(12) % 2
        found = cross_validate(
            model,
            X,
            y,
            cv=2,
            params={"sample_weight": np.ones(12)},
            error_score="raise",
        )
    assert len(found["test_score"]) == 2


def test_metadata_of_rows_need_an_augmenter_that_says_whence_they_come() -> None:
    """Others take weights alone."""
    with config_context(enable_metadata_routing=True):
        inner = ConsumingClassifier().set_fit_request(metadata=True)
        model = AugmentedClassifier(inner, Jitter(0.0))
        with pytest.raises(ValueError, match="hands new rows no metadata"):
            model.fit(np.eye(4), [0, 1, 0, 1], metadata=np.ones(4))


@pytest.mark.parametrize(
    "model",
    [
        AugmentedClassifier(
            StackingClassifier([("linear", LogisticRegression())], cv=2), Jitter()
        ),
        AugmentedRegressor(StackingRegressor([("linear", Ridge())], cv=2), Jitter()),
    ],
)
def test_estimator_that_predicts_from_its_fit_on_is_taken(model: Any) -> None:
    """Before its own fit a stack of scikit-learn has no `predict`."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    with pytest.raises(NotFittedError, match=f"This {type(model).__name__} instance"):
        model.predict(X)
    assert clone(model).fit(X, y).score(X, y) > 0.6


def test_estimator_that_never_predicts_is_refused() -> None:
    """Before anything is fitted."""
    with pytest.raises(ValueError, match=r"must predict\. Got a StandardScaler"):
        AugmentedClassifier(StandardScaler()).fit(np.eye(4), [0, 1, 0, 1])
