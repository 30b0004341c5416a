"""All parameters of a module in one buffer, so that a step is one operation each.

An optimizer pays its overhead once for each tensor; a perceptron has a handful of
small ones. While it trains, the parameters are views of one buffer and their gradients
views of another. `release` gives every parameter its own memory back: a pickled view
would take the whole buffer with it.

Callbacks may replace any of these tensors: `clear`, `reclaim` and `collect` put them
back, with the values that the callback left.
"""

from __future__ import annotations

import copy
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_NO_FACTORS: Mapping[str, float] = MappingProxyType({})
# Before the name of a parameter that torch.nn.utils.parametrize computes from others.
_PARAMETRIZED = ".parametrizations."


class FlatParameters:
    """Lay the trainable parameters of a module end to end.

    Those that decay come first, see `decaying_parameters`: penalties and weight decay
    act on them alone.

    Parameters
    ----------
    module : torch.nn.Module
        Its trainable parameters share one dtype and device.
    factors : mapping of str to float, default={}
        By name of a parameter, what its learning rate is multiplied by; 1 for others.
    shaped : bool, default=False
        Whether the optimizer is given the parameters themselves, in their shapes.
    frozen_too : bool, default=False
        Whether to lay down those as well that require no gradient yet.

    Attributes
    ----------
    owners : list of torch.nn.Parameter
        The parameters of the module, in the order of the buffer.
    order : list of int
        Their places among the parameters of the module.
    parameter : torch.nn.Parameter of shape (n_parameters,)
        All of them.
    groups : list of tuple (list of torch.nn.Parameter, float)
        What the optimizer is given, with its factor: `parameter` itself; the parts of
        it that share one factor, in its memory; or the owners.
    weights, weight_grads : torch.Tensor of shape (n_weights,)
        The part that is penalised, and its gradient.
    gradients : dict of torch.nn.Parameter to torch.Tensor
        The part of `grad` that belongs to each parameter of the module, in its shape.
    resting : set of int
        The places in `owners` of those that were frozen since training began.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        factors: Mapping[str, float] = _NO_FACTORS,
        *,
        shaped: bool = False,
        frozen_too: bool = False,
    ) -> None:
        self.owners, self.order, self._factors, n_decaying = _laid_out(
            module, factors, frozen_too=frozen_too
        )
        with torch.no_grad():
            flat = torch.cat([owner.reshape(-1) for owner in self.owners])
        self.parameter = torch.nn.Parameter(flat)
        self.grad = torch.zeros_like(flat)
        ends, start = [], 0
        for owner in self.owners:
            ends.append((start, start + owner.numel()))
            start = ends[-1][1]
        self._ends = ends
        n_weights = ends[n_decaying - 1][1] if n_decaying else 0
        self.weights = flat[:n_weights]
        self.weight_grads = self.grad[:n_weights]
        self._flat = flat
        pairs = list(zip(self.owners, ends, strict=True))
        self._values = [flat[a:b].view(owner.shape) for owner, (a, b) in pairs]
        self._grads = [self.grad[a:b].view(owner.shape) for owner, (a, b) in pairs]
        self.gradients = dict(zip(self.owners, self._grads, strict=True))
        for owner, values in zip(self.owners, self._values, strict=True):
            owner.data = values
        self.resting: set[int] = set()
        self.shaped = shaped
        # What the optimizer has beside the owners: values, gradient, and whose it is.
        self._pieces: list[_Piece] = []
        self.groups = self._as_they_are() if shaped else self._joined()
        self._rest(self._frozen())

    def _as_they_are(self) -> list[tuple[list[torch.nn.Parameter], float]]:
        """Return the owners in the order of the module, by factor."""
        groups: dict[float, list[tuple[int, torch.nn.Parameter]]] = {}
        entries = zip(self.order, self.owners, self._factors, strict=True)
        for place, owner, factor in sorted(entries, key=lambda entry: entry[0]):
            groups.setdefault(factor, []).append((place, owner))
        return [([o for _, o in group], factor) for factor, group in groups.items()]

    def _joined(self) -> list[tuple[list[torch.nn.Parameter], float]]:
        """Return neighbours of one factor as one parameter each."""
        if set(self._factors) <= {1.0}:
            whole = range(len(self.owners))
            self._pieces = [_Piece(self.parameter, self._flat, self.grad, whole)]
            self.parameter.grad = self.grad
            return [([self.parameter], 1.0)]
        groups = []
        places = range(len(self.owners))
        for factor, run in groupby(places, key=self._factors.__getitem__):
            piece = self._piece(list(run))
            self._pieces.append(piece)
            groups.append(([piece.parameter], factor))
        return groups

    def _piece(self, places: Collection[int]) -> _Piece:
        start = min(self._ends[place][0] for place in places)
        end = max(self._ends[place][1] for place in places)
        values, grad = self._flat[start:end], self.grad[start:end]
        parameter = torch.nn.Parameter(values)
        parameter.grad = grad
        return _Piece(parameter, values, grad, places)

    @property
    def joined(self) -> bool:
        """Whether several owners may be one parameter of the optimizer."""
        return not self.shaped and len(self._pieces) < len(self.owners)

    def take_apart(self, optimizer: torch.optim.Optimizer) -> None:
        """Give the optimizer one parameter for each owner, so that some may rest.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            Of `groups`, element by element; its state is cut as well.
        """
        pieces, groups = [], []
        joined = zip(self._pieces, optimizer.param_groups, self.groups, strict=True)
        for piece, group, (_, factor) in joined:
            parts = [self._piece([place]) for place in piece.places]
            state = optimizer.state.pop(piece.parameter, None)
            if state:
                first = self._ends[piece.places[0]][0]
                for part in parts:
                    start, end = self._ends[part.places[0]]
                    within = slice(start - first, end - first)
                    like = piece.parameter.shape
                    optimizer.state[part.parameter] = _cut(state, within, like)
            group["params"] = [part.parameter for part in parts]
            pieces += parts
            groups.append((group["params"], factor))
        self._pieces, self.groups = pieces, groups
        self._rest(self.resting)

    def clear(self) -> None:
        """Set all gradients to zero, in their places, before a backward pass."""
        self.grad.zero_()
        self.attach()

    def attach(self) -> None:
        """Put the gradients back in their places, whatever they are."""
        for holder, grad in self._holders:
            if holder.grad is not grad:
                holder.grad = grad

    def reclaim(self) -> None:
        """Take back values that were put elsewhere, as by ``parameter.data = ...``."""
        with torch.no_grad():
            for piece in self._pieces:
                if piece.parameter.data_ptr() != piece.values.data_ptr():
                    piece.values.copy_(piece.parameter)
                    piece.parameter.data = piece.values
            for owner, values in zip(self.owners, self._values, strict=True):
                if owner.data_ptr() != values.data_ptr():
                    values.copy_(owner)
                    owner.data = values

    def note_frozen(self) -> bool:
        """Note which owners require no gradient; True where that has changed."""
        frozen = self._frozen()
        changed = frozen != self.resting
        if changed:
            self._rest(frozen)
        return changed

    def _frozen(self) -> set[int]:
        return {k for k, owner in enumerate(self.owners) if not owner.requires_grad}

    def _rest(self, resting: set[int]) -> None:
        """Leave some owners without a gradient, as autograd does."""
        self.resting = resting
        holders: list[tuple[torch.Tensor, torch.Tensor]] = []
        owned = enumerate(zip(self.owners, self._grads, strict=True))
        for place, (owner, grad) in owned:
            owner.grad = None if place in resting else grad
            if place not in resting:
                holders.append((owner, grad))
        for piece in self._pieces:
            rests = resting.issuperset(piece.places)
            piece.parameter.grad = None if rests else piece.grad
            if not rests:
                holders.append((piece.parameter, piece.grad))
        self._holders = holders

    def silence(self, places: Iterable[int]) -> None:
        """Set the gradients of some owners to zero."""
        for place in places:
            self._grads[place].zero_()

    def collect(self) -> set[int]:
        """Take gradients from where they were put; return the owners without one.

        An owner without a gradient is not stepped, as torch has it.
        """
        gone = set(self.resting)
        for piece in self._pieces:
            found = piece.parameter.grad
            if found is None:
                gone.update(
                    place
                    for place in piece.places
                    if self.owners[place].grad is self._grads[place]
                )
            elif found is not piece.grad:
                piece.grad.copy_(found)
                piece.parameter.grad = piece.grad
        for place, (owner, grad) in enumerate(
            zip(self.owners, self._grads, strict=True)
        ):
            if owner.grad is None:
                gone.add(place)
            elif owner.grad is not grad:
                grad.copy_(owner.grad)
                owner.grad = grad
        return gone

    def withhold(self, gone: set[int]) -> None:
        """Show the optimizer no gradient of some owners, until `clear`."""
        for piece in self._pieces:
            rests = gone.issuperset(piece.places)
            piece.parameter.grad = None if rests else piece.grad

    def decay(self, share: float, resting: Collection[int] = ()) -> None:
        """Shrink the weights by a share, times the factor of each.

        Parameters
        ----------
        share : float
            Of a weight whose factor is 1.
        resting : collection of int, default=()
            The owners that do not decay in this step.
        """
        n_weights = len(self.weights)
        with torch.no_grad():
            if len(set(self._factors)) == 1 and not resting:
                self.weights.mul_(1.0 - share * self._factors[0])
                return
            for place, (start, end) in enumerate(self._ends):
                if end <= n_weights and place not in resting:
                    self._flat[start:end].mul_(1.0 - share * self._factors[place])

    def snapshot(self) -> torch.Tensor:
        """Return a copy of all parameters."""
        return self.parameter.detach().clone()

    def restore(self, values: torch.Tensor) -> None:
        """Copy a snapshot back."""
        with torch.no_grad():
            self.parameter.copy_(values)

    def release(self) -> None:
        """Give every parameter memory of its own and drop the gradients."""
        for owner in self.owners:
            owner.data = owner.data.clone()
            owner.grad = None


class _Piece:
    """A parameter of the optimizer in the memory of one or several owners."""

    def __init__(
        self,
        parameter: torch.nn.Parameter,
        values: torch.Tensor,
        grad: torch.Tensor,
        places: Collection[int],
    ) -> None:
        self.parameter = parameter
        self.values = values
        self.grad = grad
        self.places = list(places)


def _laid_out(
    module: torch.nn.Module, factors: Mapping[str, float], *, frozen_too: bool
) -> tuple[list[torch.nn.Parameter], list[int], list[float], int]:
    """Return owners, their places, their factors, and how many of them decay."""
    decaying = {id(parameter) for parameter in decaying_parameters(module)}
    named = [
        (name, parameter)
        for name, parameter in module.named_parameters()
        if parameter.requires_grad or frozen_too
    ]
    dtype = next((p.dtype for _, p in named if p.requires_grad), None)
    found = [
        # What was frozen from the start is not penalised.
        (not (p.requires_grad and id(p) in decaying), place, p, factors.get(name, 1.0))
        for place, (name, p) in enumerate(named)
        if p.dtype == dtype
    ]
    # A stable sort: each kind in the module's own order.
    found.sort(key=lambda entry: entry[0])
    owners = [owner for _, _, owner, _ in found]
    places = [place for _, place, _, _ in found]
    ratios = [factor for *_, factor in found]
    return owners, places, ratios, sum(not last for last, *_ in found)


def decaying_parameters(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Return the parameters that weight decay and the penalties act on.

    A layer says so by its attribute `decaying_parameters`, a tuple of names of its own
    parameters. Of a layer without that attribute those decay whose names hold
    "weight", as those of torch's linear maps, convolutions, embeddings, attention and
    recurrent layers do; but none of a normalization (by the name of its class, or of
    one that it is made of) nor of `torch.nn.PReLU`.

    Parameters
    ----------
    module : torch.nn.Module
        Any.

    Returns
    -------
    parameters : list of torch.nn.Parameter
        Some may be there twice.
    """
    decaying = []
    for prefix, part in module.named_modules():
        if _PARAMETRIZED in f".{prefix}.":
            continue
        own = list(part.named_parameters(recurse=False))
        # What a parametrized weight is computed from stands for it.
        for name, inner in getattr(part, "parametrizations", {}).items():
            own += [(name, parameter) for parameter in inner.parameters(recurse=False)]
        declared = getattr(part, "decaying_parameters", None)
        decaying += [
            parameter
            for name, parameter in own
            if (name in declared if declared is not None else _is_weight(part, name))
        ]
    return decaying


def _is_weight(part: torch.nn.Module, name: str) -> bool:
    if isinstance(part, torch.nn.PReLU) or "weight" not in name:
        return False
    return not any("norm" in kind.__name__.lower() for kind in type(part).__mro__)


def _cut(
    state: Mapping[str, object], within: slice, like: torch.Size
) -> dict[str, object]:
    """Return an optimizer's state of a part of a flat parameter."""
    return {
        name: slot[within].clone()
        if isinstance(slot, torch.Tensor) and slot.shape == like
        else copy.deepcopy(slot)
        for name, slot in state.items()
    }


def float_buffers(module: torch.nn.Module) -> list[torch.Tensor]:
    """Return the floating point buffers: what batch normalization keeps count of."""
    return [b for b in module.buffers() if b.is_floating_point()]


def copy_all(tensors: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Return a detached copy of every tensor."""
    return [tensor.detach().clone() for tensor in tensors]


def write_all(targets: Iterable[torch.Tensor], values: Iterable[torch.Tensor]) -> None:
    """Copy values into tensors in place."""
    with torch.no_grad():
        for target, value in zip(targets, values, strict=True):
            target.copy_(value)
