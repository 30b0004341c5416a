"""Loss and penalties of several networks at once, each with strengths of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from skdeep.losses._penalties import WeightPenalty

if TYPE_CHECKING:
    from torch import Tensor


class StackedLoss(nn.Module):
    """Measure each member of a stack of networks by the same loss.

    Parameters
    ----------
    losses : sequence of torch.nn.Module
        Of the members, alike but for `label_smoothing`; with a method `per_row`, as all
        have that go by a name.

    Examples
    --------
    >>> import torch
    >>> from skdeep.losses import StackedLoss, make_classification_loss
    >>> losses = [
    ...     make_classification_loss(
    ...         "cross_entropy", kind="multiclass", label_smoothing=share
    ...     )
    ...     for share in (0.0, 0.1)
    ... ]
    >>> outputs, labels = torch.zeros(2, 3, 10), torch.zeros(2, 10, dtype=torch.int64)
    >>> weights = torch.full((2, 10), 0.1)
    >>> StackedLoss(losses)(outputs, labels, weights).exp()
    tensor([3.0000, 3.0000])
    """

    def __init__(self, losses: Sequence[nn.Module]) -> None:
        super().__init__()
        self.loss: Any = losses[0]
        self.smoothing = [float(getattr(x, "label_smoothing", 0.0)) for x in losses]

    def forward(self, output: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Return the loss of each member.

        Parameters
        ----------
        output : torch.Tensor of shape (n_members, n_outputs, batch)
            Raw outputs.
        target : torch.Tensor of shape (n_members, batch, ...)
            What each loss takes for a row.
        weight : torch.Tensor of shape (n_members, batch)
            Share of each row in the loss of its member: its weight, if any, divided by
            the rows of the batch; zero for rows that fill the batch up.

        Returns
        -------
        losses : torch.Tensor of shape (n_members,)
        """
        smoothing: float | Tensor = self.smoothing[0]
        if len(set(self.smoothing)) > 1:
            smoothing = output.new_tensor(self.smoothing).unsqueeze(1)
        if target.ndim == output.ndim:
            target = target.transpose(1, 2)
        losses = self.loss.per_row(output, target, smoothing)
        # Rows that fill up may well have an infinite loss: they must not become NaN.
        shown = torch.where(weight > 0, losses, 0.0)
        return (shown * weight).sum(dim=1)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with some members only, named by their places."""
        self.smoothing = [self.smoothing[k] for k in members]


class StackedPenalty(WeightPenalty):
    """Penalise the weights of each member by its own strengths.

    Parameters
    ----------
    penalties : sequence of WeightPenalty
        Of the members.
    like : torch.Tensor
        Of the dtype and on the device of the weights.
    """

    def __init__(self, penalties: Sequence[WeightPenalty], like: Tensor) -> None:
        self.strengths = like.new_tensor([[p.l1, p.l2] for p in penalties])
        self._spread()

    def _spread(self) -> None:
        """Set what is asked for at every step."""
        self.l1_each, self.l2_each = self.strengths[:, :1], self.strengths[:, 1:]
        self.l1 = float(self.l1_each.max())
        self.l2 = float(self.l2_each.max())
        self.active = bool(self.l1 or self.l2)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with some members only, named by their places."""
        self.strengths = self.strengths[list(members)]
        self._spread()

    def values(self, weights: Tensor) -> Tensor:
        """Return what is added to the objective of each member.

        Parameters
        ----------
        weights : torch.Tensor of shape (n_members, n_weights)
            The penalised weights.

        Returns
        -------
        values : torch.Tensor of shape (n_members,)
            Accumulated in float64 where the device has it.
        """
        # MPS has no float64.
        dtype = torch.float32 if weights.device.type == "mps" else torch.float64
        total = torch.zeros(len(weights), dtype=dtype, device=weights.device)
        for strength, order in ((self.l1_each, 1), (self.l2_each, 2)):
            if bool(strength.any()):
                norm = torch.linalg.vector_norm(weights, order, dim=1, dtype=dtype)
                total += strength[:, 0].to(dtype) / order * norm**order
        return total

    def before_step(self, weights: Tensor, grads: Tensor) -> Tensor | None:
        """Add the gradient of the penalty; return the orthants to stay in.

        Parameters
        ----------
        weights, grads : torch.Tensor of shape (n_members, n_weights)
            Weights and the gradients of the losses.

        Returns
        -------
        orthant : torch.Tensor of shape (n_members, n_weights) or None
            As `WeightPenalty` has it; zero for members without l1.
        """
        if self.l2:
            grads.addcmul_(weights, self.l2_each)
        if not self.l1:
            return None
        orthant = self._turn(weights, grads, self.l1_each)
        return orthant.mul_(self.l1_each > 0)

    def after_step(self, weights: Tensor, orthant: Tensor | None) -> None:
        """Set weights that left their orthant to zero, in place.

        Parameters
        ----------
        weights : torch.Tensor of shape (n_members, n_weights)
            Weights after the step.
        orthant : torch.Tensor of shape (n_members, n_weights) or None
            What `before_step` returned.
        """
        if orthant is not None:
            stays = (weights * orthant > 0) | (self.l1_each == 0)
            weights.mul_(stays).add_(0.0)
