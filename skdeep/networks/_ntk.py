"""Neural tangent parametrisation, and initial weights that look at the data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from skdeep.networks._drawing import normal_parameter

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.networks._tabular import TabularNetwork

BIAS_FACTOR: Final = 0.1
_N_POINTS: Final = 5


class NTKLinear(nn.Module):
    """Apply a linear map in neural tangent parametrisation.

    ``x @ weight.T / sqrt(n_inputs) + bias``, with standard normal weights and biases at
    first [1]_: layers of any width learn equally fast.

    Parameters
    ----------
    in_features : int
        Number of inputs.
    out_features : int
        Number of outputs.
    bias_factor : float, default=0.1
        How much faster or slower than the weights the biases learn under an optimizer
        whose steps do not depend on the scale of the gradient, such as Adam: they are
        stored divided by it, and multiplied by it when they are used [2]_.
    dtype : torch.dtype, default=torch.float32
        Floating type of the parameters.
    generator : torch.Generator
        Source of the initial parameters, on the CPU.

    Attributes
    ----------
    weight : nn.Parameter of shape (out_features, in_features)
        The weights before the division by the root of the number of inputs.
    bias : nn.Parameter of shape (out_features,)
        The biases, divided by `bias_factor`.

    References
    ----------
    .. [1] A. Jacot, F. Gabriel, C. Hongler, "Neural Tangent Kernel: Convergence and
       Generalization in Neural Networks", NeurIPS 2018, arXiv:1806.07572.
    .. [2] D. Holzmueller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong
       Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024,
       arXiv:2407.04491.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._ntk import NTKLinear
    >>> linear = NTKLinear(4, 2, generator=torch.Generator().manual_seed(0))
    >>> linear(torch.zeros(5, 4)).shape
    torch.Size([5, 2])
    """

    decaying_parameters = ("weight",)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias_factor: float = BIAS_FACTOR,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.weight_factor = 1.0 / math.sqrt(in_features)
        self.bias_factor = bias_factor
        shape = (out_features, in_features)
        self.weight = normal_parameter(shape, 1.0, dtype, generator)
        deviation = 1.0 / bias_factor
        self.bias = normal_parameter((out_features,), deviation, dtype, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs to outputs.

        Parameters
        ----------
        x : Tensor of shape (..., in_features)
            Of the dtype and on the device of the parameters.

        Returns
        -------
        outputs : Tensor of shape (..., out_features)
            The linear map.
        """
        return nn.functional.linear(x, *affine(self))

    def extra_repr(self) -> str:
        """Show the sizes in the module's repr.

        Returns
        -------
        text : str
            As in "in_features=4, out_features=2".
        """
        out_features, in_features = self.weight.shape
        return f"in_features={in_features}, out_features={out_features}"


def affine(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """Return the weights and biases that a linear layer works with.

    Parameters
    ----------
    layer : nn.Linear, NTKLinear or EnsembleHead
        Those with a `weight_factor` and a `bias_factor` store their parameters divided
        by them.

    Returns
    -------
    weight, bias : Tensor
        Of the shapes of the stored ones; differentiable with respect to those.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._ntk import NTKLinear, affine
    >>> linear = NTKLinear(4, 2, generator=torch.Generator().manual_seed(0))
    >>> torch.equal(affine(linear)[0], linear.weight / 2)
    True
    """
    weight: Tensor = layer.weight  # type: ignore[assignment]  # torch: Tensor or Module
    bias: Tensor = layer.bias  # type: ignore[assignment]  # likewise
    weight_factor, bias_factor = _factors(layer)
    if weight_factor != 1.0:
        weight = weight * weight_factor
    if bias_factor != 1.0:
        bias = bias * bias_factor
    return weight, bias


@torch.no_grad()
def data_dependent_init_(
    network: TabularNetwork, x: Tensor, generator: torch.Generator
) -> None:
    """Draw the linear layers of a network anew, to suit some training rows.

    Layer by layer, from the input to the output, one included [1]_:

    - weights are standard normal, each unit's divided by the standard deviation of its
      values before the bias, which becomes 1. A unit that does not vary over the rows
      keeps its weights.
    - biases are "he+5": minus a random convex combination, with weights Exp(1) over
      their sum, of the unit's values at 5 random rows, so that the unit bends amid the
      data.

    Embeddings, gates and adapters stay as they are. Dropout is off meanwhile, and batch
    normalization uses the statistics it has.

    Parameters
    ----------
    network : TabularNetwork
        Changed in place.
    x : Tensor of shape (n_samples, n_columns)
        Training rows, or some of them: a thousand will do. All activations of one layer
        are in memory at once.
    generator : torch.Generator
        On the CPU.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong
       Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024,
       arXiv:2407.04491.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._ntk import data_dependent_init_
    >>> from skdeep.networks._tabular import TabularNetwork
    >>> from skdeep.networks._tabular_inputs import TabularInputs
    >>> generator = torch.Generator().manual_seed(0)
    >>> network = TabularNetwork(
    ...     TabularInputs(2, generator=generator), (8,), 1, generator=generator
    ... )
    >>> x = torch.randn(100, 2, generator=generator)
    >>> data_dependent_init_(network, x, generator)
    >>> round(network(x).std(correction=0).item(), 4)
    1.0
    """
    was_training = network.training
    network.eval()
    rows = network.encode(x)
    if network.adapter is not None:
        rows = network.adapter(rows).flatten(0, 1)
    size = 0.0
    for layer in network.hidden_layers():
        size = _draw_from_data_(layer.linear, rows, size, generator)
        rows = layer(rows)
    if network.adapter is not None:
        rows = rows.view(-1, network.adapter.n_members, rows.shape[1])
    _draw_from_data_(network.head, rows, size, generator)
    network.train(was_training)


def _draw_from_data_(
    layer: nn.Module, x: Tensor, size: float, generator: torch.Generator
) -> float:
    """Draw a layer for inputs (n, n_in) or (n, n_members, n_in); return their size."""
    stored, _ = affine(layer)
    exact: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}
    drawn = torch.randn(stored.shape, generator=generator, **exact)
    weight = drawn.to(stored) / math.sqrt(stored.shape[-1])
    values = torch.einsum("...i,...oi->...o", x, weight).flatten(1)
    deviation = values.std(dim=0, correction=0)
    # What rounding leaves of a constant must not be blown up to 1, nor what is left of
    # a large one, of the size of the layer before, when its bias is taken off.
    sizes = values.square().mean(dim=0).sqrt()
    noise = 100.0 * torch.finfo(values.dtype).eps * sizes.clamp_min(size)
    factor = torch.where(deviation > noise, 1.0 / deviation, 1.0)
    values *= factor
    shape = (_N_POINTS, values.shape[1])
    rows = torch.randint(len(values), shape, generator=generator, device="cpu")
    shares = torch.empty(shape, **exact).exponential_(generator=generator)
    shares /= shares.sum(dim=0)
    bias = -(values.gather(0, rows.to(values.device)) * shares.to(values)).sum(dim=0)
    weight_factor, bias_factor = _factors(layer)
    layer.weight.copy_(weight * factor.view(*stored.shape[:-1], 1) / weight_factor)  # type: ignore[operator]  # torch: Tensor or Module
    layer.bias.copy_(bias / bias_factor)  # type: ignore[operator]  # likewise
    return (sizes * factor).max().item()


def _factors(layer: nn.Module) -> tuple[float, float]:
    """Return what the stored weights and biases of a layer are multiplied by."""
    return getattr(layer, "weight_factor", 1.0), getattr(layer, "bias_factor", 1.0)
