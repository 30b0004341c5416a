"""Activations that learn how strongly they bend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from skdeep.networks._activations import make_activation
from skdeep.networks._drawing import constant_parameter

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep._typing import Activation


class ParametricActivation(nn.Module):
    """Blend an activation with the identity, by a trainable share for each unit.

    ``x + share * (activation(x) - x)`` [1]_; all shares are 1 at first, where it is the
    activation itself.

    Parameters
    ----------
    activation : str, nn.Module class, nn.Module or callable
        What `make_activation` takes.
    width : int
        Number of units.
    rate_factor : float, default=0.1
        How much faster or slower than the rest the shares learn under an optimizer
        whose steps do not depend on the scale of the gradient, such as Adam: they are
        stored divided by it, and multiplied by it when they are used.
    dtype : torch.dtype, default=torch.float32
        Floating type of the shares.

    Attributes
    ----------
    activation : nn.Module
        The activation itself.
    share : nn.Parameter of shape (width,)
        The shares, divided by `rate_factor`. They never decay. In [1]_ they do,
        but the rate factor enters twice, so that it is a hundredth of the decay of the
        weights.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong
       Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024,
       arXiv:2407.04491.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._parametric import ParametricActivation
    >>> relu = ParametricActivation("relu", 2)
    >>> relu(torch.tensor([[1.0, -2.0]])).tolist()
    [[1.0, 0.0]]
    """

    decaying_parameters = ()

    def __init__(
        self,
        activation: Activation,
        width: int,
        *,
        rate_factor: float = 0.1,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.activation = make_activation(activation).to("cpu", dtype)
        self.rate_factor = rate_factor
        self.share = constant_parameter((width,), 1.0 / rate_factor, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Activate units.

        Parameters
        ----------
        x : Tensor of shape (..., width)
            Of the dtype and on the device of the shares.

        Returns
        -------
        activated : Tensor of shape (..., width)
            The blend.
        """
        return torch.lerp(x, self.activation(x), self.share * self.rate_factor)
