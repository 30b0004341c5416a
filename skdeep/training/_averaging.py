"""Averages of the weights along the path of training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from skdeep.training._flat import copy_all, float_buffers, write_all

if TYPE_CHECKING:
    from skdeep.training._flat import FlatParameters

EMA_DECAY = 0.999
SWA_START = 0.75


class WeightAverage:
    """Keep an average of a module's weights and evaluate the module with it.

    "ema" is an exponential moving average over steps with decay
    ``min(0.999, (1 + t) / (10 + t))``, so that short trainings are averaged too. "swa"
    is the plain mean over the epochs after three quarters of the training (Izmailov et
    al. 2018, :arxiv:`1803.05407`). Statistics of batch normalization are averaged by
    "ema" and measured anew, with the averaged weights, by "swa".

    Parameters
    ----------
    kind : {"ema", "swa"}
        Which average.
    flat : FlatParameters
        The weights.
    module : torch.nn.Module
        Their owner.
    max_epochs : int
        Length of the training.
    """

    def __init__(
        self, kind: str, flat: FlatParameters, module: torch.nn.Module, max_epochs: int
    ) -> None:
        self.kind = kind
        self.flat = flat
        self.module = module
        self.first_epoch = int(SWA_START * max_epochs) + 1
        self.count = 0
        self.weights: torch.Tensor | None = None
        self.buffers: list[torch.Tensor] = []

    def after_step(self) -> None:
        """Take one step's weights into the moving average."""
        if self.kind != "ema":
            return
        self.count += 1
        decay = min(EMA_DECAY, self.count / (9 + self.count))
        if self.weights is None:
            self.weights = self.flat.snapshot()
            self.buffers = copy_all(float_buffers(self.module))
            return
        self.weights.lerp_(self.flat.parameter.detach(), 1 - decay)
        for average, buffer in zip(
            self.buffers, float_buffers(self.module), strict=True
        ):
            average.lerp_(buffer, 1 - decay)

    def after_epoch(self, epoch: int, inputs: Iterable[torch.Tensor]) -> None:
        """Take one epoch's weights into the plain mean; `inputs` are its batches."""
        if self.kind != "swa" or epoch < self.first_epoch:
            return
        self.count += 1
        if self.weights is None:
            self.weights = self.flat.snapshot()
        else:
            self.weights.lerp_(self.flat.parameter.detach(), 1 / self.count)
        if float_buffers(self.module):
            self.buffers = self._measure_buffers(self.weights, inputs)

    def _measure_buffers(
        self, average: torch.Tensor, inputs: Iterable[torch.Tensor]
    ) -> list[torch.Tensor]:
        live, buffers = self.flat.snapshot(), float_buffers(self.module)
        kept = copy_all(buffers)
        norms: list[Any] = [
            part
            for part in self.module.modules()
            if getattr(part, "running_mean", None) is not None
        ]
        momenta = [norm.momentum for norm in norms]
        counts = [norm.num_batches_tracked.clone() for norm in norms]
        self.flat.restore(average)
        was_training = self.module.training
        # Only the normalization layers train: dropout would blur what they measure.
        self.module.eval()
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        with torch.no_grad():
            for X in inputs:
                self.module(X)
        measured = copy_all(buffers)
        for norm, momentum, count in zip(norms, momenta, counts, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = count
        self.module.train(was_training)
        self.flat.restore(live)
        write_all(buffers, kept)
        return measured

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Lend the module its averaged weights, once there are any."""
        if self.weights is None:
            yield
            return
        live, buffers = self.flat.snapshot(), copy_all(float_buffers(self.module))
        self.adopt()
        try:
            yield
        finally:
            self.flat.restore(live)
            write_all(float_buffers(self.module), buffers)

    def adopt(self) -> None:
        """Give the module its averaged weights for good."""
        if self.weights is not None:
            self.flat.restore(self.weights)
            if self.buffers:
                write_all(float_buffers(self.module), self.buffers)

    def state(self) -> dict[str, Any]:
        """Return the average so far."""
        return {"count": self.count, "weights": self.weights, "buffers": self.buffers}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from another average's `state`."""
        device = self.flat.parameter.device
        weights = state["weights"]
        self.count = state["count"]
        self.weights = None if weights is None else weights.to(device)
        self.buffers = [buffer.to(device) for buffer in state["buffers"]]
