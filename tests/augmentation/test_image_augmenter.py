"""Tests of the settable augmenter."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import ParameterGrid

from skdeep.augmentation import ImageAugmenter, make_augmenter
from skdeep.augmentation._warping import PADDING_MODES

# Every augmentation alone, strong enough to be seen.
SINGLE = {
    "rotation": 30.0,
    "translate": 0.3,
    "scale": 0.3,
    "shear": 20.0,
    "hflip": 0.5,
    "vflip": 0.5,
    "crop_scale": 0.3,
    "brightness": 0.5,
    "contrast": 0.5,
    "saturation": 0.5,
    "erase": 0.5,
}


def images(n=16, n_channels=3, dtype=torch.float32, size=12):
    """Return random images."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.random((n, n_channels, size, size))).to(dtype)


def augment(X, seed=0, **parameters):
    """Return `X` augmented by a fresh generator."""
    generator = torch.Generator().manual_seed(seed)
    return ImageAugmenter(**parameters).augment(X, generator)


def test_nothing_switched_on_changes_nothing():
    """The very tensor comes back."""
    X = images()
    assert augment(X) is X
    assert augment(X, scale=(1.0, 1.0), crop_scale=(1.0, 1), contrast=(1, 1)) is X


@pytest.mark.parametrize(("name", "value"), SINGLE.items())
def test_single_augmentation_changes_images(name, value):
    """In shape, dtype and range as before, with the images given left alone."""
    X = images()
    before = X.clone()
    harder = augment(X, **{name: value})
    assert (harder.shape, harder.dtype) == (X.shape, X.dtype)
    assert torch.equal(X, before)
    changed = (harder != X).flatten(1).any(dim=1)
    assert 3 < changed.sum() <= 16
    assert harder.min() >= 0
    assert harder.max() <= 1 + 1e-6


def test_flips_are_exact():
    """Each image is one of four, bit by bit, and all four occur."""
    X = images(32)
    harder = augment(X, hflip=0.5, vflip=0.5)
    seen = set()
    for image, result in zip(X, harder, strict=True):
        options = [image, image.flip(2), image.flip(1), image.flip(1, 2)]
        equal = [torch.equal(option, result) for option in options]
        assert sum(equal) == 1
        seen.add(equal.index(True))
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize(("name", "axis"), [("hflip", 3), ("vflip", 2)])
def test_certain_flip_mirrors_all(name, axis):
    """A probability of one leaves no image as it was."""
    X = images()
    assert torch.equal(augment(X, **{name: 1.0}), X.flip(axis))


def test_flip_within_a_resampling_is_the_same():
    """Whether an image is mirrored does not depend on what else is done to it."""
    X = images(dtype=torch.float64)
    warped = augment(X, hflip=0.5, rotation=1e-9)
    np.testing.assert_allclose(warped, augment(X, hflip=0.5), atol=1e-6)


def test_switching_one_on_leaves_the_draws_of_the_others():
    """Erased rectangles stay where they are when brightness comes along."""
    X = images(dtype=torch.float64)
    alone = augment(X, erase=0.5) != X
    both = augment(X, erase=0.5, brightness=(0.5, 0.5)) != X * 0.5
    assert torch.equal(alone, both)


@pytest.mark.parametrize("preset", ["light", "strong"])
def test_one_seed_gives_the_same_bits(preset):
    """And another seed gives others."""
    X, parameters = images(), getattr(ImageAugmenter, preset)().get_params()
    first = augment(X, 3, **parameters)
    assert torch.equal(first, augment(X, 3, **parameters))
    assert not torch.equal(first, augment(X, 4, **parameters))


def test_batches_make_up_the_whole():
    """What happens to an image depends on its place in the stream alone."""
    X, augmenter = images(), ImageAugmenter.strong()
    generator = torch.Generator().manual_seed(0)
    parts = [augmenter.augment(part, generator) for part in X.split([1, 5, 10])]
    whole = augmenter.augment(X, torch.Generator().manual_seed(0))
    assert torch.equal(torch.cat(parts), whole)


def test_images_get_parameters_of_their_own():
    """The same image sixteen times comes back in sixteen ways."""
    X = images(1).expand(16, 3, 12, 12)
    harder = augment(X, rotation=30.0)
    assert len({image.numpy().tobytes() for image in harder}) == 16


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_dtypes_draw_the_same(dtype):
    """A batch of other digits is augmented alike."""
    X = images(dtype=dtype)
    harder = augment(X, hflip=0.5, brightness=0.4, erase=0.5)
    expected = augment(X.float(), hflip=0.5, brightness=0.4, erase=0.5)
    assert harder.dtype == dtype
    np.testing.assert_allclose(harder.float(), expected, atol=2e-3)


def test_rotation_stays_within_its_range():
    """The line through the middle of each image leans by no more than was allowed."""
    X = torch.zeros(200, 1, 41, 41, dtype=torch.float64)
    X[:, :, 20] = 1.0
    turned = augment(X, rotation=20.0, padding_mode="border")
    column = torch.arange(41, dtype=torch.float64).view(1, 41)
    # Where the line crosses the columns to the right and to the left of the middle.
    height = [
        (turned[:, 0, :, x] * column).sum(1) / turned[:, 0, :, x].sum(1)
        for x in (10, 30)
    ]
    angle = torch.rad2deg(torch.atan2(height[1] - height[0], torch.tensor(20.0)))
    assert angle.abs().max() < 20.5
    assert angle.max() > 15
    assert angle.min() < -15


