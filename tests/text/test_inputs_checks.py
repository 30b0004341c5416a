"""The checks of scikit-learn that suit texts, on all estimators and forms of texts.

scikit-learn's own suite hands out tables, see tests/test_common.py; these are its
questions again, asked with texts.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline

from skdeep import (
    AugmentedClassifier,
    AugmentedRegressor,
    TextAugmenter,
    TextClassifier,
    TextRegressor,
    load,
    save,
)

SHORT: dict[str, Any] = {"max_epochs": 3, "embedding_dim": 8, "random_state": 0}
SHARES = {"synonym": 0, "insert": 0, "random_state": 0}
KINDS: dict[str, Callable[[], Any]] = {
    "classifier": lambda: TextClassifier(**SHORT),
    "regressor": lambda: TextRegressor(**SHORT),
    "hashed, characters": lambda: TextClassifier(
        n_features=50, char_ngram_range=(2, 3), pooling="max", **SHORT
    ),
    "convolutions": lambda: TextClassifier(
        conv_channels=4, kernel_sizes=(2, 3), hidden_layer_sizes=8, **SHORT
    ),
    "convolutional regressor": lambda: TextRegressor(
        conv_channels=4, kernel_sizes=2, normalization="layer", **SHORT
    ),
    "augmented each epoch": lambda: TextClassifier(
        augmenter=TextAugmenter(replace=0.1, **SHARES), dropout=0.1, **SHORT
    ),
    "augmented classifier": lambda: AugmentedClassifier(
        make_pipeline(TfidfVectorizer(), LogisticRegression()),
        TextAugmenter(**SHARES, n_aug=1),
    ),
    "augmented regressor": lambda: AugmentedRegressor(
        make_pipeline(TfidfVectorizer(), Ridge()), TextAugmenter(**SHARES, n_aug=1)
    ),
}


def as_pandas(texts: list[str]) -> Any:
    """Return a Series."""
    return pytest.importorskip("pandas").Series(texts, name="text")


def as_polars(texts: list[str]) -> Any:
    """Return a Series of polars."""
    return pytest.importorskip("polars").Series("text", texts)


FORMS: dict[str, Callable[[list[str]], Any]] = {
    "list": list,
    "strings": np.array,
    "objects": lambda texts: np.array(texts, dtype=object),
    "pandas": as_pandas,
    "polars": as_polars,
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Callable[[list[str]], Any]:
    """Return a function that puts texts in each form."""
    return FORMS[request.param]


@pytest.fixture(params=KINDS)
def net(request: pytest.FixtureRequest) -> Any:
    """Return each of the estimators, small."""
    return KINDS[request.param]()


def target(net: Any, sample: Any) -> np.ndarray:
    """Return labels for a classifier and numbers for a regressor."""
    return np.asarray(sample.labels if is_classifier(net) else sample.values)


def say(net: Any, X: Any) -> np.ndarray:
    """Return what an estimator predicts in numbers."""
    said = net.predict_proba(X) if is_classifier(net) else net.predict(X)
    return np.asarray(said)


def test_every_form_says_the_same(net: Any, form: Any, sample: Any) -> None:
    """Fitted on one form it takes that and the list; no argument is touched."""
    X, y = form(sample.texts), target(net, sample)
    before = copy.deepcopy(net.get_params(deep=False))
    assert net.fit(X, y) is net
    said = say(net, X)
    np.testing.assert_array_equal(say(net, sample.texts), said)
    np.testing.assert_array_equal(say(clone(net).fit(sample.texts, y), X), said)
    assert list(X) == sample.texts
    assert before.keys() == net.get_params(deep=False).keys()


def test_shapes_and_classes_of_predictions(net: Any, sample: Any) -> None:
    """A row for each text; probabilities sum to one in the order of `classes_`."""
    net.fit(sample.texts, target(net, sample))
    assert net.predict(sample.texts).shape == (60,)
    assert np.isfinite(net.score(sample.texts, target(net, sample)))
    if is_classifier(net):
        assert net.classes_.tolist() == ["bad", "good"]
        np.testing.assert_allclose(say(net, sample.texts).sum(axis=1), 1, rtol=1e-9)
        assert set(net.predict(sample.texts)) <= {"bad", "good"}


def test_fit_again_gives_the_same(net: Any, sample: Any) -> None:
    """A second fit, and what comes out of a pickle, repeat the first."""
    y = target(net, sample)
    first = say(net.fit(sample.texts, y), sample.texts)
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(say(twin, sample.texts), first)
    np.testing.assert_array_equal(say(net.fit(sample.texts, y), sample.texts), first)


def test_prediction_does_not_depend_on_neighbours(net: Any, sample: Any) -> None:
    """A subset, another order and a text alone get the same as among all."""
    net.fit(sample.texts, target(net, sample))
    whole = say(net, sample.texts)
    order = np.random.default_rng(0).permutation(60)
    for rows in (order, order[:7], order[:1]):
        texts = [sample.texts[row] for row in rows]
        np.testing.assert_allclose(say(net, texts), whole[rows], rtol=1e-4, atol=1e-6)


def test_weights_of_one_are_none_and_of_zero_remove(net: Any, sample: Any) -> None:
    """Weights count as scikit-learn's do."""
    y, kept = target(net, sample), np.arange(60) % 3 > 0
    plain = say(clone(net).fit(sample.texts, y), sample.texts)
    ones = clone(net).fit(sample.texts, y, sample_weight=np.ones(60))
    np.testing.assert_allclose(say(ones, sample.texts), plain, rtol=1e-4, atol=1e-5)
    if isinstance(net, (AugmentedClassifier, AugmentedRegressor)):
        # What the vectorizer within counts is not weighted.
        return
    weighted = clone(net).fit(sample.texts, y, sample_weight=kept.astype(float))
    texts = [sample.texts[row] for row in np.flatnonzero(kept)]
    without = clone(net).fit(texts, y[kept])
    np.testing.assert_array_equal(say(weighted, texts), say(without, texts))


