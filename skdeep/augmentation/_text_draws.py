"""What is drawn for a text: by itself, whatever texts stand beside it."""

from __future__ import annotations

import hashlib

import numpy as np


def text_generator(seed: int, text: str, occurrence: int) -> np.random.Generator:
    """Return a generator of a text's own.

    Parameters
    ----------
    seed : int
        Between 0 and 2**63 - 1.
    text : str
        Any text.
    occurrence : int
        Tells equal texts apart; at least 0.

    Returns
    -------
    rng : numpy.random.Generator
        The same for the same arguments, on every machine.

    Examples
    --------
    >>> from skdeep.augmentation._text_draws import text_generator
    >>> one, again = (text_generator(0, "text", 0).random() for _ in range(2))
    >>> one == again, one == text_generator(0, "text", 1).random()
    (True, False)
    """
    digest = hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"),
        digest_size=16,
        key=seed.to_bytes(8, "little"),
        salt=occurrence.to_bytes(16, "little"),
    ).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def take_turns(n_operations: int, n_texts: int, rng: np.random.Generator) -> list[int]:
    """Return which operation makes each of some new texts.

    As in the code of EDA: ``n_texts // n_operations + 1`` of each, shuffled, and cut.

    Parameters
    ----------
    n_operations : int
        At least 1.
    n_texts : int
        How many new texts.
    rng : numpy.random.Generator
        Advanced by one permutation.

    Returns
    -------
    turns : list of n_texts int
        Below `n_operations`; none more often than ``n_texts // n_operations + 1``.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.augmentation._text_draws import take_turns
    >>> sorted(take_turns(2, 3, np.random.default_rng(0)))[1:2] in ([0], [1])
    True
    """
    each = n_texts // n_operations + 1
    order = rng.permutation(each * n_operations)[:n_texts]
    return [place % n_operations for place in order.tolist()]
