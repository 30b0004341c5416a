"""The loss of rows that hold something of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from skdeep._storable import storable

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.losses._regression import RegressionLoss


@dataclass(frozen=True)
class MixedTargets:
    """Two targets a row, and how much each of them counts.

    Attributes
    ----------
    own, other : Tensor of shape (batch, ...)
        Encoded targets of the row, and of the one that was mixed into it.
    own_weight, other_weight : Tensor of shape (batch,)
        Their shares, times the weights of the rows that they come from.
    """

    own: Tensor
    other: Tensor
    own_weight: Tensor
    other_weight: Tensor

    @classmethod
    def of(
        cls, y: Tensor, weight: Tensor | None, partner: Tensor, share: Tensor
    ) -> MixedTargets:
        """Return the targets of a mixed batch.

        Parameters
        ----------
        y : Tensor of shape (batch, ...)
            Encoded targets.
        weight : Tensor of shape (batch,) or None
            Weights of the rows; None where all count alike.
        partner : Tensor of int64 of shape (batch,)
            Which row was mixed into each.
        share : Tensor of shape (batch,)
            What is left of the row itself, in [0, 1].

        Returns
        -------
        targets : MixedTargets
        """
        weight = torch.ones_like(share) if weight is None else weight
        return cls(y, y[partner], share * weight, (1.0 - share) * weight[partner])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.own)

    @property
    def shape(self) -> torch.Size:
        """The shape of the targets."""
        return self.own.shape


@storable("criterion")
class MixedLoss(nn.Module):
    """Measure mixed rows against both of their targets, others as ever.

    Parameters
    ----------
    criterion : nn.Module
        Called as ``criterion(output, target, weight)`` it returns the mean over rows of
        ``weight * loss``, as all losses of this room do.

    Examples
    --------
    >>> import torch
    >>> from skdeep.losses import MixedLoss, MixedTargets, make_regression_loss
    >>> loss = MixedLoss(make_regression_loss("absolute_error"))
    >>> y, share = torch.tensor([[0.0], [4.0]]), torch.tensor([0.75, 1.0])
    >>> targets = MixedTargets.of(y, None, torch.tensor([1, 0]), share)
    >>> loss(torch.tensor([[0.0], [4.0]]), targets, None).item()
    0.5
    """

    def __init__(self, criterion: nn.Module) -> None:
        super().__init__()
        self.criterion = criterion

    def forward(
        self,
        output: Tensor,
        target: Tensor | MixedTargets,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the mean loss of the rows.

        Parameters
        ----------
        output : Tensor of shape (batch, ...)
            Of the network.
        target : Tensor or MixedTargets
            Those of mixed rows bring their own weights.
        weight : Tensor of shape (batch,) or None, default=None
            Weights of rows that are not mixed.

        Returns
        -------
        loss : Tensor of shape ()
        """
        if not isinstance(target, MixedTargets):
            loss: Tensor = self.criterion(output, target, weight)
            return loss
        own: Tensor = self.criterion(output, target.own, target.own_weight)
        other: Tensor = self.criterion(output, target.other, target.other_weight)
        return own + other

    def inverse_link(self, output: Tensor) -> Tensor:
        """Map outputs to predictions, as the loss of a regression does.

        Parameters
        ----------
        output : Tensor of shape (batch, n_outputs)
            Of the network.

        Returns
        -------
        prediction : Tensor of shape (batch, n_outputs)
        """
        criterion = cast("RegressionLoss", self.criterion)
        return criterion.inverse_link(output)
