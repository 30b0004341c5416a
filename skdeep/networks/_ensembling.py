"""Ensembles of networks that share nearly all of their weights.

The members lie along an axis of their own, (batch, n_members, width), or are flattened
into the rows, (batch * n_members, width), for layers that they share. As in "TabM-mini"
(Gorishniy et al. 2025, arXiv:2410.24210), they multiply their inputs by different
factors and have heads of their own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import torch
from torch import nn
from torch.nn.functional import linear, logsigmoid

from skdeep._storable import storable
from skdeep.networks._drawing import uniform_parameter
from skdeep.networks._ntk import affine

if TYPE_CHECKING:
    from torch import Tensor

CombinationKind: TypeAlias = Literal[
    "binary", "multiclass", "multilabel", "mean", "log"
]

COMBINATION_KINDS: Final = ("binary", "multiclass", "multilabel", "mean", "log")
# Below one row for so many neurons it is cheaper to multiply the inputs of members.
FEW_ROWS = 4


class EnsembleAdapter(nn.Module):
    """Multiply the inputs by factors that differ from member to member.

    Parameters
    ----------
    n_members : int
        Number of members.
    group_sizes : sequence of int
        How many neighbouring inputs stem from one feature: they start with the same
        factor. ``[1] * n_inputs`` for plain numbers.
    distribution : {"signs", "normal"}, default="signs"
        Initial factors: -1 and 1 with equal probability, or standard normal, which
        suits inputs that come from a numeric embedding.
    dtype : torch.dtype, default=torch.float32
        Floating type of the factors.
    generator : torch.Generator
        Source of the initial factors, on the CPU.

    Attributes
    ----------
    weight : nn.Parameter of shape (n_members, sum(group_sizes))
        The factors.

    Raises
    ------
    ValueError
        If the distribution is unknown.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._ensembling import EnsembleAdapter
    >>> generator = torch.Generator().manual_seed(0)
    >>> adapter = EnsembleAdapter(8, [1, 1, 4], generator=generator)
    >>> adapter(torch.zeros(5, 6)).shape
    torch.Size([5, 8, 6])
    """

    decaying_parameters = ("weight",)

    def __init__(
        self,
        n_members: int,
        group_sizes: Sequence[int],
        *,
        distribution: Literal["signs", "normal"] = "signs",
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_members = n_members
        shape = (n_members, len(group_sizes))
        factors = torch.empty(shape, dtype=torch.float64, device="cpu")
        if distribution == "signs":
            factors.bernoulli_(0.5, generator=generator).mul_(2.0).sub_(1.0)
        elif distribution == "normal":
            factors.normal_(generator=generator)
        else:
            raise ValueError(
                "The 'distribution' parameter must be 'signs' or 'normal'. Got "
                f"{distribution!r} instead."
            )
        repeats = torch.tensor(group_sizes, device="cpu")
        self.weight = nn.Parameter(factors.repeat_interleave(repeats, dim=1).to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        """Make the members' inputs.

        Parameters
        ----------
        x : Tensor of shape (batch, n_inputs)
            Of the dtype and on the device of the factors.

        Returns
        -------
        inputs : Tensor of shape (batch, n_members, n_inputs)
            Of each member.
        """
        return x.unsqueeze(1) * self.weight

    def linear(self, x: Tensor, layer: nn.Module) -> Tensor:
        """Make the members' inputs and map them by a linear layer that they share.

        The factors go into the weights rather than the inputs, which comes to the same
        up to rounding and is cheaper, unless there are but a few rows.

        Parameters
        ----------
        x : Tensor of shape (batch, n_inputs)
            Of the dtype and on the device of the factors.
        layer : nn.Linear or NTKLinear
            From n_inputs to width.

        Returns
        -------
        outputs : Tensor of shape (batch * n_members, width)
            What ``layer(self(x).flatten(0, 1))`` is.
        """
        weight, bias = affine(layer)
        # A graph that is exported is one for any number of rows.
        traced = torch.compiler.is_compiling()
        if not traced and FEW_ROWS * len(x) <= len(bias):
            return linear(self(x).flatten(0, 1), weight, bias)
        members = (self.weight.unsqueeze(1) * weight).flatten(0, 1)
        return linear(x, members, bias.repeat(self.n_members)).view(-1, len(bias))

    def extra_repr(self) -> str:
        """Show the sizes in the module's repr.

        Returns
        -------
        text : str
            As in "n_members=8, n_inputs=20".
        """
        return f"n_members={self.n_members}, n_inputs={self.weight.shape[1]}"


class EnsembleHead(nn.Module):
    """Map each member's features by a linear map of its own.

    Parameters
    ----------
    n_members : int
        Number of members.
    n_inputs : int
        Number of features of each member.
    n_outputs : int
        Number of outputs of each member.
    weight_factor, bias_factor : float, default=1.0
        What the stored weights and biases are multiplied by when they are used, as in
        `NTKLinear`.
    dtype : torch.dtype, default=torch.float32
        Floating type of the parameters.
    generator : torch.Generator
        Source of the initial parameters, on the CPU: weights and biases are uniform on
        +-1 / sqrt(n_inputs) when they are used.

    Attributes
    ----------
    weight : nn.Parameter of shape (n_members, n_outputs, n_inputs)
        Weights as stored.
    bias : nn.Parameter of shape (n_members * n_outputs,)
        Biases as stored.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._ensembling import EnsembleHead
    >>> head = EnsembleHead(8, 16, 3, generator=torch.Generator().manual_seed(0))
    >>> head(torch.zeros(5, 8, 16)).shape
    torch.Size([5, 8, 3])
    """

    decaying_parameters = ("weight",)

    def __init__(
        self,
        n_members: int,
        n_inputs: int,
        n_outputs: int,
        *,
        weight_factor: float = 1.0,
        bias_factor: float = 1.0,
        dtype: torch.dtype = torch.float32,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.weight_factor, self.bias_factor = weight_factor, bias_factor
        bound = 1.0 / math.sqrt(n_inputs)
        self.weight = uniform_parameter(
            (n_members, n_outputs, n_inputs), bound / weight_factor, dtype, generator
        )
        self.bias = uniform_parameter(
            (n_members * n_outputs,), bound / bias_factor, dtype, generator
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map the members' features to their outputs.

        Parameters
        ----------
        x : Tensor of shape (batch, n_members, n_inputs)
            Of the dtype and on the device of the parameters.

        Returns
        -------
        outputs : Tensor of shape (batch, n_members, n_outputs)
            Of each member.
        """
        weight, bias = affine(self)
        if weight.shape[1] == 1:
            # One output is too few for a matrix product to pay.
            products = (x * weight.squeeze(1)).sum(dim=2, keepdim=True)
        else:
            products = torch.bmm(weight, x.permute(1, 2, 0)).permute(2, 0, 1)
        return products + bias.view(weight.shape[:2])

    def extra_repr(self) -> str:
        """Show the sizes in the module's repr.

        Returns
        -------
        text : str
            As in "n_members=8, n_inputs=16, n_outputs=3".
        """
        n_members, n_outputs, n_inputs = self.weight.shape
        return f"{n_members=}, {n_inputs=}, {n_outputs=}"


