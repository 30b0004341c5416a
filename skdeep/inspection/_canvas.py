"""Where pictures are drawn, and in which colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from skdeep._optional import optional_dependency

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skdeep._typing import Array

# Of Okabe and Ito, "Color Universal Design", 2008: told apart by all kinds of colour
# vision, on white and in print.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
RED: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
INK: Final = "#333333"
GRAY: Final = "#8C8C8C"
PALE: Final = "#E4E8EC"
CYCLE: Final = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY, INK)
# Diverging around zero, and from nothing to much: both safe for all colour vision.
DIVERGING: Final = "RdBu_r"
SEQUENTIAL: Final = "viridis"


def new_axes(
    ax: Axes | None, needed_by: str, size: tuple[float, float]
) -> tuple[Axes, Figure]:
    """Return the axes to draw in and their figure, made where none are given.

    Parameters
    ----------
    ax : Axes or None
        Given by the user.
    needed_by : str
        Public name of the display, for the error without matplotlib.
    size : tuple of float
        Width and height in inches of a new figure.

    Returns
    -------
    ax : Axes
    figure : Figure
    """
    with optional_dependency("matplotlib", needed_by=needed_by):
        import matplotlib.pyplot as plt
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    figure: Any = ax.figure
    return ax, figure


def panels(
    ax: Axes | None,
    needed_by: str,
    size: tuple[float, float],
    shape: tuple[int, int],
    *,
    title: str = "",
    pad: float = 24.0,
    **ratios: Any,
) -> tuple[Axes, Figure, Array]:
    """Divide axes, which turn invisible, into a grid of them.

    Parameters
    ----------
    ax : Axes or None
        Given by the user.
    needed_by : str
        Public name of the display.
    size : tuple of float
        Width and height in inches of a new figure.
    shape : tuple of int
        Rows and columns.
    title : str, default=""
        Above all of them.
    pad : float, default=24.0
        Points between the title and axes given by the user: room for the titles of
        panels.
    **ratios : list of float
        Of matplotlib's grid: `width_ratios`, `height_ratios`, `hspace`, `wspace`.

    Returns
    -------
    ax : Axes
        The outer, invisible axes.
    figure : Figure
    axes : ndarray of Axes of shape `shape`
    """
    given = ax is not None
    ax, figure = new_axes(ax, needed_by, size)
    ax.set_axis_off()
    if given:
        ax.set_title(title, fontsize="medium", pad=pad)
    elif title:
        figure.suptitle(title, fontsize="medium")
    spec = ax.get_subplotspec()
    if spec is not None:
        grid: Any = spec.subgridspec(*shape, **ratios)
    else:
        box = ax.get_position()
        grid = figure.add_gridspec(
            *shape, left=box.x0, right=box.x1, bottom=box.y0, top=box.y1, **ratios
        )
    return ax, figure, grid.subplots(squeeze=False)


def tidy(ax: Axes) -> None:
    """Take the box off a plot of lines, and lay a pale grid under it."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(visible=True, color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)
