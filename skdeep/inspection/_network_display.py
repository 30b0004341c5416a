"""The network of a fitted estimator as a picture: neurons, maps, stages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdeep.base import FittedView
from skdeep.inspection._canvas import new_axes
from skdeep.inspection._drawing_network import (
    Picture,
    draw_columns,
    draw_tower,
    width_of,
)
from skdeep.inspection._parts import parts_of
from skdeep.inspection._tracing import trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skdeep._typing import Array
    from skdeep.inspection._parts import Part

# More layers than these do not fit side by side.
MOST_COLUMNS = 7


@dataclass(frozen=True)
class NetworkLayer:
    """A layer, block or stage as it is drawn.

    Attributes
    ----------
    name : str
        As in "hidden layer 1".
    what : str
        What it does after its weighted sums, as in "ReLU"; may be empty.
    shape : tuple of int
        Of what it puts out for one row.
    n_parameters : int
        Numbers that it has learnt, or was given.
    n_trainable : int
        Those that `fit` trains.
    weights : ndarray of shape (n_inputs, n_outputs) or None
        From the layer before; None where there is no such matrix.
    labels : tuple of str
        Of its neurons; empty for none.
    """

    name: str
    what: str
    shape: tuple[int, ...]
    n_parameters: int = 0
    n_trainable: int = 0
    weights: Array | None = None
    labels: tuple[str, ...] = ()


class NetworkDisplay:
    """Picture of a network, layer by layer.

    Small dense layers are drawn neuron by neuron, with a line for each weight: blue for
    negative, red for positive ones, as wide as the weight is large. Wide layers are
    summarised, maps of a convolutional network are sheets, and networks of many stages
    a tower. Below or beside each layer stand its shape and its number of parameters.

    Use `from_estimator` to make one.

    Parameters
    ----------
    layers : sequence of NetworkLayer
        The input first.
    estimator_name : str
        For the title.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of the axes.
    neurons_ : list of PathCollection
        One for each layer drawn as neurons.
    weights_ : list of LineCollection
        One for each pair of neighbouring layers drawn as neurons.
    texts_ : list of Text
        What is written about each layer.

    See Also
    --------
    summary : The same as a table.
    ForwardPassDisplay : What goes through the layers for one row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, NetworkDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), max_epochs=5, random_state=0).fit(X, y)
    >>> display = NetworkDisplay.from_estimator(classifier)  # doctest: +SKIP
    >>> [layer.shape for layer in display.layers]  # doctest: +SKIP
    [(4,), (8,), (3,)]
    """

    def __init__(self, *, layers: Sequence[NetworkLayer], estimator_name: str) -> None:
        self.layers = list(layers)
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        ax: Axes | None = None,
        max_neurons: int = 16,
        show_weights: bool = True,
    ) -> Self:
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : estimator instance
            A fitted estimator of skdeep, or a Pipeline that ends in one, or a search
            that found one.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        max_neurons : int, default=16
            Layers with more neurons are summarised.
        show_weights : bool, default=True
            Colour the lines between neurons by the weights.

        Returns
        -------
        display : NetworkDisplay

        Raises
        ------
        TypeError
            If there is no estimator of skdeep.
        NotFittedError
            If it has not been fitted.
        """
        view = FittedView(estimator, f"{cls.__name__}.from_estimator")
        display = cls(layers=_layers_of(view), estimator_name=view.name)
        return display.plot(ax=ax, max_neurons=max_neurons, show_weights=show_weights)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        max_neurons: int = 16,
        show_weights: bool = True,
    ) -> Self:
        """Draw the network.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.
        max_neurons : int, default=16
            Layers with more neurons are summarised.
        show_weights : bool, default=True
            Colour the lines between neurons by the weights.

        Returns
        -------
        display : NetworkDisplay
            Itself, with the attributes that plotting adds.
        """
        tower = len(self.layers) > MOST_COLUMNS
        tallest = max(
            (layer.shape[0] for layer in self.layers if len(layer.shape) == 1),
            default=1,
        )
        size = (
            (7.5, 0.36 * len(self.layers) + 0.6)
            if tower
            else (
                width_of(self.layers, max_neurons),
                2.8 + 0.17 * min(tallest, max_neurons),
            )
        )
        self.ax_, figure = new_axes(ax, type(self).__name__, size)
        self.figure_: Figure = figure
        self.ax_.set_axis_off()
        self.ax_.set_title(self._title(), fontsize="medium")
        draw = draw_tower if tower else draw_columns
        picture: Picture = draw(
            self.ax_, self.layers, max_neurons=max_neurons, show_weights=show_weights
        )
        self.neurons_ = picture.neurons
        self.weights_ = picture.weights
        self.texts_ = picture.texts
        return self

    def _title(self) -> str:
        total = sum(layer.n_parameters for layer in self.layers)
        frozen = total - sum(layer.n_trainable for layer in self.layers)
        tail = f", {frozen:,} of them frozen" if frozen else ""
        return f"{self.estimator_name}: {total:,} parameters{tail}"


