"""The checks of scikit-learn that suit images, on all estimators and forms of images.

scikit-learn's own suite hands out tables, see tests/test_common.py; these are its
questions again, asked with images.
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline

from skdeep import CNNClassifier, CNNRegressor, ImageClassifier, ImageRegressor

N_IMAGES, SIDE = 24, 8
SHORT: dict[str, Any] = {"max_epochs": 3, "dtype": "float32", "random_state": 0}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "CNNClassifier": (CNNClassifier, {"conv_channels": 4}),
    "CNNRegressor": (CNNRegressor, {"conv_channels": 4}),
    "ImageClassifier": (ImageClassifier, {"head_epochs": 4}),
    "ImageRegressor": (ImageRegressor, {"head_epochs": 4}),
    "ImageClassifier, trained": (
        ImageClassifier,
        {"head_epochs": 2, "trainable_layers": 1},
    ),
}


MAKERS: dict[str, Callable[[np.ndarray], Any]] = {
    "gray": lambda pixels: np.ascontiguousarray(pixels[..., 0]),
    "channels last": lambda pixels: pixels,
    "channels first": lambda pixels: np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)),
    "floats": lambda pixels: pixels / 255.0,
    "flat": lambda pixels: np.ascontiguousarray(
        pixels[..., 0].reshape(len(pixels), -1)
    ),
    "arrays": list,
    "pictures": lambda pixels: [Image.fromarray(image) for image in pixels],
}


class Sample:
    """Images in one form, with targets; rows are taken as the form allows."""

    def __init__(self, form: str, folder: Path) -> None:
        rng = np.random.default_rng(5)
        self.form = form
        self.pixels = rng.integers(0, 256, (N_IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
        self.labels = np.array(["ant", "bee"])[np.arange(N_IMAGES) % 2]
        self.pixels[::2, :4] //= 3
        self.values = self.pixels.mean(axis=(1, 2, 3))
        self.X = self.make(self.pixels, folder)

    def make(self, pixels: np.ndarray, folder: Path) -> Any:
        """Return pixels in the form of this sample."""
        if self.form in ("paths", "column"):
            paths = [str(folder / f"{i}.png") for i in range(len(pixels))]
            for path, image in zip(paths, pixels, strict=True):
                Image.fromarray(image).save(path)
            if self.form == "paths":
                return np.array(paths, dtype=object)
            return pytest.importorskip("pandas").DataFrame({"path": paths})
        return MAKERS[self.form](pixels)

    def take(self, rows: Any) -> Any:
        """Return the images at some rows."""
        if isinstance(self.X, list):
            return [self.X[row] for row in np.arange(N_IMAGES)[rows]]
        if hasattr(self.X, "iloc"):
            return self.X.iloc[rows]
        return self.X[rows]


FORMS = [*MAKERS, "paths", "column"]


@pytest.fixture(params=FORMS)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    """Return the same images in each form."""
    return Sample(request.param, tmp_path)


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tiny_backbone: Any) -> Callable[..., Any]:
    """Return a function that makes one of the estimators, small."""
    kind, params = KINDS[request.param]
    if issubclass(kind, (ImageClassifier, ImageRegressor)):
        params = {**params, "backbone": tiny_backbone, "cache_features": False}

    def of(sample: Sample | None = None, **more: Any) -> Any:
        in_files = sample is not None and sample.form in ("paths", "column")
        size = {"image_size": SIDE} if in_files else {}
        return kind(**{**SHORT, **params, **size, **more})

    return of


def target(net: Any, sample: Sample) -> np.ndarray:
    """Return labels for a classifier and numbers for a regressor."""
    return sample.labels if is_classifier(net) else sample.values


def say(net: Any, X: Any) -> np.ndarray:
    """Return what an estimator predicts in numbers."""
    said = net.predict_proba(X) if is_classifier(net) else net.predict(X)
    return np.asarray(said)


def test_fit_returns_the_estimator_and_touches_no_argument(
    make: Any, sample: Sample
) -> None:
    """X, y and the parameters are as before."""
    net = make(sample)
    y = target(net, sample)
    before = copy.deepcopy((sample.X, y, net.get_params(deep=False)))
    assert net.fit(sample.X, y) is net
    say(net, sample.X)
    np.testing.assert_array_equal(np.asarray(before[1]), y)
    assert before[2].keys() == net.get_params(deep=False).keys()
    if isinstance(sample.X, np.ndarray):
        np.testing.assert_array_equal(before[0], sample.X)


def test_shapes_and_classes_of_predictions(make: Any, sample: Sample) -> None:
    """A row for each image; probabilities sum to one in the order of `classes_`."""
    net = make(sample)
    net.fit(sample.X, target(net, sample))
    assert net.predict(sample.X).shape == (N_IMAGES,)
    assert 0 <= net.score(sample.X, target(net, sample)) <= 1 or not is_classifier(net)
    if is_classifier(net):
        assert net.classes_.tolist() == ["ant", "bee"]
        np.testing.assert_allclose(say(net, sample.X).sum(axis=1), 1, rtol=1e-5)
        assert set(net.predict(sample.X)) <= {"ant", "bee"}


def test_fit_again_gives_the_same(make: Any, sample: Sample) -> None:
    """A second fit, and that of a clone, repeat the first to the last bit."""
    net = make(sample)
    y = target(net, sample)
    first = say(net.fit(sample.X, y), sample.X)
    twin = clone(net)
    assert not hasattr(twin, "module_")
    np.testing.assert_array_equal(say(net.fit(sample.X, y), sample.X), first)
    np.testing.assert_array_equal(say(twin.fit(sample.X, y), sample.X), first)


def test_pickle_predicts_the_same(make: Any, sample: Sample) -> None:
    """What comes out of a pickle says the same of every form."""
    net = make(sample)
    net.fit(sample.X, target(net, sample))
    twin = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(say(twin, sample.X), say(net, sample.X))


def test_prediction_does_not_depend_on_neighbours(make: Any, sample: Sample) -> None:
    """A subset, another order and an image alone get the same as among all."""
    net = make(sample)
    net.fit(sample.X, target(net, sample))
    whole = say(net, sample.X)
    order = np.random.default_rng(0).permutation(N_IMAGES)
    for rows in (order, order[:7], order[:1]):
        np.testing.assert_allclose(
            say(net, sample.take(rows)), whole[rows], rtol=1e-4, atol=1e-5
        )


def test_weights_of_one_are_no_weights(make: Any, sample: Sample) -> None:
    """A weight of one for each image changes nothing."""
    net = make(sample)
    y = target(net, sample)
    plain = say(net.fit(sample.X, y), sample.X)
    weighted = clone(net).fit(sample.X, y, sample_weight=np.ones(N_IMAGES))
    np.testing.assert_allclose(say(weighted, sample.X), plain, rtol=1e-4, atol=1e-5)


def test_weights_of_zero_remove_images(make: Any, sample: Sample) -> None:
    """Images of no weight could as well not be there."""
    net = make(sample)
    y, kept = target(net, sample), np.arange(N_IMAGES) % 3 > 0
    weighted = clone(net).fit(sample.X, y, sample_weight=kept.astype(float))
    without = clone(net).fit(sample.take(np.flatnonzero(kept)), y[kept])
    np.testing.assert_array_equal(say(weighted, sample.X), say(without, sample.X))


def test_cross_validation_and_pipelines_take_images(make: Any, sample: Sample) -> None:
    """Folds index images of every form; a Pipeline hands them on."""
    net = make(sample)
    y = target(net, sample)
    scores = cross_val_score(net, sample.X, y, cv=2, error_score="raise")
    assert np.isfinite(scores).all()
    said = cross_val_predict(Pipeline([("net", net)]), sample.X, y, cv=2)
    assert said.shape == (N_IMAGES,)


def test_grids_reach_parameters(make: Any, sample: Sample) -> None:
    """A grid over the learning rate fits, refits and predicts."""
    net = make(sample)
    y = target(net, sample)
    name = (
        "head_learning_rate" if hasattr(net, "head_learning_rate") else "learning_rate"
    )
    search = GridSearchCV(net, {name: [1e-3, 1e-2]}, cv=2, error_score="raise")
    search.fit(sample.X, y)
    assert search.predict(sample.X).shape == (N_IMAGES,)


def test_prediction_before_fit_is_refused(make: Any, sample: Sample) -> None:
    """An estimator that knows nothing says so."""
    with pytest.raises(NotFittedError, match="not fitted yet"):
        make(sample).predict(sample.X)


def test_lengths_must_agree(make: Any, sample: Sample) -> None:
    """As many targets as images."""
    net = make(sample)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        net.fit(sample.X, target(net, sample)[:-1])
    assert not hasattr(net, "module_")


def test_targets_are_required(make: Any, sample: Sample) -> None:
    """scikit-learn's sentence where y is left out."""
    with pytest.raises(ValueError, match="requires y to be passed"):
        make(sample).fit(sample.X, None)


