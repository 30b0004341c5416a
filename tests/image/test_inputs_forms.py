"""Tests that one image is read alike in every form, in training and in use.

A service reads bytes, a notebook arrays, a training files: whatever can be known to be
another image is an error or a warning, and all else gives the same answer.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.model_selection import cross_val_score

from skdeep import (
    CNNClassifier,
    CNNRegressor,
    ImageClassifier,
    ImageFeatureExtractor,
    ImageRegressor,
)
from skdeep.exceptions import SkdeepWarning
from skdeep.inspection import grad_cam

SIDE = 12
N = 10
KINDS = [
    "CNNClassifier",
    "CNNRegressor",
    "ImageClassifier",
    "ImageRegressor",
    "ImageFeatureExtractor",
]


class Column(Sequence):
    """A sequence that is no list, and decodes an item whenever it is asked for it."""

    def __init__(self, items: Any) -> None:
        self.items = items

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.items)

    def __getitem__(self, row: Any) -> Any:
        """Return an item, or a column of a slice."""
        return Column(self.items[row]) if isinstance(row, slice) else self.items[row]


@pytest.fixture
def colours(seed: int) -> np.ndarray:
    """Return images that reach from black to white, half of them darker above."""
    pixels = np.random.default_rng(seed).integers(0, 256, (N, SIDE, SIDE, 3))
    pixels[::2, : SIDE // 2] //= 3
    pixels[:, 0, 0], pixels[:, 0, 1] = 0, 255
    return pixels.astype(np.uint8)


@pytest.fixture(params=KINDS)
def fitted(request: Any, tiny_backbone: Any) -> Callable[[Any], Any]:
    """Return a function that fits an estimator, and one that says what it finds."""
    quick: dict[str, Any] = {"random_state": 0, "image_size": SIDE}
    pretrained: dict[str, Any] = {"backbone": tiny_backbone, "cache_features": False}
    makers: dict[str, Callable[[], Any]] = {
        "CNNClassifier": lambda: CNNClassifier(4, max_epochs=2, **quick),
        "CNNRegressor": lambda: CNNRegressor(4, max_epochs=2, **quick),
        "ImageClassifier": lambda: ImageClassifier(
            head_epochs=3, resize_mode="stretch", **quick, **pretrained
        ),
        "ImageRegressor": lambda: ImageRegressor(
            head_epochs=3, resize_mode="stretch", **quick, **pretrained
        ),
        "ImageFeatureExtractor": lambda: ImageFeatureExtractor(
            resize_mode="stretch", **quick, **pretrained
        ),
    }

    def fit(X: Any) -> Callable[[Any], np.ndarray]:
        net = makers[request.param]().fit(X, np.arange(N) % 2)
        if hasattr(net, "predict_proba"):
            return net.predict_proba
        return net.predict if hasattr(net, "predict") else net.transform

    return fit


def png(pixels: Any) -> bytes:
    """Return the bytes of a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="png")
    return file.getvalue()


def pictures(pixels: Any, mode: str | None = None) -> list[Any]:
    """Return Pillow's images, in another mode where one is named."""
    made = [Image.fromarray(image) for image in pixels]
    return [image.convert(mode) for image in made] if mode else made


