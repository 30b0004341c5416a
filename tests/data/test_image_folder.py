"""Tests of folders of photographs."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from skdeep import load_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of three classes, with what does not belong there."""
    names = ["dog/b.png", "dog/a.JPG", "cat/x/deep.jpeg", "cat/top.png", "Äffin/ä.png"]
    for name in names:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    for name in ("dog/notes.txt", "dog/.hidden.png", "top.png", ".git/x.png"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return tmp_path / "photos"


def test_subfolders_are_classes(folder: Path) -> None:
    """Files come by class and by name; deeper ones belong to the class above."""
    X, y = load_images(folder)
    found = [str(Path(path).relative_to(folder)) for path in X]
    assert found == [
        "cat/top.png",
        "cat/x/deep.jpeg",
        "dog/a.JPG",
        "dog/b.png",
        "Äffin/ä.png",
    ]
    assert y.tolist() == ["cat", "cat", "dog", "dog", "Äffin"]
    assert X.dtype == object
    assert y.dtype.kind == "U"


def test_extensions_choose_the_files(folder: Path) -> None:
    """Only what ends so is taken, in capitals or not."""
    (folder / "cat/x/another.jpg").write_bytes((folder / "dog/a.JPG").read_bytes())
    (folder / "Äffin/c.jpg").write_bytes((folder / "dog/a.JPG").read_bytes())
    X, _ = load_images(str(folder), extensions=[".jpg"])
    assert [Path(path).name for path in X] == ["another.jpg", "a.JPG", "c.jpg"]


def test_missing_folder_is_refused(folder: Path) -> None:
    """The sentence names the path."""
    with pytest.raises(ValueError, match=r"none', which is not a folder"):
        load_images(folder / "none")


def test_folder_without_classes_is_refused(folder: Path) -> None:
    """Images right in the folder belong to no class."""
    with pytest.raises(ValueError, match=r"takes the classes from subfolders"):
        load_images(folder / "dog")


def test_empty_class_is_refused(folder: Path) -> None:
    """A class that no image shows is a slip."""
    (folder / "bird").mkdir()
    with pytest.raises(ValueError, match=r"bird' without a file that ends in \.bmp"):
        load_images(folder)
