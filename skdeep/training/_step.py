"""One optimization step: forward, backward, penalty, clipping, update, average."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import torch

from skdeep.training._averaging import WeightAverage
from skdeep.training._bare_optimizers import bare_step, compiler_left_out
from skdeep.training._flat import FlatParameters, copy_all, write_all
from skdeep.training._optimizers import (
    build_optimizer,
    direct_step,
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
    """

    def __init__(
        self,
        module: torch.nn.Module,
        criterion: torch.nn.Module,
        plan: TrainingPlan,
        penalty: Penalty,
    ) -> None:
        self.module = module
        self.criterion = criterion
        self.plan = plan
        self.penalty = penalty
        self.flat = FlatParameters(module, plan.optimizer.rate_factors)
        self._rate_factors = [factor for _, factor in self.flat.pieces]
        self.optimizer = build_optimizer(plan.optimizer, *self.flat.pieces)
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
        self._gradients: Callable[[StepBatch], tuple[torch.Tensor, torch.Tensor]]
        self.look_again()
        # Called with the gradient in place, before it is used.
        self.on_gradient: Sequence[Callable[[StepBatch], None]] = ()
        self._update: Callable[[], object] | None = None
        self._with_closure = _needs_closure(self.optimizer)
        self._scaler = (
            torch.amp.GradScaler(plan.device.type)
            if plan.autocast_dtype == torch.float16
            else None
        )
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
        if state["kind"] != type(self.optimizer).__qualname__:
            return
        before = state["arguments"]
        changed = {
            name: value
            for name, value in self.optimizer.defaults.items()
            if name not in before or before[name] != value
        }
        saved = state["optimizer"]
        groups = [{**group, **changed} for group in saved["param_groups"]]
        if "lr" in changed:
            for group, factor in zip(groups, self._rate_factors, strict=True):
                group["lr"] *= factor
        # A copy, since torch goes on writing into the tensors that it is given.
        slots = copy.deepcopy(saved["state"])
        with compiler_left_out():
            self.optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.steps_done = state["steps_done"]

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
        """Return what the optimizer would keep if each group had two weights.

        Empty where it cannot step on so few; nothing is known of its state then.
        """
        like = self.flat.parameter
        pieces = [
            (torch.nn.Parameter(like.new_ones(2)), factor)
            for _, factor in self.flat.pieces
        ]
        optimizer = build_optimizer(self.plan.optimizer, *pieces)

        def closure() -> float:
            optimizer.zero_grad()
            loss = torch.stack([(piece**2).sum() for piece, _ in pieces]).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return float(loss)

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

    def step(
        self, batch: StepBatch, n_batches: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step and return the loss before it and the outputs.

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
            self._decay(n_batches)
            loss, output = self._closure_step(batch)
        else:
            loss, output = self._gradients(batch)
            orthant = self._adjust_gradient(batch)
            # After the gradient, which belongs to the weights before they decay.
            self._decay(n_batches)
            if self._update is None:
                self._update = self._choose_update()
            self._update()
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
            self.flat.decay(self.rate * decay)

    def _choose_update(self) -> Callable[[], object]:
        # Only at the first step: a continued training has loaded its state by now.
        scaler = self._scaler
        if scaler is None:
            pieces = self.flat.pieces
            return (
                direct_step(self.optimizer, self.flat.parameter)
                if len(pieces) == 1
                else bare_step(self.optimizer)
            )

        def update() -> None:
            scaler.step(self.optimizer)
            scaler.update()

        return update

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

    def look_again(self) -> None:
        """Choose how to compute gradients, after somebody may have hung on hooks."""
        dense = self._dense_pass()
        value_and_gradient: Any = getattr(self.criterion, "value_and_gradient", None)
        if dense is None or value_and_gradient is None:
            self._gradients = self._by_autograd
            return

        @torch.inference_mode()
        def by_layers(batch: StepBatch) -> tuple[torch.Tensor, torch.Tensor]:
            output = dense.forward(batch.X)
            loss, gradient = value_and_gradient(output, batch.y, batch.weight)
            dense.backward(gradient)
            return loss, output

        self._gradients = by_layers

    def _dense_pass(self) -> DensePass | None:
        """Return a pass without autograd; None where somebody may look at its graph."""
        plan = self.plan
        make = getattr(self.module, "dense_pass", None)
        needs_graph = plan.compile or plan.autocast_dtype or torch.is_anomaly_enabled()
        if make is None or needs_graph or plan.device.type != "cpu":
            return None
        dense: DensePass | None = make(self.flat.gradients)
        return dense

    def _by_autograd(self, batch: StepBatch) -> tuple[torch.Tensor, torch.Tensor]:
        self.flat.grad.zero_()
        dtype = self.plan.autocast_dtype
        if dtype is None:
            output = self.forward(batch.X)
            loss = self.criterion(output, batch.y, batch.weight)
        else:
            with torch.autocast(self.plan.device.type, dtype=dtype):
                output = self.forward(batch.X)
            loss = self.criterion(output.float(), batch.y, batch.weight)
        (loss if self._scaler is None else self._scaler.scale(loss)).backward()
        return loss, output

    def _adjust_gradient(self, batch: StepBatch) -> torch.Tensor | None:
        flat, orthant = self.flat, None
        if self._scaler is not None:
            self._scaler.unscale_(self.optimizer)
        if self.penalty.active:
            orthant = self.penalty.before_step(flat.weights, flat.weight_grads)
        limit = self.plan.max_grad_norm
        if limit is not None:
            norm = torch.linalg.vector_norm(flat.grad)
            flat.grad.mul_((limit / (norm + 1e-12)).clamp_(max=1.0))
        for listener in self.on_gradient:
            listener(batch)
        return orthant

    def _closure_step(self, batch: StepBatch) -> tuple[torch.Tensor, torch.Tensor]:
        first: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]] = []

        def closure() -> torch.Tensor:
            loss, output = self._gradients(batch)
            orthant = self._adjust_gradient(batch)
            if not first:
                first.append((loss.detach(), output.detach(), orthant))
            return loss.detach() + self.penalty.value(self.flat.weights)

        self.optimizer.step(closure)  # type: ignore[arg-type]  # torch allows tensors
        loss, output, orthant = first[0]
        if orthant is not None:
            self.penalty.after_step(self.flat.weights, orthant)
        return loss, output


@functools.cache
def _signature(kind: type[torch.optim.Optimizer]) -> inspect.Signature:
    return inspect.signature(kind.step)


def _on_cpu(state: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an optimizer's state that any machine can read from a file."""
    state = copy.deepcopy(state)
    for slots in state["state"].values():
        for name, value in slots.items():
            if isinstance(value, torch.Tensor):
                slots[name] = value.cpu()
    return state


def _needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    """Tell whether `step` cannot be called without a closure, as that of L-BFGS."""
    signature = _signature(type(optimizer))  # type: ignore[arg-type]  # classes do hash
    closure = signature.parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty
