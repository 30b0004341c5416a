"""What all networks with dense layers share: how parameters name layers and losses."""

from __future__ import annotations

from skdeep.base._estimator import DeepEstimator
from skdeep.networks import resolve_layers


class PerceptronDoor(DeepEstimator):
    """Hooks of estimators with `hidden_layer_sizes`."""

    def _widths(self) -> tuple[int, ...]:
        try:
            return resolve_layers(self.hidden_layer_sizes, self.n_hidden_layers)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error

    def _is_third_party(self) -> bool:
        activations = (
            [self.activation]
            if isinstance(self.activation, str) or callable(self.activation)
            else self.activation
        )
        named = all(isinstance(activation, str) for activation in activations)
        return not named or not isinstance(self.loss, str)
