"""What an estimator has to know of its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import torch

from skdeep.base._forward import block_rows
from skdeep.data import NO_TARGETS, check_table, make_rows, to_tensor

if TYPE_CHECKING:
    from skdeep._compat import Tags
    from skdeep._typing import MatrixLike
    from skdeep.data import Batch, Rows

# Validation rows that go through the network at once, at least.
VALID_BATCH = 1024


@dataclass(frozen=True)
class RowSetting:
    """Where the rows of a training are made, and what is drawn for them.

    Attributes
    ----------
    dtype : torch.dtype
        Of the network.
    device : torch.device
        Of the network.
    generator : torch.Generator
        Of what augmentation and mixing draw, on the CPU.
    seed : int
        Of the same, for what cannot take a generator.
    n_epochs_before : int
        How many epochs earlier calls of partial_fit have trained.
    """

    dtype: torch.dtype
    device: torch.device
    generator: torch.Generator
    seed: int = 0
    n_epochs_before: int = 0


class Modality(ABC):
    """How rows are read, what is learnt of them, and how they become tensors.

    Where it says nothing else, rows are those of a table. A modality is made from the
    parameters of an estimator, which it does not check, and given the `encoder` that an
    earlier fit has learnt, where there is one.

    Parameters
    ----------
    owner : str
        Name of the estimator, for errors.

    Attributes
    ----------
    encoder : object or None
        What is learnt from the training rows; a fit stores it. None before it, and
        where nothing is learnt.
    """

    encoder: Any = None

    def __init__(self, owner: str) -> None:
        self.owner = owner

    @overload
    def read(self, holder: Any, X: MatrixLike, *, reset: bool) -> Any: ...
    @overload
    def read(
        self, holder: Any, X: MatrixLike, y: Any, *, reset: bool, **checks: bool
    ) -> tuple[Any, Any]: ...
    def read(
        self,
        holder: Any,
        X: MatrixLike,
        y: Any = NO_TARGETS,
        *,
        reset: bool,
        **checks: bool,
    ) -> Any:
        """Return validated rows; with `y`, also the validated targets.

        Parameters
        ----------
        holder : estimator instance
            Has, or is given, what later rows are compared with: names and number of
            columns.
        X : array-like of n_samples rows
            Inputs.
        y : array-like of n_samples rows, optional
            Targets.
        reset : bool
            Whether these are the first rows, with which later ones are compared.
        **checks : bool
            How scikit-learn is to validate targets.
        """
        return check_table(holder, X, y, reset=reset, **checks)

    @abstractmethod
    def new_encoder(self, table: Any) -> Any:
        """Return an encoder that has learnt nothing yet; None where there is none."""

    def rows(self, table: Any, setting: RowSetting, *, training: bool) -> Rows:
        """Return what the batches of a training are gathered from."""
        return make_rows(table, self.encoder, setting.dtype, setting.device)

    def tensor(self, block: Any, dtype: torch.dtype, device: torch.device) -> Any:
        """Return a block of rows as the network takes them, perhaps on the device."""
        return to_tensor(block, self.encoder, dtype)

    @abstractmethod
    def blank(self, n_features: int | None, dtype: torch.dtype) -> Any:
        """Return one row that says nothing, as the network takes it."""

    def block_rows(self, table: Any) -> int:
        """Return how many rows go through the network at once in prediction."""
        return block_rows(table.shape[1])

    def valid_batch(self, batch_size: int) -> int:
        """Return how many validation rows go through the network at once."""
        return max(batch_size, VALID_BATCH)

    def mixer(self, setting: RowSetting) -> Callable[[Batch], Batch] | None:
        """Return what mixes the rows of a training batch, or None."""
        return None

    def loss(self, criterion: torch.nn.Module) -> torch.nn.Module:
        """Return the loss of rows as they may come out of the mixer."""
        return criterion

    def tell(self, tags: Tags) -> None:  # noqa: B027 - not all modalities have to
        """Write on scikit-learn's tags which rows are welcome."""
