"""What the two textbook perceptrons share: their network, and how X is put to scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import torch

from skdeep._compat import StrOptions
from skdeep._constraints import network_constraints
from skdeep.base import (
    SHARED_CONSTRAINTS,
    DeepEstimator,
    Material,
    Modality,
    Network,
)
from skdeep.data import ColumnScaler
from skdeep.networks import ACTIVATIONS, MLP, StackedMLP, per_layer
from skdeep.tabular._search_spaces import MLP_SPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from skdeep._compat import Tags
    from skdeep._typing import Array
    from skdeep.base import FittedState

MLP_CONSTRAINTS: dict[str, list[Any]] = {
    **network_constraints(list(ACTIVATIONS)),
    **SHARED_CONSTRAINTS,
    "feature_scaling": [StrOptions({"standard"}), None],
}


class DenseTable(Modality):
    """A dense or sparse table of numbers.

    Parameters
    ----------
    owner : str
        Name of the estimator, for errors.
    feature_scaling : {"standard"} or None
        The parameter.
    """

    def __init__(self, owner: str, feature_scaling: str | None) -> None:
        super().__init__(owner)
        self.feature_scaling = feature_scaling

    def new_encoder(self, table: Any) -> ColumnScaler | None:
        """Return a scaler of the columns."""
        if self.feature_scaling is None:
            return None
        return ColumnScaler(keep_indicators=True)

    def blank(self, n_features: int | None, dtype: torch.dtype) -> torch.Tensor:
        """Return a row of zeros."""
        return torch.zeros(1, n_features or 0, dtype=dtype)

    def tell(self, tags: Tags) -> None:
        """Say that sparse rows are welcome."""
        tags.input_tags.sparse = True


class Perceptron(Network):
    """A multilayer perceptron on all columns."""

    def architecture(self) -> dict[str, Any]:
        """Return widths and what stands between them."""
        p, widths = self.parameters, self.widths()
        return {
            "hidden_layer_sizes": widths,
            "activation": per_layer(p.activation, len(widths), "activation"),
            "normalization": p.normalization,
            "dropout": per_layer(p.dropout, len(widths), "dropout"),
            "residual": p.residual,
            "feature_scaling": p.feature_scaling,
        }

    def work(self, table: Any, n_outputs: int) -> int:
        """Return the number of weights."""
        widths = (table.shape[1], *self.widths(), n_outputs)
        return sum(a * b for a, b in pairwise(widths))

    def build(self, material: Material) -> torch.nn.Module:
        """Return a perceptron of random weights."""
        return _perceptron(
            self.architecture(),
            material.X.shape[1],
            material.task.n_outputs,
            dtype=material.dtype,
            generator=material.generator,
        )

    def rebuild(
        self,
        described: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        state: FittedState,
        n_features: int | None,
    ) -> torch.nn.Module:
        """Return a perceptron of the same layers."""
        return _perceptron(state.architecture, n_features or 0, state.target.n_outputs)

    @property
    def stacks(self) -> bool:
        """Whether all layers can be stacked.

        Statistics of batch normalization would have to leave out rows that fill up.
        """
        known = type(self) is Perceptron and not self.third_party
        return known and self.parameters.normalization != "batch"

    def stack(
        self, modules: Sequence[torch.nn.Module], generators: Sequence[torch.Generator]
    ) -> torch.nn.Module:
        """Return perceptrons of one shape as one."""
        return StackedMLP(cast("Sequence[MLP]", modules), generators)


class MLPBase(DeepEstimator):
    """What the two textbook perceptrons show of their layers."""

    _search_table = MLP_SPACE

    def _modality(self) -> DenseTable:
        return DenseTable(type(self).__name__, self.feature_scaling)

    def _network(self) -> Perceptron:
        return Perceptron(self)

    def _linear_maps(self, attribute: str) -> list[torch.nn.Linear]:
        if "module_" not in vars(self):
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {attribute!r} "
                "before it is fitted"
            )
        return cast(MLP, self.module_).linear_layers()

    @property
    def coefs_(self) -> list[Array]:
        """Weights of every layer, each of shape (n_inputs, n_outputs)."""
        return [
            layer.weight.detach().cpu().numpy().T
            for layer in self._linear_maps("coefs_")
        ]

    @property
    def intercepts_(self) -> list[Array]:
        """Biases of every layer, each of shape (n_outputs,)."""
        return [
            layer.bias.detach().cpu().numpy()
            for layer in self._linear_maps("intercepts_")
        ]

    @property
    def n_layers_(self) -> int:
        """Number of layers, inputs and outputs counted in."""
        return len(self._linear_maps("n_layers_")) + 1


def _perceptron(
    architecture: Mapping[str, Any], n_inputs: int, n_outputs: int, **how: Any
) -> MLP:
    layers = {k: v for k, v in architecture.items() if k != "feature_scaling"}
    return MLP(n_inputs, n_outputs=n_outputs, **layers, **how)
