"""Tests of folders of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from skdeep import load_images
from skdeep.exceptions import SkdeepWarning


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
    with pytest.raises(ValueError, match=r"n', which is not a folder"):
        load_images("n" * 5000)


def test_what_is_no_folder_is_refused() -> None:
    """A path is asked for by name."""
    rule = r"The 'folder' parameter of load_images must be a path\. Got 3 of type int"
    with pytest.raises(TypeError, match=rule):
        load_images(cast(Any, 3))


def test_folder_without_classes_is_refused(folder: Path) -> None:
    """Images right in the folder belong to no class."""
    with pytest.raises(ValueError, match=r"takes the classes from subfolders"):
        load_images(folder / "dog")


def test_empty_class_is_refused(folder: Path) -> None:
    """A class that no image shows is a slip."""
    (folder / "bird").mkdir()
    with pytest.raises(ValueError, match=r"bird' without a file that ends in \.bmp"):
        load_images(folder)


def test_one_extension_is_one(folder: Path) -> None:
    """A str is not read letter by letter, and capitals do not matter."""
    X, _ = load_images(folder, extensions=(".png", ".jpg", ".jpeg"))
    (folder / "dog/a.JPG").rename(folder / "dog/a.png")
    (folder / "cat/x/deep.jpeg").unlink()
    for ending in (".png", ".PNG"):
        one, y = load_images(folder, extensions=ending)
        assert y.tolist() == ["cat", "dog", "dog", "Äffin"]
        assert all(path.endswith(".png") for path in one)
    assert len(X) == 5


def test_links_are_followed_once(folder: Path, tmp_path: Path) -> None:
    """Links into the folder, around it, in circles, and twice to one place."""
    (folder / "cat/up").symlink_to(folder)
    (folder / "cat/x/self").symlink_to(folder / "cat")
    (folder / "dog/above").symlink_to(tmp_path)
    (folder / "dog/cats").symlink_to(folder / "cat/x")
    expected = load_images(folder)[1].tolist()
    assert expected == ["cat", "cat", "dog", "dog", "Äffin"]
    outside = tmp_path / "outside/deep"
    outside.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(outside / "new.png")
    (outside / "circle").symlink_to(tmp_path / "outside")
    for name in ("more", "again"):
        (folder / f"dog/{name}").symlink_to(tmp_path / "outside")
    X, y = load_images(folder)
    assert y.tolist() == ["cat", "cat", "dog", "dog", "dog", "Äffin"]
    assert sum(path.endswith("new.png") for path in X) == 1


def test_classes_may_be_links(folder: Path, tmp_path: Path) -> None:
    """To folders elsewhere, but not two of them to the same."""
    links = tmp_path / "links"
    links.mkdir()
    for name in ("cat", "dog"):
        (links / name).symlink_to(folder / name)
    assert load_images(links)[1].tolist() == ["cat", "cat", "dog", "dog"]
    (links / "kitten").symlink_to(folder / "cat")
    with pytest.raises(ValueError, match=r"needs each folder in one class. Got .*cat'"):
        load_images(links)


def test_broken_files_are_left_out_and_counted(folder: Path) -> None:
    """Or named in one error; without being asked nobody looks."""
    (folder / "dog/a.JPG").write_bytes(b"no image")
    noise = (folder / "cat/top.png").read_bytes()
    (folder / "cat/top.png").write_bytes(noise[: len(noise) // 2])
    assert len(load_images(folder)[0]) == 5
    with pytest.warns(SkdeepWarning, match=r"left out 2 files .* such as '.*top\.png'"):
        X, y = load_images(folder, on_error="skip")
    assert y.tolist() == ["cat", "dog", "Äffin"]
    assert X.shape == y.shape
    with pytest.raises(ValueError, match=r"Got 2 which .*top\.png' \(.*a\.JPG' \("):
        load_images(folder, on_error="raise")
    (folder / "dog/b.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"and can be read. Remove the subfolder"):
        load_images(folder, on_error="skip")
    with pytest.raises(ValueError, match=r"must be 'raise', 'skip' or None. Got 'ig"):
        load_images(folder, on_error="ignore")  # type: ignore[arg-type]
