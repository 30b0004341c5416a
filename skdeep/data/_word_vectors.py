"""Word vectors in the text formats of GloVe, word2vec and fastText."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import numpy as np

from skdeep._atomic_files import is_file

if TYPE_CHECKING:
    from collections.abc import Collection

    from skdeep._typing import Array

# UTF-8, with or without a byte-order mark, as editors on Windows write it.
ENCODING = "utf-8-sig"


def read_vectors(
    path: str, words: Collection[str], *, width: int | None = None
) -> dict[str, Array]:
    """Read the vectors of some words from a file.

    Each line holds a word and its numbers, separated by spaces: the format of GloVe
    [1]_, and, after a line with the number of words and of numbers, of word2vec and
    fastText [2]_.

    Parameters
    ----------
    path : str
        A text file in UTF-8, also one that gzip has compressed.
    words : collection of str
        Which words to look for; a word that only stands there in upper case is found
        too.
    width : int or None, default=None
        How many numbers a vector must have; None takes what there is.

    Returns
    -------
    vectors : dict of str to ndarray of float32 of shape (width,)
        Of the words that the file has.

    Raises
    ------
    ValueError
        If the file is not there, is of another width, or a line has not as many
        numbers as the first one.

    References
    ----------
    .. [1] J. Pennington, R. Socher, C. D. Manning, "GloVe: Global Vectors for Word
       Representation", EMNLP 2014, doi:10.3115/v1/D14-1162.
    .. [2] P. Bojanowski, E. Grave, A. Joulin, T. Mikolov, "Enriching Word Vectors with
       Subword Information", TACL 2017, arXiv:1607.04606.
    """
    if not is_file(path):
        raise ValueError(
            f"The 'embeddings' parameter must name a file of word vectors. Got {path!r}"
            ", where there is none. Pass the path of a local file."
        )
    try:
        with _open(path) as lines:
            return _read(lines, path, words, width)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"The word vectors in {path!r} must be whole and compressed by gzip, as "
            f"its name says. Got an error in reading: {error}. Fetch the file again, "
            "or rename it."
        ) from error


def _open(path: str) -> TextIO:
    if path.endswith(".gz"):
        return cast(TextIO, gzip.open(path, "rt", encoding=ENCODING, errors="replace"))
    return Path(path).open(encoding=ENCODING, errors="replace")


def _read(
    lines: TextIO, path: str, words: Collection[str], width: int | None
) -> dict[str, Array]:
    exact: dict[str, Array] = {}
    lowered: dict[str, Array] = {}
    found_width: int | None = None
    for number, line in enumerate(lines, start=1):
        parts = line.rstrip().split(" ")
        if number == 1 and len(parts) == 2 and all(map(str.isdigit, parts)):
            found_width = _check_width(int(parts[1]), path, width)
            continue
        if found_width is None:
            found_width = _check_width(len(parts) - 1, path, width)
        if len(parts) <= found_width:
            if not line.strip():
                continue
            raise ValueError(
                f"Line {number} of the word vectors {path!r} must hold a word and "
                f"{found_width} numbers. Got {line.rstrip()!r:.60}. Is the file whole?"
            )
        # Some words of GloVe hold spaces.
        word = " ".join(parts[:-found_width])
        lower = word.lower()
        if word in words:
            exact[word] = _numbers(parts[-found_width:], number, path)
        elif lower in words and lower not in lowered:
            lowered[lower] = _numbers(parts[-found_width:], number, path)
    return {**lowered, **exact}


def _check_width(found: int, path: str, wanted: int | None) -> int:
    if found < 1:
        raise ValueError(
            f"The file {path!r} must hold word vectors: a word and its numbers in each "
            "line. Got a line without numbers. Pass a file in the text format of "
            "GloVe, word2vec or fastText."
        )
    if wanted is not None and found != wanted:
        raise ValueError(
            f"The word vectors in {path!r} must have as many numbers as embedding_dim "
            f"says. Got {found} for embedding_dim={wanted}. Set embedding_dim={found}."
        )
    return found


def _numbers(parts: list[str], number: int, path: str) -> Array:
    try:
        vector = np.array(parts, dtype=np.float32)
    except ValueError as error:
        raise ValueError(
            f"Line {number} of the word vectors {path!r} must hold numbers after its "
            f"word. Got {' '.join(parts)!r:.60}. Is it a text format?"
        ) from error
    if not np.isfinite(vector).all():
        raise ValueError(
            f"Line {number} of the word vectors {path!r} must hold finite numbers. Got "
            f"{' '.join(parts)!r:.60}. Remove the line."
        )
    return vector