def saved(images: Any, folder: Path, **how: Any) -> list[str]:
    """Return the paths of files."""
    paths = [str(folder / f"{row}.png") for row in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        image.save(path, **how)
    return paths


OF_COLOURS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "arrays": lambda X, folder: list(X),
    "channels first": lambda X, folder: X.transpose(0, 3, 1, 2),
    "float32": lambda X, folder: (X / 255).astype(np.float32),
    "float64": lambda X, folder: X / 255,
    "16 bits": lambda X, folder: X.astype(np.uint16) * 257,
    "pictures": lambda X, folder: pictures(X),
    "with opacity": lambda X, folder: pictures(X, "RGBA"),
    "inks": lambda X, folder: pictures(X, "CMYK"),
    "bytes": lambda X, folder: [png(image) for image in X],
    "byte arrays": lambda X, folder: [bytearray(png(image)) for image in X],
    "files in memory": lambda X, folder: [io.BytesIO(png(image)) for image in X],
    "undecoded rows": lambda X, folder: [
        {"bytes": png(image), "path": None} for image in X
    ],
    "paths": lambda X, folder: saved(pictures(X), folder),
    "Path": lambda X, folder: [Path(p) for p in saved(pictures(X), folder)],
    "column of pictures": lambda X, folder: Column(pictures(X)),
    "column of arrays": lambda X, folder: Column(list(X)),
    "column of paths": lambda X, folder: Column(saved(pictures(X), folder)),
}
OF_GRAYS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "axis of channels": lambda X, folder: X[..., np.newaxis],
    "three channels": lambda X, folder: np.repeat(X[..., np.newaxis], 3, axis=3),
    "pictures": lambda X, folder: pictures(X),
    "with opacity": lambda X, folder: pictures(X, "LA"),
    "premultiplied": lambda X, folder: [p.convert("La") for p in pictures(X, "LA")],
    "palette": lambda X, folder: pictures(X, "P"),
    "as colours": lambda X, folder: pictures(X, "RGB"),
    "16 bits": lambda X, folder: pictures(X.astype(np.uint16) * 257),
    "32 bits": lambda X, folder: pictures(X.astype(np.int32) * 257),
    "paths": lambda X, folder: saved(pictures(X), folder),
    "paths as colours": lambda X, folder: saved(pictures(X, "RGB"), folder),
    "flat": lambda X, folder: X.reshape(len(X), -1),
}