def test_no_images_are_refused(make: Any, sample: Sample) -> None:
    """Nothing can be learnt from nothing."""
    net = make(sample)
    with pytest.raises(ValueError, match=r"0 sample|minimum of 1"):
        net.fit(sample.take(slice(0, 0)), target(net, sample)[:0])


def test_failed_fit_leaves_what_was(make: Any, sample: Sample) -> None:
    """A fitted estimator that is given nonsense still predicts as before."""
    net = make(sample)
    y = target(net, sample)
    before = say(net.fit(sample.X, y), sample.X)
    with pytest.raises(ValueError, match="inconsistent"):
        net.fit(sample.X, y[:-1])
    np.testing.assert_array_equal(say(net, sample.X), before)


def test_unknown_parameter_is_refused(make: Any, sample: Sample) -> None:
    """Values are looked at by fit, and the sentence names estimator and parameter."""
    net = make(sample, resize_mode="squash")
    with pytest.raises(
        ValueError, match=r"'resize_mode' parameter of .* must be a str"
    ):
        net.fit(sample.X, target(net, sample))


@pytest.mark.parametrize("kind", [bool, int, float, object])
def test_labels_keep_their_type(make: Any, tmp_path: Path, kind: type) -> None:
    """Classes come back in the type that they had."""
    sample, net = Sample("channels last", tmp_path), make()
    if not is_classifier(net):
        pytest.skip("of classifiers only")
    y = np.arange(N_IMAGES) % 2
    labels = sample.labels.astype(object) if kind is object else y.astype(kind)
    said = net.fit(sample.X, labels).predict(sample.X)
    assert said.dtype == labels.dtype
    assert set(said) <= set(labels)


