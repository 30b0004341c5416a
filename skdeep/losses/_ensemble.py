"""The loss of an ensemble: of its members in training, of their blend afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from torch import nn

from skdeep._storable import storable

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.losses._regression import RegressionLoss


@storable("criterion", "combine")
class EnsembleLoss(nn.Module):
    """Measure each member by itself in training, and what they predict together else.

    In training mode it is the mean of the members' losses, each against the same
    targets under the same weights, never the loss of the mean: members that are trained
    to make up for each other's mistakes are no ensemble [1]_. In evaluation mode it is
    the loss of the combined output, which is what `predict` will say, so that early
    stopping watches the ensemble.

    Parameters
    ----------
    criterion : nn.Module
        Called as ``criterion(output, target, weight)`` it returns the mean over rows of
        ``weight * loss``, as all losses of this room do.
    combine : callable
        From raw outputs of shape (batch, n_members, n_outputs) to those of the
        ensemble, of shape (batch, n_outputs), that `criterion` takes as it takes those
        of one network. For cross-entropy, focal loss and the like these are the
        logarithms of mean probabilities (a softmax gives back the probabilities, so
        that the loss is minus the logarithm of the mean probability); for binary and
        multilabel losses the logits of mean probabilities; for regression losses,
        quantiles included, the mean of the members' predictions; under a logarithmic
        link the logarithm of that mean.

    References
    ----------
    .. [1] Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: Advancing Tabular Deep
       Learning with Parameter-Efficient Ensembling", ICLR 2025, arXiv:2410.24210.

    Examples
    --------
    >>> import torch
    >>> from skdeep.losses import make_regression_loss
    >>> from skdeep.losses._ensemble import EnsembleLoss
    >>> criterion = make_regression_loss("absolute_error")
    >>> loss = EnsembleLoss(criterion, lambda output: output.mean(dim=1))
    >>> output, target = torch.tensor([[[0.0], [4.0]]]), torch.tensor([[2.0]])
    >>> loss.train()(output, target).item(), loss.eval()(output, target).item()
    (2.0, 0.0)
    """

    def __init__(
        self, criterion: nn.Module, combine: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        self.criterion = criterion
        self.combine = combine

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss.

        Parameters
        ----------
        output : Tensor of shape (batch, n_members, n_outputs)
            Raw outputs of the members.
        target : Tensor of shape (batch,) or (batch, n_outputs)
            What `criterion` takes for one network.
        weight : Tensor of shape (batch,) or None, default=None
            Sample weights.

        Returns
        -------
        loss : Tensor of shape ()
            Of the members or of the ensemble, by the mode of the module.

        Raises
        ------
        ValueError
            If a shape is another one.
        """
        _check_shapes(output, target, weight)
        if not self.training:
            combined = self.combine(output)
            return cast("Tensor", self.criterion(combined, target, weight))
        n_members = output.shape[1]
        if weight is not None:
            weight = weight.repeat_interleave(n_members)
        target = target.repeat_interleave(n_members, dim=0)
        return cast("Tensor", self.criterion(output.flatten(0, 1), target, weight))

    def inverse_link(self, output: Tensor) -> Tensor:
        """Return the ensemble's prediction under a regression loss.

        Parameters
        ----------
        output : Tensor of shape (batch, n_members, n_outputs)
            Raw outputs of the members.

        Returns
        -------
        prediction : Tensor of shape (batch, n_outputs)
            In the units of the target.
        """
        criterion = cast("RegressionLoss", self.criterion)
        return criterion.inverse_link(self.combine(output))


def _check_shapes(output: Tensor, target: Tensor, weight: Tensor | None) -> None:
    """Refuse what would be repeated for the wrong rows; the rest is the criterion's."""
    if output.dim() != 3 or target.shape[:1] != output.shape[:1]:
        raise ValueError(
            "The loss of an ensemble expects an output of shape (n_samples, n_members, "
            "n_outputs) and a target for each sample. Got an output of shape "
            f"{tuple(output.shape)} and a target of shape {tuple(target.shape)}."
        )
    if weight is not None and weight.shape != output.shape[:1]:
        raise ValueError(
            f"The loss expects one weight for each of the {len(output)} samples. Got "
            f"weights of shape {tuple(weight.shape)}. Reshape them to (n_samples,)."
        )
