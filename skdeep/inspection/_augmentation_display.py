"""Images and what an augmenter makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdeep._seeding import draw_seed, torch_generator
from skdeep.augmentation import ImageAugmenter, make_augmenter
from skdeep.data import ImageEncoder, read_images
from skdeep.inspection._canvas import panels
from skdeep.inspection._grad_cam_display import show_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skdeep._typing import Array, MatrixLike, Seed


class AugmentationDisplay:
    """A row for each image: as it is, then copies as training would see them.

    What is drawn is what a network gets, but for the scaling of its inputs. Look at it
    before training: a digit that was mirrored, or a tumour that was cut off, is no
    longer what its label says.

    Use `from_augmenter` or `from_estimator` to make one.

    Parameters
    ----------
    images : ndarray of shape (n_images, n_channels, height, width)
        Pixels in [0, 1].
    copies : ndarray of shape (n_copies, n_images, n_channels, height, width)
        Augmented ones.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The invisible axes around the panels.
    axes_ : ndarray of matplotlib Axes of shape (n_images, 1 + n_copies)
        The panels.
    figure_ : matplotlib Figure
        The figure of the axes.
    images_ : list of AxesImage
        The images as they were drawn, row by row.

    See Also
    --------
    ImageAugmenter : What makes images harder.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeep import AugmentationDisplay, ImageAugmenter
    >>> images = load_digits().images[:2]
    >>> display = AugmentationDisplay.from_augmenter(
    ...     ImageAugmenter(rotation=20), images, random_state=0
    ... )  # doctest: +SKIP
    """

    def __init__(self, *, images: Array, copies: Array) -> None:
        self.images = images
        self.copies = copies

    @classmethod
    def from_augmenter(
        cls,
        augmenter: ImageAugmenter | str,
        X: MatrixLike,
        *,
        n_copies: int = 5,
        image_shape: tuple[int, ...] | None = None,
        image_size: int | tuple[int, int] | None = None,
        random_state: Seed = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what an augmenter makes of images.

        Parameters
        ----------
        augmenter : ImageAugmenter or {"light", "strong"}
            Makes the copies.
        X : array-like of images
            In any form that estimators of images take; a few of them.
        n_copies : int, default=5
            Copies of each image.
        image_shape : tuple of int or None, default=None
            Of an image, where X holds flat rows; None infers it.
        image_size : int, tuple of int or None, default=None
            Height and width to bring images to; needed where they have several sizes.
        random_state : int, RandomState instance, Generator or None, default=None
            Seeds the copies.
        ax : matplotlib Axes or None, default=None
            Axes to divide into panels; None makes a figure.

        Returns
        -------
        display : AugmentationDisplay

        Raises
        ------
        ValueError
            If the augmenter breaks its rules, or X holds no images.
        """
        owner = f"{cls.__name__}.from_augmenter"
        table = read_images(X, owner=owner, image_shape=image_shape)
        size = tuple(image_size) if isinstance(image_size, list) else image_size
        pixels = ImageEncoder(image_size=size).fit(table).pixels(table)
        chosen = make_augmenter(augmenter, owner)
        return cls._of(chosen, pixels, n_copies, random_state).plot(ax=ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        *,
        n_copies: int = 5,
        random_state: Seed = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what the augmenter of an estimator makes of images.

        Parameters
        ----------
        estimator : estimator instance
            An estimator of images with an `augmenter`, fitted or not.
        X : array-like of images
            In any form that the estimator takes; a few of them.
        n_copies : int, default=5
            Copies of each image.
        random_state : int, RandomState instance, Generator or None, default=None
            Seeds the copies.
        ax : matplotlib Axes or None, default=None
            Axes to divide into panels; None makes a figure.

        Returns
        -------
        display : AugmentationDisplay

        Raises
        ------
        ValueError
            If the estimator has no augmenter, or X holds no images.
        """
        if getattr(estimator, "augmenter", None) is None:
            raise ValueError(
                f"{cls.__name__}.from_estimator draws what the 'augmenter' parameter "
                f"does. Got a {type(estimator).__name__} with none. Set it, or use "
                "from_augmenter."
            )
        return cls.from_augmenter(
            estimator.augmenter,
            X,
            n_copies=n_copies,
            image_shape=estimator.image_shape,
            image_size=estimator.image_size,
            random_state=random_state,
            ax=ax,
        )

    @classmethod
    def _of(
        cls, augmenter: Any, pixels: Any, n_copies: int, random_state: Seed
    ) -> Self:
        generator = torch_generator(draw_seed(random_state))
        copies = [augmenter.augment(pixels, generator) for _ in range(n_copies)]
        return cls(
            images=pixels.numpy(),
            copies=np.stack([copy.numpy() for copy in copies])
            if copies
            else np.empty((0, *pixels.shape)),
        )

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the images and their copies.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to divide into panels; None makes a figure.

        Returns
        -------
        display : AugmentationDisplay
            Itself, with the attributes that plotting adds.
        """
        n_copies, n_images = self.copies.shape[:2]
        shape = (n_images, 1 + n_copies)
        size = (1.4 * shape[1] + 0.2, 1.4 * shape[0] + 0.3)
        self.ax_, figure, self.axes_ = panels(ax, type(self).__name__, size, shape)
        self.figure_: Figure = figure
        self.images_ = []
        for place, row in enumerate(self.axes_):
            shown = [self.images[place], *self.copies[:, place]]
            for panel, image in zip(row, shown, strict=True):
                self.images_.append(show_image(panel, image))
        for column, panel in enumerate(self.axes_[0]):
            title = f"copy {column}" if column else "as it is"
            panel.set_title(title, fontsize="small")
        return self
