"""Features of images out of a store, found only where it has none."""

from __future__ import annotations

import functools
import importlib.metadata
import json
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from skdeep.data._image_keys import KEY_BYTES, image_keys

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.data._feature_store import DiskStore, MemoryStore
    from skdeep.data._images import ImageTable


def cached_features(
    table: ImageTable,
    context: bytes,
    compute: Callable[[ImageTable], Array],
    store: MemoryStore | DiskStore | None,
    *,
    block: int,
) -> Array:
    """Return the features of images; each image is looked at once, whoever asks.

    Parameters
    ----------
    table : ImageTable
        The images; of one that is there twice the features are found once.
    context : bytes
        What beside the image decides about its features, see `cache_context`.
    compute : callable
        From a table of images to an array of shape (n, n_features).
    store : MemoryStore, DiskStore or None
        Where features are kept; None finds all of them anew.
    block : int
        So many images at most are handed to `compute` at once. What it found is kept
        block by block: an interrupted call has not been in vain.

    Returns
    -------
    features : ndarray of shape (n_samples, n_features)
        In memory of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeep.data import MemoryStore, cached_features, read_images
    >>> table = read_images(np.eye(3)[:, np.newaxis], owner="CNNClassifier")
    >>> def mean(block):
    ...     print("looked at", len(block))
    ...     return block.block().mean(axis=(1, 2, 3))[:, np.newaxis]
    >>> store = MemoryStore()
    >>> for rows in (slice(0, 2), slice(0, 3)):
    ...     features = cached_features(table[rows], b"", mean, store, block=9)
    looked at 2
    looked at 1
    >>> features.shape
    (3, 1)
    """
    n_rows = len(table)
    if store is None:
        starts = range(0, n_rows, block)
        parts = [compute(table[start : start + block]) for start in starts]
        return np.concatenate(parts)
    keys = [
        blake2b(context + key, digest_size=KEY_BYTES).digest()
        for key in image_keys(table)
    ]
    known = dict(zip(keys, store.get_many(keys), strict=True))
    missing = {
        key: row for row, key in reversed([*enumerate(keys)]) if known[key] is None
    }
    order = sorted(missing, key=missing.__getitem__)
    for start in range(0, len(order), block):
        some = order[start : start + block]
        found = compute(table[np.array([missing[key] for key in some])])
        store.put_many(some, found)
        known.update(zip(some, found, strict=True))
    features: Array = np.stack([known[key] for key in keys])  # type: ignore[misc]
    return features


def cache_context(**parts: Any) -> bytes:
    """Return what decides about features beside the image itself.

    Parameters
    ----------
    **parts : str, number, or list of these
        Of the network, its weights and the preprocessing. The versions of torch and
        torchvision are added.

    Returns
    -------
    context : bytes
        16 of them.

    Examples
    --------
    >>> from skdeep.data import cache_context
    >>> cache_context(size=32) == cache_context(size=32) != cache_context(size=64)
    True
    """
    told = json.dumps({**parts, "versions": _versions()}, sort_keys=True)
    return blake2b(told.encode(), digest_size=KEY_BYTES).digest()


@functools.cache
def _versions() -> tuple[str, ...]:
    return tuple(importlib.metadata.version(name) for name in ("torch", "torchvision"))
