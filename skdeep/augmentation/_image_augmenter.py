"""Training images made harder by parameters that a search can reach."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from skdeep._compat import (
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)
from skdeep.augmentation._coloring import (
    change_brightness,
    change_contrast,
    change_saturation,
    erase_rectangles,
)
from skdeep.augmentation._ranges import Strength, Strengths, around_one, up_to_one
from skdeep.augmentation._warping import (
    PADDING_MODES,
    PaddingMode,
    Warp,
    crop_boxes,
    mirror_images,
    warp_images,
)

# Every image takes so many numbers from the generator, whatever is switched on: one
# more augmentation does not change what the others draw.
N_DRAWS = 19
PRESETS = ("light", "strong")


class ImageAugmenter(BaseEstimator):
    """Turn, shift, scale, shear, mirror, crop, recolour and erase images at random.

    Passed to an estimator, it works on the rows that are trained on, and on nothing
    else; every image gets parameters of its own in every epoch. As it is set, copied
    and shown like an estimator, a search tunes it by names such as
    ``augmenter__rotation``. With all strengths at their defaults images stay as they
    are.

    Parameters
    ----------
    rotation : float, default=0.0
        Largest angle in degrees, in [0, 180], to either side.
    translate : float, default=0.0
        Largest shift along either axis, in shares of the side, in [0, 1].
    scale : float or pair of float, default=0.0
        Factor of the sides. 0.1 stands for (0.9, 1.1).
    shear : float, default=0.0
        Largest angle in degrees, in [0, 90), by which columns lean to either side.
    hflip : float, default=0.0
        Probability in [0, 1] that left and right are exchanged. Not for digits, text,
        or whatever else means something else in a mirror.
    vflip : float, default=0.0
        Probability in [0, 1] that an image is put upside down.
    crop_scale : float or pair of float, default=1.0
        Share of the area of a crop that is stretched to the full size, its sides
        between 3 : 4 and 4 : 3. 0.7 stands for (0.7, 1).
    brightness : float or pair of float, default=0.0
        Factor of all pixels. 0.2 stands for (0.8, 1.2).
    contrast : float or pair of float, default=0.0
        Factor of the distances to the mean gray of the image, as `brightness`.
    saturation : float or pair of float, default=0.0
        Factor of the distances to gray of each pixel, as `brightness`. Images that do
        not have three channels have none.
    erase : float, default=0.0
        Probability in [0, 1] that a rectangle of 2 to 33 % of the area takes on the
        mean colour of the image [1]_.
    padding_mode : {"reflection", "border", "zeros"}, default="reflection"
        What comes into sight from beyond the edges: the image mirrored, its outermost
        pixels, or black.

    See Also
    --------
    skdeep.augmentation.mixup : Blend pairs of images and targets.
    skdeep.augmentation.cutmix : Paste a part of one image into another.

    References
    ----------
    .. [1] Z. Zhong, L. Zheng, G. Kang, S. Li, Y. Yang, "Random Erasing Data
       Augmentation", AAAI 2020, arXiv:1708.04896.

    Examples
    --------
    >>> import torch
    >>> from skdeep.augmentation import ImageAugmenter
    >>> augmenter = ImageAugmenter(rotation=10.0, hflip=0.5)
    >>> augmenter.set_params(rotation=15.0)
    ImageAugmenter(hflip=0.5, rotation=15.0)
    >>> images = torch.rand(8, 3, 32, 32)
    >>> augmenter.augment(images, torch.Generator().manual_seed(0)).shape
    torch.Size([8, 3, 32, 32])
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - as scikit-learn's
        "rotation": [Interval(Real, 0, 180, closed="both")],
        "translate": [Interval(Real, 0, 1, closed="both")],
        "scale": [Strengths(0.0, 1.0, includes_high=False, largest=None)],
        "shear": [Interval(Real, 0, 90, closed="left")],
        "hflip": [Interval(Real, 0, 1, closed="both")],
        "vflip": [Interval(Real, 0, 1, closed="both")],
        "crop_scale": [Strengths(0.01, 1.0, includes_high=True, largest=1.0)],
        "brightness": [Strengths(0.0, 1.0, includes_high=True, largest=None)],
        "contrast": [Strengths(0.0, 1.0, includes_high=True, largest=None)],
        "saturation": [Strengths(0.0, 1.0, includes_high=True, largest=None)],
        "erase": [Interval(Real, 0, 1, closed="both")],
        "padding_mode": [StrOptions(set(PADDING_MODES))],
    }

    def __init__(
        self,
        *,
        rotation: float = 0.0,
        translate: float = 0.0,
        scale: Strength = 0.0,
        shear: float = 0.0,
        hflip: float = 0.0,
        vflip: float = 0.0,
        crop_scale: Strength = 1.0,
        brightness: Strength = 0.0,
        contrast: Strength = 0.0,
        saturation: Strength = 0.0,
        erase: float = 0.0,
        padding_mode: PaddingMode = "reflection",
    ) -> None:
        self.rotation = rotation
        self.translate = translate
        self.scale = scale
        self.shear = shear
        self.hflip = hflip
        self.vflip = vflip
        self.crop_scale = crop_scale
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.erase = erase
        self.padding_mode = padding_mode

    @classmethod
    def light(cls) -> ImageAugmenter:
        """Return what suits photographs, and few of them.

        Returns
        -------
        augmenter : ImageAugmenter
            Its values are parameters like any others.
        """
        return cls(rotation=10.0, translate=0.1, scale=0.1, hflip=0.5, crop_scale=0.7)

    @classmethod
    def strong(cls) -> ImageAugmenter:
        """Return what suits long training on photographs.

        Returns
        -------
        augmenter : ImageAugmenter
            Its values are parameters like any others.
        """
        return cls(
            rotation=20.0,
            translate=0.15,
            scale=0.2,
            shear=10.0,
            hflip=0.5,
            crop_scale=0.4,
            brightness=0.3,
            contrast=0.3,
            saturation=0.3,
            erase=0.25,
        )

    def check(self) -> None:
        """Hold the parameters to their rules.

        Raises
        ------
        ValueError
            If one breaks them; the sentence is scikit-learn's.
        """
        validate_parameter_constraints(
            self._parameter_constraints,
            self.get_params(deep=False),
            caller_name=type(self).__name__,
        )

    def augment(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Make a batch of images harder.

        An image gets what its place in the stream of the generator holds for it: two
        batches, one after the other, come out like one of all their images.

        Parameters
        ----------
        images : Tensor of shape (batch, n_channels, height, width)
            Of a floating type, in [0, 1]; left as they are.
        generator : torch.Generator
            Advanced by the same number of draws for every image.

        Returns
        -------
        harder : Tensor of the shape of `images`
            New images; `images` itself where all strengths are zero.

        Raises
        ------
        TypeError
            If `images` is no tensor.
        ValueError
            If a parameter breaks its rules, or `images` is no such batch.
        """
        self.check()
        if not isinstance(images, Tensor):
            raise TypeError(
                "ImageAugmenter.augment takes a tensor of shape (batch, n_channels, "
                f"height, width) in [0, 1]. Got {_kind(images)}. Convert it first: "
                "bytes whose last axis is the channels by "
                "torch.from_numpy(images).movedim(-1, 1) / 255."
            )
        if images.ndim != 4 or not images.is_floating_point():
            raise ValueError(
                "ImageAugmenter expects images of shape (batch, n_channels, height, "
                f"width) and a floating type. Got shape {tuple(images.shape)} of "
                f"{images.dtype}. Convert them first."
            )
        if not len(images):
            return images
        # In float64, so that every dtype of images draws the same.
        draws = torch.rand(
            (len(images), N_DRAWS),
            generator=generator,
            dtype=torch.float64,
            device=generator.device,
        )
        draws = draws.to(images.device)
        harder = self._move(images, draws[:, :11])
        harder = self._recolour(harder, draws[:, 11:14], fresh=harder is not images)
        if self.erase:
            chosen = draws[:, 14] < self.erase
            harder = erase_rectangles(harder, chosen, draws[:, 15:19])
        return harder

    def _move(self, images: Tensor, draws: Tensor) -> Tensor:
        columns, rows = draws[:, 0] < self.hflip, draws[:, 1] < self.vflip
        crop = up_to_one(self.crop_scale)
        scale = around_one(self.scale)
        still = not (self.rotation or self.translate or self.shear)
        if still and scale == (1.0, 1.0) and crop == (1.0, 1.0):
            if not (self.hflip or self.vflip):
                return images
            return mirror_images(images, columns, rows)
        signed = 2.0 * draws - 1.0
        height, width = images.shape[2:]
        centre, size = crop_boxes(
            _between(draws[:, 7], crop), draws[:, 8], draws[:, 9:11], height, width
        )
        mirrored = torch.stack([columns, rows], dim=1)
        warp = Warp(
            angle=signed[:, 2] * math.radians(self.rotation),
            shear=signed[:, 3] * math.radians(self.shear),
            scale=_between(draws[:, 4], scale),
            shift=signed[:, 5:7] * self.translate,
            mirror=1.0 - 2.0 * mirrored.to(draws.dtype),
            box_centre=centre,
            box_size=size,
        )
        return warp_images(images, warp, self.padding_mode)

    def _recolour(self, images: Tensor, draws: Tensor, *, fresh: bool) -> Tensor:
        """Change colours, in place where the images are `fresh`."""
        steps = (
            (self.brightness, change_brightness),
            (self.contrast, change_contrast),
            (self.saturation, change_saturation),
        )
        for position, (strength, change) in enumerate(steps):
            factors = around_one(strength)
            if factors == (1.0, 1.0):
                continue
            factor = _between(draws[:, position], factors).to(images.dtype)
            images = change(images if fresh else images.clone(), factor)
            fresh = True
        return images


def _kind(images: Any) -> str:
    """Return what was given for a tensor, in a few words."""
    if hasattr(images, "shape") and hasattr(images, "dtype"):
        return f"a {type(images).__name__} of {images.dtype} {tuple(images.shape)}"
    return f"a {type(images).__name__}"


def _between(draws: Tensor, ends: tuple[float, float]) -> Tensor:
    return ends[0] + (ends[1] - ends[0]) * draws


def make_augmenter(augmenter: Any, owner: str) -> ImageAugmenter | None:
    """Return the augmenter that a parameter stands for, its own parameters checked.

    Parameters
    ----------
    augmenter : {"light", "strong"}, ImageAugmenter or None
        The parameter of an estimator.
    owner : str
        The estimator, for the sentence of an error.

    Returns
    -------
    augmenter : ImageAugmenter or None
        The instance itself, or a new one for a name.

    Raises
    ------
    ValueError
        If it is something else, or breaks its own rules.

    Examples
    --------
    >>> from skdeep.augmentation import make_augmenter
    >>> make_augmenter("light", "CNNClassifier").rotation
    10.0
    """
    if augmenter is None:
        return None
    if isinstance(augmenter, str) and augmenter in PRESETS:
        return getattr(ImageAugmenter, augmenter)()  # type: ignore[no-any-return]
    if not isinstance(augmenter, ImageAugmenter):
        # What scikit-learn raises for a parameter of a wrong type, too.
        raise InvalidParameterError(
            f"The 'augmenter' parameter of {owner} must be a str among {{'light', "
            "'strong'}, an instance of 'skdeep.augmentation.ImageAugmenter' or None. "
            f"Got {augmenter!r} instead."
        )
    augmenter.check()
    return augmenter
