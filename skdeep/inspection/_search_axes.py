"""Axes of the pictures of a search, and their colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of Okabe and Ito, "Color Universal Design", 2008: told apart by all kinds of colour
# vision.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
RED: Final = "#D55E00"
GRAY: Final = "#8C8C8C"
PALE: Final = "#E4E8EC"


def upright(ax: Axes, place: int, ticks: list[tuple[float, str]]) -> None:
    """Draw one of several parallel axes."""
    ax.axvline(place, color=GRAY, linewidth=1, zorder=0)
    for height, text in ticks:
        ax.annotate(
            text,
            (place, height),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize="small",
            va="center",
            bbox={
                "boxstyle": "round,pad=0.1",
                "fc": "white",
                "ec": "none",
                "alpha": 0.8,
            },
        )


def tidy(ax: Axes) -> None:
    """Take the box off a plot, and lay a pale grid under it."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    ax.grid(visible=True, color=PALE, linewidth=0.8)
    ax.set_axisbelow(True)


def legend(ax: Axes) -> None:
    """Name what is drawn, in small."""
    ax.legend(frameon=False, fontsize="small")


def whole_numbers(axis: Any) -> None:
    """Write whole numbers on an axis only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def leave_out_strays(ax: Axes, scores: list[float]) -> None:
    """Let no few scores far below all others squeeze the rest together."""
    low, usual, high = np.nanquantile(scores, [0.0, 0.1, 1.0], method="higher")
    if usual - low > high - usual:
        margin = 0.1 * (high - usual)
        ax.set_ylim(usual - margin, high + margin)