def test_columns_of_labels_are_raveled_with_a_warning(
    make: Any, tmp_path: Path
) -> None:
    """scikit-learn warns of a y of one column, and takes it."""
    sample, net = Sample("channels last", tmp_path), make()
    if not is_classifier(net):
        pytest.skip("of classifiers only")
    with pytest.warns(UserWarning, match="A column-vector y was passed"):
        net.fit(sample.X, sample.labels[:, np.newaxis])


def test_several_labels_and_numbers_a_row(make: Any, tmp_path: Path) -> None:
    """An indicator for a classifier, columns of numbers for a regressor."""
    sample, net = Sample("channels last", tmp_path), make()
    y = np.stack([np.arange(N_IMAGES) % 2, np.arange(N_IMAGES) % 3 == 0], axis=1)
    said = net.fit(sample.X, y.astype(int if is_classifier(net) else float))
    assert said.predict(sample.X).shape == y.shape


@pytest.mark.parametrize("form", ["channels last", "gray", "flat"])
def test_nan_is_refused(make: Any, tmp_path: Path, form: str) -> None:
    """Pixels are numbers, in fit and in predict."""
    sample, net = Sample(form, tmp_path), make()
    good = sample.X / 255.0
    bad = good.copy()
    bad.flat[70] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        net.fit(bad, target(net, sample))
    net.fit(good, target(net, sample))
    with pytest.raises(ValueError, match="NaN"):
        net.predict(bad)