def test_cross_validation_grids_and_pipelines(net: Any, sample: Any) -> None:
    """Folds index texts; a Pipeline hands them on; a grid reaches parameters."""
    y = target(net, sample)
    scores = cross_val_score(net, sample.texts, y, cv=2, error_score="raise")
    assert np.isfinite(scores).all()
    said = cross_val_predict(Pipeline([("net", net)]), sample.texts, y, cv=2)
    assert said.shape == (60,)
    augmented = "augmenter__delete" in net.get_params()
    grid = (
        {"augmenter__delete": [0.0, 0.2]} if augmented else {"learning_rate": [1, 0.01]}
    )
    search = GridSearchCV(net, grid, cv=2, error_score="raise").fit(sample.texts, y)
    assert search.predict(sample.texts).shape == (60,)


def test_prediction_before_fit_is_refused(net: Any, sample: Any) -> None:
    """An estimator that knows nothing says so."""
    with pytest.raises(NotFittedError, match="not fitted yet"):
        net.predict(sample.texts)


@pytest.mark.parametrize(
    ("X", "error", "sentence"),
    [
        (["a", None], ValueError, "in row 1, which is missing"),
        (["a", float("nan")], ValueError, "in row 1, which is missing"),
        ([b"a", b"b"], TypeError, "Got bytes in row 0"),
        (np.array([["a", "b"], ["c", "d"]]), ValueError, r"Got X of shape \(2, 2\)"),
        (np.zeros((2, 3)), ValueError, r"Got X of shape \(2, 3\)"),
        (np.array([b"a", b"b"]), TypeError, "Got bytes in row 0"),
        ([["a"], ["b"]], TypeError, r"Got \['a'\] of type list in row 0"),
        (np.array([0.5, 1.5]), TypeError, r"Got 0.5 of type float in row 0"),
        ("one", TypeError, "Put it in a list"),
    ],
)
def test_what_is_no_text_is_refused(
    net: Any, sample: Any, X: Any, error: Any, sentence: str
) -> None:
    """In fit, and in predict where the estimator reads texts itself."""
    y = target(net, sample)
    with pytest.raises(error, match=sentence):
        net.fit(X, y[:2])
    assert not hasattr(net, "module_")
    assert not hasattr(net, "estimator_")
    if isinstance(net, (TextClassifier, TextRegressor)):
        net.fit(sample.texts, y)
        with pytest.raises(error, match=sentence):
            net.predict(X)


