"""Perceptrons of one shape computed together, each with weights of its own.

The weights of all members lie in one tensor a layer, and a layer is one product of
batches of matrices. Units come before rows, (n_members, width, batch): so the long axis
of every product, forward and backward, is the last one, which a matrix of few outputs
would make a slow one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from skdeep.networks._dropout import GeneratorDropout, draw_mask_

if TYPE_CHECKING:
    from torch import Tensor

    from skdeep.networks._mlp import MLP


class _StackedLinear(nn.Module):
    """Linear maps (n_members, n_inputs, batch) to (n_members, n_outputs, batch)."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = _stack([layer.weight for layer in layers])
        self.bias = _stack([layer.bias for layer in layers])

    def forward(self, x: Tensor) -> Tensor:
        """Map the inputs of each member by its own weights.

        Members that follow one another may have inputs in common, which come once. One
        product then does for all of them, and a wide one takes less time than many.
        """
        if len(x) == len(self.weight):
            return torch.baddbmm(self.bias.unsqueeze(2), self.weight, x)
        weight = self.weight.reshape(len(x), -1, self.weight.shape[2])
        bias = self.bias.reshape(len(x), -1, 1)
        return torch.baddbmm(bias, weight, x).view(*self.bias.shape, -1)


class _StackedLayerNorm(nn.Module):
    """Layer normalizations over the units of each row of each member."""

    def __init__(self, layers: Sequence[nn.LayerNorm]) -> None:
        super().__init__()
        self.weight = _stack([layer.weight for layer in layers])
        self.bias = _stack([layer.bias for layer in layers])
        self.eps = layers[0].eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (n_members, width, batch)."""
        rows = x.transpose(1, 2)
        rows = nn.functional.layer_norm(rows, rows.shape[2:], eps=self.eps)
        scaled = torch.addcmul(self.bias.unsqueeze(1), rows, self.weight.unsqueeze(1))
        return scaled.transpose(1, 2)


class _StackedDropout(nn.Module):
    """Dropout by the generator, and with the probability, of each member.

    A member's mask is the one it would draw alone, for as many rows as it has.
    """

    def __init__(
        self, rates: Sequence[float], generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        self.rates = list(rates)
        self.generators = list(generators)
        self.n_rows: Sequence[int] = ()

    def keep(self, members: Sequence[int]) -> None:
        """Go on with some members only."""
        self.rates = [self.rates[k] for k in members]
        self.generators = [self.generators[k] for k in members]

    def forward(self, x: Tensor) -> Tensor:
        """Drop units of (n_members, width, batch)."""
        if not self.training or not any(self.rates):
            return x
        n_members, width, n_rows = x.shape
        mask = x.new_ones(n_members, n_rows, width)
        draws = zip(mask, self.rates, self.generators, self.n_rows, strict=True)
        for part, rate, generator, n in draws:
            if rate and n:
                draw_mask_(part[:n], rate, generator)
        return x * mask.transpose(1, 2)


class _StackedLayer(nn.Module):
    """One hidden layer of every member: linear, normalization, activation, dropout."""

    def __init__(
        self,
        layers: Sequence[Sequence[nn.Module]],
        generators: Sequence[torch.Generator],
        *,
        skips: bool,
    ) -> None:
        super().__init__()
        self.skips = skips
        kinds = {type(part): part for part in layers[0]}
        self.linear = _StackedLinear([_linear_of(layer) for layer in layers])
        self.norm = (
            _StackedLayerNorm([_norm_of(layer) for layer in layers])
            if nn.LayerNorm in kinds
            else None
        )
        own = (nn.Linear, nn.LayerNorm, GeneratorDropout)
        (self.activation,) = (p for p in layers[0] if not isinstance(p, own))
        rates = [
            next((p.p for p in layer if isinstance(p, GeneratorDropout)), 0.0)
            for layer in layers
        ]
        self.dropout = _StackedDropout(rates, generators)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n_members, n_inputs, batch) to (n_members, width, batch)."""
        y: Tensor = self.linear(x)
        if self.skips and len(x) < len(y):
            x = x.repeat_interleave(len(y) // len(x), dim=0)
        if self.norm is not None:
            y = self.norm(y)
        y = self.dropout(self.activation(y))
        return x + y if self.skips else y


class StackedMLP(nn.Module):
    """Multilayer perceptrons of one shape as one network.

    What they compute is what each would compute by itself, up to rounding, and they
    have no weight in common. Rates of dropout may differ from member to member.

    Parameters
    ----------
    members : sequence of MLP
        Of the same layers, but for dropout; not of batch normalization. Their weights
        are copied.
    generators : sequence of torch.Generator
        What the dropout of each member draws from.

    Attributes
    ----------
    hidden : nn.ModuleList
        The hidden layers. Parameters have the shapes of a member's, with an axis of
        members before them, and come in the same order.
    output : nn.Module
        The linear map to the outputs.

    Examples
    --------
    >>> import torch
    >>> from skdeep.networks import MLP, StackedMLP
    >>> members = [MLP(4, (8,), 3) for _ in range(5)]
    >>> stacked = StackedMLP(members, [torch.Generator() for _ in members])
    >>> stacked(torch.zeros(5, 10, 4)).shape
    torch.Size([5, 3, 10])
    """

    def __init__(
        self, members: Sequence[MLP], generators: Sequence[torch.Generator]
    ) -> None:
        super().__init__()
        layers = [member.hidden_layers() for member in members]
        self.hidden = nn.ModuleList(
            _StackedLayer([parts for parts, _ in layer], generators, skips=layer[0][1])
            for layer in zip(*layers, strict=True)
        )
        self.output = _StackedLinear([m.linear_layers()[-1] for m in members])

    def forward(self, x: Tensor, n_rows: Sequence[int] = ()) -> Tensor:
        """Map the inputs of each member to its raw outputs.

        Parameters
        ----------
        x : Tensor of shape (n_members, batch, n_inputs)
            Of the dtype and on the device of the parameters. Where every k members
            that follow one another have the same inputs, n_members / k of them do.
        n_rows : sequence of int of length n_members, default=()
            How many of the rows are a member's own, the first ones; dropout draws for
            these. Needed in training where there is dropout.

        Returns
        -------
        outputs : Tensor of shape (n_members, n_outputs, batch)
            Logits or regression outputs.
        """
        x = x.transpose(1, 2)
        hidden: Any = self.hidden
        for layer in hidden:
            layer.dropout.n_rows = n_rows
            x = layer(x)
        outputs: Tensor = self.output(x)
        return outputs

    def keep(self, members: Sequence[int]) -> None:
        """Let the dropout go on with some members only.

        The parameters are left to whoever holds their memory.

        Parameters
        ----------
        members : sequence of int
            Their places among the present members.
        """
        hidden: Any = self.hidden
        for layer in hidden:
            layer.dropout.keep(members)


def _stack(parameters: Sequence[Tensor]) -> nn.Parameter:
    return nn.Parameter(torch.stack([parameter.detach() for parameter in parameters]))


def _linear_of(layer: Sequence[nn.Module]) -> nn.Linear:
    return next(part for part in layer if isinstance(part, nn.Linear))


def _norm_of(layer: Sequence[nn.Module]) -> nn.LayerNorm:
    return next(part for part in layer if isinstance(part, nn.LayerNorm))
