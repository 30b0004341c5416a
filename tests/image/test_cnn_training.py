"""How convolutional networks learn, are augmented, continued, copied and kept."""

from __future__ import annotations

import pickle
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline

from skdeep import CNNClassifier, CNNRegressor, ImageAugmenter
from skdeep.exceptions import DivergenceError

SMALL: dict[str, Any] = {
    "conv_channels": (4,),
    "hidden_layer_sizes": (8,),
    "max_epochs": 4,
    "learning_rate": 0.01,
    "batch_size": 16,
    "random_state": 0,
    "n_threads": 1,
}


class Counting(ImageAugmenter):
    """Count the images that are made harder."""

    seen: list[int] = []  # noqa: RUF012 - shared by the copies of a search

    def augment(self, images, generator):
        """Note how many images there are."""
        self.seen.append(len(images))
        return super().augment(images, generator)


@pytest.fixture
def counting():
    """Return an augmenter whose list is empty."""
    Counting.seen.clear()
    return Counting(hflip=0.5)


def test_digits_are_learnt():
    """A logistic regression reaches .96 on these rows; a small network .98."""
    digits = load_digits()
    net = CNNClassifier(
        (16, 32),
        max_epochs=15,
        pool_size=(1, 2),
        learning_rate=3e-3,
        random_state=0,
        n_threads=1,
    )
    X_train, X_test, y_train, y_test = train_test_split(
        digits.images, digits.target, random_state=0
    )
    assert net.fit(X_train, y_train).score(X_test, y_test) > 0.98


def test_number_is_learnt(tiny_images):
    """The mean of the pixels of an image is predicted well."""
    net = CNNRegressor(
        **{**SMALL, "max_epochs": 60, "learning_rate": 0.03},
        pooling="average",
        global_pooling="average",
        tol=None,
    )
    scores = cross_val_score(net, tiny_images.X, tiny_images.values, cv=3)
    assert scores.mean() > 0.8


def test_several_labels_an_image(tiny_images):
    """An indicator of two labels gives two probabilities."""
    lies = (tiny_images.labels == "lies").astype(int)
    y = np.column_stack(
        [lies, (tiny_images.values > np.median(tiny_images.values)).astype(int)]
    )
    net = CNNClassifier(**{**SMALL, "max_epochs": 60}).fit(tiny_images.X, y)
    assert net.predict(tiny_images.X).shape == (60, 2)
    assert net.predict_proba(tiny_images.X).shape == (60, 2)
    assert (net.predict(tiny_images.X) == y).mean() > 0.9


def test_only_training_images_are_augmented(tiny_images, counting):
    """Each epoch makes each training image harder once, and no other image ever."""
    X, y = tiny_images.X, tiny_images.labels
    net = CNNClassifier(
        **SMALL, augmenter=counting, early_stopping=True, validation_fraction=0.25
    )
    net.fit(X, y)
    assert sum(Counting.seen) == 45 * net.n_iter_
    Counting.seen.clear()
    net.predict(X)
    net.score(X, y)
    assert Counting.seen == []
    cross_val_score(CNNClassifier(**SMALL, augmenter=counting), X, y, cv=3)
    assert sum(Counting.seen) == 3 * 40 * SMALL["max_epochs"]


def test_explicit_validation_images_are_not_augmented(tiny_images, counting):
    """Images of X_val are measured as they are."""
    X, y = tiny_images.X, tiny_images.labels
    net = CNNClassifier(**SMALL, augmenter=counting, early_stopping=True)
    net.fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
    assert sum(Counting.seen) == 40 * net.n_iter_


def test_augmentation_changes_training_and_nothing_else_random(tiny_images):
    """The initial weights are the same with and without, the trained ones are not."""
    X, y = tiny_images.X, tiny_images.labels
    plain = CNNClassifier(**SMALL).fit(X, y)
    hard = CNNClassifier(**SMALL, augmenter="light").fit(X, y)
    again = CNNClassifier(**SMALL, augmenter="light").fit(X, y)
    assert np.array_equal(hard.predict_proba(X), again.predict_proba(X))
    assert not np.allclose(hard.predict_proba(X), plain.predict_proba(X))
    still = CNNClassifier(**SMALL, augmenter=ImageAugmenter()).fit(X, y)
    np.testing.assert_allclose(
        still.predict_proba(X), plain.predict_proba(X), rtol=1e-5
    )


