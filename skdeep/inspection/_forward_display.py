"""The steps of one prediction as a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp

from skdeep.base import FittedView
from skdeep.inspection._canvas import DIVERGING, GRAY, INK, panels
from skdeep.inspection._forward_pass import forward_pass

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skdeep._typing import Array, MatrixLike
    from skdeep.inspection._forward_pass import ForwardPass, ForwardStep

# Values up to so many are written into their cells, and so many maps are shown.
MOST_WRITTEN = 16
MOST_MAPS = 16
PANELS_A_ROW = 6
# Lines of text that stand beside a panel.
MOST_LABELS = 24


class ForwardPassDisplay:
    """What happens to one row on its way through a network.

    A panel for each step of `forward_pass`: a few values are written into their cells,
    many are tiles, and maps lie side by side. Blue is negative, red positive, each
    panel to its own scale; images are gray, or in their colours.

    Use `from_estimator` to make one.

    Parameters
    ----------
    steps : ForwardPass
        From `forward_pass`.
    row : int, default=0
        Which of its rows to draw.
    labels : dict of str to sequence of str, default=None
        Labels of the values of a step, by its name.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The invisible axes around the panels.
    axes_ : dict of str to matplotlib Axes
        By the name of a step.
    figure_ : matplotlib Figure
        The figure of the axes.
    images_ : dict of str to AxesImage
        By the name of a step.

    See Also
    --------
    forward_pass : The numbers.
    NetworkDisplay : The network without a row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import ForwardPassDisplay, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), max_epochs=5, random_state=0).fit(X, y)
    >>> display = ForwardPassDisplay.from_estimator(classifier, X[:1])  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        steps: ForwardPass,
        row: int = 0,
        labels: dict[str, Any] | None = None,
    ) -> None:
        self.steps = steps
        self.row = row
        self.labels = labels

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: MatrixLike, *, row: int = 0, ax: Axes | None = None
    ) -> Self:
        """Draw the way of one row of X through a fitted estimator.

        Parameters
        ----------
        estimator : estimator instance
            A fitted estimator of skdeep, or a Pipeline that ends in one, or a search
            that found one.
        X : {array-like, sparse matrix} of n_samples rows
            What `predict` takes; a few rows.
        row : int, default=0
            Which of them to draw.
        ax : matplotlib Axes or None, default=None
            Axes to divide into panels; None makes a figure.

        Returns
        -------
        display : ForwardPassDisplay

        Raises
        ------
        TypeError
            If there is no estimator of skdeep.
        NotFittedError
            If it has not been fitted.
        IndexError
            If X has no such row.
        """
        view = FittedView(estimator, f"{cls.__name__}.from_estimator")
        steps, labels = forward_pass(estimator, X), {}
        names = getattr(view.estimator, "feature_names_in_", None)
        if names is not None:
            labels["inputs"] = [str(name) for name in names]
        words = steps.get("words")
        # A row that X does not have is the affair of `plot`.
        if words is not None and words.dtype == object and abs(row) < len(words):
            labels["embedding: words"] = list(words[row])
        if view.classes is not None:
            labels["probabilities"] = [str(label) for label in view.classes]
        return cls(steps=steps, row=row, labels=labels).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the steps.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to divide into panels; None makes a figure.

        Returns
        -------
        display : ForwardPassDisplay
            Itself, with the attributes that plotting adds.
        """
        shown = [step for step in self.steps.steps if self._is_shown(step)]
        n_rows = self.steps["inputs"].shape[0]
        if not -n_rows <= self.row < n_rows:
            raise IndexError(
                f"The 'row' parameter of {type(self).__name__} must be one of the "
                f"{n_rows} rows of X. Got {self.row!r}."
            )
        columns = min(PANELS_A_ROW, len(shown))
        rows = math.ceil(len(shown) / columns)
        self.ax_, figure, axes = panels(
            ax,
            type(self).__name__,
            (1.9 * columns, 2.6 * rows + 0.4),
            (rows, columns),
            title=f"{self.steps.estimator}: {self._said()}",
            pad=42.0,
        )
        self.figure_: Figure = figure
        self.axes_: dict[str, Axes] = {}
        self.images_: dict[str, Any] = {}
        for place, panel in enumerate(axes.flat):
            if place >= len(shown):
                panel.set_visible(False)
                continue
            self.axes_[shown[place].name] = panel
            self._draw(panel, shown[place])
        return self

    def _is_shown(self, step: ForwardStep) -> bool:
        if step.name == "prediction" or sp.issparse(step.values):
            return False
        return step.values.dtype.kind in "fiub"

    def _said(self) -> str:
        said = self.steps["prediction"][self.row]
        if sp.issparse(said):
            said = said.toarray().ravel()
        return f"prediction {said:.4g}" if isinstance(said, float) else f"{said}"

    def _draw(self, ax: Axes, step: ForwardStep) -> None:
        values = np.asarray(step.values[self.row], dtype=float)
        shape = " × ".join(map(str, values.shape))  # noqa: RUF001 - times
        ax.set_title(f"{step.name.replace(': ', chr(10))}\n{shape}", fontsize=8)
        ax.set_xticks([])
        ax.set_yticks([])
        # What lies between maps, and after the last of many values.
        ax.set_facecolor(GRAY)
        pixels = step.kind.startswith("pixels")
        image = _picture(values, pixels=pixels)
        largest = float(np.nanmax(np.abs(image))) if image.size else 1.0
        colours: dict[str, Any] = {"vmin": -(largest or 1.0), "vmax": largest or 1.0}
        if pixels:
            colours = {"cmap": "gray", "vmin": 0.0, "vmax": 1.0}
        # Few values are a column of cells, not of squares.
        column = values.ndim == 1 and len(values) <= MOST_WRITTEN
        self.images_[step.name] = ax.imshow(
            image,
            **{"cmap": DIVERGING, **colours},
            aspect="auto" if column or values.ndim == 2 else "equal",
            interpolation="nearest",
        )
        self._label(ax, step.name, values)
        if column:
            self._write(ax, values, largest)

    def _label(self, ax: Axes, name: str, values: Array) -> None:
        labels = (self.labels or {}).get(name, ())
        if len(labels) == len(values) <= MOST_LABELS:
            ax.set_yticks(range(len(values)), labels, fontsize=7)
            ax.tick_params(length=0)

    def _write(self, ax: Axes, values: Array, largest: float) -> None:
        for place, value in enumerate(values):
            dark = abs(value) > 0.6 * (largest or 1.0)
            ax.text(
                0,
                place,
                f"{value:.3g}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else INK,
            )


def _picture(values: Array, *, pixels: bool) -> Array:
    """Return the values of a row as an image: a column, tiles, or maps side by side."""
    if values.ndim == 0:
        return values.reshape(1, 1)
    if values.ndim == 1:
        if len(values) <= MOST_WRITTEN:
            return values[:, np.newaxis]
        side = math.ceil(math.sqrt(len(values)))
        return _padded(values, side * math.ceil(len(values) / side)).reshape(-1, side)
    if values.ndim == 2:
        return values
    if pixels and len(values) == 3:
        return np.clip(np.moveaxis(values, 0, -1), 0.0, 1.0)
    return _mosaic(values[:MOST_MAPS])


def _padded(values: Array, length: int) -> Array:
    return np.concatenate([values, np.full(length - len(values), np.nan)])


def _mosaic(maps: Array) -> Array:
    """Return maps in a square of rows, with a gap between them."""
    n_maps, height, width = maps.shape
    side = math.ceil(math.sqrt(n_maps))
    rows = math.ceil(n_maps / side)
    # A line between maps, wide enough to be seen.
    gap = max(1, round(0.08 * max(height, width))) if n_maps > 1 else 0
    image = np.full((rows * (height + gap) - gap, side * (width + gap) - gap), np.nan)
    for place, one in enumerate(maps):
        row, column = divmod(place, side)
        top, left = row * (height + gap), column * (width + gap)
        image[top : top + height, left : left + width] = one
    return image
