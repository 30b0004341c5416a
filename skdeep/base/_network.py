"""What an estimator has to know of its network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from skdeep.base._phases import Phase
from skdeep.exceptions import PersistenceError
from skdeep.networks import resolve_layers

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.base._fit import FittedState
    from skdeep.base._modality import Modality
    from skdeep.tasks import Task


@dataclass(frozen=True)
class Material:
    """What a network is built for.

    Attributes
    ----------
    modality : Modality
        With its encoder.
    task : Task
        With its target.
    X, codes, weight : object
        The rows that it will train on, not encoded, the codes of their targets and
        their weights or None.
    dtype : torch.dtype
        Of its parameters.
    device : torch.device
        That it will train on.
    generator : torch.Generator
        Of its first weights, on the CPU.
    """

    modality: Modality
    task: Task
    X: Any
    codes: Any
    weight: Array | None
    dtype: torch.dtype
    device: torch.device
    generator: torch.Generator


class Network(ABC):
    """How a network is built for rows and targets, and built again.

    Parameters
    ----------
    parameters : estimator instance
        Has the parameters as attributes; they are not checked here.

    Attributes
    ----------
    owner : str
        Name of the estimator, for errors.
    """

    def __init__(self, parameters: Any) -> None:
        self.parameters = parameters
        self.owner = type(parameters).__name__

    @property
    def third_party(self) -> bool:
        """Whether foreign code in it may draw from torch's global generator."""
        activations = self.parameters.activation
        if isinstance(activations, str) or callable(activations):
            activations = [activations]
        return not all(isinstance(activation, str) for activation in activations)

    def widths(self) -> tuple[int, ...]:
        """Return the width of each hidden layer.

        Raises
        ------
        ValueError
            If the parameters contradict each other.
        """
        p = self.parameters
        try:
            return resolve_layers(p.hidden_layer_sizes, p.n_hidden_layers)
        except ValueError as error:
            raise ValueError(f"{self.owner}: {error}") from error

    def start(self, before: FittedState | None) -> None:  # noqa: B027 - not all have to
        """Find what the network starts from, if not from random weights.

        Parameters
        ----------
        before : FittedState or None
            Of the fit to go on with.
        """

    def kept(self) -> Any:
        """Return what a fitted state keeps of what the network started from."""
        return None

    def attributes(
        self, module: torch.nn.Module, encoder: Any, epochs: Mapping[str, int]
    ) -> dict[str, Any]:
        """Return the fitted attributes that come from the network and its phases.

        Parameters
        ----------
        module : torch.nn.Module
            The network.
        encoder : object
            Of the rows.
        epochs : mapping of str to int
            How many the phases of each name have trained.
        """
        return {}

    def phases(self, *, goes_on: bool, partial: bool) -> list[Phase]:
        """Return the trainings that a fit consists of.

        Parameters
        ----------
        goes_on : bool
            Whether the fit goes on with a network that was trained before.
        partial : bool
            Whether it is a call of partial_fit.
        """
        return [Phase()]

    @abstractmethod
    def architecture(self) -> dict[str, Any]:
        """Return what must be equal for training to go on with the same network."""

    @abstractmethod
    def work(self, table: Any, n_outputs: int) -> int:
        """Return about how many multiply-adds one row costs."""

    def new_encoder(
        self, modality: Modality, table: Any, generator: torch.Generator
    ) -> Any:
        """Return an encoder that has learnt nothing yet, as the network wants it."""
        return modality.new_encoder(table)

    @abstractmethod
    def build(self, material: Material) -> torch.nn.Module:
        """Return an initialised network."""

    def describe(self, module: torch.nn.Module) -> dict[str, Any]:
        """Return what `rebuild` cannot tell from the fitted state."""
        return {}

    def rebuild(
        self,
        described: Mapping[str, Any],
        weights: Mapping[str, torch.Tensor],
        state: FittedState,
        n_features: int | None,
    ) -> torch.nn.Module:
        """Return a network that these weights fit into, as `build` returned it.

        Parameters
        ----------
        described : mapping
            What `describe` returned.
        weights : mapping of str to Tensor
            The weights.
        state : FittedState
            Of the fit.
        n_features : int or None
            Columns of X, where there are any.
        """
        raise PersistenceError(
            f"{self.owner} cannot be saved without pickle yet. Use joblib."
        )

    def loss(self, criterion: torch.nn.Module, task: Task) -> torch.nn.Module:
        """Return the loss of what the network puts out in training."""
        return criterion

    def pool(self, output: torch.Tensor, target: Any) -> torch.Tensor:
        """Return one raw output a row, where the network puts out several."""
        return output

    def block_rows(self, module: torch.nn.Module, modality: Modality) -> int | None:
        """Return how many rows its maps leave room for; None where it is any number."""
        return None

    def inputs(
        self,
        fitted: Any,
        modality: Modality,
        block: Any,
        dtype: torch.dtype,
        device: torch.device,
    ) -> Any:
        """Return what the network of a fitted estimator is given in prediction.

        There may be a shorter way than through all of it.
        """
        return self.whole_inputs(modality, block, dtype, device)

    def whole_inputs(
        self, modality: Modality, block: Any, dtype: torch.dtype, device: torch.device
    ) -> Any:
        """Return a block of rows as all of the network takes them."""
        return modality.tensor(block, dtype, device)

    @property
    def stacks(self) -> bool:
        """Whether networks of this kind can be computed together with others."""
        return False

    def stack(
        self, modules: Sequence[torch.nn.Module], generators: Sequence[torch.Generator]
    ) -> torch.nn.Module:
        """Return networks of one shape as one, where `stacks` says so."""
        raise NotImplementedError
