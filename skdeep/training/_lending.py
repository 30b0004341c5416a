"""What belongs to the whole process, lent to a training for the length of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

import torch

from skdeep._seeding import LentGenerator, reproducible_kernels

if TYPE_CHECKING:
    from skdeep._plan import TrainingPlan


def lend(plan: TrainingPlan) -> Callable[[], AbstractContextManager[None]]:
    """Return what makes the contexts that the epochs of a training run in.

    Foreign modules are lent torch's generator, and a GPU convolves reproducibly.

    Parameters
    ----------
    plan : TrainingPlan
        Names the device, and the seed if there are foreign modules.
    """
    seed = plan.third_party_seed
    generator = None if seed is None else LentGenerator(seed, plan.device)

    @contextmanager
    def span() -> Iterator[None]:
        lent = nullcontext() if generator is None else generator.span()
        with reproducible_kernels(plan.device), lent:
            yield

    return span


def generator_states(plan: TrainingPlan) -> list[torch.Tensor] | None:
    """Return the states of torch's own generators, None where they are not lent."""
    if plan.third_party_seed is None:
        return None
    states = [torch.random.get_rng_state()]
    if plan.device.type == "cuda":  # GPU only
        states.append(torch.cuda.get_rng_state(plan.device))
    return states


def set_generator_states(states: Sequence[torch.Tensor], plan: TrainingPlan) -> None:
    """Put torch's own generators where `generator_states` found them."""
    torch.random.set_rng_state(states[0])
    if plan.device.type == "cuda":  # GPU only
        torch.cuda.set_rng_state(states[1], plan.device)
