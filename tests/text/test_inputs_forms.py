"""Every way to fit takes texts in every form, and of every character."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdeep import (
    AugmentedClassifier,
    AugmentedRegressor,
    Checkpoint,
    OptunaSearchCV,
    TextAugmenter,
    TextClassifier,
    TextRegressor,
    VectorizedSearchCV,
    load,
    save,
    top_losses,
)
from tests.sequences import Column

TEXTS = ["a good film", "a bad film", "what a film"] * 8
LABELS = ["good", "bad", "none"] * 8
NUMBERS = [1.0, -1.0, 0.0] * 8
QUICK: dict[str, Any] = {
    "max_epochs": 2,
    "embedding_dim": 4,
    "hidden_layer_sizes": 4,
    "random_state": 0,
}
COPIES = TextAugmenter(synonym=0, insert=0, n_aug=1, random_state=0)
GRID = {"embedding_dropout": [0.0, 0.5]}
# Half an emoji, two halves in the wrong order, a byte-order mark, NUL, a combining mark
# by itself, a character beyond the first 65,536, one that is not assigned.
STRANGE = [
    "ok \ud83d",
    "\ude00\ud83d",
    "\ufeffok",
    "a\0b",
    "\u0301",
    "\U0001f3ac",
    "\uffff",
]


def arrow(texts: Any) -> Any:
    """Return an array of Arrow."""
    return pytest.importorskip("pyarrow").array(list(texts))


FORMS: dict[str, Callable[[Any], Any]] = {"column": Column, "arrow": arrow}
ESTIMATORS: dict[str, Any] = {
    "classifier": TextClassifier(**QUICK),
    "regressor": TextRegressor(**QUICK),
    "convolution": TextClassifier(conv_channels=4, kernel_sizes=2, **QUICK),
    "hashed": TextClassifier(n_features=32, **QUICK),
    "early stopping": TextClassifier(early_stopping=True, scoring="accuracy", **QUICK),
    "augmenter": TextRegressor(augmenter=COPIES, **QUICK),
    "pipeline": make_pipeline(TextClassifier(**QUICK)),
    "augmented classifier": AugmentedClassifier(TextClassifier(**QUICK), COPIES),
    "augmented regressor": AugmentedRegressor(TextRegressor(**QUICK), COPIES),
    "grid": GridSearchCV(TextClassifier(**QUICK), GRID, cv=2),
    "optuna": OptunaSearchCV(
        TextClassifier(**QUICK), GRID, n_trials=2, cv=2, random_state=0
    ),
    "vectorised": VectorizedSearchCV(TextClassifier(**QUICK), GRID, cv=2),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_texts_in_any_sequence_are_the_texts_of_a_list(name: str, form: str) -> None:
    """The same texts give the same answers."""
    if name == "optuna":
        pytest.importorskip("optuna")
    estimator, X = ESTIMATORS[name], FORMS[form](TEXTS)
    y = LABELS if is_classifier(estimator) else NUMBERS
    expected = estimator.fit(TEXTS, y).predict(TEXTS)
    np.testing.assert_array_equal(estimator.fit(X, Column(y)).predict(X), expected)
    assert np.isfinite(estimator.score(X, Column(y)))


@pytest.mark.parametrize("form", FORMS)
def test_sequences_are_taken_by_every_way_to_fit(form: str, tmp_path: Any) -> None:
    """Validation texts, pieces, checkpoints, inspection."""
    X, y = FORMS[form](TEXTS), Column(LABELS)
    model = TextClassifier(**QUICK)
    path = tmp_path / "kept.skdeep"
    model.fit(X, y, X_val=X, y_val=y, checkpoint=Checkpoint(path))
    model.fit(X, y, X_val=X, y_val=y, checkpoint=Checkpoint(path, resume=True))
    assert model.transform(X).shape == (24, 4)
    assert len(top_losses(model, X, y).losses) > 0
    assert model.partial_fit(X, y).predict(X).shape == (24,)


@pytest.mark.parametrize("form", FORMS)
def test_sequences_are_augmented_to_a_list(form: str) -> None:
    """A sequence of an unknown type cannot be built again."""
    texts, labels = COPIES.augment(FORMS[form](TEXTS), Column(LABELS))
    assert type(texts) is list
    assert texts[:24] == TEXTS
    assert labels.tolist() == LABELS * 2


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"n_features": 64},
        {"char_ngram_range": (2, 3)},
        {"char_ngram_range": (2, 3), "n_features": 64},
        {"conv_channels": 4, "kernel_sizes": 2},
        {"conv_channels": 4, "kernel_sizes": 2, "n_features": 64},
        {"augmenter": TextAugmenter(replace=0.2, synonyms={"ok": ["\ud83d"]})},
        {"min_df": 1, "max_features": 3},
    ],
    ids=lambda parameters: ", ".join(parameters) or "plain",
)
@pytest.mark.parametrize("kind", [TextClassifier, TextRegressor])
def test_text_of_any_character_is_learnt_predicted_and_saved(
    kind: Any, parameters: dict[str, Any], tmp_path: Any
) -> None:
    """What is no valid Unicode is a character as any other."""
    texts = [f"{strange} film" for strange in STRANGE] * 2
    y = np.arange(len(texts)) % 2
    model = kind(**parameters, **QUICK).fit(["a film", "no film"], [0, 1])
    assert model.predict(texts).shape == y.shape
    model.fit(texts, y, checkpoint=Checkpoint(tmp_path / "kept.skdeep"))
    expected = model.predict(texts)
    save(model, tmp_path / "model.skdeep")
    again = load(tmp_path / "model.skdeep")
    np.testing.assert_array_equal(again.predict(texts), expected)
    assert len(top_losses(model, texts, y).losses) > 0


def test_hashed_words_have_the_numbers_they_always_had() -> None:
    """Saved models find their vectors again: MurmurHash3 of the UTF-8."""
    from sklearn.utils import murmurhash3_32

    model = TextClassifier(n_features=1000, ngram_range=(1, 1), **QUICK)
    model.fit(["für", "日本"], [0, 1])
    weights = model._state.scaler.vocabulary.number(["für", "日本"])
    expected = [murmurhash3_32(f" {w}", positive=True) % 1000 for w in ("für", "日本")]
    assert weights.ids.tolist() == expected


def test_text_of_any_character_is_augmented() -> None:
    """By words and by characters that have no UTF-8."""
    augmenter = TextAugmenter(
        replace=0.3, synonyms={"ok": ["\ud83d"]}, punctuation=0.3, random_state=0
    )
    texts = augmenter.fit(STRANGE).augment(STRANGE)
    assert texts[: len(STRANGE)] == STRANGE
    assert augmenter.augment(STRANGE) == texts