def test_strengths_of_the_augmenter_are_searched(tiny_images):
    """A grid over a nested parameter, in a Pipeline, finds it by its prefix."""
    pipe = Pipeline([("cnn", CNNClassifier(**SMALL, augmenter=ImageAugmenter()))])
    search = GridSearchCV(
        pipe, {"cnn__augmenter__rotation": [0, 90], "cnn__mixup": [0.0, 0.2]}, cv=2
    )
    search.fit(tiny_images.X, tiny_images.labels)
    assert len(search.cv_results_["params"]) == 4
    scores = search.cv_results_["mean_test_score"]
    # A bar that is turned by up to 90 degrees has no direction.
    assert scores[:2].max() > scores[2:].min()


@pytest.mark.parametrize("kind", [CNNClassifier, CNNRegressor])
@pytest.mark.parametrize(
    "mixing", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.2, "cutmix": 1.0}]
)
def test_mixed_images_are_learnt_from(kind, mixing, tiny_images):
    """Mixing changes what is learnt, the same way for the same seed, and it learns."""
    X = tiny_images.X
    y = tiny_images.labels if kind is CNNClassifier else tiny_images.values
    params = {**SMALL, "max_epochs": 60, "global_pooling": "average"}
    mixed = kind(**params, **mixing).fit(X, y)
    again = kind(**params, **mixing).fit(X, y)
    assert mixed.loss_curve_ == again.loss_curve_
    assert mixed.loss_curve_[0] != kind(**params).fit(X, y).loss_curve_[0]
    assert mixed.score(X, y) > (0.9 if kind is CNNClassifier else 0.5)


def test_sample_weights_count_with_mixing(tiny_images):
    """Rows of weight zero are as if they were not there."""
    X, y = tiny_images.X, tiny_images.labels
    weight = np.ones(60)
    weight[40:] = 0.0
    params = {**SMALL, "mixup": 0.3}
    weighted = CNNClassifier(**params).fit(X, y, weight)
    without = CNNClassifier(**params).fit(X[:40], y[:40])
    np.testing.assert_allclose(
        weighted.predict_proba(X), without.predict_proba(X), rtol=1e-5
    )


@pytest.mark.parametrize("backend", ["pickle", "joblib", "clone"])
def test_fitted_network_is_kept_whole(backend, tiny_images, tmp_path):
    """A file gives back the same probabilities, a clone the same parameters."""
    net = CNNClassifier(**SMALL, augmenter=ImageAugmenter(rotation=5))
    net.fit(tiny_images.X, tiny_images.labels)
    if backend == "clone":
        copy = clone(net)
        assert not hasattr(copy, "net_")
        assert copy.augmenter is not net.augmenter
        assert copy.augmenter.rotation == 5
        return
    if backend == "pickle":
        copy = pickle.loads(pickle.dumps(net))
    else:
        joblib.dump(net, tmp_path / "net.joblib")
        copy = joblib.load(tmp_path / "net.joblib")
    assert np.array_equal(
        copy.predict_proba(tiny_images.X), net.predict_proba(tiny_images.X)
    )


def test_file_holds_no_images(tiny_images):
    """The pickle is about as large as the weights, whatever was trained on."""
    net = CNNClassifier(**SMALL).fit(tiny_images.X, tiny_images.labels)
    many = np.tile(tiny_images.X, (50, 1, 1))
    more = CNNClassifier(**{**SMALL, "max_epochs": 1})
    more.fit(many, np.tile(tiny_images.labels, 50))
    few_bytes, many_bytes = len(pickle.dumps(net)), len(pickle.dumps(more))
    assert abs(many_bytes - few_bytes) < 2_000


def test_partial_fit_goes_on_after_a_pickle(tiny_images):
    """Passes with a file between them are those without."""
    X, y = tiny_images.X, tiny_images.labels
    params = {**SMALL, "augmenter": "light"}
    straight, halted = CNNClassifier(**params), CNNClassifier(**params)
    for _ in range(3):
        straight.partial_fit(X, y, classes=["lies", "stands"])
        halted = pickle.loads(
            pickle.dumps(halted.partial_fit(X, y, classes=["lies", "stands"]))
        )
    assert np.array_equal(straight.predict_proba(X), halted.predict_proba(X))
    assert straight.n_iter_ == 3


