"""The forms that texts come in."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from skdeep._text_forms import TextForm, read_texts
from tests.sequences import Column

TEXTS = ["é", "日本語", ""]


def pandas_forms():
    """Return pandas' Series and frame of the texts."""
    pandas = pytest.importorskip("pandas")
    series = pandas.Series(TEXTS, index=[5, 6, 7], name="text")
    return [series, series.to_frame(), series.astype("category")]


def polars_forms():
    """Return polars' Series and frame of the texts."""
    polars = pytest.importorskip("polars")
    series = polars.Series("text", TEXTS)
    return [series, series.to_frame()]


@pytest.mark.parametrize(
    "X",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        np.array(TEXTS)[:, np.newaxis],
        [np.str_(text) for text in TEXTS],
    ],
    ids=["list", "tuple", "strings", "objects", "column", "numpy strings"],
)
def test_texts_are_read_from_every_form(X):
    """What comes out are plain strings."""
    assert read_texts(X, "Owner") == TEXTS
    assert {type(text) for text in read_texts(X, "Owner")} == {str}


def arrow_forms():
    """Return Arrow's arrays and tables of the texts."""
    arrow = pytest.importorskip("pyarrow")
    array = arrow.array(TEXTS)
    return [
        array,
        array.cast(arrow.large_string()),
        array.dictionary_encode(),
        arrow.chunked_array([array[:2], array[2:]]),
        arrow.table({"text": array}),
        arrow.record_batch({"text": array}),
    ]


def test_texts_are_read_from_any_sequence():
    """It may belong to no known library."""
    assert read_texts(Column(TEXTS), "Owner") == TEXTS
    assert read_texts(deque(TEXTS), "Owner") == TEXTS


@pytest.mark.parametrize("forms", [pandas_forms, polars_forms, arrow_forms])
def test_texts_are_read_from_series_and_frames(forms):
    """A Series, and a frame of one column."""
    for X in forms():
        assert read_texts(X, "Owner") == TEXTS


def test_reading_leaves_what_was_given():
    """A list of NumPy's strings is not changed in place."""
    given = [np.str_("a")]
    read_texts(given, "Owner")
    assert type(given[0]) is np.str_


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan])
def test_missing_text_is_refused_with_its_row(missing):
    """None and NaN are no texts, and the sentence says where and what to do."""
    with pytest.raises(
        ValueError, match=r"^Owner expects .* in row 1, which is missing"
    ):
        read_texts(["a", missing], "Owner")


def test_missing_text_of_pandas_is_refused():
    """NA cannot be compared, and is found all the same."""
    pandas = pytest.importorskip("pandas")
    for X in (pandas.Series(["a", None], dtype="string"), ["a", pandas.NA]):
        with pytest.raises(ValueError, match="in row 1, which is missing"):
            read_texts(X, "Owner")


@pytest.mark.parametrize(
    ("X", "error", "sentence"),
    [
        ("one text", TypeError, r"Got a single str: 'one text'\. Put it in a list"),
        (b"bytes", TypeError, "Got a single bytes"),
        ([b"a", "b"], TypeError, r"Got bytes in row 0: b'a'\. Decode"),
        (np.array([b"a", b"b"]), TypeError, "Got bytes in row 0"),
        (["a", 3], TypeError, "Got 3 of type int in row 1"),
        (np.zeros((3, 2)), ValueError, r"one text a row\. Got X of shape \(3, 2\)"),
        (np.array([["a", "b"]]), ValueError, r"Got X of shape \(1, 2\)"),
        ([["a", "b"]], TypeError, "of type list in row 0"),
        ({"a": 1}, TypeError, "Got a dict"),
        ({"a": 1}.values(), TypeError, r"Got a dict_values\. .* with list"),
        ({"a", "b"}, TypeError, "Got a set"),
        (Column([1, 2]), TypeError, "Got 1 of type int in row 0"),
        (Column(["a", None]), ValueError, "Got None in row 1, which is missing"),
        (Column([{"text": "a"}]), TypeError, "of type dict in row 0"),
        (None, TypeError, "Got a NoneType"),
        ((text for text in TEXTS), TypeError, "Got a generator"),
    ],
)
def test_what_is_no_text_is_refused(X, error, sentence):
    """One sentence says what was expected, what was got and what to do."""
    with pytest.raises(error, match=f"^Owner expects .*{sentence}") as caught:
        read_texts(X, "Owner")
    assert "\n" not in str(caught.value)


def test_new_texts_take_the_form_of_those_given():
    """A list for a list, an array for an array, of the same number of axes."""
    origin = np.array([0, 1, 1])
    assert TextForm(("a", "b"), "Owner").like_given(TEXTS, origin) == TEXTS
    for shape in ((2,), (2, 1)):
        given = np.array(["a", "b"]).reshape(shape)
        grown = TextForm(given, "Owner").like_given(TEXTS, origin)
        assert grown.shape == (3, *shape[1:])
        assert grown.ravel().tolist() == TEXTS


def test_new_texts_keep_index_and_name_of_pandas():
    """Rows made of a row have its index."""
    for given in pandas_forms():
        grown = TextForm(given, "Owner").like_given(["x", "y"], np.array([2, 0]))
        assert grown.index.tolist() == [7, 5]
        assert type(grown) is type(given)
        assert np.asarray(grown).ravel().tolist() == ["x", "y"]


def test_new_texts_keep_the_name_of_polars():
    """A Series for a Series, a frame for a frame."""
    for given in polars_forms():
        grown = TextForm(given, "Owner").like_given(["x", "y"], np.array([2, 0]))
        assert type(grown) is type(given)
        assert grown.to_numpy().ravel().tolist() == ["x", "y"]
