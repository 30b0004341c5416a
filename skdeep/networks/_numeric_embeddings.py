"""Embeddings of single numbers: piecewise linear and periodic.

Every column has parameters of its own; all columns are computed at once. Products are
written as "few outputs x many rows", since the CPU's matrix routine is several times
slower the other way round, forward and backward.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from skdeep.networks._drawing import (
    constant_parameter,
    normal_parameter,
    uniform_parameter,
)

if TYPE_CHECKING:
    from torch import Tensor

# The bound of an open end. Infinity would turn into NaN in an average of buffers, and
# float64's largest number into infinity in a cast.
_OPEN = torch.finfo(torch.float32).max


class PiecewiseLinearEmbedding(nn.Module):
    """Embed each column by a piecewise linear function of several outputs.

    Version "B" of [1]_ and [2]_: a column x with the bin edges e becomes
    ``x * slope + intercept + p(x) @ weight``, where p has for every bin the component
    ``clip((x - e[t]) / (e[t + 1] - e[t]), 0, 1)``, the first one open below and the
    last one open above. `weight` is zero at first, so that training starts from a
    linear embedding. No activation follows.

    Parameters
    ----------
    edges : sequence of array-like of shape (n_bins + 1,)
        Ascending bin edges of every column, in the units of the inputs. Columns may
        have different numbers of bins; one with a single edge has none and gets the
        linear part alone. Edges that are equal in `dtype` count once.
    dim : int
        Number of outputs of each column.
    dtype : torch.dtype, default=torch.float32
        Floating type of the parameters.
    generator : torch.Generator
        Source of the initial parameters, on the CPU.

    Attributes
    ----------
    n_outputs : int
        ``n_columns * dim``.
    weight : nn.Parameter of shape (n_columns, dim, n_bins)
        Padded with idle zeros where a column has fewer bins than another.
    slope, intercept : nn.Parameter of shape (n_columns * dim,)
        Initially uniform on +-1 / sqrt(dim). They never decay [2]_.

    Raises
    ------
    ValueError
        If edges are not finite, not ascending, or none.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On Embeddings for Numerical Features
       in Tabular Deep Learning", NeurIPS 2022, arXiv:2203.05556.
    .. [2] Y. Gorishniy, A. Kotelnikov, A. Babenko, "TabM: Advancing Tabular Deep
       Learning with Parameter-Efficient Ensembling", ICLR 2025, arXiv:2410.24210.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._numeric_embeddings import PiecewiseLinearEmbedding
    >>> generator = torch.Generator().manual_seed(0)
    >>> edges = [[-1.0, 0.0, 1.0], [0.0, 1.0]]
    >>> embedding = PiecewiseLinearEmbedding(edges, 8, generator=generator)
    >>> embedding(torch.zeros(5, 2)).shape
    torch.Size([5, 16])
    """

    decaying_parameters = ("weight",)

    shift: Tensor
    scale: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(
        self,
        edges: Sequence[Any],
        dim: int,
        *,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        columns = [_distinct(points, dtype) for points in edges]
        n_columns, n_bins = len(columns), max(map(len, columns), default=1) - 1
        self.dim = dim
        self.n_outputs = n_columns * dim
        bound = 1.0 / math.sqrt(dim)
        self.slope = uniform_parameter((self.n_outputs,), bound, dtype, generator)
        self.intercept = uniform_parameter((self.n_outputs,), bound, dtype, generator)
        self.weight = constant_parameter((n_columns, dim, n_bins), 0.0, dtype)
        # Two more components, x itself and 1, take the linear part into the product.
        shape = (n_columns, 1, n_bins + 2)
        shift, scale, lower, upper = torch.zeros((4, *shape), dtype=torch.float64)
        for column, points in enumerate(columns):
            of_column = column, 0, slice(len(points) - 1)
            shift[of_column] = points[:-1]
            scale[of_column] = 1.0 / points.diff()
            upper[of_column] = 1.0
            if len(points) > 1:
                lower[column, 0, 0] = -_OPEN
                upper[column, 0, len(points) - 2] = _OPEN
        scale[..., -2], lower[..., -2], upper[..., -2] = 1.0, -_OPEN, _OPEN
        lower[..., -1], upper[..., -1] = 1.0, 1.0
        for name, values in zip(
            ("shift", "scale", "lower", "upper"),
            (shift, scale, lower, upper),
            strict=True,
        ):
            self.register_buffer(name, values.to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Embed rows of numbers.

        Parameters
        ----------
        x : Tensor of shape (batch, n_columns)
            Of the dtype and on the device of the parameters.

        Returns
        -------
        embedded : Tensor of shape (batch, n_columns * dim)
            The outputs of the first column come first.
        """
        components = torch.sub(x.t().unsqueeze(2), self.shift)
        components = components.mul_(self.scale).clamp_(self.lower, self.upper)
        linear = torch.stack((self.slope, self.intercept), dim=1)
        weight = torch.cat((self.weight, linear.view(-1, self.dim, 2)), dim=2)
        embedded = torch.bmm(weight, components.transpose(1, 2))
        return embedded.permute(2, 0, 1).reshape(x.shape[0], self.n_outputs)

    def extra_repr(self) -> str:
        """Show the sizes in the module's repr.

        Returns
        -------
        text : str
            As in "n_columns=20, dim=8, n_bins=32".
        """
        n_columns, dim, n_bins = self.weight.shape
        return f"n_columns={n_columns}, dim={dim}, n_bins={n_bins}"