@pytest.mark.parametrize("form", OF_COLOURS)
def test_colours_are_read_alike(
    form: str, fitted: Any, colours: Any, tmp_path: Path
) -> None:
    """Fitted on an array of bytes, each estimator says the same of all forms."""
    say = fitted(colours)
    X = OF_COLOURS[form](colours, tmp_path)
    np.testing.assert_allclose(say(X), say(colours), rtol=1e-4, atol=1e-5)
    if form == "files in memory":
        # They can be read again.
        np.testing.assert_allclose(say(X), say(colours), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", OF_COLOURS)
def test_fit_reads_as_prediction_does(
    form: str, fitted: Any, colours: Any, tmp_path: Path
) -> None:
    """Fitted on any form, each says of an array of bytes what it says of the form."""
    X = OF_COLOURS[form](colours, tmp_path)
    say = fitted(X)
    np.testing.assert_allclose(say(colours), say(X), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", OF_GRAYS)
def test_grays_are_read_alike(
    form: str, fitted: Any, colours: Any, tmp_path: Path
) -> None:
    """Also where a file or a palette holds gray in three equal channels."""
    grays = np.ascontiguousarray(colours[..., 0])
    say = fitted(grays)
    X = OF_GRAYS[form](grays, tmp_path)
    np.testing.assert_allclose(say(X), say(grays), rtol=1e-4, atol=1e-5)


def test_black_and_white_is_read_alike(fitted: Any, colours: Any) -> None:
    """Booleans, bytes of 0 and 255, floats, and pictures of one bit."""
    masks = colours[..., 0] > 100
    say = fitted(masks)
    for X in (
        masks.astype(np.uint8) * 255,
        masks.astype(np.float32),
        pictures(masks.astype(np.uint8) * 255, "1"),
    ):
        np.testing.assert_allclose(say(X), say(masks), rtol=1e-4, atol=1e-5)


# What a camera's note says, as it is undone.
UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image.swapaxes(0, 1), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_orientation_counts_in_every_form(
    orientation: int, fitted: Any, colours: Any, tmp_path: Path
) -> None:
    """A camera's note turns files, bytes and pictures alike."""
    say = fitted(colours)
    exif = Image.Exif()
    exif[0x0112] = orientation
    [path] = saved(pictures(colours[1:2]), tmp_path, exif=exif)
    upright = UPRIGHT[orientation](colours[1])[np.newaxis]
    expected = say(np.ascontiguousarray(upright))
    np.testing.assert_allclose(say([path]), expected, rtol=1e-4, atol=1e-5)
    content = Path(path).read_bytes()
    np.testing.assert_allclose(say([content]), expected, rtol=1e-4, atol=1e-5)
    with Image.open(path) as image:
        np.testing.assert_allclose(say([image]), expected, rtol=1e-4, atol=1e-5)


def test_columns_of_other_libraries_are_split(colours: Any) -> None:
    """Folds take the rows of a sequence that knows no arrays of indices."""
    y = Column(list(np.arange(N) % 2))
    net = CNNClassifier(4, max_epochs=1, random_state=0)
    scores = cross_val_score(net, Column(pictures(colours)), y.items, cv=2)
    expected = cross_val_score(net, colours, y.items, cv=2)
    np.testing.assert_array_equal(scores, expected)
    fitted = net.fit(Column(pictures(colours)), y)
    assert fitted.predict(Column(pictures(colours))).shape == (N,)


def test_columns_are_decoded_once(colours: Any) -> None:
    """Each look at an item decodes an image."""

    class Counted(Column):
        looks = 0

        def __getitem__(self, row: Any) -> Any:
            type(self).looks += 1
            return super().__getitem__(row)

    net = CNNClassifier(4, max_epochs=1, random_state=0)
    net.fit(Counted(pictures(colours)), np.arange(N) % 2)
    # The end of a sequence is found by asking for one item too many.
    assert Counted.looks == N + 1


def test_maps_of_attention_take_every_form(colours: Any, tmp_path: Path) -> None:
    """What looks at an estimator reads images as it does."""
    net = CNNClassifier(4, max_epochs=1, random_state=0, image_size=SIDE)
    net.fit(colours, np.arange(N) % 2)
    expected = grad_cam(net, colours[:2])
    for form in ("pictures", "bytes", "paths"):
        X = OF_COLOURS[form](colours, tmp_path)[:2]
        np.testing.assert_allclose(grad_cam(net, X), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("first", [False, True])
def test_single_image_is_refused(first: bool, fitted: Any, colours: Any) -> None:
    """It would pass for as many gray images as it has rows."""
    X = colours.transpose(0, 3, 1, 2) if first else colours
    say = fitted(X)
    with pytest.raises(ValueError, match=r"is a single image. Pass X\[np.newaxis\]"):
        say(X[0])
    np.testing.assert_allclose(say(X[0][np.newaxis]), say(X[:1]), rtol=1e-4, atol=1e-5)
    grays = np.ascontiguousarray(colours[..., 0])
    say = fitted(grays)
    with pytest.raises(ValueError, match=r"Got X of shape \(12, 12\), which is a sing"):
        say(grays[0])
    assert len(say(grays[:1])) == 1


def test_single_image_of_another_size_is_refused(fitted: Any, colours: Any) -> None:
    """The axis of channels tells, whatever the size."""
    say = fitted(colours)
    with pytest.raises(ValueError, match=r"shape \(20, 30, 3\), which is a single"):
        say(np.zeros((20, 30, 3), dtype=np.uint8))


def test_single_picture_or_file_is_refused(
    fitted: Any, colours: Any, tmp_path: Path
) -> None:
    """X is a list of them."""
    say = fitted(colours)
    [path] = saved(pictures(colours[:1]), tmp_path)
    content = Path(path).read_bytes()
    for X in (path, Path(path), content, io.BytesIO(content), *pictures(colours[:1])):
        with pytest.raises(TypeError, match=r"expects a list of images\. Got .* sin"):
            say(X)


def test_scale_of_prediction_beyond_that_of_fit_warns(
    fitted: Any, colours: Any
) -> None:
    """Floats in [0, 1] in fit, and the same images by 255 in use; and the reverse."""
    floats = colours.astype(np.float64)
    say = fitted(floats / 255)
    with pytest.warns(SkdeepWarning, match="are between 0 and 255, those of fit were"):
        say(floats)
    say = fitted(floats)
    with pytest.warns(SkdeepWarning, match="are between 0 and 1, those of fit were"):
        say(floats / 255)
    with pytest.raises(ValueError, match=r"between 0 and 255\. Got bytes, whose scale"):
        say(colours)
    # Images that are only dark, or a little brighter, are in the scale of fit.
    say(np.minimum(floats, 1.0))
    say(floats * 1.1)


def test_bytes_in_a_wider_dtype_warn(fitted: Any, colours: Any) -> None:
    """255 is white in eight bits, and black in sixteen."""
    say = fitted(colours)
    with pytest.warns(SkdeepWarning, match="are at most 255 in uint16"):
        say(colours.astype(np.uint16))
    with pytest.raises(ValueError, match=r"must be bytes, or numbers in \[0, 1\]"):
        say(colours.astype(np.float32))


def test_scale_of_validation_and_of_further_training_warns(colours: Any) -> None:
    """Once each, for whatever rows come beside those of the first fit."""
    y, floats = np.arange(N) % 2, colours.astype(np.float64)
    net = CNNClassifier(4, max_epochs=1, early_stopping=True, random_state=0)
    with pytest.warns(SkdeepWarning, match="are between 0 and 255") as told:
        net.fit(floats / 255, y, X_val=floats, y_val=y)
    assert len(told) == 1
    net = CNNClassifier(4, random_state=0).partial_fit(floats / 255, y, classes=[0, 1])
    with pytest.warns(SkdeepWarning, match="are between 0 and 255") as told:
        net.partial_fit(floats, y)
    assert len(told) == 1


def test_usual_images_warn_of_nothing(fitted: Any, colours: Any) -> None:
    """Dark images, few images, and the rows of fit."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        say = fitted(colours)
        say(colours[:1])
        say(colours // 4)
        say(np.zeros((1, SIDE, SIDE, 3), dtype=np.uint8))


def test_frame_of_bytes_is_an_array_of_bytes(colours: Any) -> None:
    """Validation would make numbers of it, whose white is the largest of fit."""
    pd = pytest.importorskip("pandas")
    X = colours[..., 0].reshape(N, -1)
    frame = pd.DataFrame(X, columns=[f"p{i}" for i in range(X.shape[1])])
    y = np.arange(N) % 2
    net = CNNClassifier(4, max_epochs=1, random_state=0)
    expected = net.fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(net.fit(frame, y).predict_proba(frame), expected)


def test_all_broken_files_are_named(fitted: Any, colours: Any, tmp_path: Path) -> None:
    """In one error, from fit and from prediction."""
    paths = saved(pictures(colours), tmp_path)
    say = fitted(paths)
    Path(paths[2]).write_bytes(b"no image")
    Path(paths[7]).write_bytes(Path(paths[1]).read_bytes()[:200])
    sentence = r"Got 2 which it cannot read: '.*2\.png' in row 2 .*7\.png' in row 7 "
    with pytest.raises(ValueError, match=sentence):
        say(paths)
    if say.__name__ != "transform":  # whose fit looks at one image
        with pytest.raises(ValueError, match=sentence):
            fitted(paths)


def test_broken_bytes_are_told_by_their_row(fitted: Any, colours: Any) -> None:
    """There is no name to tell."""
    say = fitted(colours)
    with pytest.raises(ValueError, match=r"Got 8 bytes in row 1, which it cannot read"):
        say([png(colours[0]), b"no image"])
    with pytest.raises(TypeError, match=r"open for bytes\. Got str in row 0"):
        say([io.StringIO("text")])
