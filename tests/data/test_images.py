"""Tests of reading images in every form that they come in."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from PIL import Image

from skdeep.data import float_dtype, take
from skdeep.data._images import ImageTable, read_images
from skdeep.data._tables import STREAMED_BYTES, MappedSubset

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, size=(5, 8, 9, 3), dtype=np.uint8)
GRAY = COLOUR[..., 0]
FIRST = np.moveaxis(COLOUR, -1, 1)


def read(X, **given):
    """Return `X` as a table."""
    return read_images(X, owner="Owner", **given)


@pytest.fixture
def paths(tmp_path):
    """Write five files, the fourth gray, and return their paths."""
    names = [tmp_path / f"{row}.png" for row in range(5)]
    for row, name in enumerate(names):
        Image.fromarray(GRAY[row] if row == 3 else COLOUR[row]).save(name)
    return names


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (GRAY, GRAY[:, None]),
        (COLOUR, FIRST),
        (FIRST, FIRST),
        (GRAY.tolist(), GRAY[:, None]),
        (list(COLOUR), FIRST),
        (list(FIRST), FIRST),
        (list(GRAY), GRAY[:, None]),
        ([Image.fromarray(image) for image in COLOUR], FIRST),
        ([Image.fromarray(image) for image in GRAY], GRAY[:, None]),
        (torch.from_numpy(COLOUR), FIRST),
        ([torch.from_numpy(image) for image in COLOUR], FIRST),
        (COLOUR.astype(np.float32), FIRST),
        (COLOUR.astype(object), FIRST),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_form_of_one_size_becomes_one_array(X, expected):
    """Channels come first, whatever came in."""
    table = read(X)
    assert table.is_dense
    assert table.shape == expected.shape
    assert len(table) == 5
    np.testing.assert_array_equal(table.block(), expected)


@pytest.mark.parametrize(
    ("shape", "given", "expected"),
    [
        ((5, 64), {}, (5, 1, 8, 8)),
        ((5, 20), {}, (5, 1, 1, 20)),
        ((5, 20), {"image_shape": (4, 5)}, (5, 1, 4, 5)),
        ((5, 90), {"image_shape": (5, 6, 3)}, (5, 3, 5, 6)),
        ((5, 90), {"image_shape": (3, 5, 6)}, (5, 3, 5, 6)),
        ((5, 6, 7, 2), {"channel_axis": "last"}, (5, 2, 6, 7)),
        ((5, 3, 7, 3), {"channel_axis": "first"}, (5, 3, 7, 3)),
    ],
)
def test_flat_rows_and_open_axes_are_read_as_told(shape, given, expected):
    """Rows are cut up in the order of C; no pixel is copied."""
    X = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    table = read(X, **given)
    assert table.shape == expected
    assert np.shares_memory(table.block(), X)


def test_ambiguous_array_is_an_error():
    """Three columns, or three channels."""
    with pytest.raises(ValueError, match="Set channel_axis to 'first' or 'last'"):
        read(np.zeros((5, 3, 7, 3)))


@pytest.mark.parametrize(
    ("dtype", "kind", "floating"),
    [
        (np.uint8, "bytes", np.float32),
        (np.uint16, "bytes", np.float32),
        (np.bool_, "bytes", np.float32),
        (np.float16, "numbers", np.float32),
        (np.float32, "numbers", np.float32),
        (np.float64, "numbers", np.float64),
        (np.int64, "numbers", np.float64),
    ],
)
def test_dtype_tells_bytes_from_numbers(dtype, kind, floating):
    """And the engine is told float64 where float32 would lose digits."""
    for X in (np.ones((4, 5, 5), dtype), [np.ones((5, n), dtype) for n in (5, 6)]):
        table = read(X)
        assert table.layout.kind == kind
        assert float_dtype(table) == floating


@pytest.mark.parametrize("first", [False, True])
def test_sizes_may_differ(first):
    """Images of a list keep theirs; gray ones may stand among those of RGB."""
    X = [COLOUR[0], GRAY[1], COLOUR[2, :6], COLOUR[3, :, :5]]
    if first:
        X = [np.moveaxis(image, -1, 0) if image.ndim == 3 else image for image in X]
    table = read(X)
    assert not table.is_dense
    assert (table.shape, table.layout.n_channels) == ((4,), 3)
    shapes = [table.image(row).shape for row in range(4)]
    assert shapes == [(3, 8, 9), (1, 8, 9), (3, 6, 9), (3, 8, 5)]
    np.testing.assert_array_equal(table.image(2), FIRST[2, :, :6])


def test_pillow_images_stand_among_arrays_of_any_layout():
    """Their own layout is known."""
    table = read([FIRST[0], Image.fromarray(COLOUR[1, :6])])
    np.testing.assert_array_equal(table.image(0), FIRST[0])
    np.testing.assert_array_equal(table.image(1), FIRST[1, :, :6])


@pytest.mark.parametrize("form", ["list", "array", "objects", "series", "frame"])
def test_paths_are_read_when_needed(paths, form):
    """Nothing but the name is held; the file is opened each time."""
    pd: Any = pytest.importorskip("pandas") if form in ("series", "frame") else None
    texts = [str(path) for path in paths]
    X = {
        "list": lambda: paths,
        "array": lambda: np.array(texts),
        "objects": lambda: np.array(paths, dtype=object)[:, None],
        "series": lambda: pd.Series(texts),
        "frame": lambda: pd.DataFrame({"path": texts}),
    }[form]()
    table = read(X)
    assert (table.shape, table.layout.n_channels) == ((5,), 3)
    assert list(table.pixels) == texts
    np.testing.assert_array_equal(table.image(1), FIRST[1])
    np.testing.assert_array_equal(table.image(3), GRAY[3][None])
    paths[1].write_bytes(b"gone")
    with pytest.raises(ValueError, match=r"1\.png' in row 1, which it cannot read"):
        table.image(1)


def test_rows_can_be_taken(paths):
    """By positions and by slices, of arrays and of paths; pixels are shared."""
    table = read(COLOUR)
    some = take(table, np.array([4, 0, 4]))
    np.testing.assert_array_equal(some.block(), FIRST[[4, 0, 4]])
    assert np.shares_memory(table[1:3].block(), COLOUR)
    files = read(paths)[np.array([2, 0])]
    np.testing.assert_array_equal(files.image(1), FIRST[0])
    assert len(files[:1]) == 1


def test_table_is_read_once():
    """A table passes as it is."""
    table = read(COLOUR)
    assert read(table) is table


def test_pickled_table_is_the_same(paths):
    """A table can be sent to another process."""
    for X in (COLOUR, paths, [COLOUR[0], GRAY[1, :4]]):
        table = read(X)
        restored = pickle.loads(pickle.dumps(table))
        assert restored.layout == table.layout
        for old, new in zip(table.pixels, restored.pixels, strict=True):
            np.testing.assert_array_equal(old, new)


def test_large_memory_map_is_not_copied(tmp_path, monkeypatch):
    """Its rows are named by position until a batch wants them."""
    monkeypatch.setattr("skdeep.data._tables.STREAMED_BYTES", COLOUR.nbytes // 2)
    assert COLOUR.nbytes < STREAMED_BYTES
    np.save(tmp_path / "X.npy", COLOUR)
    table = read(np.load(tmp_path / "X.npy", mmap_mode="r"))
    some = table[np.array([3, 1, 2])]
    assert isinstance(some.pixels, MappedSubset)
    assert some.shape == (3, 3, 8, 9)
    np.testing.assert_array_equal(some[1:].block(), FIRST[[1, 2]])
    np.testing.assert_array_equal(some[np.array([0])].block(), FIRST[[3]])
    np.testing.assert_array_equal(table[1:].block(), FIRST[1:])


def with_hole(kind):
    """Return images with one pixel that is no number."""
    X = COLOUR.astype(np.float64)
    X[2, 3, 4, 1] = kind
    return X


@pytest.mark.parametrize(
    ("X", "error", "match"),
    [
        ([], ValueError, r"Found array with 0 sample\(s\)"),
        (np.zeros((0, 5, 5)), ValueError, r"Found array with 0 sample\(s\)"),
        (np.zeros((5, 0, 5)), ValueError, r"0 feature\(s\) \(shape=\(5, 0, 5\)\)"),
        (np.zeros(5), ValueError, "Expected 2D array .* got 1D array instead"),
        (np.zeros((1,) * 5), ValueError, "got 5D array instead: Owner cannot read"),
        (np.zeros((5, 64), complex), ValueError, "Complex data not supported"),
        (
            np.zeros((5, 8), "M8[s]"),
            ValueError,
            "Owner expects pixels that are numbers",
        ),
        (sp.csr_array((5, 64)), TypeError, "Got a sparse matrix. Use X.toarray"),
        ("image.png", TypeError, "Got the single path 'image.png'. Put it in a list"),
        (with_hole(np.nan), ValueError, "Input X contains NaN or infinity. Owner"),
        (list(with_hole(np.inf)), ValueError, "Input X contains NaN or infinity. Ow"),
        ([[1, 2], [3]], ValueError, "Got nested lists of different lengths"),
        ([GRAY[0], None], TypeError, r"Got NoneType of shape \(\) in row 1"),
        ([GRAY[0], GRAY[0, 0]], TypeError, r"Got ndarray of shape \(9,\) in row 1"),
        (["no/such.png"], ValueError, "Got 'no/such.png' in row 0, which is no file"),
        (["n" * 5000], ValueError, "n' in row 0, which is no file"),
        (["a\0b.png"], ValueError, "in row 0, which is no file"),
        ({"a.png"}, TypeError, "as an array or a list.* Got a set. Convert it first"),
        ({"x": GRAY}, TypeError, "Got a dict. Convert it first"),
        (iter(["a.png"]), TypeError, "Got a list_iterator. Convert it first"),
        ([COLOUR[0], np.zeros((5, 5, 4), np.uint8)], ValueError, "RGB ones. Got 3, 4"),
        ([GRAY[0], np.zeros((5, 5))], ValueError, "some of dtype float64. Convert"),
        (
            [Image.fromarray(np.zeros((4, 4), np.float32))],
            ValueError,
            "Got one in row 0 that it cannot read",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_batch_of_images_is_refused(X, error, match):
    """One sentence that says what was got."""
    with pytest.raises(error, match=match):
        read(X)


def test_table_shows_its_kind():
    """A dense table has a shape of four numbers."""
    assert isinstance(read(COLOUR), ImageTable)
    assert read(GRAY).shape == (5, 1, 8, 9)