def _layers_of(view: FittedView) -> list[NetworkLayer]:
    parts, blank = parts_of(view.module), view.blank()
    with view.running(len(blank)):
        outputs, _ = trace(view.module, parts, blank)
    seen = zip(parts, outputs, strict=True)
    what = ""
    if view.sees_texts:
        what = "n-grams" if parts[0].kind.startswith("Bags") else "words"
    layers = [NetworkLayer("input", what, view.row_shape(), labels=_inputs(view))]
    layers += [
        _layer(name, list(group), layers[0].shape)
        for name, group in groupby(seen, key=lambda pair: pair[0].group)
    ]
    layers[-1] = replace(layers[-1], labels=_outputs(view))
    return [layers[0], *(_connected(*pair) for pair in pairwise(layers))]


def _layer(
    name: str, group: list[tuple[Part, torch.Tensor | None]], before: tuple[int, ...]
) -> NetworkLayer:
    parts = [part for part, _ in group]
    shapes = [tuple(output.shape[1:]) for _, output in group if output is not None]
    parameters = [p for part in parts for p in part.parameters]
    matrices = [
        part.parameters[0]
        for part in parts
        if part.role == "weighted sums" and part.parameters
    ]
    weights = matrices[0].detach().cpu().numpy() if matrices else None
    return NetworkLayer(
        name=name,
        what=_what(parts),
        shape=shapes[-1] if shapes else before,
        n_parameters=sum(p.numel() for p in parameters),
        n_trainable=sum(p.numel() for p in parameters if p.requires_grad),
        weights=weights.T if weights is not None and weights.ndim == 2 else None,
    )


def _what(parts: list[Part]) -> str:
    """Return in a word or two what a layer does beside its weighted sums."""
    roles = {
        "activations",
        "pooled",
        "largest",
        "normalized",
        "dropped out",
        "maps",
        "found",
    }
    words = [part.kind for part in parts if part.role in roles]
    short = [word.split("(")[0] if "Drop" not in word else word for word in words]
    return ", ".join(dict.fromkeys(short))


def _connected(before: NetworkLayer, layer: NetworkLayer) -> NetworkLayer:
    """Keep the weights of a layer where they lead from the one before to it."""
    fits = layer.weights is not None and layer.weights.shape == (
        *before.shape[-1:],
        *layer.shape[-1:],
    )
    dense = len(before.shape) == len(layer.shape) == 1
    return layer if fits and dense else replace(layer, weights=None)


def _inputs(view: FittedView) -> tuple[str, ...]:
    names = getattr(view.estimator, "feature_names_in_", ())
    return tuple(str(name) for name in names)


def _outputs(view: FittedView) -> tuple[str, ...]:
    classes = view.classes
    if classes is None:
        return ()
    if view.loss_kind == "binary":
        return (f"{classes[1]}",)
    return tuple(str(label) for label in np.asarray(classes))
