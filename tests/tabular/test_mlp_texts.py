"""A wide perceptron behind scikit-learn's TF-IDF."""

from __future__ import annotations

import tracemalloc

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier


def make_texts(n_texts, n_words, seed):
    """Return texts of two classes, told apart by every tenth word."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_texts) % 2
    drawn = rng.integers(n_words // 2, size=(n_texts, 10)) * 2
    drawn[:, 0] += y
    return [" ".join(f"w{number}" for number in row) for row in drawn], y


def test_wide_perceptron_learns_from_texts():
    """In a Pipeline, from raw strings to labels."""
    texts, y = make_texts(600, 40, 0)
    unseen, truth = make_texts(200, 40, 1)
    perceptron = MLPClassifier(
        (256,), dropout=0.5, feature_scaling=None, max_epochs=20, random_state=0
    )
    model = make_pipeline(TfidfVectorizer(), perceptron).fit(texts, y)
    assert model.score(unseen, truth) > 0.95


def test_rows_are_made_dense_a_batch_at_a_time():
    """The peak is that of a few batches, not of the matrix."""
    texts, y = make_texts(4000, 8000, 0)
    X = TfidfVectorizer().fit_transform(texts)
    dense = 8 * X.shape[0] * X.shape[1]
    assert dense > 150e6
    for scaling in ("standard", None):
        perceptron = MLPClassifier((4,), feature_scaling=scaling, max_epochs=1)
        tracemalloc.start()
        try:
            perceptron.fit(X, y).predict(X)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        # A batch of 200 rows is 9 MB; prediction takes 32 MB at a time, and scales it.
        assert peak < 3 * 2**25
