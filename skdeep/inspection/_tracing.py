"""What each part of a network puts out as rows go through it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from skdeep.inspection._parts import Part


def trace(
    module: nn.Module, parts: Sequence[Part], inputs: torch.Tensor
) -> tuple[list[torch.Tensor | None], torch.Tensor]:
    """Run a network and keep what its parts put out.

    Parameters
    ----------
    module : nn.Module
        The network, in the mode it is to run in.
    parts : sequence of Part
        Of this network.
    inputs : Tensor of shape (n_rows, ...)
        As the network takes them.

    Returns
    -------
    outputs : list of Tensor or None
        One for each part: copies, since what follows may write into them. None where
        its numbers are not seen.
    raw : Tensor of shape (n_rows, ...)
        What the network puts out.
    """
    outputs: list[torch.Tensor | None] = [None] * len(parts)
    with ExitStack() as hooks:
        for place, part in enumerate(parts):
            hooks.callback(_listen(part, outputs, place).remove)
        raw = module(inputs)
    return [
        _by_member(output, part.n_members)
        for output, part in zip(outputs, parts, strict=True)
    ], raw


def _listen(part: Part, outputs: list[torch.Tensor | None], place: int) -> Any:
    def keep(tensor: Any) -> None:
        if isinstance(tensor, torch.Tensor):
            outputs[place] = tensor.detach().clone()

    if part.before:
        return part.hook.register_forward_pre_hook(lambda _module, args: keep(args[0]))
    return part.hook.register_forward_hook(lambda _module, _args, out: keep(out))


def _by_member(output: torch.Tensor | None, n_members: int) -> torch.Tensor | None:
    """Give members, whose rows lie side by side, an axis of their own."""
    if output is None or n_members == 1:
        return output
    return output.view(-1, n_members, *output.shape[1:])


def kept_bytes(module: nn.Module, inputs: torch.Tensor) -> int:
    """Return the bytes of all that the innermost modules put out.

    About as much is kept for the backward pass of a training step.

    Parameters
    ----------
    module : nn.Module
        The network.
    inputs : Tensor of shape (1, ...)
        One row.

    Returns
    -------
    n_bytes : int
    """
    total = 0

    def add(_module: nn.Module, _args: Any, output: Any) -> None:
        nonlocal total
        if isinstance(output, torch.Tensor):
            total += output.numel() * output.element_size()

    with ExitStack() as hooks:
        for inner in module.modules():
            if not [*inner.children()]:
                hooks.callback(inner.register_forward_hook(add).remove)
        module(inputs)
    return total
