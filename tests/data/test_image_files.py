"""Tests of Pillow's images and of files."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from skdeep.data._image_files import pillow_pixels, read_file

GRAY = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8
COLOUR = np.stack([GRAY, 255 - GRAY, GRAY // 2], axis=-1)


def test_gray_and_colour_come_as_they_are():
    """Two axes for gray, three for RGB."""
    np.testing.assert_array_equal(pillow_pixels(Image.fromarray(GRAY)), GRAY)
    np.testing.assert_array_equal(pillow_pixels(Image.fromarray(COLOUR)), COLOUR)


@pytest.mark.parametrize("mode", ["RGBA", "RGBX", "CMYK"])
def test_other_colours_become_rgb(mode):
    """Transparency is left out, inks are converted."""
    pixels = pillow_pixels(Image.fromarray(COLOUR).convert(mode))
    np.testing.assert_array_equal(pixels, COLOUR)


@pytest.mark.parametrize("mode", ["1", "LA"])
def test_other_grays_become_gray(mode):
    """Black and white, and gray with transparency."""
    pixels = pillow_pixels(Image.fromarray(GRAY).convert(mode))
    assert pixels.shape == (5, 6)
    assert pixels.dtype == np.uint8


def test_palette_is_looked_up():
    """With a transparent colour in it or without."""
    image = Image.fromarray(GRAY // 8).convert("P")
    image.putpalette([value for row in range(256) for value in (row, 0, 255 - row)])
    for transparency in (None, bytes([0, 128] + [255] * 254)):
        if transparency is not None:
            image.info["transparency"] = transparency
        pixels = pillow_pixels(image)
        np.testing.assert_array_equal(pixels[..., 2], 255 - pixels[..., 0])


def test_sixteen_bits_are_kept(tmp_path):
    """In memory, and from a file."""
    deep = GRAY.astype(np.uint16) * 200
    image = Image.fromarray(deep)
    np.testing.assert_array_equal(pillow_pixels(image), deep)
    image.save(tmp_path / "deep.png")
    pixels = read_file(str(tmp_path / "deep.png"), "Owner")
    np.testing.assert_array_equal(pixels, deep)
    assert pixels.dtype == np.uint16


def test_floating_point_pixels_are_refused(tmp_path):
    """They do not say what is white."""
    image = Image.fromarray(GRAY.astype(np.float32))
    with pytest.raises(ValueError, match="its pixels are floating-point numbers"):
        pillow_pixels(image)
    image.save(tmp_path / "float.tiff")
    with pytest.raises(
        ValueError,
        match=r"float\.tiff.*say what is white\). Pass arrays",
    ):
        read_file(str(tmp_path / "float.tiff"), "Owner")


def test_file_is_turned_upright(tmp_path):
    """A camera held on its side notes so in the file."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 270 degrees to look at it
    Image.fromarray(COLOUR).save(tmp_path / "photo.png", exif=exif)
    pixels = read_file(str(tmp_path / "photo.png"), "Owner")
    np.testing.assert_array_equal(pixels, np.rot90(COLOUR, k=-1))


@pytest.mark.parametrize("content", [b"", b"no image at all", "half"])
def test_unreadable_file_is_named(tmp_path, content):
    """Empty, of something else, and cut short."""
    path = tmp_path / "broken.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    with pytest.raises(
        ValueError,
        match=r"Owner reads image files by Pillow. Got '.*broken\.png', which",
    ):
        read_file(str(path), "Owner")


def test_whole_numbers_beyond_sixteen_bits_are_refused():
    """They were cut to white, or to black, once."""
    for number in (-1, 2**16):
        image = Image.fromarray(np.full((3, 3), number, dtype=np.int32))
        with pytest.raises(ValueError, match=r"beyond \[0, 65535\], which do not say"):
            pillow_pixels(image)


def test_only_documented_formats_are_decoded(tmp_path, monkeypatch):
    """A document of PostScript called .png must not start Ghostscript."""
    from PIL import EpsImagePlugin

    def never(*_, **__):
        raise AssertionError

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", never)
    path = tmp_path / "harmless.png"
    Image.fromarray(COLOUR).save(path, format="eps")
    with pytest.raises(ValueError, match=r"it is none of BMP, GIF, JPEG, PNG, PPM, TI"):
        read_file(str(path), "Owner")


@pytest.mark.parametrize(
    "format", ["bmp", "gif", "jpeg", "mpo", "png", "ppm", "tiff", "webp"]
)
def test_documented_formats_are_decoded(format, tmp_path):  # noqa: A002 - Pillow's word
    """Those that `load_images` looks for, and what cameras make of JPEG."""
    path = tmp_path / "image.png"
    Image.fromarray(COLOUR).save(path, format=format)
    assert read_file(str(path), "Owner").shape == (5, 6, 3)
