"""The verb "build": rows, module, loss and plan out of what was validated."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skdeep._devices import resolve_precision
from skdeep._plan import OptimizerPlan, StoppingPlan, TrainingPlan
from skdeep._seeding import isolated_global_rng, torch_generator
from skdeep.data import Batches, NumberTarget, float_dtype
from skdeep.exceptions import NetworkError, SkdeepError
from skdeep.losses import WeightPenalty
from skdeep.networks import attach_generator

if TYPE_CHECKING:
    from skdeep._typing import Array
    from skdeep.base._job import Job, Part

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


def build(estimator: Any, job: Job) -> None:
    """Fill the job with all that training needs.

    Parameters
    ----------
    estimator : DeepEstimator
        Gives the parameters and the front door's hooks.
    job : Job
        Encoded and split.
    """
    job.dtype = _dtype(estimator, job)
    job.generators = _generators(job)
    job.architecture = estimator._architecture(job.train.X)
    job.scaler = _scaler(estimator, job)
    fresh = job.probe is None and (job.before is None or job.partial)
    if fresh and isinstance(job.target, NumberTarget):
        with _told_of(estimator, "y"):
            job.target.update(job.train.codes, job.train.weight)
    third_party = estimator._is_third_party()
    with (
        isolated_global_rng(job.streams.third_party, job.device)
        if third_party
        else nullcontext()
    ):
        job.module = _module(estimator, job).to(job.device, job.dtype)
        job.loss = estimator._make_loss(job).to(job.device, job.dtype)
    attach_generator(job.module, job.generators["dropout"])
    job.penalty = WeightPenalty(estimator.l1, estimator.l2)
    job.batches = _batches(estimator, job, job.train, training=True)
    if job.valid is not None:
        job.valid_batches = _batches(estimator, job, job.valid, training=False)
    job.plan = _plan(estimator, job, third_party=third_party)


def _dtype(estimator: Any, job: Job) -> torch.dtype:
    if estimator.dtype != "auto":
        return _DTYPES[estimator.dtype]
    if job.before is not None:
        dtype: torch.dtype = next(estimator.module_.parameters()).dtype
        return dtype
    # One batch in float64 makes a weight of two equal to a row given twice, to the
    # last digits; with several batches their order differs anyway.
    exact = (
        float_dtype(job.train.X) == np.float64
        and job.device.type == "cpu"
        and job.train.n_rows <= job.batch_size
        and not job.partial
        and estimator.precision in ("auto", "full")
    )
    return torch.float64 if exact else torch.float32


def _generators(job: Job) -> dict[str, torch.Generator]:
    generators = {
        "initialization": torch_generator(job.streams.initialization),
        "shuffling": torch_generator(job.streams.shuffling),
        "dropout": torch_generator(job.streams.dropout, job.device),
        "augmentation": torch_generator(job.streams.augmentation),
    }
    if job.before is not None:
        for name, state in job.before.resume.get("generators", {}).items():
            # A file may come from another kind of device, with other generators.
            if len(state) == len(generators[name].get_state()):
                generators[name].set_state(state)
    return generators


def _scaler(estimator: Any, job: Job) -> Any:
    if job.probe is not None:
        return job.scaler
    if job.before is None:
        scaler = estimator._make_scaler(job)
    else:
        scaler = copy.deepcopy(job.before.scaler)
        if not job.partial:
            return scaler
    if scaler is None:
        return None
    with _told_of(estimator, "X"):
        return scaler.update(job.train.X, job.train.weight)


@contextmanager
def _told_of(estimator: Any, name: str) -> Iterator[None]:
    """Name the estimator, and what it was given, where statistics overflow."""
    try:
        yield
    except OverflowError as error:
        raise ValueError(
            f"{type(estimator).__name__} cannot scale {name}. {error}"
        ) from error


def _module(estimator: Any, job: Job) -> torch.nn.Module:
    module: torch.nn.Module
    if job.probe is not None:
        return job.module
    if job.before is None:
        try:
            module = estimator._build_network(job)
        except SkdeepError:
            # It says by itself what is wrong, such as with a file of weights.
            raise
        except RuntimeError as error:
            # Of torch, for want of memory; what follows the first line is C++.
            reason = f"it could not be built: {str(error).splitlines()[0]}"
            raise NetworkError(type(estimator).__name__, reason) from error
        return module
    before = job.before.architecture
    for name, value in job.architecture.items():
        if value != before[name]:
            raise ValueError(
                f"{type(estimator).__name__} can only go on training the same network. "
                f"Got {name}={value!r} after {before[name]!r}. Set warm_start=False "
                "and call fit to start afresh."
            )
    module = copy.deepcopy(estimator.module_)
    return module


def _batches(estimator: Any, job: Job, part: Part, *, training: bool) -> Batches:
    rows = estimator._make_rows(job, part, training=training)
    y = estimator._encode_codes(job, part.codes).to(job.device)
    shuffled = training and estimator.shuffle
    return Batches(
        rows,
        y,
        _weights(part.weight, job),
        batch_size=job.batch_size if training else estimator._valid_batch(job),
        generator=job.generators["shuffling"] if shuffled else None,
        mix=estimator._make_mixer(job) if training else None,
    )


def _weights(weight: Array | None, job: Job) -> torch.Tensor | None:
    if weight is None:
        return None
    if job.partial:
        # The mean over all rows is not known: a row alone would always weigh one.
        return torch.tensor(weight, dtype=job.dtype, device=job.device)
    # Divided by the largest first: a sum of huge weights overflows.
    scaled = weight / weight.max()
    return torch.from_numpy(scaled / scaled.mean()).to(job.device, job.dtype)


def _plan(estimator: Any, job: Job, *, third_party: bool) -> TrainingPlan:
    stops_early = estimator._stops_early(job)
    monitor = "train_loss"
    if stops_early and job.valid is not None:
        monitor = "valid_loss" if estimator.scoring == "loss" else "valid_score"
    n_weights = estimator._n_weights(job.train.X, job.target.n_outputs)
    work = float(job.batch_size * n_weights)
    plan = TrainingPlan(
        optimizer=OptimizerPlan(
            name=estimator.optimizer,
            learning_rate=float(estimator.learning_rate),
            momentum=float(estimator.momentum),
            nesterov=bool(estimator.nesterov),
            betas=tuple(estimator.betas),
            weight_decay=float(estimator.weight_decay),
            params=dict(estimator.optimizer_params or {}),
        ),
        stopping=StoppingPlan(
            monitor=monitor,
            tol=None if job.partial or job.last_epoch is not None else estimator.tol,
            n_iter_no_change=float(estimator.n_iter_no_change),
            restore_best=monitor != "train_loss",
        ),
        device=job.device,
        max_epochs=1 if job.partial else int(estimator.max_epochs),
        batch_size=job.batch_size,
        lr_schedule=None if job.partial else estimator.lr_schedule,
        warmup_fraction=0.0 if job.partial else float(estimator.warmup_fraction),
        dropout_schedule=None if job.partial else estimator.dropout_schedule,
        weight_decay_schedule=None if job.partial else estimator.weight_decay_schedule,
        max_grad_norm=estimator.max_grad_norm,
        weight_averaging=None if job.partial else estimator.weight_averaging,
        autocast_dtype=resolve_precision(
            estimator.precision, job.device, job.dtype, work
        ),
        compile=bool(estimator.compile),
        third_party_seed=job.streams.third_party if third_party else None,
        # The first training has left the second its time.
        deadline=None if job.last_epoch is not None else job.deadline,
        again=job.again,
        last_epoch=job.last_epoch,
        verbose=0 if job.quiet else int(estimator.verbose),
        title=type(estimator).__name__,
    )
    adjusted: TrainingPlan = estimator._adjust_plan(job, plan)
    return adjusted
