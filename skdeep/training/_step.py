"""One optimization step: forward, backward, penalty, clipping, update, average."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch

from skdeep.training._averaging import WeightAverage
from skdeep.training._bare_optimizers import bare_step, compiler_left_out
from skdeep.training._flat import FlatParameters, copy_all, write_all
from skdeep.training._optimizers import (
    build_optimizer,
    direct_step,
    kind_of,
    needs_closure,
    sees_shapes,
    set_learning_rate,
)
from skdeep.training._schedules import Plateau, schedule_factor

if TYPE_CHECKING:
    from skdeep._plan import TrainingPlan


class StepBatch(Protocol):
    """One step's rows: inputs, targets and weights."""

    X: torch.Tensor
    y: Any
    weight: torch.Tensor | None


class EpochBatches(Protocol):
    """What an epoch is iterated over."""

    def __len__(self) -> int:
        """Return the number of batches."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of one epoch."""
        ...


class Penalty(Protocol):
    """What is added to the loss for the size of the weights."""

    active: bool

    def value(self, weights: torch.Tensor) -> float:
        """Return the penalty."""
        ...

    def before_step(
        self, weights: torch.Tensor, grads: torch.Tensor
    ) -> torch.Tensor | None:
        """Add the penalty's gradient; return what `after_step` needs."""
        ...

    def after_step(self, weights: torch.Tensor, orthant: torch.Tensor | None) -> None:
        """Correct the weights after the step."""
        ...


class DensePass(Protocol):
    """Forward and backward pass of a network that needs no autograd."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the outputs."""
        ...

    def backward(self, grad: torch.Tensor) -> None:
        """Write the gradients of all parameters."""
        ...


