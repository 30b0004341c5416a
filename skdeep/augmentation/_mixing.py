"""Pairs of images blended, or pasted into each other, and their targets with them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from skdeep.augmentation._coloring import box_masks


class MixedBatch(NamedTuple):
    """Images that hold something of two.

    The loss of image i is ``share[i]`` times that of its own target plus ``1 -
    share[i]`` times that of the target of image ``partner[i]``; where targets are
    numbers or probabilities, `mix_targets` blends them instead.

    Parameters
    ----------
    X : Tensor of shape (batch, ...)
        The mixed images.
    partner : Tensor of int64 of shape (batch,)
        Position of the image that was mixed in.
    share : Tensor of shape (batch,)
        What is left of the image itself, in [0, 1].
    """

    X: Tensor
    partner: Tensor
    share: Tensor


def mixup(X: Tensor, generator: torch.Generator, *, alpha: float = 0.2) -> MixedBatch:
    """Blend every image with another of the batch [1]_.

    Parameters
    ----------
    X : Tensor of shape (batch, ...)
        Images, or features of them, of a floating type; left as they are.
    generator : torch.Generator
        Draws the pairs, and shares from Beta(alpha, alpha), one for each image.
    alpha : float, default=0.2
        0 leaves images as they are; the larger, the nearer shares are to one half.

    Returns
    -------
    mixed : MixedBatch
        Images, partners and shares.

    Raises
    ------
    ValueError
        If `alpha` is negative or not finite.

    See Also
    --------
    cutmix : Paste a part of another image.
    mix_targets : Blend targets as the images were.

    References
    ----------
    .. [1] H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical
       Risk Minimization", ICLR 2018, arXiv:1710.09412.

    Examples
    --------
    >>> import torch
    >>> from skdeep.augmentation import mixup
    >>> X = torch.rand(6, 3, 8, 8)
    >>> mixed = mixup(X, torch.Generator().manual_seed(0), alpha=0.4)
    >>> share = mixed.share.view(-1, 1, 1, 1)
    >>> torch.allclose(mixed.X, share * X + (1 - share) * X[mixed.partner])
    True
    """
    _check_alpha("mixup", alpha)
    if not alpha:
        return _unmixed(X)
    partner, share, _ = _draw(X, generator, alpha)
    weight = share.view(-1, *[1] * (X.ndim - 1))
    return MixedBatch(torch.lerp(X[partner], X, weight), partner, share)


def cutmix(X: Tensor, generator: torch.Generator, *, alpha: float = 1.0) -> MixedBatch:
    """Paste a rectangle of another image of the batch into every image [1]_.

    Parameters
    ----------
    X : Tensor of shape (batch, n_channels, height, width)
        Images; left as they are.
    generator : torch.Generator
        Draws the pairs, the places of the rectangles, and shares from Beta(alpha,
        alpha), one for each image.
    alpha : float, default=1.0
        0 leaves images as they are; 1 draws shares uniformly.

    Returns
    -------
    mixed : MixedBatch
        Images, partners, and shares of the area that was left, counted in pixels: a
        rectangle that stands out over an edge is cut there.

    Raises
    ------
    ValueError
        If `alpha` is negative or not finite.

    See Also
    --------
    mixup : Blend with another image.
    mix_targets : Blend targets as the images were.

    References
    ----------
    .. [1] S. Yun, D. Han, S. J. Oh, S. Chun, J. Choe, Y. Yoo, "CutMix:
       Regularization Strategy to Train Strong Classifiers with Localizable Features",
       ICCV 2019, arXiv:1905.04899.

    Examples
    --------
    >>> import torch
    >>> from skdeep.augmentation import cutmix
    >>> X = torch.rand(6, 3, 8, 8)
    >>> mixed = cutmix(X, torch.Generator().manual_seed(0))
    >>> own = (mixed.X == X).all(dim=1).double().mean(dim=(1, 2))
    >>> pairs = mixed.partner != torch.arange(6)
    >>> torch.allclose(own[pairs], mixed.share[pairs].double())
    True
    """
    _check_alpha("cutmix", alpha)
    if not alpha:
        return _unmixed(X)
    partner, share, place = _draw(X, generator, alpha)
    height, width = X.shape[2:]
    side = (1.0 - share).sqrt()
    left, right = _span(place[:, 0], side, width)
    top, bottom = _span(place[:, 1], side, height)
    inside = box_masks(left, top, right, bottom, height, width)
    pasted = torch.where(inside[:, None], X[partner], X)
    area = (right - left) * (bottom - top)
    return MixedBatch(pasted, partner, 1.0 - area / (height * width))


def mix_targets(y: Tensor, mixed: MixedBatch) -> Tensor:
    """Blend numbers or probabilities as their images were mixed.

    Parameters
    ----------
    y : Tensor of shape (batch,) or (batch, n_outputs)
        Of a floating type: one-hot classes, probabilities, or numbers.
    mixed : MixedBatch
        From `mixup` or `cutmix`.

    Returns
    -------
    blended : Tensor of the shape of `y`
        New targets.

    See Also
    --------
    mixup : Blend images.
    cutmix : Paste a part of one image into another.

    Examples
    --------
    >>> import torch
    >>> from skdeep.augmentation import mix_targets, mixup
    >>> mixed = mixup(torch.rand(4, 1, 2, 2), torch.Generator().manual_seed(0))
    >>> mix_targets(torch.eye(4), mixed).sum(dim=1)
    tensor([1., 1., 1., 1.])
    """
    share = mixed.share.to(y.dtype).view(-1, *[1] * (y.ndim - 1))
    return torch.lerp(y[mixed.partner], y, share)


def _check_alpha(name: str, alpha: float) -> None:
    if not 0.0 <= alpha < float("inf"):
        raise ValueError(
            f"The '{name}' parameter must be a float in the range [0.0, inf). Got "
            f"{alpha!r} instead."
        )


def _unmixed(X: Tensor) -> MixedBatch:
    partner = torch.arange(len(X), device=X.device)
    return MixedBatch(X, partner, X.new_ones(len(X)))


def _draw(
    X: Tensor, generator: torch.Generator, alpha: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw partners, shares and places in [0, 1) for a batch."""
    where = generator.device
    partner = torch.randperm(len(X), generator=generator, device=where)
    seed = torch.randint(2**63 - 1, (), generator=generator, device=where)
    # torch has no beta distribution that draws from a generator.
    numbers = np.random.default_rng(int(seed))
    share = torch.from_numpy(numbers.beta(alpha, alpha, len(X)))
    place = torch.from_numpy(numbers.random((len(X), 2)))
    return partner.to(X.device), share.to(X), place.to(X)


def _span(place: Tensor, side: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Return the edges, in whole pixels, of a rectangle cut to an axis."""
    middle = (place * length).floor()
    half = (side * length / 2).floor()
    return (middle - half).clamp(min=0), (middle + half).clamp(max=length)
