"""Instruments on networks that read texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skdeep import (
    ForwardPassDisplay,
    NetworkDisplay,
    TextClassifier,
    forward_pass,
    lr_range_test,
    summary,
    top_losses,
)


def test_forward_pass_of_bags_is_the_textbook_by_hand(bags: Any) -> None:
    """N-grams times their vectors, a hidden layer, and softmax, in plain NumPy."""
    net, texts = bags.estimator, bags.X[:6]
    steps: Any = forward_pass(net, texts)
    assert list(steps) == [
        "inputs",
        "n-grams",
        "embedding: sums of vectors",
        "hidden layer 1: weighted sums",
        "hidden layer 1: activations",
        "output layer: weighted sums",
        "probabilities",
        "prediction",
    ]
    assert steps["inputs"].tolist() == texts.tolist()
    counter = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
    counts = counter.fit_transform(texts).toarray()
    lengths = np.linalg.norm(counts, axis=1, keepdims=True)
    weights = np.divide(counts, lengths, where=lengths > 0, out=np.zeros(counts.shape))
    found = steps["n-grams"].toarray()
    np.testing.assert_allclose(found, weights)
    layers = dict(net.module_.named_parameters())
    table, *matrices = [value.detach().numpy() for value in layers.values()]
    vectors = found @ table
    hidden = np.maximum(vectors @ matrices[0].T + matrices[1], 0)
    logits = hidden @ matrices[2].T + matrices[3]
    odds = np.exp(logits)
    by_hand = [vectors, hidden, logits, odds / odds.sum(axis=1, keepdims=True)]
    names = [list(steps)[place] for place in (2, 4, 5, 6)]
    for name, expected in zip(names, by_hand, strict=True):
        np.testing.assert_allclose(steps[name], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(net.transform(texts), vectors, rtol=1e-4, atol=1e-6)


def test_forward_pass_of_convolutions_ends_with_the_largest(windows: Any) -> None:
    """Words, their vectors, a sum at every place, and the largest within the text."""
    net = windows.estimator
    steps = forward_pass(net, ["a fine film", "film", "never seen"])
    assert steps["words"].tolist() == [
        ["a", "fine", "film"],
        ["film", "", ""],
        [""] * 3,
    ]
    vectors = steps["embedding: words"]
    assert vectors.shape == (3, 3, 4)
    np.testing.assert_array_equal(vectors[0, 2], vectors[1, 0])
    assert not vectors[2].any()
    single = steps["convolutions: sums over windows of 1"]
    pairs = steps["convolutions: sums over windows of 2"]
    assert single.shape == pairs.shape == (3, 3, 3)
    inside = [single[0].max(axis=1), pairs[0].max(axis=1)]
    largest = steps["convolutions: largest"]
    np.testing.assert_allclose(largest[0], np.maximum(np.concatenate(inside), 0))
    # Behind the only word of the second text there is nothing to be largest.
    first = np.concatenate([single[1, :, 0], pairs[1, :, 0]])
    np.testing.assert_allclose(largest[1], np.maximum(first, 0))
    np.testing.assert_allclose(net.transform(["a fine film"])[0], largest[0], rtol=1e-6)


def test_forward_pass_of_a_regressor_of_texts(rated: Any) -> None:
    """The largest numbers in each place, and a prediction in units of the target."""
    steps: Any = forward_pass(rated.estimator, rated.X[:4])
    np.testing.assert_array_equal(
        steps["prediction"], rated.estimator.predict(rated.X[:4])
    )
    n_grams, table = steps["n-grams"], rated.estimator.module_.embedding.table
    numbers = table.detach().numpy()[n_grams[[0]].indices]
    np.testing.assert_array_equal(
        steps["embedding: largest of the vectors"][0], numbers.max(axis=0)
    )


def test_hashed_words_are_shown_by_number() -> None:
    """Hashing knows no names."""
    net = TextClassifier(conv_channels=2, kernel_sizes=1, n_features=8, max_epochs=1)
    words = forward_pass(net.fit(["a b", "c"] * 4, [0, 1] * 4), ["a b", "c"])["words"]
    assert words.dtype == np.int64
    assert words[1, 1] == 0 < words[1, 0] <= 8


@pytest.mark.parametrize("fixture", ["bags", "windows", "rated"])
def test_instruments_take_texts_in_every_form(fixture: str, request: Any) -> None:
    """A list and a Series say the same; a Pipeline and a search are looked into."""
    pandas = pytest.importorskip("pandas", reason="one form is a Series")
    net, texts, y = request.getfixturevalue(fixture)
    listed = forward_pass(net, list(texts[:3]))
    series = forward_pass(net, pandas.Series(texts[:3]))
    np.testing.assert_array_equal(listed["prediction"], series["prediction"])
    pipeline = make_pipeline(net)
    np.testing.assert_array_equal(
        forward_pass(pipeline, texts[:3])["prediction"], listed["prediction"]
    )
    search = GridSearchCV(net, {"l2": [0.0]}, cv=2).fit(texts, y)
    assert str(summary(search)).startswith(str(summary(net)).splitlines()[0])


def test_summary_of_bags_counts_vectors(bags: Any) -> None:
    """A vector for each n-gram, 4 to 6 and 6 to 3 neurons with biases."""
    found = summary(bags.estimator)
    n_grams = len(bags.estimator.module_.embedding.table)
    assert found.input_shape == (n_grams,)
    lines = [(layer.layer, layer.kind, layer.n_parameters) for layer in found.layers]
    assert lines == [
        ("embedding", f"Bags({n_grams}, 4, sum)", 4 * n_grams),
        ("embedding", "Dropout(0.2)", 0),
        ("hidden layer 1", "Linear(4, 6)", 30),
        ("hidden layer 1", "ReLU", 0),
        ("output layer", "Linear(6, 3)", 21),
    ]


def test_summary_of_convolutions_has_a_text_of_max_length(windows: Any) -> None:
    """Shapes are those of five words, which are read at most."""
    found = summary(windows.estimator)
    n_words = len(windows.estimator.module_.embedding.table)
    assert found.input_shape == (5,)
    lines = [(layer.kind, layer.output_shape) for layer in found.layers]
    assert lines == [
        (f"Embedding({n_words}, 4)", (5, 4)),
        ("Conv1d(4, 3, 1)", (3, 5)),
        ("Conv1d(4, 3, 2)", (3, 5)),
        ("ReLU, MaxOverText", (6,)),
        ("Linear(6, 1)", (1,)),
    ]


@pytest.mark.parametrize("params", [{}, {"conv_channels": 2, "kernel_sizes": 2}])
def test_frozen_vectors_of_a_file_count_as_frozen(
    params: dict[str, Any], tmp_path: Path
) -> None:
    """Those of the two words in the file are not trained, the others are."""
    path = tmp_path / "vectors.txt"
    path.write_text("a 1 0 0\nb 0 1 0\n")
    net = TextClassifier(
        embeddings=path,
        embedding_dim=3,
        trainable_embeddings=False,
        max_epochs=1,
        **params,
    ).fit(["a b c", "c d"] * 4, [0, 1] * 4)
    found = summary(net)
    assert found.n_frozen == 2 * 3
    assert found.layers[0].n_trainable == net.module_.embedding.table.numel()
    assert "6 of them frozen" in str(found)
    steps = forward_pass(net, ["b"])
    np.testing.assert_array_equal(steps["probabilities"], net.predict_proba(["b"]))
    if params:
        assert steps["embedding: words"][0, 0].tolist() == [0, 1, 0]


def test_worst_texts_are_found(bags: Any) -> None:
    """A wrong label comes first."""
    y = bags.y.copy()
    y[3] = "none"
    found = top_losses(bags.estimator, bags.X, y, n=2)
    assert found.indices[0] == 3
    assert (found.y_true[0], found.y_pred[0]) == ("none", "bad")


def test_rates_are_tried_on_texts() -> None:
    """The losses of a range test fall before they explode."""
    net = TextClassifier(embedding_dim=4, batch_size=8, random_state=0)
    texts, y = ["good film", "bad film"] * 20, [1, 0] * 20
    found = lr_range_test(net, texts, y, n_steps=40)
    assert found.losses[0] == pytest.approx(np.log(2), abs=0.2)
    assert min(found.losses) < 0.5


def test_words_stand_beside_their_vectors(windows: Any, pyplot: Any) -> None:
    """The picture of a row tells its words; n-grams, nearly all 0, are left out."""
    display = ForwardPassDisplay.from_estimator(
        windows.estimator, ["film", "a bad film"], row=1
    )
    axes = display.axes_["embedding: words"]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "a",
        "bad",
        "film",
    ]
    assert "words" not in display.axes_
    assert "convolutions: largest" in display.axes_
    with pytest.raises(IndexError, match=r"one of the 2 rows of X. Got 2"):
        ForwardPassDisplay.from_estimator(windows.estimator, ["film", "a"], row=2)


def test_rows_of_bags_are_drawn_without_their_ngrams(bags: Any, pyplot: Any) -> None:
    """From the vector of the text to the probabilities of the labels."""
    display = ForwardPassDisplay.from_estimator(bags.estimator, bags.X[:1])
    assert list(display.axes_) == [
        "embedding: sums of vectors",
        "hidden layer 1: weighted sums",
        "hidden layer 1: activations",
        "output layer: weighted sums",
        "probabilities",
    ]


def test_networks_of_texts_are_drawn(bags: Any, windows: Any, pyplot: Any) -> None:
    """Layers of n-grams or words, vectors, and neurons."""
    drawn = NetworkDisplay.from_estimator(bags.estimator)
    n_grams = len(bags.estimator.module_.embedding.table)
    words = [text.get_text().splitlines() for text in drawn.texts_]
    assert words[0] == ["input", f"{n_grams} values", "n-grams"]
    assert words[1][:2] == ["embedding", "4 neurons"]
    assert len(drawn.weights_[1].get_colors()) == 4 * 6
    drawn = NetworkDisplay.from_estimator(windows.estimator)
    words = [text.get_text().splitlines() for text in drawn.texts_]
    assert words[0] == ["input", "5 values", "words"]
    assert words[1][1] == "5 words × 4"  # noqa: RUF001 - times
    assert words[2][:3] == ["convolutions", "6 neurons", "ReLU, MaxOverText"]
