"""Images under the maps of what a network looked at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdeep.inspection._canvas import RED, panels
from skdeep.inspection._grad_cam import grad_cam, image_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skdeep._typing import Array, MatrixLike


class GradCAMDisplay:
    """Images, each beneath the map of where the network saw its class.

    Use `from_estimator` to make one.

    Parameters
    ----------
    images : ndarray of shape (n_samples, n_channels, height, width)
        Pixels in [0, 1].
    maps : ndarray of shape (n_samples, height, width)
        From `grad_cam`.
    titles : sequence of str
        One for each image.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The invisible axes around the panels.
    axes_ : ndarray of matplotlib Axes of shape (n_samples,)
        The panels.
    figure_ : matplotlib Figure
        The figure of the axes.
    overlays_ : list of AxesImage
        The maps as they were drawn.

    See Also
    --------
    grad_cam : The maps as numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeep import CNNClassifier, GradCAMDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> cnn = CNNClassifier((8, 8), max_epochs=2, random_state=0).fit(X[:200], y[:200])
    >>> display = GradCAMDisplay.from_estimator(cnn, X[:6])  # doctest: +SKIP
    """

    def __init__(self, *, images: Array, maps: Array, titles: Sequence[str]) -> None:
        self.images = images
        self.maps = maps
        self.titles = list(titles)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: MatrixLike,
        y: Any = None,
        *,
        target: Any = None,
        layer: int | str | None = None,
        ax: Axes | None = None,
        alpha: float = 0.75,
        color: str = RED,
    ) -> Self:
        """Compute the maps of images and draw them.

        Parameters
        ----------
        estimator : estimator instance
            A fitted estimator of images, or a Pipeline that ends in one, or a search
            that found one.
        X : array-like of n_samples images
            What `predict` takes; a dozen of them.
        y : array-like of shape (n_samples,) or None, default=None
            True targets, written above the images.
        target : label, int, array-like of these, or None, default=None
            What to explain, see `grad_cam`.
        layer : int, str or None, default=None
            The maps to look at, see `grad_cam`.
        ax : matplotlib Axes or None, default=None
            Axes to divide into panels; None makes a figure.
        alpha : float, default=0.75
            Opacity, in [0, 1], of a map where it is largest.
        color : str, default="#D55E00"
            Colour of the maps, as matplotlib knows it.

        Returns
        -------
        display : GradCAMDisplay

        Raises
        ------
        TypeError
            If the estimator is none of images.
        ValueError
            If there is no such target or layer.
        """
        view = image_view(estimator, f"{cls.__name__}.from_estimator")
        maps = grad_cam(estimator, X, target=target, layer=layer)
        images = view.pixels(view.read(X)).cpu().numpy()
        said = [_words(value) for value in estimator.predict(X)]
        if y is not None:
            pairs = zip(said, map(_words, np.asarray(y)), strict=True)
            said = [
                name if name == truth else f"{name}, in truth {truth}"
                for name, truth in pairs
            ]
        display = cls(images=images, maps=maps, titles=said)
        return display.plot(ax=ax, alpha=alpha, color=color)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        alpha: float = 0.75,
        color: str = RED,
    ) -> Self:
        """Draw the images and the maps over them.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to divide into panels; None makes a figure.
        alpha : float, default=0.75
            Opacity, in [0, 1], of a map where it is largest.
        color : str, default="#D55E00"
            Colour of the maps, as matplotlib knows it.

        Returns
        -------
        display : GradCAMDisplay
            Itself, with the attributes that plotting adds.
        """
        n_images = len(self.images)
        columns = min(6, max(1, n_images))
        rows = math.ceil(n_images / columns)
        self.ax_, figure, axes = panels(
            ax, type(self).__name__, (1.7 * columns, 1.95 * rows), (rows, columns)
        )
        self.figure_: Figure = figure
        self.axes_: Array = axes.ravel()[:n_images]
        for spare in axes.ravel()[n_images:]:
            spare.set_visible(False)
        from matplotlib.colors import ListedColormap

        self.overlays_ = []
        one_colour = ListedColormap([color])
        shown = zip(self.axes_, self.images, self.maps, self.titles, strict=True)
        for panel, image, heat, title in shown:
            show_image(panel, image)
            overlay = panel.imshow(heat, cmap=one_colour, alpha=alpha * heat)
            self.overlays_.append(overlay)
            panel.set_title(title, fontsize="small")
        return self


def show_image(ax: Axes, image: Array) -> Any:
    """Show pixels of shape (n_channels, height, width) in [0, 1], and nothing else."""
    ax.set_xticks([])
    ax.set_yticks([])
    pixels = np.clip(np.moveaxis(image, 0, -1), 0.0, 1.0)
    if pixels.shape[-1] not in (3, 4):
        pixels = pixels.mean(axis=-1)
    return ax.imshow(pixels, cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")


def _words(value: Any) -> str:
    if np.ndim(value):
        return ", ".join(map(_words, value))
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)
