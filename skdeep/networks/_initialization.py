"""Initial weights, drawn from an explicit generator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import nn


def initialize_linear_(
    linear: nn.Linear, activation_name: str, generator: torch.Generator
) -> None:
    """Draw the initial weights of a dense layer in place.

    The bound is scikit-learn's: weights and biases are uniform on
    ``[-bound, bound]`` with ``bound = sqrt(6 / (fan_in + fan_out))`` [1]_, 2 standing
    for 6 under sigmoid activations. Layers under "selu" get normal weights of variance
    ``1 / fan_in`` and zero biases, without which they do not normalise themselves [2]_.

    Parameters
    ----------
    linear : nn.Linear
        Layer of weights (fan_out, fan_in), of any floating dtype, on any device.
    activation_name : str
        Name of the activation that follows the layer, as `activation_name` returns it.
    generator : torch.Generator
        On the CPU. Weights are drawn before biases.

    Raises
    ------
    ValueError
        If `generator` is on another device than the CPU.

    Notes
    -----
    Numbers are drawn on the CPU in float64 and then rounded to the layer's dtype, so
    that one seed gives the same weights in every dtype and on every device.

    References
    ----------
    .. [1] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS 2010, 249-256.
    .. [2] G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-Normalizing
       Neural Networks", 2017, arXiv:1706.02515.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import initialize_linear_
    >>> linear = torch.nn.utils.skip_init(torch.nn.Linear, 50, 100)
    >>> initialize_linear_(linear, "relu", torch.Generator().manual_seed(0))
    >>> bool(linear.weight.abs().max() <= 0.2)
    True
    """
    if generator.device.type != "cpu":
        msg = (
            "The 'generator' parameter must be a torch.Generator on the CPU, whatever "
            f"the layer's device. Got one on {str(generator.device)!r} instead."
        )
        raise ValueError(msg)
    shape = (linear.out_features, linear.in_features)
    weight = torch.empty(shape, dtype=torch.float64, device="cpu")
    bias = torch.zeros(linear.out_features, dtype=torch.float64, device="cpu")
    if activation_name == "selu":
        weight.normal_(0.0, math.sqrt(1.0 / linear.in_features), generator=generator)
    else:
        factor = 2.0 if activation_name in {"sigmoid", "logistic"} else 6.0
        bound = math.sqrt(factor / (linear.in_features + linear.out_features))
        weight.uniform_(-bound, bound, generator=generator)
        bias.uniform_(-bound, bound, generator=generator)
    with torch.no_grad():
        linear.weight.copy_(weight)
        if linear.bias is not None:
            linear.bias.copy_(bias)
