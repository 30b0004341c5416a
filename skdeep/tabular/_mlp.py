"""What the two textbook perceptrons share: their network, and how X is put to scale."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

from skdeep._compat import StrOptions
from skdeep._constraints import network_constraints
from skdeep.base import SHARED_CONSTRAINTS, Job, PerceptronDoor
from skdeep.data import ColumnScaler
from skdeep.networks import ACTIVATIONS, MLP, StackedMLP, per_layer
from skdeep.tabular._search_spaces import MLP_SPACE

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from skdeep._typing import Array

MLP_CONSTRAINTS: dict[str, list[Any]] = {
    **network_constraints(list(ACTIVATIONS)),
    **SHARED_CONSTRAINTS,
    "feature_scaling": [StrOptions({"standard"}), None],
}


class MLPDoor(PerceptronDoor):
    """Hooks of the perceptrons."""

    _search_table = MLP_SPACE

    def _architecture(self, table: Any) -> dict[str, Any]:
        widths = self._widths()
        return {
            "hidden_layer_sizes": widths,
            "activation": per_layer(self.activation, len(widths), "activation"),
            "normalization": self.normalization,
            "dropout": per_layer(self.dropout, len(widths), "dropout"),
            "residual": self.residual,
            "feature_scaling": self.feature_scaling,
        }

    def _n_weights(self, table: Any, n_outputs: int) -> int:
        widths = (table.shape[1], *self._widths(), n_outputs)
        return sum(a * b for a, b in pairwise(widths))

    def _build_network(self, job: Job) -> torch.nn.Module:
        return _network(
            job.architecture,
            job.train.X.shape[1],
            job.target.n_outputs,
            dtype=job.dtype,
            generator=job.generators["initialization"],
        )

    def _stacks(self) -> bool:
        # Statistics of batch normalization would have to leave out rows that fill up.
        build = getattr(self._build_network, "__func__", None)
        same = build is MLPDoor._build_network
        return same and self.normalization != "batch" and not self._is_third_party()

    def _stack(
        self, modules: Sequence[torch.nn.Module], generators: Sequence[torch.Generator]
    ) -> torch.nn.Module:
        return StackedMLP(cast("Sequence[MLP]", modules), generators)

    def _rebuild_network(
        self, described: Mapping[str, Any], weights: Mapping[str, torch.Tensor]
    ) -> torch.nn.Module:
        state = self._state
        n_outputs = state.target.n_outputs
        return _network(state.architecture, self.n_features_in_, n_outputs)

    def _make_scaler(self, job: Job) -> ColumnScaler | None:
        if self.feature_scaling is None:
            return None
        return ColumnScaler(keep_indicators=True)

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


def _network(
    architecture: Mapping[str, Any], n_inputs: int, n_outputs: int, **how: Any
) -> MLP:
    layers = {k: v for k, v in architecture.items() if k != "feature_scaling"}
    return MLP(n_inputs, n_outputs=n_outputs, **layers, **how)
