"""Every form that images come in gives the same network, and the others an error."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import is_classifier
from sklearn.model_selection import cross_val_score

from skdeep import CNNClassifier, CNNRegressor

SMALL: dict[str, Any] = {
    "conv_channels": (4,),
    "hidden_layer_sizes": (8,),
    "max_epochs": 4,
    "learning_rate": 0.01,
    "batch_size": 16,
    "random_state": 0,
    "dtype": "float32",
}
BOTH = [CNNClassifier, CNNRegressor]


def as_files(X: np.ndarray, folder: pathlib.Path) -> list[pathlib.Path]:
    """Write gray images into files and return their paths."""
    paths = [folder / f"{i:03d}.png" for i in range(len(X))]
    for path, image in zip(paths, X, strict=True):
        Image.fromarray(image).save(path)
    return paths


def as_rgb(X: np.ndarray) -> np.ndarray:
    """Return gray images as those of three equal channels."""
    return np.repeat(X[..., np.newaxis], 3, axis=3)


GRAY_FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    "one channel last": lambda X: X[..., np.newaxis],
    "one channel first": lambda X: X[:, np.newaxis],
    "flat": lambda X: X.reshape(len(X), -1),
    "list of arrays": list,
    "list of images": lambda X: [Image.fromarray(image) for image in X],
    "column major": np.asfortranarray,
    "unit interval": lambda X: X.astype(np.float32) / np.float32(255),
}


def fit_predict(kind: Any, forms: tuple[Any, Any], data: Any, **params: Any) -> Any:
    """Return what a network says of images after training on the others."""
    y = data.labels if kind is CNNClassifier else data.values
    net = kind(**SMALL, **params).fit(forms[0], y)
    return net.predict_proba(forms[1]) if is_classifier(net) else net.predict(forms[1])


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("form", GRAY_FORMS)
def test_gray_forms_give_the_same_network(kind, form, tiny_images):
    """The same pixels, laid out otherwise, train the same network."""
    X = tiny_images.X
    expected = fit_predict(kind, (X, X[:7]), tiny_images)
    given = GRAY_FORMS[form](X)
    got = fit_predict(kind, (given, GRAY_FORMS[form](X[:7])), tiny_images)
    # Floats in [0, 1] were divided in another dtype than bytes are.
    tolerance = 1e-4 if form == "unit interval" else 1e-6
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("form", ["paths", "strings", "series", "frame", "first"])
def test_rgb_forms_give_the_same_network(kind, form, tiny_images, tmp_path):
    """Files are read as RGB, whoever holds their paths."""
    X = as_rgb(tiny_images.X)
    expected = fit_predict(kind, (X, X[:7]), tiny_images, image_size=8)
    if form == "first":
        given: Any = np.moveaxis(X, -1, 1)
    else:
        given = as_files(tiny_images.X, tmp_path)
    if form == "strings":
        given = np.array([str(path) for path in given])
    if form in ("series", "frame"):
        pandas = pytest.importorskip("pandas")
        series = pandas.Series([str(path) for path in given], name="file")
        given = series if form == "series" else series.to_frame()
    got = fit_predict(kind, (given, given[:7]), tiny_images, image_size=8)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_network_of_arrays_predicts_files_and_flat_rows(tiny_images, tmp_path):
    """What was fitted in one form answers in the others."""
    X, y = tiny_images.X, tiny_images.labels
    net = CNNClassifier(**SMALL, image_size=8).fit(X, y)
    expected = net.predict_proba(X[:5])
    for form in (list(X[:5]), X[:5, np.newaxis], X[:5].reshape(5, 64)):
        np.testing.assert_allclose(net.predict_proba(form), expected, rtol=1e-6)
    colour = CNNClassifier(**SMALL, image_size=8).fit(as_rgb(X), y)
    paths = as_files(X[:5], tmp_path)
    np.testing.assert_allclose(
        colour.predict_proba(paths), colour.predict_proba(X[:5]), rtol=1e-5
    )


def test_images_of_different_sizes_are_brought_to_one(tiny_images):
    """A list of unequal images needs image_size, and has enough with it."""
    grown = [
        np.asarray(Image.fromarray(image).resize((8 + i % 3, 8 + i % 2)))
        for i, image in enumerate(tiny_images.X)
    ]
    with pytest.raises(ValueError, match=r"one size where image_size=None.*image_size"):
        CNNClassifier(**SMALL).fit(grown, tiny_images.labels)
    net: Any = CNNClassifier(**{**SMALL, "max_epochs": 30}, image_size=(8, 9))
    net.fit(grown, tiny_images.labels)
    assert net.module_.map_sizes[0] == (1, 8, 9)
    assert net.score(grown, tiny_images.labels) > 0.9


@pytest.mark.parametrize("shape", [(6, 3, 3), (6, 4, 5, 1, 1), (4,)])
def test_shapes_that_no_image_has_are_refused(shape, tiny_images):
    """An ambiguous or impossible shape is named, not guessed at."""
    X = np.zeros((12, *shape))
    y = np.arange(12) % 2
    if shape == (6, 3, 3):
        X = np.zeros((12, 3, 6, 3))
    with pytest.raises(ValueError, match=r"channel|dimension|4D array|2D array"):
        CNNClassifier(**SMALL).fit(X if shape != (4,) else np.zeros(12), y)


def test_rows_of_a_table_have_the_shape_that_is_said(tiny_images):
    """image_shape tells apart what 64 pixels cannot: 8 by 8, 4 by 16, 1 by 64."""
    flat, y = tiny_images.X.reshape(60, 64), tiny_images.labels
    for shape, expected in ((None, (1, 8, 8)), ((4, 16), (1, 4, 16))):
        net = CNNClassifier(**SMALL, image_shape=shape).fit(flat, y)
        assert net.module_.map_sizes[0] == expected
        assert net.n_features_in_ == 64
    strip = CNNClassifier(**SMALL).fit(flat[:, :10], y)
    assert strip.module_.map_sizes[0] == (1, 1, 10)
    with pytest.raises(ValueError, match=r"image_shape.*64\. Got \(5, 5\)"):
        CNNClassifier(**SMALL, image_shape=(5, 5)).fit(flat, y)


def test_images_of_another_size_are_refused_in_predict(tiny_images):
    """A network of 8 by 8 says so when it is given 9 by 9."""
    net = CNNClassifier(**SMALL).fit(tiny_images.X, tiny_images.labels)
    with pytest.raises(ValueError, match=r"\(8, 8\).*Got \(9, 9\)"):
        net.predict(np.zeros((3, 9, 9), dtype=np.uint8))
    with pytest.raises(ValueError, match="be gray"):
        net.predict(np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3))


def test_broken_file_is_named(tiny_images, tmp_path):
    """A file that is no image stops the fit, and leaves the estimator as it was."""
    paths = as_files(tiny_images.X, tmp_path)
    paths[41].write_bytes(b"not an image")
    net = CNNClassifier(**SMALL, image_size=8)
    with pytest.raises(ValueError, match=r"041\.png"):
        net.fit(paths, tiny_images.labels)
    assert vars(net) == net.get_params(deep=False)


def test_missing_pixels_and_files_are_named(tiny_images):
    """NaN and a path that leads nowhere are errors that say where."""
    X = tiny_images.X.astype(float)
    X[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        CNNClassifier(**SMALL).fit(X, tiny_images.labels)
    with pytest.raises(ValueError, match=r"'nowhere\.png' in row 1"):
        CNNClassifier(**SMALL).fit([__file__, "nowhere.png"], [0, 1])


def test_pixels_beyond_the_unit_interval_are_put_to_scale(tiny_images):
    """Floats between 0 and 1000 train as well as those between 0 and 1."""
    X = tiny_images.X.astype(np.float64) * 4.0
    scores = [
        cross_val_score(
            CNNClassifier(**{**SMALL, "max_epochs": 25}), pixels, tiny_images.labels
        ).mean()
        for pixels in (X, X / X.max())
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    assert min(scores) > 0.9


def test_memory_map_trains_as_its_copy(tiny_images, tmp_path, monkeypatch):
    """A map is read batch by batch, and gives the network of the array."""
    import skdeep.data._tables as tables

    path = tmp_path / "images.npy"
    np.save(path, tiny_images.X)
    expected = CNNClassifier(**SMALL).fit(tiny_images.X, tiny_images.labels)
    monkeypatch.setattr(tables, "STREAMED_BYTES", 0)
    mapped = np.load(path, mmap_mode="r")
    net = CNNClassifier(**SMALL, early_stopping=False).fit(mapped, tiny_images.labels)
    np.testing.assert_allclose(
        net.predict_proba(mapped), expected.predict_proba(tiny_images.X), rtol=1e-6
    )
