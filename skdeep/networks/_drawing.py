"""Initial numbers of single parameters, drawn from an explicit generator.

Numbers are drawn on the CPU in float64 and then rounded, so that one seed gives the
same parameters in every dtype and on every device.
"""

from __future__ import annotations

import torch
from torch import nn


def uniform_parameter(
    shape: tuple[int, ...],
    bound: float,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> nn.Parameter:
    """Return a parameter drawn from the uniform distribution on [-bound, bound].

    Parameters
    ----------
    shape : tuple of int
        Shape of the parameter.
    bound : float
        Largest absolute value.
    dtype : torch.dtype
        Floating type of the parameter.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    parameter : nn.Parameter of the shape
        On the CPU.
    """
    values = torch.empty(shape, dtype=torch.float64, device="cpu")
    return nn.Parameter(values.uniform_(-bound, bound, generator=generator).to(dtype))


def normal_parameter(
    shape: tuple[int, ...],
    deviation: float,
    dtype: torch.dtype,
    generator: torch.Generator,
) -> nn.Parameter:
    """Return a parameter drawn from the normal distribution around 0.

    Parameters
    ----------
    shape : tuple of int
        Shape of the parameter.
    deviation : float
        Standard deviation.
    dtype : torch.dtype
        Floating type of the parameter.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    parameter : nn.Parameter of the shape
        On the CPU.
    """
    values = torch.empty(shape, dtype=torch.float64, device="cpu")
    return nn.Parameter(values.normal_(0.0, deviation, generator=generator).to(dtype))


def constant_parameter(
    shape: tuple[int, ...], value: float, dtype: torch.dtype
) -> nn.Parameter:
    """Return a parameter filled with one number.

    Parameters
    ----------
    shape : tuple of int
        Shape of the parameter.
    value : float
        The number.
    dtype : torch.dtype
        Floating type of the parameter.

    Returns
    -------
    parameter : nn.Parameter of the shape
        On the CPU.
    """
    return nn.Parameter(torch.full(shape, value, dtype=dtype, device="cpu"))
