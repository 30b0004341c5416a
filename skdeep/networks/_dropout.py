"""Dropout that draws from a generator of its own.

torch's own dropout draws from the global generator, whose state would then depend on
whatever else the process does, and two fits in two threads would disturb each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class GeneratorDropout(nn.Module):
    """Zero elements at random in training, by an explicit generator.

    Inverted dropout [1]_: in training mode each element is zeroed with probability
    `p`, independently of the others, and the rest are divided by ``1 - p``. In
    evaluation mode, or with ``p=0``, the input is returned as it is.

    Parameters
    ----------
    p : float
        Probability of zeroing an element, in [0, 1).

    Attributes
    ----------
    generator : torch.Generator or None
        Source of the masks, on the device of the inputs; set by `attach_generator`.
        None at first, and in every pickle and deep copy.
    p_share : float
        In [0, 1]: `p` is multiplied by it, as a schedule wants it. 1 at first, and in
        every pickle and deep copy.

    Raises
    ------
    ValueError
        If `p` is outside [0, 1).

    See Also
    --------
    attach_generator : Give a generator to all dropout layers of a network.

    References
    ----------
    .. [1] N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov,
       "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", Journal of
       Machine Learning Research 15, 2014, 1929-1958.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import GeneratorDropout
    >>> dropout = GeneratorDropout(0.5)
    >>> dropout.generator = torch.Generator().manual_seed(0)
    >>> dropout(torch.ones(1000)).unique().tolist()
    [0.0, 2.0]
    >>> dropout.eval()(torch.ones(3)).tolist()
    [1.0, 1.0, 1.0]
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0.0 <= p < 1.0:
            msg = (
                "The 'dropout' parameter must be a float in the range [0.0, 1.0). Got "
                f"{p!r} instead."
            )
            raise ValueError(msg)
        self.p = p
        self.p_share = 1.0
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Drop elements of a floating-point tensor of any shape.

        Parameters
        ----------
        x : Tensor of any shape
            Left as it is.

        Returns
        -------
        dropped : Tensor of the shape of `x`
            `x` itself in evaluation mode or with ``p=0``.

        Raises
        ------
        RuntimeError
            If elements are to be dropped and no generator is attached.
        """
        p = self.p * self.p_share
        if not self.training or p == 0.0:
            return x
        if self.generator is None:
            msg = (
                f"GeneratorDropout(p={self.p!r}) has no generator to draw from in "
                "training mode. Call attach_generator(module, torch.Generator()) "
                "first, or module.eval() to predict."
            )
            raise RuntimeError(msg)
        return x * draw_mask_(torch.empty_like(x), p, self.generator)

    def extra_repr(self) -> str:
        """Show the probability in the module's repr.

        Returns
        -------
        text : str
            As in "p=0.5".
        """
        return f"p={self.p}"

    def __getstate__(self) -> dict[str, Any]:
        """Leave what belongs to a training out of pickles and deep copies."""
        return {**self.__dict__, "generator": None, "p_share": 1.0}


def draw_mask_(mask: Tensor, p: float, generator: torch.Generator) -> Tensor:
    """Fill a tensor with what inverted dropout multiplies by.

    Parameters
    ----------
    mask : Tensor of any shape, contiguous
        What is filled.
    p : float
        Probability of a zero, in [0, 1).
    generator : torch.Generator
        On the device of the mask.

    Returns
    -------
    mask : Tensor
        The tensor itself, of zeros and of ``1 / (1 - p)``.
    """
    keep = 1.0 - p
    # On the CPU comparing uniform numbers takes half the time of bernoulli_, but
    # those of half precision are too coarse to hit the probability.
    if mask.is_cpu and mask.itemsize >= 4:
        mask.uniform_(generator=generator).lt_(keep)
    else:
        mask.bernoulli_(keep, generator=generator)
    return mask.mul_(1.0 / keep)


def attach_generator(module: nn.Module, generator: torch.Generator) -> None:
    """Let every `GeneratorDropout` within a module draw from one generator.

    Parameters
    ----------
    module : nn.Module
        Searched in depth, itself included.
    generator : torch.Generator
        On the device on which `module` runs.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import MLP, attach_generator
    >>> module = MLP(4, (8, 8), 2, dropout=0.1)
    >>> attach_generator(module, torch.Generator().manual_seed(0))
    >>> module(torch.zeros(5, 4)).shape
    torch.Size([5, 2])
    """
    _set_generator(module, generator)


def detach_generators(module: nn.Module) -> None:
    """Take the generators from every `GeneratorDropout` within a module.

    Parameters
    ----------
    module : nn.Module
        Searched in depth, itself included.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import GeneratorDropout
    >>> from skdeep.networks import attach_generator, detach_generators
    >>> dropout = GeneratorDropout(0.5)
    >>> attach_generator(dropout, torch.Generator())
    >>> detach_generators(dropout)
    >>> dropout.generator is None
    True
    """
    _set_generator(module, None)


def _set_generator(module: nn.Module, generator: torch.Generator | None) -> None:
    """Set the generator of every `GeneratorDropout` within a module."""
    for part in module.modules():
        if isinstance(part, GeneratorDropout):
            part.generator = generator
            part.p_share = 1.0
