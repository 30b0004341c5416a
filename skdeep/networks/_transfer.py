"""A pretrained network with a head of one's own, which can learn by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, cast

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep._typing import Array
    from skdeep.networks._backbone import Backbone

# Of the typical deviation of features, below which one counts as that large.
SMALLEST_SHARE = 0.01


class FeatureScale(nn.Module):
    """Standardise features by what was seen of them.

    Parameters
    ----------
    n_features : int
        Number of features.
    dtype : torch.dtype, default=torch.float32
        Floating type of the buffers.

    Attributes
    ----------
    mean, inverse : Tensor of shape (n_features,)
        What is taken off, and what the rest is multiplied by: one over the standard
        deviation, or zero for a feature that never varied. One that varies less than a
        hundredth as much as the rest is not blown up to their size. Not learnt.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from skdeep.networks import FeatureScale
    >>> scale = FeatureScale(1).fit_(np.array([[1.0], [3.0]]))
    >>> scale(torch.tensor([[5.0]]))
    tensor([[3.]])
    """

    mean: Tensor
    inverse: Tensor

    def __init__(self, n_features: int, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_features, dtype=dtype))
        self.register_buffer("inverse", torch.ones(n_features, dtype=dtype))

    def fit_(self, features: Array, weight: Array | None = None) -> Self:
        """Take mean and deviation of features.

        Parameters
        ----------
        features : ndarray of shape (n_samples, n_features)
            Of training images.
        weight : ndarray of shape (n_samples,) or None, default=None
            Their weights, none negative.

        Returns
        -------
        self : FeatureScale
        """
        rows = np.asarray(features, dtype=np.float64)
        mean = np.average(rows, axis=0, weights=weight)
        variance = np.average((rows - mean) ** 2, axis=0, weights=weight)
        deviation = np.sqrt(variance)
        # What rounding leaves of a feature that never varies is not to be blown up.
        varies = deviation > 1e-6 * np.maximum(np.abs(mean), 1e-6)
        # A unit that nearly never fires would drown the rest once it does.
        floor = SMALLEST_SHARE * np.sqrt(variance.mean())
        inverse = np.divide(
            1.0, np.maximum(deviation, floor), out=np.zeros_like(mean), where=varies
        )
        self.mean.copy_(torch.from_numpy(mean))
        self.inverse.copy_(torch.from_numpy(inverse))
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Return standardised features.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
            Features.

        Returns
        -------
        scaled : Tensor of shape (n_rows, n_features)
        """
        return (x - self.mean) * self.inverse


class TransferNet(nn.Module):
    """Features of a backbone, standardised, and a head on them.

    Parameters
    ----------
    backbone : nn.Module
        From images to features.
    scale : nn.Module
        From features to standardised ones.
    head : nn.Module
        From these to outputs.
    channels_last : bool, default=False
        Lay images out in memory with the channels last, which is faster for
        convolutions on most machines.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from skdeep.networks import FeatureScale, TransferNet
    >>> backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1))
    >>> backbone.append(nn.Flatten())
    Sequential(...)
    >>> network = TransferNet(backbone, FeatureScale(4), nn.Linear(4, 2))
    >>> images = torch.rand(5, 3, 8, 8)
    >>> torch.equal(network(images), network(backbone(images)))
    True
    """

    def __init__(
        self,
        backbone: nn.Module,
        scale: nn.Module,
        head: nn.Module,
        *,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.scale = scale
        self.head = head
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs for images, or for features that the backbone has found.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_channels, height, width) or (n_rows, n_features)
            Images as the backbone takes them, or features.

        Returns
        -------
        outputs : Tensor of shape (n_rows, n_outputs)
        """
        if x.ndim > 2:
            if self.channels_last:
                x = x.contiguous(memory_format=torch.channels_last)
            x = self.backbone(x)
        outputs: Tensor = self.head(self.scale(x))
        return outputs

    def map_modules(self) -> list[nn.Module]:
        """Return the modules whose outputs are maps, those next to the input first.

        Returns
        -------
        modules : list of nn.Module
            The last one of each stage of the backbone.
        """
        backbone = cast("Backbone", self.backbone)
        return [backbone.stage_end(i) for i in range(len(backbone.stages))]
