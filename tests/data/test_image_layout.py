"""Tests of where rows, columns and channels stand."""

from __future__ import annotations

import pytest

from skdeep.data._image_layout import find_channel_axis, flat_shape


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        ([(3, 8, 9)], "first"),
        ([(8, 9, 3)], "last"),
        ([(1, 28, 28)], "first"),
        ([(5, 5, 4)], "last"),
        # One image alone would leave it open.
        ([(3, 20, 3), (8, 20, 3)], "last"),
    ],
)
def test_axis_of_one_three_or_four_holds_channels(shapes, axis):
    """It is found where only one axis can be it, for all images together."""
    assert find_channel_axis(shapes, "auto", "Owner") == axis


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((3, 20, 3), "both the first and the last"),
        ((2, 20, 7), "neither the first nor the last"),
    ],
)
def test_open_axis_is_an_error_unless_told(shape, found):
    """The sentence says what was got; saying where channels stand settles it."""
    with pytest.raises(ValueError, match=rf"Owner takes .*{found} may be it\. Set"):
        find_channel_axis([shape], "auto", "Owner")
    assert find_channel_axis([shape], "first", "Owner") == "first"
    assert find_channel_axis([shape], "last", "Owner") == "last"


@pytest.mark.parametrize(
    ("n_features", "image_shape", "shape"),
    [
        (64, None, (8, 8)),
        (1, None, (1, 1)),
        (20, None, (1, 20)),
        (20, (4, 5), (4, 5)),
        (24, (3, 4, 2), (3, 4, 2)),
    ],
)
def test_flat_rows_are_squares_strips_or_as_told(n_features, image_shape, shape):
    """A square where there is one, a strip elsewhere."""
    assert flat_shape(n_features, image_shape, "Owner") == shape


@pytest.mark.parametrize("image_shape", [(3, 5), (20,), (2, 2, 5, 1)])
def test_other_number_of_pixels_is_refused(image_shape):
    """The product must be the number of columns."""
    sentence = "'image_shape' parameter of Owner must be .* columns of X, 20. Got"
    with pytest.raises(ValueError, match=sentence):
        flat_shape(20, image_shape, "Owner")
