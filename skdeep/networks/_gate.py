"""A learned factor for every input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from skdeep.networks._drawing import constant_parameter

if TYPE_CHECKING:
    from torch import Tensor


class FeatureGate(nn.Module):
    """Multiply every column by a trainable factor, 1 at first.

    The "scale layer" of [1]_: with a high learning rate it soon turns columns of noise
    down.

    Parameters
    ----------
    n_inputs : int
        Number of columns.
    rate_factor : float, default=6.0
        How much faster than the rest the factors learn under an optimizer whose steps
        do not depend on the scale of the gradient, such as Adam: they are stored
        divided by it, and multiplied by it when they are used. 6 belongs to the
        neural tangent parametrisation; in the standard one a layer of width 256 learns
        16 times slower at the same speed of its outputs, which makes it 96.
    dtype : torch.dtype, default=torch.float32
        Floating type of the factors.

    Attributes
    ----------
    weight : nn.Parameter of shape (1, n_inputs)
        The factors, divided by `rate_factor`. They decay, as in [1]_, though
        not `rate_factor` squared times faster than the weights.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong
       Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024,
       arXiv:2407.04491.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._gate import FeatureGate
    >>> FeatureGate(3, rate_factor=4.0)(torch.tensor([[1.0, -2.0, 3.0]])).tolist()
    [[1.0, -2.0, 3.0]]
    """

    decaying_parameters = ("weight",)

    def __init__(
        self,
        n_inputs: int,
        *,
        rate_factor: float = 6.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.rate_factor = rate_factor
        self.weight = constant_parameter((1, n_inputs), 1.0 / rate_factor, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply the columns.

        Parameters
        ----------
        x : Tensor of shape (batch, n_inputs)
            Of the dtype and on the device of the factors.

        Returns
        -------
        gated : Tensor of shape (batch, n_inputs)
            The products.
        """
        return x * (self.weight * self.rate_factor)

    def extra_repr(self) -> str:
        """Show the sizes in the module's repr.

        Returns
        -------
        text : str
            As in "n_inputs=20, rate_factor=6.0".
        """
        return f"n_inputs={self.weight.shape[1]}, rate_factor={self.rate_factor}"