class PeriodicEmbedding(nn.Module):
    """Embed each column by waves of learned frequencies.

    "PBLD" of [1]_: a column x becomes ``dim - 1`` linear combinations of waves, and
    itself: ``concat(W cos(2 pi f x + b) + c, x)``.

    Parameters
    ----------
    n_columns : int
        Number of columns.
    dim : int, default=4
        Number of outputs of each column, the column itself among them; at least 2.
    n_frequencies : int, default=16
        Number of waves of each column.
    frequency_scale : float, default=0.1
        Standard deviation of the initial frequencies f. The b start uniform on
        +-pi, W and c uniform on +-1 / sqrt(n_frequencies).
    rate_factor : float, default=0.1
        How much faster or slower than the rest all parameters learn under an optimizer
        whose steps do not depend on the scale of the gradient, such as Adam: they are
        stored divided by it, and multiplied by it when they are used.
    dtype : torch.dtype, default=torch.float32
        Floating type of the parameters.
    generator : torch.Generator
        Source of the initial parameters, on the CPU.

    Attributes
    ----------
    n_outputs : int
        ``n_columns * dim``.
    wave : nn.Parameter of shape (n_columns * n_frequencies * 2,)
        f and b of each wave, divided by `rate_factor`.
    weight : nn.Parameter of shape (n_columns * (dim - 1) * n_frequencies,)
        W, divided by `rate_factor`.
    bias : nn.Parameter of shape (n_columns * (dim - 1),)
        c, divided by `rate_factor`.

    Notes
    -----
    The parameters never decay. In [1]_ they do, but the rate factor enters twice, so
    that it is a hundredth of the decay of the weights.

    References
    ----------
    .. [1] D. Holzmueller, L. Grinsztajn, I. Steinwart, "Better by Default: Strong
       Pre-Tuned MLPs and Boosted Trees on Tabular Data", NeurIPS 2024,
       arXiv:2407.04491.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._numeric_embeddings import PeriodicEmbedding
    >>> generator = torch.Generator().manual_seed(0)
    >>> PeriodicEmbedding(2, generator=generator)(torch.zeros(5, 2)).shape
    torch.Size([5, 8])
    """

    decaying_parameters = ()

    def __init__(
        self,
        n_columns: int,
        dim: int = 4,
        *,
        n_frequencies: int = 16,
        frequency_scale: float = 0.1,
        rate_factor: float = 0.1,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if dim < 2:
            raise ValueError(
                "The 'dim' parameter of a periodic embedding must be an int of at "
                f"least 2, since the column itself is one output. Got {dim!r} instead."
            )
        self.n_columns, self.n_outputs = n_columns, n_columns * dim
        self.n_frequencies, self.n_mixtures = n_frequencies, dim - 1
        self.rate_factor = rate_factor
        waves = (n_columns * n_frequencies,)
        deviation, edge = frequency_scale / rate_factor, math.pi / rate_factor
        frequency = normal_parameter(waves, deviation, dtype, generator)
        phase = uniform_parameter(waves, edge, dtype, generator)
        self.wave = nn.Parameter(torch.stack((frequency, phase), 1).flatten().detach())
        bound = 1.0 / math.sqrt(n_frequencies) / rate_factor
        size = n_columns * self.n_mixtures
        self.weight = uniform_parameter(
            (size * n_frequencies,), bound, dtype, generator
        )
        self.bias = uniform_parameter((size,), bound, dtype, generator)

    def forward(self, x: Tensor) -> Tensor:
        """Embed rows of numbers.

        Parameters
        ----------
        x : Tensor of shape (batch, n_columns)
            Of the dtype and on the device of the parameters.

        Returns
        -------
        embedded : Tensor of shape (batch, n_columns * dim)
            The outputs of the first column come first; the last of each column is the
            column itself.
        """
        n, factor = self.n_columns, self.rate_factor
        column = x.t()
        turned = torch.stack(
            (column * (2.0 * math.pi * factor), torch.full_like(column, factor)), dim=1
        )
        waves = torch.bmm(self.wave.view(n, self.n_frequencies, 2), turned).cos()
        weight = self.weight.view(n, self.n_mixtures, self.n_frequencies) * factor
        bias = self.bias.view(n, self.n_mixtures, 1) * factor
        mixed = torch.baddbmm(bias, weight, waves)
        embedded = torch.cat((mixed, column.unsqueeze(1)), dim=1)
        return embedded.permute(2, 0, 1).reshape(x.shape[0], self.n_outputs)

    def extra_repr(self) -> str:
        """Show the sizes in the module's repr.

        Returns
        -------
        text : str
            As in "n_columns=20, dim=4, n_frequencies=16".
        """
        return (
            f"n_columns={self.n_columns}, dim={self.n_mixtures + 1}, "
            f"n_frequencies={self.n_frequencies}"
        )


def _distinct(edges: Any, dtype: torch.dtype) -> Tensor:
    """Return the edges of a column that differ in `dtype`, in float64."""
    points = torch.as_tensor(edges, dtype=torch.float64, device="cpu")
    gaps = points.diff()
    shaped = points.dim() == 1 and len(points) > 0
    if not shaped or not points.isfinite().all() or (gaps < 0).any():
        raise ValueError(
            "The 'edges' parameter must hold a vector of finite, ascending numbers, at "
            f"least one, for each column. Got {edges!r} for one of them."
        )
    points = points.to(dtype).double()
    # A narrower bin would have an infinite slope.
    wide = points.diff() >= torch.finfo(torch.float32).tiny
    return torch.cat((points[:1], points[1:][wide]))
