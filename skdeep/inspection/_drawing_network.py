"""How layers are drawn: as columns of neurons and sheets, or as a tower of boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from skdeep.inspection._canvas import BLUE, GRAY, INK, PALE, RED, SKY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skdeep._typing import Array
    from skdeep.inspection._network_display import NetworkLayer

# Neurons at either end of a layer that is summarised, and sheets of one of maps.
ENDS: Final = 4
SHEETS: Final = 5
# Lines between two layers above which they are all alike: no eye follows one.
MOST_COLOURED: Final = 600
# Inches: of a letter of a label, of the words below a column, and between columns.
LETTER, WORDS, SPACING = 0.075, 0.95, 1.45


@dataclass
class Picture:
    """What was drawn."""

    neurons: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    texts: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class _Scale:
    """How long an inch is in either direction, and how large letters are."""

    x: float
    y: float
    font: float


def draw_columns(
    ax: Axes,
    layers: Sequence[NetworkLayer],
    *,
    max_neurons: int,
    show_weights: bool,
) -> Picture:
    """Draw layers side by side, from the input on the left.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    layers : sequence of NetworkLayer
        The input first.
    max_neurons : int
        Layers with more neurons are summarised.
    show_weights : bool
        Colour the lines between neurons by the weights.

    Returns
    -------
    picture : Picture
    """
    picture = Picture()
    scale = _fit(ax, layers, max_neurons)
    heights = [_heights(layer, max_neurons) for layer in layers]
    for place, (before, layer) in enumerate(pairwise(layers)):
        ends = (heights[place], heights[place + 1])
        whole = len(ends[0]) == before.shape[0] and len(ends[1]) == layer.shape[0]
        if len(ends[0]) and len(ends[1]):
            weights = layer.weights if whole and show_weights else None
            picture.weights.append(_lines(ax, place, ends, weights))
        else:
            _arrow(ax, place, before, layer, scale)
    for place, (layer, ys) in enumerate(zip(layers, heights, strict=True)):
        if len(ys):
            picture.neurons.append(_neurons(ax, place, ys, layer, scale))
            _label(ax, place, ys, layer, scale, last=place == len(layers) - 1)
        else:
            _sheets(ax, place, layer, layers, scale)
        picture.texts.append(
            ax.text(
                place,
                -1.0 - 0.1 * scale.y,
                _words(layer, short=scale.font < 7.5),
                ha="center",
                va="top",
                fontsize=scale.font,
                color=INK,
                linespacing=1.35,
            )
        )
    return picture


def width_of(layers: Sequence[NetworkLayer], max_neurons: int) -> float:
    """Return the width in inches that columns and their labels need.

    Parameters
    ----------
    layers : sequence of NetworkLayer
        The input first.
    max_neurons : int
        Layers with more neurons have no labels.

    Returns
    -------
    width : float
    """
    letters = sum(_longest(layer, max_neurons) for layer in (layers[0], layers[-1]))
    return SPACING * len(layers) + LETTER * letters + 0.3


def _fit(ax: Axes, layers: Sequence[NetworkLayer], max_neurons: int) -> _Scale:
    """Set the limits so that labels have room, and return what an inch is."""
    # Where axes end is known once they are laid out.
    ax.figure.canvas.figure.draw_without_rendering()
    box = ax.get_window_extent()
    dots = ax.figure.get_dpi()
    width, height = box.width / dots, box.height / dots
    left = _longest(layers[0], max_neurons) * LETTER
    right = _longest(layers[-1], max_neurons) * LETTER
    inside = max(width - left - right, 0.4 * width)
    x = (len(layers) - 1 + 0.9) / inside
    y = 2.1 / max(height - WORDS, 0.4 * height)
    ax.set_xlim(-0.45 - left * x, len(layers) - 0.55 + right * x)
    ax.set_ylim(-1.0 - WORDS * y, 1.1)
    font = float(np.clip(9.0 / (x * SPACING), 6.0, 9.0))
    return _Scale(x, y, font)


def _longest(layer: NetworkLayer, max_neurons: int) -> int:
    if len(layer.shape) > 2 or layer.shape[-1] > max_neurons:
        return 0
    return max((len(label) for label in _labels(layer)), default=0)


def _labels(layer: NetworkLayer) -> tuple[str, ...]:
    """Return the labels of a layer's neurons, where there is one for each."""
    if layer.shape[-1] != len(layer.labels):
        return ()
    return tuple(
        label if len(label) < 24 else f"{label[:22]}…" for label in layer.labels
    )


