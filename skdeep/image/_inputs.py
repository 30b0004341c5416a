"""What estimators of images share: how images are read, augmented and mixed."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from skdeep._compat import Interval, Options, StrOptions
from skdeep.augmentation import ImageAugmenter, cutmix, make_augmenter, mixup
from skdeep.base import DeepEstimator, Modality, RowSetting
from skdeep.data import (
    BYTES,
    NO_TARGETS,
    Batch,
    ImageEncoder,
    ImageRows,
    ImageTable,
    as_list,
    check_table,
    check_target,
    from_torch,
    holds_images,
    read_images,
)
from skdeep.losses import MixedLoss, MixedTargets

if TYPE_CHECKING:
    from skdeep._compat import Tags
    from skdeep._typing import MatrixLike
    from skdeep.data import Rows


class Sides(Options):
    """A number of pixels, or two of them and a number of channels where allowed."""

    def __init__(self, lengths: tuple[int, ...], sentence: str) -> None:
        super().__init__(object, set())
        self.lengths = lengths
        self.sentence = sentence

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is such a number or tuple."""
        sides = val if isinstance(val, (tuple, list)) else (val,)
        return len(sides) in self.lengths and all(map(_is_side, sides))

    def __str__(self) -> str:
        """Describe the choices for the sentence of an error."""
        return self.sentence


def _is_side(value: Any) -> bool:
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return whole and int(value) >= 1


IMAGE_CONSTRAINTS: dict[str, list[Any]] = {
    "image_shape": [
        Sides((2, 3), "a tuple of two or three ints of at least 1"),
        None,
    ],
    "image_size": [
        Sides((1, 2), "an int of at least 1 or a tuple of two of them"),
        None,
    ],
    "resize_mode": [StrOptions({"stretch", "crop", "pad"})],
    "channel_axis": [StrOptions({"auto", "first", "last"})],
    "augmenter": [StrOptions({"light", "strong"}), ImageAugmenter, None],
    "mixup": [Interval(Real, 0, None, closed="left")],
    "cutmix": [Interval(Real, 0, None, closed="left")],
}


def _bytes_of(X: Any, numbers: Any) -> Any:
    """Return a table of bytes as it was given, and others as they were validated.

    Validation makes floats of bytes, which tell black from white by themselves.
    """
    whole = X.to_numpy() if hasattr(X, "to_numpy") else X
    if not isinstance(whole, np.ndarray) and hasattr(whole, "shape"):
        whole = np.asarray(whole)
    as_bytes = isinstance(whole, np.ndarray) and whole.dtype.kind in "ub"
    return whole if as_bytes and whole.dtype in BYTES else numbers


