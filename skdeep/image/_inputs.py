"""What estimators of images share: how images are read, augmented and mixed."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator

from skdeep._compat import Interval, Options, StrOptions, Tags
from skdeep.augmentation import ImageAugmenter, cutmix, make_augmenter, mixup
from skdeep.base import DeepEstimator
from skdeep.data import (
    BYTES,
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
    from skdeep._typing import MatrixLike
    from skdeep.base import FittedState, Job, Part
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


class ImageReader(BaseEstimator):
    """Reads images in every form, as the parameters of an estimator say."""

    image_shape: Any
    channel_axis: Any

    def _read(
        self, X: MatrixLike, y: Any = "no_validation", *, reset: bool, **checks: bool
    ) -> Any:
        owner = type(self).__name__
        X = from_torch(X, owner)
        targets = not (isinstance(y, str) and y == "no_validation")
        # Once: a column of some libraries decodes its images whenever it is listed.
        X = as_list(X)
        known = None if reset else self._known_images()
        if known is not None:
            self._refuse_single(X, known)
        if holds_images(X, owner=owner):
            table = self._read_pixels(X)
            rest = [check_target(self, table, y, **checks)] if targets else []
        else:
            given = {"y": y, **checks} if targets else {}
            checked = check_table(self, X, **given, reset=reset)
            numbers, *rest = checked if targets else (checked,)
            table = self._read_pixels(_bytes_of(X, numbers))
        if known is not None:
            known.check_scale(table)
        return (table, *rest) if targets else table

    def _known_images(self) -> ImageEncoder | None:
        """Return what a fit has learnt of images; None before it."""
        state = vars(self).get("_state")
        encoder = vars(self).get("_encoder") if state is None else state.scaler
        return encoder if isinstance(encoder, ImageEncoder) else None

    def _refuse_single(self, X: Any, known: ImageEncoder) -> None:
        """Refuse one image, which would pass for as many as it has rows."""
        shape = tuple(np.shape(X)) if hasattr(X, "shape") else ()
        size, n_channels, axis = getattr(known, "given", (None, 1, "last"))
        if size is None:
            single = False
        elif len(shape) == 2:
            # A row of a table is an image by itself, and a strip is such a row.
            flat = hasattr(self, "n_features_in_") or size[0] == 1
            single = n_channels == 1 and shape == size and not flat
        elif axis == "first":
            # Gray images without an axis of channels look like one with it.
            single = n_channels > 1 and shape == (n_channels, *size)
        else:
            single = shape == (*size, n_channels)
        coloured = n_channels in (3, 4) and len(shape) == 3 and shape[-1] == n_channels
        if single or (coloured and self.channel_axis != "first" and size != shape[1:]):
            raise ValueError(
                f"{type(self).__name__} expects several images, the first axis of X "
                f"counting them. Got X of shape {shape}, which is a single image. Pass "
                "X[np.newaxis]."
            )

    def _read_pixels(self, X: Any) -> ImageTable:
        return read_images(
            X,
            owner=type(self).__name__,
            image_shape=None if self.image_shape is None else tuple(self.image_shape),
            channel_axis=self.channel_axis,
        )


def _bytes_of(X: Any, numbers: Any) -> Any:
    """Return a table of bytes as it was given, and others as they were validated.

    Validation makes floats of bytes, which tell black from white by themselves.
    """
    whole = X.to_numpy() if hasattr(X, "to_numpy") else X
    if not isinstance(whole, np.ndarray) and hasattr(whole, "shape"):
        whole = np.asarray(whole)
    as_bytes = isinstance(whole, np.ndarray) and whole.dtype.kind in "ub"
    return whole if as_bytes and whole.dtype in BYTES else numbers


class ImageDoor(ImageReader, DeepEstimator):
    """Hooks of estimators of images."""

    augmenter: Any

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

    def _make_scaler(self, job: Job) -> ImageEncoder:
        return ImageEncoder(
            image_size=both_sides(self.image_size),
            resize_mode=self.resize_mode,
            normalize=None if self.feature_scaling is None else "data",
        )

    def _make_rows(self, job: Job, part: Part, *, training: bool) -> Rows:
        encoder: Any = job.scaler
        if part is job.valid:
            encoder.check_scale(part.X)
        augment = self._make_augment(job) if training else None
        return ImageRows(part.X, encoder, job.dtype, job.device, augment)

    def _make_augment(self, job: Job) -> Callable[[torch.Tensor], torch.Tensor] | None:
        augmenter = make_augmenter(self.augmenter, type(self).__name__)
        if augmenter is None:
            return None
        generator = job.generators["augmentation"]

        def augment(images: torch.Tensor) -> torch.Tensor:
            return augmenter.augment(images, generator)

        return augment

    def _make_mixer(self, job: Job) -> Callable[[Batch], Batch] | None:
        if not (self.mixup or self.cutmix):
            return None
        generator = job.generators["augmentation"]
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

    def _make_loss(self, job: Job) -> torch.nn.Module:
        criterion: torch.nn.Module = super()._make_loss(job)  # type: ignore[safe-super]  # of DeepClassifier or DeepRegressor
        return MixedLoss(criterion) if self.mixup or self.cutmix else criterion

    def _encode_rows(
        self, state: FittedState, block: Any, dtype: torch.dtype
    ) -> torch.Tensor:
        encoder: Any = state.scaler
        # There already, since bytes travel faster than the numbers made of them.
        device = torch.device(self.net_.device)
        encoded: torch.Tensor = encoder.transform(block, dtype, device)
        return encoded

    def _blank_row(self, state: FittedState, dtype: torch.dtype) -> torch.Tensor:
        encoder: Any = state.scaler
        return torch.zeros(1, encoder.n_channels, *encoder.size, dtype=dtype)

    def _valid_batch(self, job: Job) -> int:
        return job.batch_size

    def __sklearn_tags__(self) -> Tags:
        """Say that images are welcome, and sparse rows are not."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.three_d_array = True
        return tags


def input_size(estimator: Any, table: ImageTable) -> tuple[int, tuple[int, int]] | None:
    """Return channels, height and width of what the network is to see.

    Parameters
    ----------
    estimator : ImageDoor
        Gives `image_size`.
    table : ImageTable
        Images.

    Returns
    -------
    size : tuple or None
        None where the images have no one size and are not brought to one.
    """
    sides = both_sides(estimator.image_size) or table.layout.size
    return None if sides is None else (table.layout.n_channels, sides)


def both_sides(size: Any) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = size if isinstance(size, (tuple, list)) else (size,)
    return int(sides[0]), int(sides[-1])
