"""Memory of a wide perceptron on TF-IDF, which is never made dense as a whole.

    python benchmarks/text_memory.py

10,000 made-up texts of 20,000 words; one epoch of
``make_pipeline(TfidfVectorizer(), MLPClassifier((1024,), dropout=0.5))``. Linux only,
see mlp_memory.
"""

from __future__ import annotations

import numpy as np
from mlp_memory import peak_above
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier

N_TEXTS, N_WORDS, LENGTH, WIDTH = 10_000, 20_000, 20, 1024
MEGABYTE = 2**20


def make_texts() -> list[str]:
    """Return texts whose words are as unequal as those of a language."""
    rng = np.random.default_rng(0)
    share = 1.0 / np.arange(10, N_WORDS + 10)
    drawn = rng.choice(N_WORDS, (N_TEXTS, LENGTH), p=share / share.sum())
    return [" ".join(f"word{number}" for number in row) for row in drawn]


def main() -> None:
    """Print the peak of a fit beside what dense rows and the network take."""
    texts = make_texts()
    y = np.arange(N_TEXTS) % 2
    n_columns = len(TfidfVectorizer().fit(texts).vocabulary_)
    for scaling in ("standard", None):
        perceptron = MLPClassifier(
            (WIDTH,), dropout=0.5, feature_scaling=scaling, max_epochs=1, random_state=0
        )
        model = make_pipeline(TfidfVectorizer(), perceptron)
        peak = peak_above(lambda model=model: model.fit(texts, y))
        weights = 4 * n_columns * WIDTH
        print(
            f"feature_scaling={scaling!r}: peak {peak / MEGABYTE:,.0f} MB; dense rows "
            f"would be {8 * N_TEXTS * n_columns / MEGABYTE:,.0f} MB; weights, gradient "
            f"and two moments are {4 * weights / MEGABYTE:,.0f} MB; a dense batch is "
            f"{8 * 200 * n_columns / MEGABYTE:,.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