def test_other_shapes_in_predict_are_refused(make: Any, tmp_path: Path) -> None:
    """Images of another size, or with other channels, are not those of fit."""
    sample, net = Sample("channels last", tmp_path), make()
    net.fit(sample.X, target(net, sample))
    with pytest.raises(ValueError, match="must have the height and width of those in"):
        net.predict(sample.X[:, :6])
    with pytest.raises(ValueError, match="channels"):
        net.predict(np.concatenate([sample.X, sample.X[..., :1]], axis=3))


def test_flat_rows_of_another_length_are_refused(make: Any, tmp_path: Path) -> None:
    """A table has the columns of fit."""
    sample, net = Sample("flat", tmp_path), make()
    net.fit(sample.X, target(net, sample))
    assert net.n_features_in_ == SIDE * SIDE
    with pytest.raises(ValueError, match="64 features"):
        net.predict(sample.X[:, :60])


def test_mixed_forms_predict_the_same(make: Any, tmp_path: Path) -> None:
    """Fitted on arrays, an estimator takes lists, images and files of the same."""
    arrays, net = Sample("channels last", tmp_path), make()
    net.fit(arrays.X, target(net, arrays))
    expected = say(net, arrays.X)
    for form in ("channels first", "arrays", "pictures", "paths"):
        if form == "paths" and net.image_size is None:
            net.set_params(image_size=SIDE).fit(arrays.X, target(net, arrays))
            expected = say(net, arrays.X)
        said = say(net, Sample(form, tmp_path).X)
        np.testing.assert_allclose(said, expected, rtol=1e-4, atol=1e-5)


def test_bytes_and_their_share_of_255_are_the_same(make: Any, tmp_path: Path) -> None:
    """uint8 and floats in [0, 1] mean the same pixels."""
    sample, net = Sample("channels last", tmp_path), make()
    y = target(net, sample)
    said = say(net.fit(sample.X, y), sample.X)
    floats = (sample.X / 255).astype(np.float32)
    # Wide enough that both reach from black to white.
    np.testing.assert_allclose(
        say(clone(net).fit(floats, y), floats), said, rtol=1e-3, atol=1e-4
    )


def test_read_only_images_are_fine(make: Any, tmp_path: Path) -> None:
    """Workers of joblib hand out arrays that cannot be written to."""
    sample, net = Sample("channels last", tmp_path), make()
    np.save(tmp_path / "X.npy", sample.X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    y = target(net, sample)
    expected = say(net.fit(sample.X, y), sample.X)
    np.testing.assert_array_equal(say(clone(net).fit(mapped, y), mapped), expected)


def test_broken_file_is_named_with_its_row(make: Any, tmp_path: Path) -> None:
    """In training, and with the row of X wherever the batch has it."""
    sample = Sample("paths", tmp_path)
    net = make(sample)
    Path(sample.X[13]).write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"13\.png' in row 13, which it cannot read"):
        net.fit(sample.X, target(net, sample))
    assert not hasattr(net, "module_")


def test_parallel_search_gives_the_same(make: Any, tmp_path: Path) -> None:
    """Two workers find the scores that one finds."""
    sample, net = Sample("channels last", tmp_path), make()
    if not is_classifier(net):
        pytest.skip("workers take their time to start")
    y = target(net, sample)
    scores = [
        cross_val_score(net, sample.X, y, cv=2, n_jobs=n_jobs) for n_jobs in (1, 2)
    ]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5)
