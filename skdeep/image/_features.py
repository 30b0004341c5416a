"""What a frozen backbone finds in images: each image goes through it once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from skdeep.data import cache_context, cached_features
from skdeep.networks import Backbone, fused, view_of

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.augmentation import ImageAugmenter
    from skdeep.data import DiskStore, ImageEncoder, ImageTable, MemoryStore

# Pixels that go through the network at once: their first maps take some hundred MB.
BLOCK_PIXELS = 2**21
MAX_BLOCK_IMAGES = 256

# What was derived from a backbone, with the state its tensors were in then.
_fused: WeakKeyDictionary[Backbone, tuple[Any, torch.nn.Module]] = WeakKeyDictionary()
_digests: WeakKeyDictionary[Backbone, tuple[Any, str]] = WeakKeyDictionary()


def block_images(encoder: ImageEncoder) -> int:
    """Return how many images go through a backbone at once.

    Parameters
    ----------
    encoder : ImageEncoder
        Fitted.

    Returns
    -------
    n_images : int
        At least 1.
    """
    height, width = encoder.size
    return max(1, min(MAX_BLOCK_IMAGES, BLOCK_PIXELS // (height * width)))


class Features:
    """Find the features of images, or take them from a store.

    Parameters
    ----------
    backbone : Backbone
        On its device, with its final weights.
    encoder : ImageEncoder
        Fitted.
    store : MemoryStore, DiskStore or None
        Where features are kept; None keeps none.
    identity : str or None
        What tells the weights from others, such as the digest of their file. None
        takes a digest of the weights themselves.
    stage : int or None, default=None
        Of the backbone, whose pooled output is taken; None is what its head was given.
    channels_last : bool, default=True
        Lay images out with the channels last, which frozen networks are faster with.
    """

    def __init__(
        self,
        backbone: Backbone,
        encoder: ImageEncoder,
        store: MemoryStore | DiskStore | None,
        identity: str | None,
        *,
        stage: int | None = None,
        channels_last: bool = True,
    ) -> None:
        self.backbone = backbone
        self.encoder = encoder
        self.store = store
        self.identity = identity
        self.stage = stage
        self.channels_last = channels_last
        parameter = next(backbone.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype
        self.block = block_images(encoder)

    def of(self, table: ImageTable, view: int = 0) -> Array:
        """Return the features of images.

        Parameters
        ----------
        table : ImageTable
            The images.
        view : int, default=0
            See `view_of`.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features)
            Of the dtype of the backbone.
        """

        def compute(block: ImageTable) -> Array:
            pixels = self.encoder.transform(block, self.dtype, self.device)
            return self._run(view_of(pixels, view))

        context = b"" if self.store is None else self._context(view)
        return cached_features(table, context, compute, self.store, block=self.block)

    def of_harder(
        self, table: ImageTable, augmenter: ImageAugmenter, generator: torch.Generator
    ) -> Array:
        """Return the features of augmented images, which no store keeps.

        Parameters
        ----------
        table : ImageTable
            The images.
        augmenter : ImageAugmenter
            Makes them harder.
        generator : torch.Generator
            Of what the augmenter draws.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features)
        """
        parts = []
        for start in range(0, len(table), self.block):
            block = table[start : start + self.block]
            pixels = self.encoder.pixels(block, self.dtype, self.device)
            harder = augmenter.augment(pixels, generator).clone()
            parts.append(self._run(self.encoder.standardize(harder)))
        return np.concatenate(parts)

    def _run(self, images: torch.Tensor) -> Array:
        network = _fused_once(self.backbone)
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            found = (
                network(images)
                if self.stage is None
                else self.backbone.stage_features(images, self.stage)
            )
        features: Array = found.cpu().numpy()
        return features

    def _context(self, view: int) -> bytes:
        encoder, backbone = self.encoder, self.backbone
        return cache_context(
            backbone=backbone.name,
            weights=self.identity or _digest(backbone),
            channels=encoder.n_channels,
            size=list(encoder.size),
            resizing=[encoder.resize_mode, encoder.interpolation, encoder.margin],
            scale=[encoder.low, encoder.high, encoder.kind],
            moments=[encoder.mean.tolist(), encoder.inverse.tolist()],
            stage=self.stage,
            view=view,
            dtype=str(self.dtype),
            device=self.device.type,
        )


def _version(backbone: Backbone) -> tuple[int, torch.device]:
    """Return what changes when a tensor of a backbone is written to or moved."""
    tensors: list[Any] = [*backbone.parameters(), *backbone.buffers()]
    written = sum(tensor._version for tensor in tensors)  # noqa: SLF001 - torch has no other name for it
    return written, tensors[0].device


def _fused_once(backbone: Backbone) -> torch.nn.Module:
    version = _version(backbone)
    known = _fused.get(backbone)
    if known is None or known[0] != version:
        known = (version, fused(backbone))
        _fused[backbone] = known
    return known[1]


def _digest(backbone: Backbone) -> str:
    version = _version(backbone)
    known = _digests.get(backbone)
    if known is None or known[0] != version:
        hasher = hashlib.blake2b(digest_size=16)
        for name, tensor in backbone.state_dict().items():
            hasher.update(name.encode())
            hasher.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        known = (version, hasher.hexdigest())
        _digests[backbone] = known
    return known[1]


class FeatureRows:
    """Features in memory on their way to a head, one of several views of each.

    Parameters
    ----------
    views : Tensor of shape (n_views, n_samples, n_features)
        On the device of the head.
    generator : torch.Generator or None
        Draws which view of a row is taken whenever it is gathered; None takes the
        first.
    """

    def __init__(self, views: torch.Tensor, generator: torch.Generator | None) -> None:
        self.views = views
        self.generator = generator
        self.n_rows, self.n_columns = views.shape[1:]

    def gather(self, index: Array | slice) -> torch.Tensor:
        """Return the features of the rows at `index`."""
        if self.generator is None or len(self.views) == 1:
            first = self.views[0]
            if isinstance(index, slice):
                return first[index]
            return first.index_select(0, torch.from_numpy(index).to(first.device))
        rows = torch.arange(self.n_rows)[index]
        which = torch.randint(len(self.views), rows.shape, generator=self.generator)
        device = self.views.device
        return self.views[which.to(device), rows.to(device)]