def test_warm_start_goes_on_and_refuses_another_network(tiny_images):
    """More epochs start where the last ended; another window is an error."""
    X, y = tiny_images.X, tiny_images.labels
    net = CNNClassifier(**SMALL, warm_start=True).fit(X, y)
    first = net.loss_
    assert net.fit(X, y).loss_curve_[-1] < first
    with pytest.raises(ValueError, match=r"kernel_size=.*Set warm_start=False"):
        net.set_params(kernel_size=5).fit(X, y)


def test_same_seed_same_bits_in_workers(tiny_images):
    """Folds in two processes score as those in this one."""
    net = CNNClassifier(**SMALL, augmenter="strong", dropout=0.2, conv_dropout=0.2)
    X, y = tiny_images.X, tiny_images.labels
    here = cross_val_score(net, X, y, cv=3, scoring="neg_log_loss")
    there = cross_val_score(net, X, y, cv=3, scoring="neg_log_loss", n_jobs=2)
    assert np.array_equal(here, there)


def test_blocks_of_images_do_not_matter(tiny_images, monkeypatch):
    """Many blocks give the predictions of one, to the last bits of float32."""
    import skdeep.image._cnn as module

    net = CNNClassifier(**SMALL).fit(tiny_images.X, tiny_images.labels)
    expected = net.predict_proba(tiny_images.X)
    monkeypatch.setattr(module, "MAX_BLOCK_IMAGES", 7)
    np.testing.assert_allclose(
        net.predict_proba(tiny_images.X), expected, rtol=1e-5, atol=1e-7
    )


def test_single_number_of_channels_is_repeated(tiny_images):
    """conv_channels=4 with n_conv_layers=2 is (4, 4): two numbers to search."""
    params = {**SMALL, "conv_channels": 4, "n_conv_layers": 2}
    net = CNNClassifier(**params).fit(tiny_images.X, tiny_images.labels)
    assert net.module_.map_sizes == ((1, 8, 8), (4, 4, 4), (4, 2, 2))
    with pytest.raises(ValueError, match=r"n_conv_layers.*\(4, 5\)"):
        net.set_params(conv_channels=(4, 5)).fit(tiny_images.X, tiny_images.labels)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("conv_channels", 0, "int in the range"),
        ("kernel_size", 1.5, "int in the range"),
        ("pooling", "median", "must be a str among"),
        ("global_pooling", "sum", "None"),
        ("conv_dropout", 1.0, r"\[0.0, 1.0\)"),
        ("image_size", 0, "at least 1"),
        ("image_shape", (8,), "two or three ints"),
        ("resize_mode", "squash", "'stretch'"),
        ("augmenter", "heavy", "ImageAugmenter"),
        ("mixup", -0.1, r"\[0.0, inf\)"),
    ],
)
def test_wrong_parameter_is_named(name, value, sentence, tiny_images):
    """The sentence says which parameter, what it may be, and what it was."""
    net = CNNClassifier(**{**SMALL, name: value})
    with pytest.raises(ValueError, match=f"'{name}' parameter.*{sentence}"):
        net.fit(tiny_images.X, tiny_images.labels)
    assert not hasattr(net, "net_")


def test_wrong_strength_inside_the_augmenter_is_named(tiny_images):
    """A nested parameter is checked when the estimator is fitted."""
    net = CNNClassifier(**SMALL, augmenter=ImageAugmenter(rotation=-3))
    with pytest.raises(ValueError, match="'rotation' parameter of ImageAugmenter"):
        net.fit(tiny_images.X, tiny_images.labels)


def test_divergence_leaves_the_estimator_as_it_was(tiny_images):
    """A loss that overflows is an error, and the first network still answers."""
    X, y = tiny_images.X, tiny_images.values
    net = CNNRegressor(**SMALL).fit(X, y)
    before = net.predict(X)
    net.set_params(learning_rate=1e20, optimizer="sgd")
    with pytest.raises(DivergenceError):
        net.fit(X, y)
    assert np.array_equal(net.predict(X), before)


def test_average_of_the_weights_sees_augmented_images(tiny_images):
    """Statistics of batch normalization are taken for averaged weights, too."""
    net = CNNClassifier(
        **{**SMALL, "max_epochs": 12},
        normalization="batch",
        weight_averaging="swa",
        augmenter="light",
        tol=None,
    ).fit(tiny_images.X, tiny_images.labels)
    assert net.score(tiny_images.X, tiny_images.labels) > 0.8
    assert all(torch.isfinite(buffer).all() for buffer in net.module_.buffers())