class Images(Modality):
    """Images in every form: arrays, files, bytes, Pillow images, rows of pixels.

    Parameters
    ----------
    owner : str
        Name of the estimator, for errors.
    image_shape, image_size, channel_axis, resize_mode, feature_scaling, augmenter, \
mixup, cutmix
        Parameters of the estimator.
    """

    encoder: ImageEncoder

    def __init__(
        self,
        owner: str,
        *,
        image_shape: Any,
        image_size: Any,
        channel_axis: Any,
        resize_mode: Any = "crop",
        feature_scaling: str | None = "standard",
        augmenter: Any = None,
        mixup: float = 0.0,
        cutmix: float = 0.0,
    ) -> None:
        super().__init__(owner)
        self.image_shape = image_shape
        self.image_size = image_size
        self.channel_axis = channel_axis
        self.resize_mode = resize_mode
        self.feature_scaling = feature_scaling
        self.augmenter = augmenter
        self.mixup = mixup
        self.cutmix = cutmix

    def read(
        self,
        holder: Any,
        X: MatrixLike,
        y: Any = NO_TARGETS,
        *,
        reset: bool,
        **checks: bool,
    ) -> Any:
        """Return images of one layout."""
        owner = self.owner
        X = from_torch(X, owner)
        targets = not (isinstance(y, str) and y == NO_TARGETS)
        # Once: a column of some libraries decodes its images whenever it is listed.
        X = as_list(X)
        known = None if reset else self.encoder
        if known is not None:
            self._refuse_single(X, known, flat=hasattr(holder, "n_features_in_"))
        if holds_images(X, owner=owner):
            table = self._read_pixels(X)
            rest = [check_target(holder, table, y, **checks)] if targets else []
        else:
            given = {"y": y, **checks} if targets else {}
            checked = check_table(holder, X, **given, reset=reset)
            numbers, *rest = checked if targets else (checked,)
            table = self._read_pixels(_bytes_of(X, numbers))
        if known is not None:
            known.check_scale(table)
        return (table, *rest) if targets else table

    def _refuse_single(self, X: Any, known: ImageEncoder, *, flat: bool) -> None:
        """Refuse one image, which would pass for as many as it has rows."""
        shape = tuple(np.shape(X)) if hasattr(X, "shape") else ()
        size, n_channels, axis = getattr(known, "given", (None, 1, "last"))
        if size is None:
            single = False
        elif len(shape) == 2:
            # A row of a table is an image by itself, and a strip is such a row.
            single = n_channels == 1 and shape == size and not (flat or size[0] == 1)
        elif axis == "first":
            # Gray images without an axis of channels look like one with it.
            single = n_channels > 1 and shape == (n_channels, *size)
        else:
            single = shape == (*size, n_channels)
        coloured = n_channels in (3, 4) and len(shape) == 3 and shape[-1] == n_channels
        if single or (coloured and self.channel_axis != "first" and size != shape[1:]):
            raise ValueError(
                f"{self.owner} expects several images, the first axis of X counting "
                f"them. Got X of shape {shape}, which is a single image. Pass "
                "X[np.newaxis]."
            )

    def _read_pixels(self, X: Any) -> ImageTable:
        return read_images(
            X,
            owner=self.owner,
            image_shape=None if self.image_shape is None else tuple(self.image_shape),
            channel_axis=self.channel_axis,
        )

    def new_encoder(self, table: ImageTable) -> ImageEncoder:
        """Return an encoder of pixels."""
        return ImageEncoder(
            image_size=both_sides(self.image_size),
            resize_mode=self.resize_mode,
            normalize=None if self.feature_scaling is None else "data",
        )

    def rows(self, table: ImageTable, setting: RowSetting, *, training: bool) -> Rows:
        """Return the images, augmented in training whenever they are gathered."""
        if not training:
            self.encoder.check_scale(table)
        augment = self._augment(setting.generator) if training else None
        return ImageRows(table, self.encoder, setting.dtype, setting.device, augment)

    def _augment(
        self, generator: torch.Generator
    ) -> Callable[[torch.Tensor], torch.Tensor] | None:
        augmenter = make_augmenter(self.augmenter, self.owner)
        if augmenter is None:
            return None
        return lambda images: augmenter.augment(images, generator)

    def mixer(self, setting: RowSetting) -> Callable[[Batch], Batch] | None:
        """Return what blends images, or pastes parts of one into another."""
        if not (self.mixup or self.cutmix):
            return None
        generator = setting.generator
        share = 1.0 if not self.cutmix else 0.5 if self.mixup else 0.0

        def mix(batch: Batch) -> Batch:
            blend = bool(torch.rand((), generator=generator) < share)
            mixed = (
                mixup(batch.X, generator, alpha=self.mixup)
                if blend
                else cutmix(batch.X, generator, alpha=self.cutmix)
            )
            targets = MixedTargets.of(batch.y, batch.weight, mixed.partner, mixed.share)
            return Batch(mixed.X, targets, None)

        return mix

    def loss(self, criterion: torch.nn.Module) -> torch.nn.Module:
        """Return the loss of images that hold something of two."""
        return MixedLoss(criterion) if self.mixup or self.cutmix else criterion

    def tensor(
        self, block: ImageTable, dtype: torch.dtype, device: torch.device
    ) -> torch.Tensor:
        """Return images on the device, where bytes are sent faster than floats."""
        return self.encoder.transform(block, dtype, device)

    def blank(self, n_features: int | None, dtype: torch.dtype) -> torch.Tensor:
        """Return an image of zeros."""
        n_channels, sides = self.encoder.n_channels or 1, self.encoder.size
        return torch.zeros(1, n_channels, *sides, dtype=dtype)

    def block_rows(self, table: ImageTable) -> int:
        """Leave it to the network, whose maps take the room."""
        return len(table)

    def valid_batch(self, batch_size: int) -> int:
        """Return as many validation images as training images."""
        return batch_size

    def tell(self, tags: Tags) -> None:
        """Say that images are welcome."""
        tags.input_tags.three_d_array = True


class ImageBase(DeepEstimator):
    """Estimators of images: their augmenter is a parameter with parameters."""

    augmenter: Any

    def _modality(self) -> Images:
        return Images(
            type(self).__name__,
            image_shape=self.image_shape,
            image_size=self.image_size,
            channel_axis=self.channel_axis,
            resize_mode=self.resize_mode,
            feature_scaling=self.feature_scaling,
            augmenter=self.augmenter,
            mixup=self.mixup,
            cutmix=self.cutmix,
        )

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also those of the augmenter, as in ``augmenter__rotation``.

        Parameters
        ----------
        **params : dict
            By name. A strength of an augmenter that is a name, such as "light", or
            None, is set on an `ImageAugmenter` with the strengths of that name, or
            with none, which takes its place.

        Returns
        -------
        self : object
            The estimator.
        """
        nested = {k: v for k, v in params.items() if k.startswith("augmenter__")}
        if nested:
            plain = {k: v for k, v in params.items() if k not in nested}
            super().set_params(**plain)
            self.augmenter = self._own_augmenter()
        super().set_params(**(nested or params))
        return self

    def _own_augmenter(self) -> Any:
        """Return the augmenter whose strengths can be set, also where it is a name."""
        if self.augmenter is None:
            return ImageAugmenter()
        if isinstance(self.augmenter, str):
            return make_augmenter(self.augmenter, type(self).__name__)
        return self.augmenter


def input_size(
    image_size: Any, table: ImageTable
) -> tuple[int, tuple[int, int]] | None:
    """Return channels, height and width of what the network is to see.

    Parameters
    ----------
    image_size : int, tuple of int or None
        The parameter.
    table : ImageTable
        Images.

    Returns
    -------
    size : tuple or None
        None where the images have no one size and are not brought to one.
    """
    sides = both_sides(image_size) or table.layout.size
    return None if sides is None else (table.layout.n_channels, sides)


def both_sides(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = size if isinstance(size, (tuple, list)) else (size,)
    return int(sides[0]), int(sides[-1])