class Stepper:
    """Take steps on a module by a plan.

    Parameters
    ----------
    module : torch.nn.Module
        The network; its parameters become views of one buffer until `release`.
    criterion : torch.nn.Module
        Called with outputs, targets and weights; returns a scalar.
    plan : TrainingPlan
        How to step.
    penalty : Penalty
        On the weights.
    watched : bool, default=False
        Whether callbacks may unfreeze what is frozen at first.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        criterion: torch.nn.Module,
        plan: TrainingPlan,
        penalty: Penalty,
        *,
        watched: bool = False,
    ) -> None:
        self.module = module
        self.criterion = criterion
        self.plan = plan
        self.penalty = penalty
        self.flat = FlatParameters(
            module,
            plan.optimizer.rate_factors,
            shaped=sees_shapes(plan.optimizer),
            frozen_too=watched,
        )
        self._rate_factors = [factor for _, factor in self.flat.groups]
        self.optimizer = build_optimizer(plan.optimizer, *self.flat.groups)
        self.forward: Callable[[torch.Tensor], torch.Tensor] = module
        if plan.compile:
            self.forward = torch.compile(module)
        self.average = (
            WeightAverage(plan.weight_averaging, self.flat, module, plan.max_epochs)
            if plan.weight_averaging
            else None
        )
        stopping = plan.stopping
        self.plateau = Plateau(stopping.plateau_patience, stopping.tol or 0.0)
        # An argument in `optimizer_params` wins, and L-BFGS has a rate of its own.
        self._base_rate = float(
            self.optimizer.defaults.get("lr", plan.optimizer.learning_rate)
        )
        self.steps_done = 0
        # Called with the gradient in place, before it is used.
        self.on_gradient: Sequence[Callable[[StepBatch], None]] = ()
        self._update: Callable[[], object] | None = None
        self._with_closure = needs_closure(kind_of(plan.optimizer))
        # L-BFGS takes its gradient for whole numbers as they are: a search along a line
        # cannot be scaled half-way.
        halved = plan.autocast_dtype == torch.float16
        self._autocast_dtype = (
            None if halved and self._with_closure else plan.autocast_dtype
        )
        self._scaler = (
            torch.amp.GradScaler(plan.device.type)
            if self._autocast_dtype == torch.float16
            else None
        )
        self._sparse: list[Any] = [
            part for part in module.modules() if hasattr(part, "sparse_gradient")
        ]
        # The dropout layers of our own networks, which this room does not import.
        self._dropouts: list[Any] = [
            part
            for part in module.modules()
            if plan.dropout_schedule and hasattr(part, "p_share")
        ]
        self._scheduled = (
            bool(plan.lr_schedule or plan.warmup_fraction)
            and plan.optimizer.name != "lbfgs"
        )
        if self.flat.resting:
            self._let_rest(self.flat.resting)
        self._gradients: Callable[[StepBatch], tuple[torch.Tensor, torch.Tensor]]
        self.look_again()

    @property
    def rate(self) -> float:
        """The learning rate of the next step, whoever set it."""
        group = self.optimizer.param_groups[0]
        rate = float(group.get("lr", self._base_rate))
        return rate / self._rate_factors[0]

    def state(self) -> dict[str, Any]:
        """Return what another stepper needs to go on where this one stands."""
        with compiler_left_out():
            optimizer = _on_cpu(self.optimizer.state_dict())
        return {
            "kind": type(self.optimizer).__qualname__,
            "arguments": dict(self.optimizer.defaults),
            "optimizer": optimizer,
            "steps_done": self.steps_done,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a state; arguments changed since then win over those in it.

        Another kind of optimizer starts afresh, since it can read no other's state.
        """
        saved = state["optimizer"]
        same = state["kind"] == type(self.optimizer).__qualname__
        if not (same and self._takes(saved["param_groups"])):
            return
        before = state["arguments"]
        changed = {
            name: value
            for name, value in self.optimizer.defaults.items()
            if name not in before or before[name] != value
        }
        groups = [{**group, **changed} for group in saved["param_groups"]]
        if "lr" in changed:
            for group, factor in zip(groups, self._rate_factors, strict=True):
                group["lr"] *= factor
        # A copy, since torch goes on writing into the tensors that it is given.
        slots = copy.deepcopy(saved["state"])
        with compiler_left_out():
            self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.steps_done = state["steps_done"]

    def _takes(self, saved: Sequence[Mapping[str, Any]]) -> bool:
        """Tell whether the groups of a state are ours, once ours are taken apart."""
        sizes = [len(group["params"]) for group in saved]
        if self.flat.joined and sum(sizes) == len(self.flat.owners):
            self.flat.take_apart(self.optimizer)
        return sizes == [len(parameters) for parameters, _ in self.flat.groups]

    def capture(self) -> dict[str, Any]:
        """Return all that the next step depends on, beside batches and generators."""
        plateau, scaler = self.plateau, self._scaler
        return {
            **self.state(),
            "weights": self.flat.snapshot(),
            "buffers": copy_all(self.module.buffers()),
            "plateau": [plateau.best, plateau.waited, plateau.factor],
            "average": None if self.average is None else self.average.state(),
            "scaler": None if scaler is None else scaler.state_dict(),
        }

    def example_state(self) -> dict[int, Any]:
        """Return what the optimizer would keep of other weights after some steps.

        Of two of each parameter that it has, or of as many where it sees shapes. Empty
        where it cannot step on them; nothing is known of its state then.
        """
        flat = self.flat

        def example(parameter: torch.Tensor) -> torch.nn.Parameter:
            shape = parameter.shape if flat.shaped else (2,)
            return torch.nn.Parameter(parameter.detach().new_ones(shape))

        groups = [
            ([example(parameter) for parameter in parameters], factor)
            for parameters, factor in flat.groups
        ]
        pieces = [piece for parameters, _ in groups for piece in parameters]
        optimizer = build_optimizer(self.plan.optimizer, *groups)

        def closure() -> float:
            optimizer.zero_grad()
            loss = torch.stack([(piece**2).sum() for piece in pieces]).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return float(loss.detach())

        try:
            with compiler_left_out(), torch.enable_grad():
                for _ in range(3):
                    optimizer.step(closure)
        # Of an optimizer that is not torch's.
        except Exception:
            return {}
        state: dict[int, Any] = _on_cpu(optimizer.state_dict())["state"]
        return state

    def restore(self, captured: Mapping[str, Any]) -> None:
        """Go on where the `capture` of a stepper of the same plan was taken."""
        self.flat.restore(captured["weights"])
        write_all(self.module.buffers(), captured["buffers"])
        with compiler_left_out():
            self.optimizer.load_state_dict(copy.deepcopy(captured["optimizer"]))
        self.steps_done = captured["steps_done"]
        plateau = self.plateau
        plateau.best, plateau.waited, plateau.factor = captured["plateau"]
        if self.average is not None:
            self.average.resume(captured["average"])
        if self._scaler is not None:
            self._scaler.load_state_dict(captured["scaler"])

    def attend(self) -> None:
        """Take note of what callbacks did to parameters, before the next step."""
        flat = self.flat
        flat.reclaim()
        if flat.note_frozen():
            self._let_rest(flat.resting)
        self.look_again()

    def step(
        self, batch: StepBatch, n_batches: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step and return the loss before it and the outputs.

        The order is the same for all optimizers: loss and gradient, penalty, clipping,
        callbacks, weight decay, step. The gradient belongs to the weights before they
        decay. Where a gradient in half precision overflows, nothing of this acts but
        callbacks, and the step does not count.

        Parameters
        ----------
        batch : StepBatch
            The rows.
        n_batches : int
            Batches in an epoch, which the schedule is stretched over.
        """
        if self._scheduled:
            self._set_rate(n_batches)
        if self._dropouts:
            share = self._factor(self.plan.dropout_schedule, n_batches)
            for part in self._dropouts:
                part.p_share = share
        if self._with_closure:
            loss, output, orthant = self._closure_step(batch, n_batches)
        else:
            loss, output = self.differentiate(batch)
            overflows = self._scaler is not None and self._overflows(self._scaler)
            orthant = self._adjust_gradient(batch)
            if overflows:
                return loss, output
            self._decay(n_batches)
            if self._update is None:
                self._update = self._choose_update()
            self._update()
        if self.flat.shaped:
            # A class of a user's may have given parameters new memory.
            self.flat.reclaim()
        if orthant is not None:
            self.penalty.after_step(self.flat.weights, orthant)
        self.steps_done += 1
        if self.average is not None:
            self.average.after_step()
        return loss, output

    def _factor(self, schedule: str | None, n_batches: int) -> float:
        """Return what a schedule multiplies by at this step."""
        n_steps = n_batches * self.plan.max_epochs
        return schedule_factor(schedule, min(self.steps_done, n_steps), n_steps)

    def _decay(self, n_batches: int) -> None:
        decay = self.plan.optimizer.weight_decay
        if decay and self.plan.weight_decay_schedule:
            decay *= self._factor(self.plan.weight_decay_schedule, n_batches)
        if decay:
            self.flat.decay(self.rate * decay, self._resting)

    def _choose_update(self) -> Callable[[], object]:
        # Only at the first step: a continued training has loaded its state by now.
        groups = self.flat.groups
        if len(groups) == 1 and groups[0][0] == [self.flat.parameter]:
            return direct_step(self.optimizer, self.flat.parameter)
        return bare_step(self.optimizer)

    def _let_rest(self, gone: set[int]) -> None:
        """Step without some parameters, which the optimizer leaves as they are."""
        self._resting = gone
        flat = self.flat
        if isinstance(self.optimizer, torch.optim.LBFGS):
            # It has one state for all, and takes no gradient for one of zero.
            flat.silence(gone)
            flat.withhold(set())
            return
        if gone and flat.joined:
            flat.take_apart(self.optimizer)
            self._update = None
            if isinstance(self.optimizer, torch.optim.SGD):
                # Fused, it cannot step some that have a momentum and some that have
                # none (torch 2.14).
                for group in self.optimizer.param_groups:
                    group["fused"] = None
        flat.withhold(gone)

    def _set_rate(self, n_batches: int) -> None:
        plan = self.plan
        n_steps = n_batches * plan.max_epochs
        step = min(self.steps_done, n_steps)
        factor = schedule_factor(plan.lr_schedule, step, n_steps, plan.warmup_fraction)
        self.set_rate(self._base_rate * factor * self.plateau.factor)

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the steps to come."""
        set_learning_rate(self.optimizer, rate, self._rate_factors)

    def end_epoch(self, epoch: int, loss: float, batches: EpochBatches) -> float:
        """Return the epoch's loss with the penalty, after averaging and scheduling."""
        if self.average is not None:
            self.average.after_epoch(epoch, (batch.X for batch in batches))
        total = loss + self.penalty.value(self.flat.weights)
        if self.plan.lr_schedule == "plateau":
            self.plateau.update(total)
        return total

    def differentiate(self, batch: StepBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return loss and outputs, and leave the gradients in the flat buffer."""
        self._resting = self.flat.resting
        return self._gradients(batch)

    def look_again(self) -> None:
        """Choose how to compute gradients, after somebody may have hung on hooks."""
        dense = self._dense_pass()
        value_and_gradient: Any = getattr(self.criterion, "value_and_gradient", None)
        if dense is None or value_and_gradient is None:
            self._gradients = self._by_autograd
            return

        @torch.inference_mode()
        def by_layers(batch: StepBatch) -> tuple[torch.Tensor, torch.Tensor]:
            self.flat.attach()
            output = dense.forward(batch.X)
            loss, gradient = value_and_gradient(output, batch.y, batch.weight)
            dense.backward(gradient)
            return loss, output

        self._gradients = by_layers

    def _dense_pass(self) -> DensePass | None:
        """Return a pass without autograd; None where somebody may look at its graph."""
        plan = self.plan
        make = getattr(self.module, "dense_pass", None)
        needs_graph = plan.compile or self._autocast_dtype or torch.is_anomaly_enabled()
        if make is None or needs_graph or plan.device.type != "cpu":
            return None
        dense: DensePass | None = make(self.flat.gradients)
        return dense

    def _by_autograd(self, batch: StepBatch) -> tuple[torch.Tensor, torch.Tensor]:
        self.flat.clear()
        for part in self._sparse:
            part.sparse_gradient = True
        try:
            loss, output = self._evaluate(batch)
            scaled = loss if self._scaler is None else self._scaler.scale(loss)
            scaled.backward()  # type: ignore[no-untyped-call]
        finally:
            for part in self._sparse:
                part.sparse_gradient = False
        return loss, output

    def _evaluate(self, batch: StepBatch) -> tuple[torch.Tensor, torch.Tensor]:
        dtype = self._autocast_dtype
        if dtype is None:
            output = self.forward(batch.X)
            return self.criterion(output, batch.y, batch.weight), output
        with torch.autocast(self.plan.device.type, dtype=dtype):
            output = self.forward(batch.X)
        return self.criterion(output.float(), batch.y, batch.weight), output

    def _overflows(self, scaler: torch.amp.GradScaler) -> bool:
        """Take the scale off the gradient; tell whether it is of no use."""
        scaler.unscale_(self.optimizer)
        scaler.update()
        return not bool(torch.isfinite(self.flat.grad).all())

    def _adjust_gradient(self, batch: StepBatch) -> torch.Tensor | None:
        flat, orthant = self.flat, None
        if self.penalty.active:
            orthant = self.penalty.before_step(flat.weights, flat.weight_grads)
            if flat.resting:
                flat.silence(flat.resting)
        limit = self.plan.max_grad_norm
        if limit is not None:
            norm = torch.linalg.vector_norm(flat.grad)
            flat.grad.mul_((limit / (norm + 1e-12)).clamp_(max=1.0))
        if self.on_gradient:
            for listener in self.on_gradient:
                listener(batch)
            flat.reclaim()
            gone = flat.collect()
            if gone != flat.resting:
                self._let_rest(gone)
        return orthant

    def _closure_step(
        self, batch: StepBatch, n_batches: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        first: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]] = []

        def closure() -> torch.Tensor:
            if self.flat.shaped:
                self.flat.reclaim()
            loss, output = self.differentiate(batch)
            orthant = self._adjust_gradient(batch)
            loss = loss.detach()
            value = loss + self.penalty.value(self.flat.weights)
            if not first:
                first.append((loss, output.detach(), orthant))
                self._decay(n_batches)
            return value

        self.optimizer.step(closure)  # type: ignore[arg-type]  # torch allows tensors
        if not first:
            kind = type(self.optimizer).__name__
            raise RuntimeError(
                f"The 'optimizer' {kind} of {self.plan.title} did not call the closure "
                "that its step asks for. Call it once at least."
            )
        return first[0]


def _on_cpu(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an optimizer's state that any machine can read from a file."""
    state = copy.deepcopy(state)
    for slots in state["state"].values():
        for name, value in slots.items():
            if isinstance(value, torch.Tensor):
                slots[name] = value.cpu()
    return state
