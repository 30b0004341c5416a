"""The layers of a fitted network as a table: shapes, parameters, what is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from skdeep.base import FittedView
from skdeep.inspection._parts import parts_of
from skdeep.inspection._table import Table
from skdeep.inspection._tracing import kept_bytes, trace

if TYPE_CHECKING:
    import torch

    from skdeep.inspection._parts import Part
    from skdeep.inspection._table import Row

_HEAD = ("layer", "what it does", "output shape", "parameters", "trained")


@dataclass(frozen=True)
class LayerSummary:
    """One line of a `NetworkSummary`.

    Attributes
    ----------
    layer : str
        The layer, block or stage, as in "hidden layer 1".
    output : str
        What comes out of it, as in "weighted sums".
    kind : str
        What does it, as in "Linear(4, 8)".
    path : str
        Name of the module in `module_`.
    output_shape : tuple of int or None
        Of one row; None where its numbers are never made.
    n_parameters : int
        Numbers that it has learnt, or was given by pretrained weights.
    n_trainable : int
        Those of them that `fit` trains; the rest is frozen.
    """

    layer: str
    output: str
    kind: str
    path: str
    output_shape: tuple[int, ...] | None
    n_parameters: int
    n_trainable: int


@dataclass(frozen=True)
class NetworkSummary:
    """What a fitted network consists of, see `summary`.

    Its text is a table; notebooks show it as one.

    Attributes
    ----------
    estimator : str
        Name of the estimator.
    input_shape : tuple of int
        Of one row, as the network takes it.
    layers : tuple of LayerSummary
        Those next to the input first.
    n_parameters : int
        All numbers that are, or could be, learnt.
    n_trainable : int
        Those of them that `fit` trains.
    weight_bytes : int
        What parameters and statistics take in memory.
    row_bytes : int
        What the outputs of all modules take for one row; about as much is kept in
        training for each row of a batch.
    """

    estimator: str
    input_shape: tuple[int, ...]
    layers: tuple[LayerSummary, ...]
    n_parameters: int
    n_trainable: int
    weight_bytes: int
    row_bytes: int

    @property
    def n_frozen(self) -> int:
        """Parameters that stay as they are."""
        return self.n_parameters - self.n_trainable

    def _rows(self) -> list[Row]:
        rows: list[Row] = [("input", "", _shape(self.input_shape), "", "")]
        before = ""
        for layer in self.layers:
            rows.append(
                (
                    layer.layer if layer.layer != before else "",
                    layer.kind,
                    _shape(layer.output_shape),
                    f"{layer.n_parameters:,}" if layer.n_parameters else "",
                    _trained(layer),
                )
            )
            before = layer.layer
        return rows

    def _totals(self) -> str:
        frozen = f", {self.n_frozen:,} of them frozen" if self.n_frozen else ""
        return (
            f"{self.n_parameters:,} parameters{frozen}; "
            f"{_size(self.weight_bytes)} of weights, "
            f"{_size(self.row_bytes)} of outputs a row"
        )

    def _table(self) -> Table:
        return Table(self.estimator, _HEAD, self._rows(), (2, 3), self._totals())

    def __str__(self) -> str:
        """Return the table as text."""
        return self._table().as_text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        return self._table().as_html()


def summary(estimator: Any) -> NetworkSummary:
    """Summarise the network of a fitted estimator, layer by layer.

    The network is run once on a row of zeros, so that the shapes are those that come
    out. Where convolutions read texts the row has 32 words, or `max_length`. Of a
    pretrained backbone the lines are its stages, the ones that `trainable_layers`
    counts from the last.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator of skdeep, or a Pipeline that ends in one, or a search that
        found one.

    Returns
    -------
    summary : NetworkSummary
        Prints as a table. Its `layers` are the lines, which ``pandas.DataFrame`` takes
        as they are; `n_parameters`, `n_trainable`, `n_frozen`, `weight_bytes` and
        `row_bytes` are the totals.

    Raises
    ------
    TypeError
        If there is no estimator of skdeep.
    NotFittedError
        If it has not been fitted.

    See Also
    --------
    NetworkDisplay : The same as a picture.
    forward_pass : What comes out of the layers for given rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, summary
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier((8,), max_epochs=5, random_state=0).fit(X, y)
    >>> summary(classifier)
    MLPClassifier
    ---------------------------------------------------------------
    layer           what it does  output shape  parameters  trained
    ---------------------------------------------------------------
    input                                    4
    hidden layer 1  Linear(4, 8)             8          40  yes
                    ReLU                     8
    output layer    Linear(8, 3)             3          27  yes
    ---------------------------------------------------------------
    67 parameters; 536 B of weights, 152 B of outputs a row
    """
    view = FittedView(estimator, "summary")
    parts, module, blank = parts_of(view.module), view.module, view.blank()
    with view.running(len(blank)):
        outputs, _ = trace(module, parts, blank)
        row_bytes = kept_bytes(module, blank)
    layers = tuple(
        _line(part, output) for part, output in zip(parts, outputs, strict=True)
    )
    return NetworkSummary(
        estimator=view.name,
        input_shape=view.row_shape(),
        layers=layers,
        n_parameters=sum(layer.n_parameters for layer in layers),
        n_trainable=sum(layer.n_trainable for layer in layers),
        weight_bytes=sum(
            tensor.numel() * tensor.element_size()
            for tensor in (*module.parameters(), *module.buffers())
        ),
        row_bytes=row_bytes,
    )


def _line(part: Part, output: torch.Tensor | None) -> LayerSummary:
    return LayerSummary(
        layer=part.group,
        output=part.role,
        kind=part.kind,
        path=part.path,
        output_shape=None if output is None else tuple(output.shape[1:]),
        n_parameters=sum(p.numel() for p in part.parameters),
        n_trainable=sum(p.numel() for p in part.parameters if p.requires_grad),
    )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "" if shape is None else " x ".join(map(str, shape))


def _trained(layer: LayerSummary) -> str:
    if not layer.n_parameters:
        return ""
    if layer.n_trainable in (0, layer.n_parameters):
        return "yes" if layer.n_trainable else "frozen"
    return f"{layer.n_trainable:,} of them"


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} GB"
