"""A small engine room: modules, rows, plans and runs, made without global state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from skdeep._plan import OptimizerPlan, StoppingPlan, TrainingPlan
from skdeep.data import Batches, make_rows
from skdeep.losses import WeightPenalty
from skdeep.training import TrainingRun

CPU = torch.device("cpu")


class MeanSquares(nn.Module):
    """The mean over rows of half the squared error, weighted."""

    def forward(
        self, output: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None
    ) -> torch.Tensor:
        """Return the loss of one batch."""
        losses = 0.5 * (output - y).square().sum(dim=1)
        return losses.mean() if weight is None else (losses * weight).mean()


class Scripted(nn.Module):
    """A mean square that is another number at chosen calls, counted from 1."""

    def __init__(self, script: Mapping[int, float]) -> None:
        super().__init__()
        self.script = script
        self.calls = 0

    def forward(self, output: torch.Tensor, y: torch.Tensor, _: Any) -> torch.Tensor:
        """Return the loss, or what the script says."""
        self.calls += 1
        loss = (output - y).square().mean()
        return loss * 0 + self.script[self.calls] if self.calls in self.script else loss


@pytest.fixture
def scripted() -> type[Scripted]:
    """Return the class of losses that follow a script."""
    return Scripted


def linear(n_in: int, n_out: int, generator: torch.Generator, dtype: Any) -> nn.Module:
    """Return a linear layer with weights and biases drawn from a generator."""
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out, dtype=dtype)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(generator=generator)
    return layer


@pytest.fixture
def make_module() -> Callable[..., nn.Sequential]:
    """Return a maker of small perceptrons."""

    def make(
        widths: tuple[int, ...] = (3, 5, 1),
        *,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        norm: bool = False,
    ) -> nn.Sequential:
        generator = torch.Generator().manual_seed(seed)
        parts: list[nn.Module] = []
        for n_in, n_out in pairwise(widths[:-1]):
            parts.append(linear(n_in, n_out, generator, dtype))
            if norm:
                parts.append(nn.BatchNorm1d(n_out, dtype=dtype))
            parts.append(nn.Tanh())
        return nn.Sequential(*parts, linear(widths[-2], widths[-1], generator, dtype))

    return make


@pytest.fixture
def make_batches() -> Callable[..., Batches]:
    """Return a maker of batches of a noisy linear function."""

    def make(
        n_rows: int = 24,
        batch_size: int = 8,
        *,
        seed: int = 0,
        shuffled: bool = False,
        weighted: bool = False,
        dtype: torch.dtype = torch.float64,
    ) -> Batches:
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n_rows, 3))
        y = X @ [[1.0], [-2.0], [0.5]] + 0.1 * rng.standard_normal((n_rows, 1))
        weight = rng.uniform(0.5, 1.5, n_rows)
        return Batches(
            make_rows(X, None, dtype, CPU),
            torch.from_numpy(y).to(dtype),
            torch.from_numpy(weight / weight.mean()).to(dtype) if weighted else None,
            batch_size=batch_size,
            generator=torch.Generator().manual_seed(seed) if shuffled else None,
        )

    return make


@pytest.fixture
def make_plan() -> Callable[..., TrainingPlan]:
    """Return a maker of plans: plain gradient descent of rate 0.1 unless told."""

    def make(
        *,
        optimizer: dict[str, Any] | None = None,
        stopping: dict[str, Any] | None = None,
        **changes: Any,
    ) -> TrainingPlan:
        step = OptimizerPlan(
            **{
                "name": "sgd",
                "learning_rate": 0.1,
                "momentum": 0.0,
                **(optimizer or {}),
            }
        )
        plan = TrainingPlan(
            optimizer=step,
            stopping=StoppingPlan(**{"tol": None, **(stopping or {})}),
            device=CPU,
            max_epochs=5,
            batch_size=8,
            title="Model",
        )
        return replace(plan, **changes)

    return make


@pytest.fixture
def make_run(make_module: Any, make_plan: Any) -> Callable[..., TrainingRun]:
    """Return a maker of runs of a small perceptron."""

    def make(
        *,
        module: nn.Module | None = None,
        loss: nn.Module | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        callbacks: Any = None,
        state: Any = None,
        **plan: Any,
    ) -> TrainingRun:
        return TrainingRun(
            make_plan(**plan),
            make_module() if module is None else module,
            MeanSquares() if loss is None else loss,
            WeightPenalty(l1, l2),
            callbacks=callbacks,
            state=state,
        )

    return make
