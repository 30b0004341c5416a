"""Word vectors in the text formats of GloVe, word2vec and fastText."""

from __future__ import annotations

import gzip

import pytest

from skdeep.data._word_vectors import read_vectors

GLOVE = "the 0.5 -1 2\nCat 1 2 3\ncat 4 5 6\nDOG 7 8 9\n. . . 1 1 1\nété 0 0 1e-3\n"
WORDS = {"the", "cat", "dog", ". . .", "été", "fish"}
READ = {
    "the": [0.5, -1, 2],
    "cat": [4, 5, 6],
    "dog": [7, 8, 9],
    ". . .": [1, 1, 1],
    "été": [0, 0, pytest.approx(1e-3)],
}


def as_lists(vectors):
    """Return vectors as plain lists."""
    return {word: vector.tolist() for word, vector in vectors.items()}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("header", ["", "6 3\n"])
@pytest.mark.parametrize("packed", [True, False])
def test_vectors_are_read_from_every_format(tmp_path, header, packed, encoding):
    """With a header, a byte-order mark and gzip or without; upper case is found."""
    content = (header + GLOVE + "\n").encode(encoding)
    path = tmp_path / ("vectors.txt.gz" if packed else "vectors.txt")
    path.write_bytes(gzip.compress(content) if packed else content)
    assert as_lists(read_vectors(str(path), WORDS, width=3)) == READ
    assert as_lists(read_vectors(str(path), {"dog"})) == {"dog": [7, 8, 9]}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a 1 2\n", r"Got 2 for embedding_dim=3\. Set embedding_dim=2"),
        ("9 300\na 1 2 3\n", r"Got 300 for embedding_dim=3"),
        ("a 1 2 3\nb 1 2\n", r"Line 2 .* and 3 numbers\. Got 'b 1 2'"),
        ("a 1 x 3\n", "Line 1 .* must hold numbers"),
        ("a 1 nan 3\n", "Line 1 .* must hold finite numbers"),
        ("prose\n", "Got a line without numbers"),
    ],
)
def test_wrong_file_is_refused(tmp_path, content, sentence):
    """One sentence with the file, and the line where there is one."""
    path = tmp_path / "vectors.txt"
    path.write_text(content)
    with pytest.raises(ValueError, match=sentence) as caught:
        read_vectors(str(path), {"a", "b"}, width=3)
    assert "vectors.txt" in str(caught.value)


def test_broken_archive_is_refused(tmp_path):
    """What is no gzip file, and what ends too early."""
    path = tmp_path / "vectors.txt.gz"
    path.write_text("a 1 2 3")
    with pytest.raises(ValueError, match=r"compressed by gzip, as its name says\. Got"):
        read_vectors(str(path), {"a"})
    path.write_bytes(gzip.compress(b"a 1 2 3\n" * 100)[:-9])
    with pytest.raises(ValueError, match="must be whole"):
        read_vectors(str(path), {"a"})


def test_missing_file_is_refused(tmp_path):
    """Nothing is looked for elsewhere, and nothing downloaded."""
    with pytest.raises(ValueError, match="must name a file of word vectors"):
        read_vectors(str(tmp_path / "none.txt"), {"a"})
