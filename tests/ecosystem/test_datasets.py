"""datasets: columns of Hugging Face's tables go in as they are."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep import CNNClassifier, MLPClassifier, TextClassifier

pytestmark = pytest.mark.ecosystem("datasets")


@pytest.fixture
def reviews():
    """Return forty short texts with a label each."""
    from datasets import Dataset

    texts = ["a good film", "a bad film", "good work", "bad work"] * 10
    return Dataset.from_dict({"text": texts, "label": [1, 0, 1, 0] * 10})


def test_column_of_texts_trains_a_network(reviews):
    """Columns are taken where lists are, with the same bits."""
    net = TextClassifier(max_epochs=10, random_state=0)
    net.fit(reviews["text"], reviews["label"])
    found = net.predict_proba(reviews["text"])
    as_lists = TextClassifier(max_epochs=10, random_state=0)
    as_lists.fit(list(reviews["text"]), list(reviews["label"]))
    np.testing.assert_array_equal(found, as_lists.predict_proba(list(reviews["text"])))
    assert net.score(reviews["text"], reviews["label"]) == 1


def test_column_of_images_trains_a_network():
    """Images come as Pillow's, one by one, and are taken."""
    import datasets
    from PIL import Image

    rng = np.random.default_rng(0)
    pixels = (rng.random((40, 8, 8, 3)) * 100).astype(np.uint8)
    pixels[1::2] += 120
    table = datasets.Dataset.from_dict(
        {"image": [Image.fromarray(p) for p in pixels], "label": [0, 1] * 20},
        features=datasets.Features(
            {
                "image": datasets.Image(),
                "label": datasets.ClassLabel(names=["dark", "light"]),
            }
        ),
    )
    net = CNNClassifier((4,), max_epochs=10, random_state=0)
    net.fit(table["image"], table["label"])
    expected = CNNClassifier((4,), max_epochs=10, random_state=0)
    expected.fit(pixels, [0, 1] * 20)
    np.testing.assert_array_equal(
        net.predict_proba(table["image"]), expected.predict_proba(pixels)
    )


def test_table_as_a_frame_or_as_arrays_trains_a_network(two_classes):
    """`to_pandas`, and the format "numpy", give what networks take."""
    from datasets import Dataset

    X, y = two_classes
    table = Dataset.from_dict({**{f"x{k}": X[:, k] for k in range(4)}, "y": y})
    frame = table.to_pandas()
    net = MLPClassifier((8,), max_epochs=5, random_state=0)
    expected = net.fit(X, y).predict_proba(X)
    net.fit(frame.drop(columns="y"), frame["y"])
    found = net.predict_proba(frame.drop(columns="y"))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    # Its format "numpy" makes float32 unless it is told otherwise.
    rows = Dataset.from_dict({"row": X, "y": y}).with_format("numpy", dtype=np.float64)
    net.fit(rows["row"][:], rows["y"][:])
    np.testing.assert_array_equal(net.predict_proba(rows["row"][:]), expected)