class MemberBatchNorm(nn.BatchNorm1d):
    """Normalise each unit of each member over the rows of a batch.

    Members see different inputs, so that statistics over all of them would fit none.
    A batch of one row has no variance: it is normalised by the running statistics, and
    leaves them as they are.

    Parameters
    ----------
    n_members : int
        Number of members.
    width : int
        Number of units of each member.
    dtype : torch.dtype, default=torch.float32
        Floating type of the parameters.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._ensembling import MemberBatchNorm
    >>> norm = MemberBatchNorm(2, 3)
    >>> x = torch.randn(10, 2, 3, generator=torch.Generator().manual_seed(0))
    >>> norm(x.flatten(0, 1)).view(10, 2, 3).mean(dim=0).abs().max().item() < 1e-6
    True
    """

    def __init__(
        self, n_members: int, width: int, *, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(n_members * width, device="cpu", dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Normalise units.

        Parameters
        ----------
        x : Tensor of shape (batch * n_members, width)
            The members of the first row come first.

        Returns
        -------
        normalised : Tensor of shape (batch * n_members, width)
            In the same order.
        """
        rows = x.view(-1, self.num_features)
        if self.training and len(rows) == 1:
            mean, variance = self.running_mean, self.running_var
            rows = nn.functional.batch_norm(
                rows, mean, variance, self.weight, self.bias, eps=self.eps
            )
        else:
            rows = super().forward(rows)
        return rows.view(x.shape)


@storable()
def combine(output: Tensor, kind: CombinationKind) -> Tensor:
    """Return raw outputs of the ensemble, which predict what its members do on average.

    Probabilities are averaged, not logits; what comes out are logits again, so that
    losses and links take it as they take the output of a single network.

    Parameters
    ----------
    output : Tensor of shape (batch, n_members, n_outputs)
        Raw outputs of the members.
    kind : {"binary", "multiclass", "multilabel", "mean", "log"}
        What the outputs are. "multiclass": logits of exclusive classes; those of the
        ensemble are the logarithms of its probabilities. "binary", "multilabel": the
        logit of each output's probability. "mean": predictions. "log": logarithms of
        predictions, as under a Poisson loss.

    Returns
    -------
    combined : Tensor of shape (batch, n_outputs)
        Raw outputs of the ensemble.

    Raises
    ------
    ValueError
        If the kind is unknown, or `output` has not three axes.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks._ensembling import combine
    >>> members = torch.logit(torch.tensor([[[0.5], [0.9]]], dtype=torch.float64))
    >>> round(torch.sigmoid(combine(members, "binary")).item(), 4)
    0.7
    """
    if output.dim() != 3:
        raise ValueError(
            "An ensemble's output must have shape (batch, n_members, n_outputs). Got "
            f"shape {tuple(output.shape)} instead."
        )
    if kind == "mean":
        return output.mean(dim=1)
    if kind == "log":
        return _log_mean(output)
    if kind == "multiclass":
        return _log_mean(torch.log_softmax(output, dim=2))
    if kind in {"binary", "multilabel"}:
        positive = logsigmoid(output)
        # The other logsigmoid(-output).
        return _log_mean(positive) - _log_mean(positive - output)
    raise ValueError(
        f"The 'kind' parameter must be one of {COMBINATION_KINDS}. Got {kind!r} "
        "instead."
    )


def _log_mean(logarithms: Tensor) -> Tensor:
    """Return the logarithm of the members' mean of what the logarithms are of."""
    return torch.logsumexp(logarithms, dim=1) - math.log(logarithms.shape[1])