def _heights(layer: NetworkLayer, max_neurons: int) -> Array:
    """Return the heights of the neurons that are drawn, between -1 and 1."""
    if len(layer.shape) > 1 and not _is_ensemble(layer):
        return np.empty(0)
    n_neurons = layer.shape[-1]
    if n_neurons > max_neurons or _is_ensemble(layer):
        n_drawn = min(2 * ENDS, n_neurons)
        rows = np.arange(n_drawn, dtype=float)
        if n_drawn < n_neurons:
            rows[n_drawn // 2 :] += 1.5
    else:
        rows = np.arange(n_neurons, dtype=float)
    middle = (rows[0] + rows[-1]) / 2
    step = min(0.3, 1.9 / max(rows[-1], 1.0))
    heights: Array = (middle - rows) * step
    return heights


def _is_ensemble(layer: NetworkLayer) -> bool:
    return len(layer.shape) == 2


def _neurons(
    ax: Axes, place: int, ys: Array, layer: NetworkLayer, scale: _Scale
) -> Any:
    gap = (ys[0] - ys[1]) if len(ys) > 1 else 0.3
    diameter = float(np.clip(0.62 * gap / scale.y * 72, 3.5, 16.0))
    if len(ys) < layer.shape[-1]:
        middle = (ys[len(ys) // 2 - 1] + ys[len(ys) // 2]) / 2
        dots = middle + np.array([-0.35, 0.0, 0.35]) * gap
        ax.scatter([place] * 3, dots, s=5, color=GRAY, zorder=3)
    return ax.scatter(
        np.full(len(ys), place),
        ys,
        s=diameter**2,
        facecolor="white" if layer.name == "input" else SKY,
        edgecolor=INK,
        linewidth=0.9,
        zorder=3,
    )


def _label(
    ax: Axes, place: int, ys: Array, layer: NetworkLayer, scale: _Scale, *, last: bool
) -> None:
    if len(ys) != layer.shape[-1]:
        return
    for y, label in zip(ys, _labels(layer), strict=False):
        ax.text(
            place + (0.16 if last else -0.16) * scale.x,
            y,
            label,
            ha="left" if last else "right",
            va="center",
            fontsize=scale.font,
            color=INK,
        )


def _lines(
    ax: Axes, place: int, ends: tuple[Array, Array], weights: Array | None
) -> Any:
    from matplotlib.collections import LineCollection

    segments = [[(place, a), (place + 1, b)] for a in ends[0] for b in ends[1]]
    if weights is None or len(segments) > MOST_COLOURED:
        lines = LineCollection(segments, colors=GRAY, linewidths=0.4, alpha=0.5)
    else:
        flat = weights.ravel()
        strength = np.abs(flat) / max(float(np.abs(flat).max()), 1e-12)
        lines = LineCollection(
            segments,
            colors=np.where(flat < 0, BLUE, RED).tolist(),
            linewidths=0.3 + 2.4 * strength,
            alpha=(0.15 + 0.75 * strength).tolist(),
        )
    lines.set_zorder(1)
    ax.add_collection(lines, autolim=False)
    return lines


def _arrow(
    ax: Axes, place: int, before: NetworkLayer, layer: NetworkLayer, scale: _Scale
) -> None:
    # Sheets stand around their place, neurons on it.
    room = min(0.62 * scale.x, 0.43), 0.2 * scale.x
    start = place + (room[0] if len(before.shape) == 3 else room[1])
    end = place + 1 - (room[0] if len(layer.shape) == 3 else room[1])
    if end - start < 0.1:
        start, end = place + 0.45, place + 0.55
    arrow = {"arrowstyle": "-|>", "color": GRAY, "linewidth": 1.1, "shrinkA": 0}
    ax.annotate("", (end, 0.0), (start, 0.0), arrowprops={**arrow, "shrinkB": 0})


def _sheets(
    ax: Axes,
    place: int,
    layer: NetworkLayer,
    layers: Sequence[NetworkLayer],
    scale: _Scale,
) -> None:
    from matplotlib.patches import Rectangle

    *channels, height, width = (1, *layer.shape)[-3:]
    largest = max(max(other.shape[-2:]) for other in layers if len(other.shape) > 2)
    n_sheets = min(channels[-1], SHEETS)
    room = min(1.0, 1.0 / (scale.x * SPACING))
    apart = 0.07 * room
    most = room - apart * (SHEETS - 1)

    def side(length: int) -> float:
        return most * (0.3 + 0.7 * math.log(length + 1) / math.log(largest + 1))

    tall, wide = side(height), side(width)
    for sheet in range(n_sheets):
        # The last one in front, to the lower left.
        offset = apart * ((n_sheets - 1) / 2 - sheet)
        corner = (
            place + (offset - wide / 2) * scale.x,
            (offset - tall / 2) * scale.y,
        )
        ax.add_patch(
            Rectangle(
                corner,
                wide * scale.x,
                tall * scale.y,
                facecolor="white" if layer.name == "input" else SKY,
                edgecolor=INK,
                linewidth=0.8,
                zorder=3 + sheet / 10,
            )
        )


def _words(layer: NetworkLayer, *, short: bool) -> str:
    lines = [layer.name.replace(" layer", "") if short else layer.name, _shape(layer)]
    if short:
        tail = [f"{layer.n_parameters:,} par."] if layer.n_parameters else []
        return "\n".join([*lines, *tail])
    lines += _wrapped(layer.what)
    if layer.n_parameters:
        lines.append(_parameters(layer))
    return "\n".join(lines)


def _wrapped(what: str) -> list[str]:
    """Break a list of words where a line gets long."""
    lines: list[str] = []
    for word in what.split(", ") if what else []:
        if lines and len(lines[-1]) + len(word) < 17:
            lines[-1] += f", {word}"
        else:
            lines.append(word)
    return lines


def _shape(layer: NetworkLayer) -> str:
    if len(layer.shape) == 1:
        n_neurons = layer.shape[0]
        what = "value" if layer.name in ("input", "features") else "neuron"
        return f"{n_neurons:,} {what}{'s' if n_neurons > 1 else ''}"
    if _is_ensemble(layer) and not layer.name.startswith("stage"):
        rows = "words" if layer.name == "embedding" else "members"
        return f"{layer.shape[0]} {rows} × {layer.shape[1]:,}"  # noqa: RUF001 - times
    return " × ".join(f"{length:,}" for length in layer.shape)  # noqa: RUF001 - times


def _parameters(layer: NetworkLayer) -> str:
    plural = "s" if layer.n_parameters > 1 else ""
    frozen = "" if layer.n_trainable else ", frozen"
    return f"{layer.n_parameters:,} parameter{plural}{frozen}"


def draw_tower(
    ax: Axes,
    layers: Sequence[NetworkLayer],
    *,
    max_neurons: int,
    show_weights: bool,
) -> Picture:
    """Draw layers one below the other, from the input at the top.

    A box is as wide as the logarithm of the numbers that come out of its layer; those
    that are trained are coloured.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    layers : sequence of NetworkLayer
        The input first.
    max_neurons : int
        Not used: boxes have no neurons.
    show_weights : bool
        Not used, likewise.

    Returns
    -------
    picture : Picture
    """
    from matplotlib.patches import FancyBboxPatch

    del max_neurons, show_weights
    picture = Picture()
    sizes = [math.log(math.prod(layer.shape) + 1) for layer in layers]
    ax.set_xlim(0, 1)
    ax.set_ylim(len(layers) - 0.4, -0.6)
    words: dict[str, Any] = {"va": "center", "fontsize": 9, "color": INK}
    for row, (layer, size) in enumerate(zip(layers, sizes, strict=True)):
        width = 0.30 * size / max(sizes)
        trained = layer.n_trainable > 0
        ax.add_patch(
            FancyBboxPatch(
                (0.37 - width / 2, row - 0.3),
                width,
                0.6,
                boxstyle="round,pad=0,rounding_size=0.01",
                mutation_aspect=len(layers),
                facecolor=SKY if trained else PALE if layer.n_parameters else "white",
                edgecolor=INK,
                linewidth=0.8,
                zorder=3,
            )
        )
        if row:
            ax.plot([0.37, 0.37], [row - 0.7, row - 0.3], color=GRAY, linewidth=1.1)
        name = (
            f"{layer.name} ({layer.what})" if 0 < len(layer.what) < 12 else layer.name
        )
        ax.text(0.2, row, name, ha="right", **words)
        picture.texts.append(ax.text(0.54, row, _shape(layer), ha="left", **words))
        if layer.n_parameters:
            ax.text(1.0, row, _parameters(layer), ha="right", **words)
    return picture
