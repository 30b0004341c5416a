"""Cross-entropy and focal loss on logits, of one softmax or of columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from skdeep._storable import storable
from skdeep.losses._shapes import check_columns, check_indices

if TYPE_CHECKING:
    from torch import Tensor


class LogitLoss(nn.Module, ABC):
    """Hold what losses of one row at a time share: smoothing, weights and the mean.

    Parameters
    ----------
    label_smoothing : float
        Share of the target that is spread evenly, in [0, 1).
    """

    def __init__(self, label_smoothing: float) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    @abstractmethod
    def per_row(
        self, output: Tensor, target: Tensor, smoothing: float | Tensor
    ) -> Tensor:
        """Return the loss of each row, smoothed by one share or by a share each.

        As torch's own losses, it takes further axes after that of the classes. Over a
        handful of classes a softmax is ten times as fast where rows lie on one.

        Parameters
        ----------
        output : torch.Tensor of shape (n, n_outputs, ...)
            Logits.
        target : torch.Tensor of shape (n, ...) or (n, n_outputs, ...)
            Indices, or 0 and 1.
        smoothing : float or torch.Tensor that broadcasts to (n, ...)
            Share of the target that is spread evenly.

        Returns
        -------
        losses : torch.Tensor of shape (n, ...)
        """

    @abstractmethod
    def value_and_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient by the output, without autograd.

        The shapes are not checked.

        Parameters
        ----------
        output : torch.Tensor of shape (n, n_outputs)
            Logits.
        target : torch.Tensor of shape (n,) or (n, n_outputs)
            Indices, or 0 and 1.
        weight : torch.Tensor of shape (n,) or None, default=None
            Sample weights.

        Returns
        -------
        loss : torch.Tensor of shape ()
            As `forward` returns it.
        gradient : torch.Tensor of shape (n, n_outputs)
        """

    def _mean(self, output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        losses = self.per_row(output, target, self.label_smoothing)
        return _weighted(losses, weight).mean()


@storable("label_smoothing")
class CrossEntropy(LogitLoss):
    """Measure softmax cross-entropy against class indices.

    Parameters
    ----------
    label_smoothing : float
        Share of the target that is spread evenly over all classes, in [0, 1).
    """

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of logits (n, n_classes) against indices (n,)."""
        check_indices(output, target, weight)
        if weight is not None:
            return self._mean(output, target, weight)
        return F.cross_entropy(output, target, label_smoothing=self.label_smoothing)

    def value_and_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and softmax minus truth, divided by the rows."""
        log_p = torch.log_softmax(output, 1)
        indices, smoothing = target.unsqueeze(1), self.label_smoothing
        if smoothing or weight is not None:
            losses = -log_p.gather(1, indices).squeeze(1)
            losses = torch.lerp(losses, -log_p.mean(dim=1), smoothing)
            loss = _weighted(losses, weight).mean()
        else:
            loss = F.nll_loss(log_p, target)
        gradient = log_p.exp_().scatter_(1, indices, smoothing - 1.0, reduce="add")
        if smoothing:
            gradient.sub_(smoothing / gradient.shape[1])
        return loss, _per_row(gradient, weight)

    def per_row(
        self, output: Tensor, target: Tensor, smoothing: float | Tensor
    ) -> Tensor:
        """Return the loss of each row."""
        if isinstance(smoothing, float):
            return F.cross_entropy(
                output, target, reduction="none", label_smoothing=smoothing
            )
        of_class = -F.log_softmax(output, dim=1)
        losses = of_class.gather(1, target.unsqueeze(1)).squeeze(1)
        return torch.lerp(losses, of_class.mean(dim=1), smoothing)


@storable("label_smoothing")
class BinaryCrossEntropy(LogitLoss):
    """Measure logistic cross-entropy, summed over the columns.

    Parameters
    ----------
    label_smoothing : float
        Share of the target that is spread evenly over 0 and 1, in [0, 1).
    """

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of logits (n, n_labels) against 0/1 of the same shape."""
        check_columns(output, target, weight)
        loss = F.binary_cross_entropy_with_logits(
            output,
            _smooth(target, self.label_smoothing),
            None if weight is None else weight.unsqueeze(1),
        )
        n_labels = output.shape[1]
        return loss if n_labels == 1 else loss * n_labels

    def value_and_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and probability minus truth, divided by the rows."""
        loss = self(output, target, weight)
        gradient = torch.sigmoid(output).sub_(_smooth(target, self.label_smoothing))
        return loss, _per_row(gradient, weight)

    def per_row(
        self, output: Tensor, target: Tensor, smoothing: float | Tensor
    ) -> Tensor:
        """Return the loss of each row."""
        soft = _smooth(target, smoothing)
        losses = F.binary_cross_entropy_with_logits(output, soft, reduction="none")
        return losses.sum(dim=1)


@storable("gamma", "label_smoothing")
class FocalLoss(LogitLoss):
    """Measure the focal loss of a softmax against class indices.

    Under label smoothing it is the expected focal loss of a label drawn from the
    smoothed distribution, as smoothed cross-entropy is the expected cross-entropy.

    Parameters
    ----------
    gamma : float
        How much rows that are already right are played down, above 0.
    label_smoothing : float
        Share of the target that is spread evenly over all classes, in [0, 1).

    References
    ----------
    .. [1] Lin, Goyal, Girshick, He, Dollar, "Focal Loss for Dense Object Detection",
       ICCV 2017, :arxiv:`1708.02002`
    """

    def __init__(self, gamma: float, label_smoothing: float) -> None:
        super().__init__(label_smoothing)
        self.gamma = gamma

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of logits (n, n_classes) against indices (n,)."""
        check_indices(output, target, weight)
        return self._mean(output, target, weight)

    def per_row(
        self, output: Tensor, target: Tensor, smoothing: float | Tensor
    ) -> Tensor:
        """Return the loss of each row."""
        log_p = F.log_softmax(output, dim=1)
        of_class = -log_p * _miss(log_p) ** self.gamma
        losses = of_class.gather(1, target.unsqueeze(1)).squeeze(1)
        if isinstance(smoothing, float) and not smoothing:
            return losses
        return torch.lerp(losses, of_class.mean(dim=1), smoothing)

    def value_and_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient by the logarithms of probabilities."""
        loss = self(output, target, weight)
        log_p = F.log_softmax(output, dim=1)
        p, miss, gamma = log_p.exp(), _miss(log_p), self.gamma
        bend = gamma * log_p * p * miss ** (gamma - 1.0)
        # Where the miss has stopped at the smallest float, it no longer changes.
        bend.masked_fill_(miss == torch.finfo(miss.dtype).tiny, 0.0)
        slope = bend - miss**gamma
        share = torch.full_like(p, self.label_smoothing / p.shape[1])
        truth = p.new_full((len(p), 1), 1.0 - self.label_smoothing)
        slope.mul_(share.scatter_add_(1, target.unsqueeze(1), truth))
        gradient = slope - p * slope.sum(dim=1, keepdim=True)
        return loss, _per_row(gradient, weight)


@storable("gamma", "label_smoothing")
class BinaryFocalLoss(LogitLoss):
    """Measure the focal loss of logistic outputs, summed over the columns.

    A single column gives what `FocalLoss` gives for the two logits (0, z).

    Parameters
    ----------
    gamma : float
        How much rows that are already right are played down, above 0.
    label_smoothing : float
        Share of the target that is spread evenly over 0 and 1, in [0, 1).
    """

    def __init__(self, gamma: float, label_smoothing: float) -> None:
        super().__init__(label_smoothing)
        self.gamma = gamma

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of logits (n, n_labels) against 0/1 of the same shape."""
        check_columns(output, target, weight)
        return self._mean(output, target, weight)

    def per_row(
        self, output: Tensor, target: Tensor, smoothing: float | Tensor
    ) -> Tensor:
        """Return the loss of each row."""
        soft = _smooth(target, smoothing)
        log_one, log_zero = F.logsigmoid(output), F.logsigmoid(-output)
        if_one = log_one * torch.exp(self.gamma * log_zero)
        if_zero = log_zero * torch.exp(self.gamma * log_one)
        return -(soft * if_one + (1.0 - soft) * if_zero).sum(dim=1)

    def value_and_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient by the logarithms of probabilities."""
        loss = self(output, target, weight)
        soft, gamma = _smooth(target, self.label_smoothing), self.gamma
        log_one, log_zero = F.logsigmoid(output), F.logsigmoid(-output)
        one, zero = log_one.exp(), log_zero.exp()
        if_one = torch.exp(gamma * log_zero) * (zero - gamma * one * log_one)
        if_zero = torch.exp(gamma * log_one) * (gamma * zero * log_zero - one)
        return loss, _per_row((soft - 1.0) * if_zero - soft * if_one, weight)


def _miss(log_p: Tensor) -> Tensor:
    """Return 1 - p, no smaller than the smallest float.

    A power below one has an infinite slope at 0.
    """
    return (-torch.expm1(log_p)).clamp_min(torch.finfo(log_p.dtype).tiny)


def _weighted(losses: Tensor, weight: Tensor | None) -> Tensor:
    return losses if weight is None else losses * weight


def _per_row(gradient: Tensor, weight: Tensor | None) -> Tensor:
    """Divide a gradient by the rows, in place, after giving each row its weight."""
    if weight is not None:
        gradient.mul_(weight.unsqueeze(1))
    return gradient.div_(gradient.shape[0])


def _smooth(target: Tensor, smoothing: float | Tensor) -> Tensor:
    if isinstance(smoothing, float):
        return target * (1.0 - smoothing) + smoothing / 2 if smoothing else target
    return torch.lerp(target, torch.full_like(target, 0.5), smoothing.unsqueeze(1))