@pytest.mark.parametrize("n_channels", [1, 2, 4])
def test_any_number_of_channels_will_do(n_channels):
    """Gray images and those of many channels are augmented too."""
    X = images(n_channels=n_channels)
    parameters = ImageAugmenter.strong().get_params()
    assert augment(X, **parameters).shape == X.shape


@pytest.mark.parametrize("padding_mode", PADDING_MODES)
def test_strip_of_pixels_is_augmented(padding_mode):
    """Images one pixel high come back finite."""
    X = torch.rand(8, 1, 1, 20, generator=torch.Generator().manual_seed(0))
    parameters = ImageAugmenter.strong().set_params(padding_mode=padding_mode)
    assert torch.isfinite(augment(X, **parameters.get_params())).all()


def test_empty_batch_stays_empty():
    """No images, no error."""
    assert augment(images()[:0], rotation=10.0, erase=1.0).shape == (0, 3, 12, 12)


def test_cloned_and_pickled_augmenters_do_the_same():
    """Parameters are all there is."""
    augmenter, X = ImageAugmenter.strong(), images()
    expected = augmenter.augment(X, torch.Generator().manual_seed(0))
    for twin in (clone(augmenter), pickle.loads(pickle.dumps(augmenter))):
        assert twin.get_params() == augmenter.get_params()
        got = twin.augment(X, torch.Generator().manual_seed(0))
        assert torch.equal(got, expected)


def test_shown_by_what_was_set():
    """The repr lists what differs from the defaults."""
    assert repr(ImageAugmenter(rotation=5.0)) == "ImageAugmenter(rotation=5.0)"


class Holder(BaseEstimator):
    """An estimator with an augmenter."""

    def __init__(self, augmenter=None):
        self.augmenter = augmenter


def test_search_reaches_the_parameters():
    """Names with two underscores set them, as a grid does."""
    holder = Holder(ImageAugmenter.light())
    for parameters in ParameterGrid({"augmenter__rotation": [0.0, 15.0]}):
        twin = clone(holder).set_params(**parameters)
        assert twin.augmenter.rotation == parameters["augmenter__rotation"]
        assert twin.augmenter.hflip == 0.5
    assert holder.augmenter.rotation == 10.0


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("rotation", -1, r"a float in the range \[0.0, 180.0\]"),
        ("translate", 1.5, r"a float in the range \[0.0, 1.0\]"),
        ("scale", 1.0, r"a float in the range \[0.0, 1.0\) or a pair of positive"),
        ("scale", (1.2, 0.8), "the smaller first"),
        ("scale", (0.5, float("inf")), "the smaller first"),
        ("shear", 90, r"a float in the range \[0.0, 90.0\)"),
        ("hflip", 2, r"a float in the range \[0.0, 1.0\]"),
        ("crop_scale", 0.0, r"a float in the range \[0.01, 1.0\] or a pair"),
        ("crop_scale", (0.5, 1.5), "floats of at most 1.0, the smaller first"),
        ("brightness", "much", r"a float in the range \[0.0, 1.0\] or a pair"),
        ("contrast", (0.0, 1.0), "a pair of positive floats"),
        ("saturation", np.nan, r"a float in the range \[0.0, 1.0\] or a pair"),
        ("erase", None, r"a float in the range \[0.0, 1.0\]"),
        ("padding_mode", "edge", "a str among"),
    ],
)
def test_parameters_are_held_to_their_rules(name, value, rule):
    """When they are used, and not before, in scikit-learn's words."""
    augmenter = ImageAugmenter(**{name: value})
    sentence = rf"The '{name}' parameter of ImageAugmenter must be .*{rule}"
    with pytest.raises(ValueError, match=sentence):
        augmenter.check()
    with pytest.raises(ValueError, match=sentence):
        augmenter.augment(images(), torch.Generator())


@pytest.mark.parametrize(
    "X", [torch.zeros(3, 8, 8), torch.zeros(2, 3, 8, 8, dtype=torch.uint8)]
)
def test_other_tensors_are_refused(X):
    """A single image, and bytes."""
    with pytest.raises(ValueError, match="expects images of shape"):
        augment(X, rotation=3.0)


@pytest.mark.parametrize(
    ("X", "sentence"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), r"ndarray of uint8 \(2, 8, 8, 3\)"),
        (np.zeros((2, 3, 8, 8)), "ndarray of float64"),
        ([[0.0]], "a list"),
        (None, "a NoneType"),
    ],
)
def test_what_is_no_tensor_is_refused(X, sentence):
    """One sentence says how to make one of an array."""
    with pytest.raises(TypeError, match=rf"takes a tensor .*{sentence}.*from_numpy"):
        ImageAugmenter().augment(X, torch.Generator())


def test_make_augmenter_takes_names_and_instances():
    """A name makes the preset, an instance is checked, None is None."""
    assert make_augmenter(None, "CNNClassifier") is None
    strong = make_augmenter("strong", "CNNClassifier")
    assert strong is not None
    assert strong.get_params() == ImageAugmenter.strong().get_params()
    own = ImageAugmenter(rotation=3.0)
    assert make_augmenter(own, "CNNClassifier") is own
    with pytest.raises(ValueError, match="'rotation' parameter of ImageAugmenter"):
        make_augmenter(ImageAugmenter(rotation=-3.0), "CNNClassifier")
    with pytest.raises(ValueError, match="'augmenter' parameter of CNNClassifier"):
        make_augmenter("heavy", "CNNClassifier")
