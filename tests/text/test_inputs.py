"""Networks for texts: what they learn, and what their parameters do."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

from skdeep import TextAugmenter, TextClassifier, TextRegressor

GOOD = ["good", "fine", "great", "lovely"]
BAD = ["bad", "poor", "awful", "dull"]
QUICK: dict[str, Any] = {"embedding_dim": 8, "max_epochs": 12, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(sample):
    """Return a classifier that knows the sample."""
    return TextClassifier(**QUICK, learning_rate=0.02).fit(sample.texts, sample.labels)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"ngram_range": (1, 1), "char_ngram_range": (2, 4), "use_idf": True},
        {"n_features": 64, "pooling": "mean", "learning_rate": 0.1},
        {"pooling": "sum", "hidden_layer_sizes": (8,), "dropout": 0.1},
        {"pooling": "max", "sublinear_tf": True, "embedding_dim": 16},
        {"conv_channels": 8, "kernel_sizes": (1, 2)},
        {"optimizer": "sgd", "learning_rate": 0.5},
        {"weight_averaging": "ema", "max_grad_norm": 1.0, "l2": 1e-4},
        {"augmenter": TextAugmenter(synonym=0, insert=0)},
    ],
)
def test_classifier_learns(params, sample, unseen):
    """Texts of good and bad words are told apart, in every configuration."""
    net = TextClassifier(**{**QUICK, "learning_rate": 0.02, **params})
    net.fit(sample.texts, sample.labels)
    # The largest number in each place does not count words, which classes hang on.
    least = 0.7 if net.pooling == "max" else 0.85
    assert net.score(unseen.texts, unseen.labels) > least


def test_regressor_learns(sample, unseen):
    """The number of good words in a text."""
    net = TextRegressor(**QUICK, learning_rate=0.05).fit(sample.texts, sample.values)
    assert net.score(unseen.texts, unseen.values) > 0.8
    two = np.stack([sample.values, -sample.values], axis=1)
    said = clone(net).fit(sample.texts, two).predict(unseen.texts)
    np.testing.assert_allclose(said[:, 0], -said[:, 1], atol=0.5)


def test_several_labels_a_text_are_learnt(sample, unseen):
    """An indicator of whether a word is in the text."""

    def holds(texts):
        words = [set(text.split()) for text in texts]
        return np.array([["film" in one, "dull" in one] for one in words], dtype=int)

    net = TextClassifier(**QUICK, learning_rate=0.1, pooling="sum")
    net.fit(sample.texts, holds(sample.texts))
    said = net.predict(unseen.texts)
    assert said.shape == (40, 2)
    assert (said == holds(unseen.texts)).mean() > 0.85


def test_word_order_is_seen_by_convolutions_and_bigrams():
    """A bag of single words cannot tell "not good, bad" from "not bad, good"."""
    texts = ["not good bad", "good not bad"] * 20
    y = [0, 1] * 20
    wide: dict[str, Any] = {"learning_rate": 0.1, "random_state": 0, "embedding_dim": 8}
    assert TextClassifier((1, 1), **wide).fit(texts, y).score(texts, y) == 0.5
    assert TextClassifier((1, 2), **wide).fit(texts, y).score(texts, y) == 1
    conv = TextClassifier(conv_channels=8, kernel_sizes=2, max_epochs=20, **wide)
    assert conv.fit(texts, y).score(texts, y) == 1


def test_vectors_of_texts_are_a_transformation(fitted, sample, unseen):
    """Another estimator learns from them; they have names and a set_output."""
    vectors = fitted.transform(unseen.texts)
    assert vectors.shape == (40, 8)
    names = fitted.get_feature_names_out()
    assert names[:2].tolist() == ["textclassifier0", "textclassifier1"]
    with torch.inference_mode():
        bags = fitted._fitted_modality().tensor(
            fitted._read(unseen.texts), torch.float32, torch.device("cpu")
        )
        logits = fitted.module_.head(torch.from_numpy(vectors).float())
        torch.testing.assert_close(fitted.module_(bags), logits)
    model = make_pipeline(clone(fitted), StandardScaler(), LogisticRegression())
    model.fit(sample.texts, sample.labels)
    assert model.score(unseen.texts, unseen.labels) > 0.85


def test_vectors_come_as_a_frame_where_asked():
    """`set_output` is heard."""
    pandas = pytest.importorskip("pandas")
    net = TextClassifier(**QUICK).set_output(transform="pandas")
    frame = net.fit_transform(["a b", "c"] * 5, [0, 1] * 5)
    assert isinstance(frame, pandas.DataFrame)
    assert frame.shape == (10, 8)


def test_weight_of_two_is_a_text_twice(sample):
    """Where all texts fit in one batch, to the last digits."""
    texts, y = sample.texts[:20], sample.labels[:20]
    weight = np.ones(20)
    weight[:5] = 2
    net = TextClassifier(**QUICK, batch_size=64, use_idf=True)
    weighted = clone(net).fit(texts, y, sample_weight=weight)
    repeated = clone(net).fit([*texts, *texts[:5]], [*y, *y[:5]])
    np.testing.assert_allclose(
        weighted.predict_proba(texts), repeated.predict_proba(texts), rtol=1e-9
    )


def test_early_stopping_keeps_the_best_epoch(sample, unseen):
    """On texts held out, or given."""
    net = TextClassifier(
        **{**QUICK, "max_epochs": 40},
        learning_rate=0.1,
        early_stopping=True,
        scoring="accuracy",
        n_iter_no_change=3,
    ).fit(sample.texts, sample.labels)
    assert net.n_iter_ < 40
    assert max(net.validation_scores_) == net.validation_scores_[net.best_epoch_ - 1]
    given = clone(net).set_params(scoring="loss")
    given.fit(sample.texts, sample.labels, X_val=unseen.texts, y_val=unseen.labels)
    assert len(given.validation_loss_curve_) == given.n_iter_


def test_training_in_pieces_goes_on_after_pickling(sample):
    """`partial_fit` keeps the vocabulary of its first call."""
    halves = [(sample.texts[i::2], sample.labels[i::2]) for i in (0, 1)]
    half, other = [(texts[:14] + texts[14:], y) for texts, y in halves]
    net: Any = TextClassifier(**QUICK, augmenter=TextAugmenter(synonym=0, insert=0))
    net.partial_fit(*half, classes=["bad", "good"])
    n_grams = net.module_.embedding.table.shape[0]
    twin = pickle.loads(pickle.dumps(net))
    net.partial_fit(*other)
    twin.partial_fit(*other)
    assert net.module_.embedding.table.shape[0] == n_grams
    np.testing.assert_array_equal(
        net.predict_proba(sample.texts), twin.predict_proba(sample.texts)
    )


def test_warm_start_goes_on(sample):
    """With the same vocabulary; another network is refused."""
    net = TextClassifier(**QUICK, warm_start=True).fit(sample.texts, sample.labels)
    first = net.loss_
    assert net.fit(sample.texts, sample.labels).loss_ < first
    with pytest.raises(ValueError, match=r"same network. Got embedding_dim=16"):
        net.set_params(embedding_dim=16).fit(sample.texts, sample.labels)


def test_callbacks_of_skorch_hear_every_batch(sample):
    """What they are handed is a batch of texts."""
    lengths = []

    class Listener(Callback):
        def on_batch_end(self, net, batch=None, training=None, **kwargs):
            lengths.append(len(batch[0]))

    net = TextClassifier(**{**QUICK, "max_epochs": 1}, callbacks=[Listener()])
    net.fit(sample.texts, sample.labels)
    assert sum(lengths) == 60


def test_augmentation_changes_texts_anew_each_epoch(sample, monkeypatch):
    """One visit in so many sees the text itself; prediction never sees another."""
    seen = []
    augmenter = TextAugmenter(synonym=0, insert=0, delete=0, n_aug=4)
    net = TextClassifier((1, 1), **{**QUICK, "max_epochs": 10}, augmenter=augmenter)
    renew = TextAugmenter.renewer

    def spied(self):
        make = renew(self)

        def made(text, occurrence, n_texts):
            new = make(text, occurrence, n_texts)
            seen.append((text, new[0]))
            return new

        return made

    monkeypatch.setattr(TextAugmenter, "renewer", spied)
    net.fit(sample.texts, sample.labels)
    # Ten epochs of 60, of which a fifth is as it was.
    assert len(seen) == 480
    new = [one for text, one in seen if text == sample.texts[0]]
    assert len(set(new)) > 4
    assert all(sorted(a.split()) == sorted(b.split()) for a, b in seen)
    monkeypatch.undo()
    again = clone(net).fit(sample.texts, sample.labels)
    said = net.predict_proba(sample.texts)
    np.testing.assert_array_equal(said, again.predict_proba(sample.texts))


@pytest.fixture
def vectors(tmp_path) -> Path:
    """Return a file of vectors that tell good words from bad ones."""
    path = tmp_path / "vectors.txt"
    lines = [f"{word} 1 0 0.5" for word in GOOD]
    lines += [f"{word} -1 0 0.5" for word in BAD]
    path.write_text("\n".join(lines))
    return path


@pytest.mark.parametrize("params", [{}, {"conv_channels": 8, "kernel_sizes": 1}])
@pytest.mark.parametrize("trainable", [True, False])
def test_pretrained_vectors_help_and_stay_where_they_are_frozen(
    vectors, params, trainable, sample, unseen
):
    """Few epochs do; a frozen vector is the file's, a trained one is not."""
    net = TextClassifier(
        (1, 1),
        **{**QUICK, "max_epochs": 5, "embedding_dim": 3},
        learning_rate=0.05,
        embeddings=vectors,
        trainable_embeddings=trainable,
        **params,
    ).fit(sample.texts, sample.labels)
    assert net.score(unseen.texts, unseen.labels) > (0.7 if params else 0.85)
    embedding = net.module_.embedding
    filler = int("conv_channels" in params)
    first = (
        embedding.table[filler : 8 + filler].detach() if trainable else embedding.known
    )
    row = sorted([*GOOD, *BAD]).index("fine")
    moved = not np.allclose(first[row].numpy(), [1, 0, 0.5])
    assert moved is trainable
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(twin.predict(unseen.texts), net.predict(unseen.texts))


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"embedding_dim": 4}, "Got 3 for embedding_dim=4. Set embedding_dim=3"),
        ({"n_features": 10, "embedding_dim": 3}, "Set n_features=None"),
        ({"embeddings": "/no/such.txt"}, "must name a file of word vectors"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(vectors, params, sentence, sample):
    """Width, hashing, and a file that is not there."""
    net = TextClassifier(**{"embeddings": vectors, **params})
    with pytest.raises(ValueError, match=sentence):
        net.fit(sample.texts, sample.labels)
    assert not hasattr(net, "module_")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"ngram_range": (2, 1)}, "'ngram_range' parameter .* a pair of ints"),
        ({"char_ngram_range": 3}, "'char_ngram_range' parameter"),
        ({"min_df": 100}, "No word or n-gram .* min_df=100"),
        ({"n_features": 9, "min_df": 2}, "Got min_df=2 .* along with n_features=9"),
        ({"n_features": 9, "max_features": 5}, "bounds its own vocabulary by"),
        ({"pooling": "median"}, "'pooling' parameter .* must be a str among"),
        ({"embedding_dim": 0}, "'embedding_dim' parameter"),
        ({"kernel_sizes": (0, 3)}, "'kernel_sizes' parameter"),
        ({"augmenter": "eda"}, "'augmenter' parameter"),
        ({"augmenter": TextAugmenter(delete=2)}, "'delete' parameter of TextAugm"),
    ],
)
def test_parameters_are_held_to_their_rules(params, sentence, sample):
    """By fit, in one sentence."""
    with pytest.raises(ValueError, match=sentence):
        TextClassifier(**params).fit(sample.texts, sample.labels)


def test_file_is_small(fitted):
    """A pickle holds the vectors, the vocabulary and little else."""
    weights = sum(p.numel() * p.itemsize for p in fitted.module_.parameters())
    vocabulary = sum(len(gram) + 8 for gram in fitted._state.scaler.vocabulary.grams)
    assert len(pickle.dumps(fitted)) < 1.1 * weights + vocabulary + 20_000
