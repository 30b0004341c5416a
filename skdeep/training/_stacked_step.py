"""One optimization step of several networks at once, each at its own rate.

It does what `Stepper` does, in the same order, to every row of one matrix: a row holds
all parameters of a member.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import torch

from skdeep.training._flat import FlatParameters
from skdeep.training._optimizers import build_optimizer, direct_step
from skdeep.training._schedules import Plateau, schedule_factor

if TYPE_CHECKING:
    from torch import Tensor, nn

    from skdeep._plan import TrainingPlan


class StackedBatch(Protocol):
    """One step's rows of every member."""

    X: Tensor
    y: Tensor
    weight: Tensor
    n_rows: list[int]


class StackedPenalty(Protocol):
    """What is added to the loss of each member for the size of its weights."""

    active: bool

    def values(self, weights: Tensor) -> Tensor:
        """Return the penalty of each member."""
        ...

    def before_step(self, weights: Tensor, grads: Tensor) -> Tensor | None:
        """Add the penalty's gradient; return what `after_step` needs."""
        ...

    def after_step(self, weights: Tensor, orthant: Tensor | None) -> None:
        """Correct the weights after the step."""
        ...

    def keep(self, members: Sequence[int]) -> None:
        """Go on with some members only."""
        ...


class StackedStepper:
    """Take steps on several networks by a plan each.

    Parameters
    ----------
    modules : sequence of torch.nn.Module
        The members' own networks, of which the first weights are taken.
    network : torch.nn.Module
        The stacked network, with parameters of the shapes of a member's and an axis of
        members before them. They become views of one matrix.
    loss : torch.nn.Module
        Called with outputs, targets and weights; returns a loss for each member.
    penalty : StackedPenalty
        On the weights.
    plans : sequence of TrainingPlan
        One for each member, of one optimizer.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        network: Any,
        loss: Any,
        penalty: StackedPenalty,
        plans: Sequence[TrainingPlan],
    ) -> None:
        self.network = network
        self.loss = loss
        self.penalty = penalty
        self.plans = list(plans)
        flats = [FlatParameters(module) for module in modules]
        self.values = torch.stack([flat.parameter.detach() for flat in flats])
        self.n_weights = len(flats[0].weights)
        self._order = flats[0].order
        for flat in flats:
            flat.release()
        self.plateaus = [_plateau(plan) for plan in self.plans]
        self.steps_done = 0
        # Rates are told apart from the optimizer: it steps at a rate of one, from zero,
        # and how far each member goes along with it is up to that member.
        self.optimizer_plan = replace(plans[0].optimizer, learning_rate=1.0)
        self._state: dict[str, Any] = {}
        self.rates = [plan.optimizer.learning_rate for plan in self.plans]
        self._gather()

    def _gather(self) -> None:
        """Set all that has a row for each present member."""
        self.grads = torch.zeros_like(self.values)
        self.weights = self.values[:, : self.n_weights]
        self.weight_grads = self.grads[:, : self.n_weights]
        self._point()
        self.direction = torch.nn.Parameter(torch.zeros_like(self.values))
        self.direction.grad = self.grads
        self.optimizer = build_optimizer(self.optimizer_plan, ([self.direction], 1.0))
        if self._state:
            self.optimizer.state[self.direction] = self._state
        self._update = direct_step(self.optimizer, self.direction)
        limits = [plan.max_grad_norm for plan in self.plans]
        self._clips = any(limit is not None for limit in limits)
        self._limits = self._column([math.inf if v is None else v for v in limits])
        self._decays = [plan.optimizer.weight_decay for plan in self.plans]
        self._scheduled = any(p.lr_schedule or p.warmup_fraction for p in self.plans)
        self._set_rates(self.rates)

    def _column(self, numbers: Sequence[float]) -> Tensor:
        column = torch.tensor(numbers, dtype=torch.float64)
        return column.to(self.values.dtype).to(self.values.device).unsqueeze(1)

    def _point(self) -> None:
        """Make the parameters of the network views of the matrix, in its order."""
        own = list(self.network.parameters())
        parameters = [own[place] for place in self._order]
        self._parameters, self._slots, start = parameters, [], 0
        for parameter in parameters:
            end = start + math.prod(parameter.shape[1:])
            shape = (-1, *parameter.shape[1:])
            parameter.data = self.values[:, start:end].view(shape)
            self._slots.append(self.grads[:, start:end].view(shape))
            start = end

    def _set_rates(self, rates: list[float]) -> None:
        self.rates = rates
        self._steps = self._column(rates)
        pairs = zip(rates, self._decays, strict=True)
        self._shrinks = self._column([1.0 - rate * decay for rate, decay in pairs])

    def _schedule(self, n_batches: int) -> None:
        rates = []
        for plan, plateau in zip(self.plans, self.plateaus, strict=True):
            n_steps = n_batches * plan.max_epochs
            factor = schedule_factor(
                plan.lr_schedule,
                min(self.steps_done, n_steps),
                n_steps,
                plan.warmup_fraction,
            )
            rates.append(plan.optimizer.learning_rate * factor * plateau.factor)
        self._set_rates(rates)

    def step(self, batch: StackedBatch, n_batches: int) -> Tensor:
        """Take one step and return the loss of each member before it.

        Parameters
        ----------
        batch : StackedBatch
            The rows.
        n_batches : int
            Batches in an epoch, which schedules are stretched over.
        """
        if self._scheduled:
            self._schedule(n_batches)
        output = self.network(batch.X, batch.n_rows)
        losses: Tensor = self.loss(output, batch.y, batch.weight)
        # Not by `backward`: it warns of gradients that lie in a matrix.
        found = torch.autograd.grad(losses.sum(), self._parameters)
        for slot, gradient in zip(self._slots, found, strict=True):
            slot.copy_(gradient)
        orthant = None
        if self.penalty.active:
            orthant = self.penalty.before_step(self.weights, self.weight_grads)
        if self._clips:
            norms = torch.linalg.vector_norm(self.grads, dim=1, keepdim=True)
            self.grads.mul_((self._limits / (norms + 1e-12)).clamp_(max=1.0))
        # After the gradient, which belongs to the weights before they decay.
        if any(self._decays):
            self.weights.mul_(self._shrinks)
        self._move()
        if orthant is not None:
            self.penalty.after_step(self.weights, orthant)
        self.steps_done += 1
        return losses.detach()

    def _move(self) -> None:
        """Let the optimizer step, and each member follow at its own rate."""
        direction = self.direction.detach()
        self._update()
        self.values.addcmul_(direction, self._steps)
        direction.zero_()

    def evaluate(self, batch: StackedBatch) -> Tensor:
        """Return the loss of each member on rows that it does not learn from."""
        output = self.network(batch.X, batch.n_rows)
        losses: Tensor = self.loss(output, batch.y, batch.weight)
        return losses

    def penalties(self) -> list[float]:
        """Return what the size of the weights adds to the loss of each member."""
        values: list[float] = self.penalty.values(self.weights).tolist()
        return values

    def end_epoch(self, losses: Sequence[float]) -> None:
        """Tell the schedules that go by the loss of each member of its epoch."""
        triples = zip(self.plans, self.plateaus, losses, strict=True)
        for plan, plateau, loss in triples:
            if plan.lr_schedule == "plateau":
                plateau.update(loss)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with some members only, named by their places."""
        kept = list(members)
        n_members = len(self.values)
        self._state = {
            name: slot[kept]
            if isinstance(slot, torch.Tensor) and slot.shape[:1] == (n_members,)
            else slot
            for name, slot in self.optimizer.state[self.direction].items()
        }
        self.values = self.values[kept]
        self.plans = [self.plans[k] for k in kept]
        self.plateaus = [self.plateaus[k] for k in kept]
        self.rates = [self.rates[k] for k in kept]
        self.network.keep(kept)
        self.loss.keep(kept)
        self.penalty.keep(kept)
        self._gather()


def _plateau(plan: TrainingPlan) -> Plateau:
    stopping = plan.stopping
    return Plateau(stopping.plateau_patience, stopping.tol or 0.0)