def test_failed_fit_leaves_what_was(net: Any, sample: Any) -> None:
    """A fitted estimator that is given nonsense still predicts as before."""
    y = target(net, sample)
    before = say(net.fit(sample.texts, y), sample.texts)
    with pytest.raises(ValueError, match=r"inconsistent|one item of y"):
        net.fit(sample.texts, y[:-1])
    with pytest.raises(ValueError, match=r"0 sample|minimum of 1|empty vocabulary"):
        net.fit([], y[:0])
    np.testing.assert_array_equal(say(net, sample.texts), before)


def test_texts_without_words_are_predicted(net: Any, sample: Any) -> None:
    """Empty ones, and words that no training text had."""
    net.fit(sample.texts, target(net, sample))
    said = say(net, ["", "   ", "zzz qqq", "日本"])
    assert np.isfinite(said).all()


def test_tags_say_that_texts_are_welcome(net: Any) -> None:
    """As those of scikit-learn's vectorizers."""
    tags = net.__sklearn_tags__().input_tags
    assert tags.string
    assert not tags.two_d_array


@pytest.mark.parametrize("kind", [bool, int, float, object])
@pytest.mark.parametrize("name", ["classifier", "augmented classifier"])
def test_labels_keep_their_type(name: str, kind: type, sample: Any) -> None:
    """Classes come back in the type that they had."""
    y = np.arange(60) % 2
    labels = sample.labels.astype(object) if kind is object else y.astype(kind)
    said = KINDS[name]().fit(sample.texts, labels).predict(sample.texts)
    assert said.dtype == labels.dtype
    assert set(said) <= set(labels)


def test_texts_without_a_word_teach_nothing(net: Any, sample: Any) -> None:
    """A vocabulary that would be empty is an error, and leaves nothing behind."""
    if getattr(net, "n_features", None) is not None:
        pytest.skip("hashing has no vocabulary")
    with pytest.raises(ValueError, match=r"must hold a word|empty vocabulary"):
        net.fit(["", "  "] * 30, target(net, sample))
    assert not hasattr(net, "module_")
    assert not hasattr(net, "estimator_")


def test_saved_and_loaded_says_the_same(net: Any, sample: Any, tmp_path: Path) -> None:
    """One file holds the vocabulary, the vectors and the perceptron."""
    if isinstance(net, (AugmentedClassifier, AugmentedRegressor)):
        pytest.skip("what is within is not of skdeep, and pickled")
    net.fit(sample.texts, target(net, sample))
    save(net, tmp_path / "net.skdeep")
    twin = load(tmp_path / "net.skdeep")
    np.testing.assert_array_equal(say(twin, sample.texts), say(net, sample.texts))
    np.testing.assert_array_equal(
        twin.transform(sample.texts), net.transform(sample.texts)
    )


def test_columns_of_frames_are_texts(net: Any, sample: Any) -> None:
    """A frame of one column, of pandas or of polars, is as good as a list."""
    pandas = pytest.importorskip("pandas", reason="one frame is of pandas")
    polars = pytest.importorskip("polars", reason="another is of polars")
    if isinstance(net, (AugmentedClassifier, AugmentedRegressor)):
        pytest.skip("the vectorizer within takes no frames")
    said = say(net.fit(sample.texts, target(net, sample)), sample.texts)
    for frame in (
        pandas.DataFrame({"text": sample.texts}),
        pandas.DataFrame({"text": pandas.Series(sample.texts, dtype="category")}),
        polars.DataFrame({"text": sample.texts}),
    ):
        np.testing.assert_array_equal(say(net, frame), said)


def test_each_configuration_has_a_search_space(net: Any) -> None:
    """Bags have n-grams to search, convolutions channels, augmenters shares."""
    if isinstance(net, (AugmentedClassifier, AugmentedRegressor)):
        pytest.skip("the space of any estimator is not ours to know")
    pytest.importorskip("optuna", reason="ranges are distributions of Optuna")
    space = net.search_space("balanced")
    assert ("conv_channels" in space) == (net.conv_channels is not None)
    assert ("pooling" in space) == (net.conv_channels is None)
    assert ("augmenter__delete" in space) == (net.augmenter is not None)
    assert {"learning_rate", "embedding_dim", "embedding_dropout"} <= space.keys()
