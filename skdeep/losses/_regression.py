"""Losses on numbers: squared, absolute, Huber, quantile, Poisson, and torch's classes.

All take ``(output, target, weight=None)`` and return ``mean(weight * loss)`` over the
rows of the batch, where the loss of a row is the mean over its outputs. The sum is
divided by the number of rows, not by the sum of the batch's weights: the weights have
mean 1 over the whole training set, so that the gradient of a random batch is an
unbiased estimate of the gradient over all rows.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from skdeep._storable import storable
from skdeep.losses._adapter import instantiate, is_loss_class, mean_over_samples
from skdeep.losses._shapes import check_columns

if TYPE_CHECKING:
    from torch import Tensor

LOSSES_REGRESSION = ("squared_error", "absolute_error", "huber", "quantile", "poisson")

_INSTEAD: dict[type[nn.Module], str] = {nn.PoissonNLLLoss: "poisson"}


class RegressionLoss(nn.Module):
    """Stand for any regression loss; its output is the prediction unless it says so."""

    def inverse_link(self, output: Tensor) -> Tensor:
        """Return the prediction that an output of the network stands for.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_outputs)
            What the network put out.

        Returns
        -------
        prediction : torch.Tensor of shape (n_samples, n_outputs)
            In the units of the target.
        """
        return output


class ElementwiseLoss(RegressionLoss, ABC):
    """Hold what losses of one output at a time share: shapes, weights and the mean."""

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of an output (n, n_outputs) against a target like it."""
        check_columns(output, target, weight)
        if weight is None:
            return self._loss(output, target, "mean")
        losses = self._loss(output, target, "none")
        return (losses * weight.unsqueeze(1)).mean()

    def per_row(
        self, output: Tensor, target: Tensor, smoothing: float | Tensor = 0.0
    ) -> Tensor:
        """Return the loss of each row of (n, n_outputs, ...); nothing is smoothed."""
        losses = self._loss(output.transpose(1, -1), target.transpose(1, -1), "none")
        return losses.mean(dim=-1)

    def value_and_gradient(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and its gradient by the output, without autograd.

        Parameters
        ----------
        output, target : torch.Tensor of shape (n, n_outputs)
            What the network put out, and what it should have put out.
        weight : torch.Tensor of shape (n,) or None, default=None
            Sample weights.

        Returns
        -------
        loss : torch.Tensor of shape ()
            As `forward` returns it.
        gradient : torch.Tensor of shape (n, n_outputs)
        """
        loss = self(output, target, weight)
        gradient = self._slope(output, target)
        if weight is not None:
            gradient.mul_(weight.unsqueeze(1))
        return loss, gradient.div_(gradient.numel())

    @abstractmethod
    def _loss(self, output: Tensor, target: Tensor, reduction: str) -> Tensor:
        """Return the losses of shape (n_samples, n_outputs), or their mean."""

    @abstractmethod
    def _slope(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the derivative of each loss by its output, in memory of its own."""


@storable()
class SquaredError(ElementwiseLoss):
    """Measure half the squared error, as scikit-learn's MLP does; it fits the mean."""

    def _loss(self, output: Tensor, target: Tensor, reduction: str) -> Tensor:
        # Huber's loss that never bends is half the squared error, and one operation
        # (forward and backward) less than halving `mse_loss`.
        return F.huber_loss(output, target, reduction=reduction, delta=math.inf)

    def _slope(self, output: Tensor, target: Tensor) -> Tensor:
        return output - target


@storable()
class AbsoluteError(ElementwiseLoss):
    """Measure the absolute error; it fits the median."""

    def _loss(self, output: Tensor, target: Tensor, reduction: str) -> Tensor:
        return F.l1_loss(output, target, reduction=reduction)

    def _slope(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).sign_()


@storable("delta")
class HuberLoss(ElementwiseLoss):
    """Measure half the squared error up to `delta` and grow linearly beyond it.

    Parameters
    ----------
    delta : float
        Where the loss becomes linear, in units of the (scaled) target, above 0.

    References
    ----------
    .. [1] Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
       Statistics 35, 1964, :doi:`10.1214/aoms/1177703732`
    """

    def __init__(self, delta: float) -> None:
        super().__init__()
        self.delta = delta

    def _loss(self, output: Tensor, target: Tensor, reduction: str) -> Tensor:
        return F.huber_loss(output, target, reduction=reduction, delta=self.delta)

    def _slope(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).clamp_(-self.delta, self.delta)


@storable("quantile")
class QuantileLoss(ElementwiseLoss):
    """Measure the pinball loss; it fits a quantile.

    Parameters
    ----------
    quantile : float or sequence of float
        Which quantile, in (0, 1); at 0.5 the loss is half the absolute error. Several
        are for as many outputs.

    References
    ----------
    .. [1] Koenker, Bassett, "Regression Quantiles", Econometrica 46, 1978,
       :doi:`10.2307/1913643`
    """

    def __init__(self, quantile: float | Sequence[float]) -> None:
        super().__init__()
        self.quantile = quantile
        levels = None if isinstance(quantile, float) else torch.tensor([*quantile])
        self.register_buffer("levels", levels)

    def _loss(self, output: Tensor, target: Tensor, reduction: str) -> Tensor:
        excess = output - target
        if isinstance(self.quantile, float):
            losses = torch.sub(F.relu(excess), excess, alpha=self.quantile)
        else:
            levels: Tensor = self.levels  # type: ignore[assignment]  # torch: or Module
            losses = F.relu(excess) - excess * levels
        return losses.mean() if reduction == "mean" else losses

    def _slope(self, output: Tensor, target: Tensor) -> Tensor:
        levels: Tensor = self.levels  # type: ignore[assignment]  # torch: or Module
        level = self.quantile if isinstance(self.quantile, float) else levels
        return torch.gt(output, target).to(output.dtype).sub_(level)


@storable()
class PoissonLoss(ElementwiseLoss):
    """Measure half the Poisson deviance of ``exp(output)``; it fits a positive mean.

    Notes
    -----
    The exponential overflows at outputs above 88 in float32 and 709 in float64. The
    loss is then infinite, which training reports as divergence: bending the exponential
    to keep it finite would leave a gradient so large that training stalls unnoticed.
    A prediction is cut off at the largest float instead.
    """

    def _loss(self, output: Tensor, target: Tensor, reduction: str) -> Tensor:
        # The terms without the output make the loss zero at a perfect fit.
        perfect = torch.xlogy(target, target) - target
        losses = F.poisson_nll_loss(output, target, reduction="none") + perfect
        return losses.mean() if reduction == "mean" else losses

    def _slope(self, output: Tensor, target: Tensor) -> Tensor:
        return torch.exp(output).sub_(target)

    def inverse_link(self, output: Tensor) -> Tensor:
        """Return the mean that an output, its logarithm, stands for.

        Parameters
        ----------
        output : torch.Tensor of shape (n_samples, n_outputs)
            Logarithms of the predicted means.

        Returns
        -------
        prediction : torch.Tensor of shape (n_samples, n_outputs)
            At least 0 and finite.
        """
        return torch.exp(output).clamp_max(torch.finfo(output.dtype).max)


@storable("criterion")
class TorchRegressionLoss(RegressionLoss):
    """Apply a loss of torch, sample weights and all.

    Parameters
    ----------
    criterion : torch.nn.Module
        Called with `output` and `target`; best returns one loss for each sample.
    """

    def __init__(self, criterion: nn.Module) -> None:
        super().__init__()
        self.criterion = criterion

    def forward(
        self, output: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of an output (n, n_outputs) against a target like it."""
        check_columns(output, target, weight)
        losses = self.criterion(output, target)
        name = type(self.criterion).__name__
        return mean_over_samples(losses, weight, output.shape[0], name)


def make_regression_loss(
    loss: str | type[nn.Module],
    *,
    quantile: float | Sequence[float] = 0.5,
    huber_delta: float = 1.0,
) -> RegressionLoss:
    """Build a loss on numbers from its name or its torch class.

    Parameters
    ----------
    loss : str or subclass of torch.nn.Module
        "squared_error" (half the squared error), "absolute_error", "huber", "quantile"
        (pinball), or "poisson": half the Poisson deviance for targets of at least 0,
        where the network puts out the logarithm of the mean. A torch class is created
        without arguments but `reduction`; all its outputs are averaged.
    quantile : float or sequence of float, default=0.5
        Quantile that "quantile" fits, in (0, 1), or one for each output. Other losses
        ignore it.
    huber_delta : float, default=1.0
        Error at which "huber" becomes linear, in units of the (scaled) target, above
        0. Other losses ignore it.

    Returns
    -------
    module : torch.nn.Module
        Called as ``module(output, target, weight=None)`` on an output and a target of
        shape (n_samples, n_outputs) it returns the mean of ``weight * loss`` over the
        batch and the outputs. Weights of shape (n_samples,) have mean 1 over the whole
        training set; the sum is not divided by the sum of the batch's weights, so that
        the gradient of a random batch is unbiased. ``module.inverse_link(output)`` is
        the prediction: the exponential for "poisson", else the output as it is.

    Raises
    ------
    ValueError
        If a parameter is out of its range.
    TypeError
        If a torch class needs arguments.

    Notes
    -----
    scikit-learn's `MLPRegressor` sums the Poisson deviance over several outputs; here
    it is averaged, as the other losses are.

    References
    ----------
    .. [1] Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical
       Statistics 35, 1964, :doi:`10.1214/aoms/1177703732`
    .. [2] Koenker, Bassett, "Regression Quantiles", Econometrica 46, 1978,
       :doi:`10.2307/1913643`

    Examples
    --------
    >>> import torch
    >>> from skdeep.losses import make_regression_loss
    >>> loss = make_regression_loss("squared_error")
    >>> loss(torch.tensor([[1.0], [3.0]]), torch.tensor([[1.0], [1.0]])).item()
    1.0
    """
    if is_loss_class(loss):
        return _adapt(loss)
    if loss == "huber":
        if not 0.0 < huber_delta < math.inf:
            raise ValueError(
                "The 'huber_delta' parameter must be a float in the range (0.0, inf). "
                f"Got {huber_delta!r} instead."
            )
        return HuberLoss(float(huber_delta))
    if loss == "quantile":
        levels = quantile if isinstance(quantile, Sequence) else (quantile,)
        if not all(0.0 < level < 1.0 for level in levels):
            raise ValueError(
                "The 'quantile' parameter must be a float in the range (0.0, 1.0). "
                f"Got {quantile!r} instead."
            )
        if isinstance(quantile, Sequence):
            return QuantileLoss(quantile)
        return QuantileLoss(float(quantile))
    plain: dict[object, type[RegressionLoss]] = {
        "squared_error": SquaredError,
        "absolute_error": AbsoluteError,
        "poisson": PoissonLoss,
    }
    if loss not in plain:
        raise ValueError(
            f"The 'loss' parameter must be one of {LOSSES_REGRESSION} or a subclass "
            f"of torch.nn.Module. Got {loss!r} instead."
        )
    return plain[loss]()


def _adapt(loss: type[nn.Module]) -> TorchRegressionLoss:
    instead = _INSTEAD.get(loss)
    if instead is not None:
        raise ValueError(
            "The 'loss' parameter must be a loss whose output is the prediction. Got "
            f"{loss.__name__}, which needs a link. Use {instead!r}."
        )
    return TorchRegressionLoss(instantiate(loss, {}))
