"""Penalties on the weights of a network: l1, l2 and both (elastic net).

The objective of training is ``mean loss + l1 * sum |w| + l2 / 2 * sum w**2`` over the
weights, not the biases. The penalties are **not** divided by the number of rows, so
that their strength beside the mean loss depends neither on the batch size nor on the
size of the training set. scikit-learn's MLP divides its penalty by the rows of the
batch: its ``alpha`` equals ``l2 * batch_size``.

A penalty gives its gradient directly, without a graph: that costs an operation on a
flat buffer instead of a forward and a backward pass.
"""

from __future__ import annotations

import torch

from skdeep._storable import storable


@storable()
class WeightPenalty:
    """Elastic-net penalty ``l1 * sum |w| + l2 / 2 * sum w**2`` around a step.

    The l2 part only adds its gradient. The l1 part has a kink at zero, where a plain
    gradient step hovers; it is stepped orthant-wise instead [1]_, which works with any
    optimizer: a weight that would cross zero in a step is set to zero, and leaves it
    only where the loss pulls harder than the penalty.

    Parameters
    ----------
    l1 : float
        Strength of the sum of absolute weights, at least 0.
    l2 : float
        Strength of half the sum of squared weights, at least 0.

    Attributes
    ----------
    active : bool
        Whether a step must be corrected at all.

    References
    ----------
    .. [1] Andrew, Gao, "Scalable training of L1-regularized log-linear models", ICML
       2007, :doi:`10.1145/1273496.1273501`

    Examples
    --------
    >>> import torch
    >>> from skdeep.losses import WeightPenalty
    >>> penalty = WeightPenalty(l1=0.5, l2=0.0)
    >>> weights, grads = torch.tensor([0.1, 2.0, 0.0]), torch.zeros(3)
    >>> orthant = penalty.before_step(weights, grads)
    >>> _ = weights.sub_(grads)  # a gradient step of rate one
    >>> penalty.after_step(weights, orthant)
    >>> weights.tolist()
    [0.0, 1.5, 0.0]
    """

    def __init__(self, l1: float, l2: float) -> None:
        self.l1 = float(l1)
        self.l2 = float(l2)
        self.active = bool(l1 or l2)

    def value(self, weights: torch.Tensor) -> float:
        """Return what the penalty adds to the objective.

        Parameters
        ----------
        weights : torch.Tensor of shape (n_weights,)
            The penalised weights.

        Returns
        -------
        value : float
            Accumulated in float64 where the device has it.
        """
        flat, value = weights.detach(), 0.0
        # MPS has no float64.
        dtype = torch.float32 if flat.device.type == "mps" else torch.float64
        if self.l1:
            value += self.l1 * torch.linalg.vector_norm(flat, 1, dtype=dtype).item()
        if self.l2:
            norm = torch.linalg.vector_norm(flat, 2, dtype=dtype).item()
            value += self.l2 / 2 * norm**2
        return value

    def before_step(
        self, weights: torch.Tensor, grads: torch.Tensor
    ) -> torch.Tensor | None:
        """Add the penalty's gradient to that of the loss, in place.

        Parameters
        ----------
        weights, grads : torch.Tensor of shape (n_weights,)
            Weights and the gradient of the loss.

        Returns
        -------
        orthant : torch.Tensor of shape (n_weights,) or None
            The sign every weight may have after the step; None without l1.
        """
        values = weights.detach()
        if self.l2:
            grads.add_(values, alpha=self.l2)
        return self._turn(values, grads, self.l1) if self.l1 else None

    @staticmethod
    def _turn(
        values: torch.Tensor, grads: torch.Tensor, l1: float | torch.Tensor
    ) -> torch.Tensor:
        """Add the gradient of l1 in place; return the orthants to stay in."""
        sign = values.sign()
        # Of the subgradients at zero, the one nearest to zero.
        at_zero = grads - grads.clamp(-l1, l1)  # type: ignore[arg-type]  # one kind both
        grads.copy_(torch.where(sign == 0, at_zero, grads + l1 * sign))
        return torch.where(sign == 0, -grads.sign(), sign)

    def after_step(self, weights: torch.Tensor, orthant: torch.Tensor | None) -> None:
        """Set weights that left their orthant to zero, in place.

        Parameters
        ----------
        weights : torch.Tensor of shape (n_weights,)
            Weights after the step.
        orthant : torch.Tensor of shape (n_weights,) or None
            What `before_step` returned.
        """
        if orthant is not None:
            values = weights.detach()
            # A product rather than a mask, so that NaN stays visible; the sum takes
            # the sign off a negative zero.
            values.mul_(values * orthant > 0).add_(0.0)
