"""Many fits at once: networks of one shape are trained together.

Each fit is prepared as it would be by itself. Then fits whose networks, batches and
optimizers are alike share one stacked network; the others train alone. What comes out
is what each would be by itself, up to rounding.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from skdeep._compat import InvalidParameterError
from skdeep._devices import plain_torch
from skdeep._threads import limit_threads, resolve_n_threads
from skdeep.base._estimator import DeepEstimator
from skdeep.base._fit import Fit
from skdeep.data import StackedBatches, TensorRows
from skdeep.losses import StackedLoss, StackedPenalty
from skdeep.training import OPTIMIZERS, Member, StackedRun

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from skdeep.data import Batches

# Numbers in all layers of the members that go through a stack at once: many more than
# the caches of a processor hold, and a stack is no faster than its members.
STACK_NUMBERS = 2**21
# What more members than these save is lost in the noise.
MOST_MEMBERS = 64
# Parameters by which losses of one name differ, but for label smoothing.
_OF_THE_LOSS = ("loss", "focal_gamma", "huber_delta", "quantile")
# Arguments of an optimizer that leave its step a multiple of the learning rate.
_HARMLESS = {"eps", "amsgrad"}


@dataclass
class FitRequest:
    """An estimator that is to be fitted, and on what.

    `source` tells the rows apart: requests with the same one are on the same data.
    `error` is what the fit raised, `seconds` its share of the time, `together` how many
    were trained along with it, itself included.
    """

    estimator: DeepEstimator
    X: Any
    y: Any
    params: dict[str, Any]
    source: Hashable
    error: Exception | None = None
    seconds: float = 0.0
    together: int = 1
    fit: Fit | None = field(default=None, repr=False)
    ready: Any = field(default=None, repr=False)


def can_be_stacked(estimator: Any) -> bool:
    """Tell whether an estimator is one whose network may share a stack with others."""
    # Whoever writes a `fit` of his own wants it called.
    if getattr(type(estimator), "fit", None) is not DeepEstimator.fit:
        return False
    try:
        estimator._validate_params()
    # Its own `fit` says what is wrong with it, and the others go on.
    except InvalidParameterError:
        return False
    return bool(estimator._network().stacks)


def fit_together(requests: Sequence[FitRequest]) -> Iterator[FitRequest]:
    """Fit many estimators, those with networks of one shape as one network.

    Parameters
    ----------
    requests : sequence of FitRequest
        Their estimators are fitted in place. A fit that fails leaves its error in its
        request, its estimator as it was, and the others alone.

    Yields
    ------
    request : FitRequest
        Each of them once, as soon as it is done.
    """
    twins: dict[Hashable, list[FitRequest]] = {}
    places: dict[Hashable, int] = {}
    groups: dict[Hashable, list[FitRequest]] = {}
    for number, request in enumerate(requests):
        with plain_torch(training=True), _timed(request):
            _prepare(request)
        if request.fit is None:
            yield request
            continue
        _share(request, twins.setdefault(request.source, []))
        places.setdefault(request.source, len(places))
        key = _stack_key(request)
        groups.setdefault((number,) if key is None else key, []).append(request)
    twins.clear()
    for group in groups.values():
        # Members on the same rows side by side: their inputs are then gathered once.
        group.sort(key=lambda request: places[request.source])
        for chunk in _chunks(group):
            with plain_torch(training=True):
                _train(chunk)
            yield from chunk


class _timed:  # noqa: N801 - a context, as `contextlib.suppress` is
    """Add the time of a block to a request, and keep what the block raises."""

    def __init__(self, request: FitRequest) -> None:
        self.request = request

    def __enter__(self) -> None:
        self.started = time.perf_counter()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        self.request.seconds += time.perf_counter() - self.started
        if not isinstance(error, Exception):
            return False
        self.request.error, self.request.fit = error, None
        return True


def _limited(request: FitRequest, n_members: int) -> Any:
    weights = sum(p.numel() for p in request.ready.module.parameters())
    work = float(n_members * request.ready.plan.batch_size * weights)
    return limit_threads(resolve_n_threads(request.estimator.n_threads, work))


def _prepare(request: FitRequest) -> None:
    """Go through a fit up to its training."""
    estimator, params = request.estimator, request.params
    estimator._validate_params()
    X_val, y_val, weight_val = (
        params.get(f"{name}_val") for name in ("X", "y", "sample_weight")
    )
    weight, validation = params.get("sample_weight"), (X_val, y_val, weight_val)
    fit = Fit(estimator, request.X, request.y, weight, validation)
    with limit_threads(1):
        fit.begin()
        request.ready = fit.prepare(fit.phases[0])
    request.fit = fit


def _share(request: FitRequest, others: list[FitRequest]) -> None:
    """Hold rows that another fit on the same data has as well only once."""
    fit: Any = request.fit
    ready = request.ready
    for other in others:
        twin: Any = other.fit
        if _same_rows(ready.batches, other.ready.batches) and _same_rows(
            ready.valid, other.ready.valid
        ):
            fit.train = replace(twin.train, weight=fit.train.weight)
            _take_rows(ready.batches, other.ready.batches)
            if fit.valid is not None and twin.valid is not None:
                fit.valid = replace(twin.valid, weight=fit.valid.weight)
                _take_rows(ready.valid, other.ready.valid)
            return
    others.append(request)


def _same_rows(one: Batches | None, other: Batches | None) -> bool:
    if one is None or other is None:
        return one is other
    rows, known = one.rows, other.rows
    if not (isinstance(rows, TensorRows) and isinstance(known, TensorRows)):
        return False
    return _equal(rows.tensor, known.tensor) and _equal(one.y, other.y)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.dtype == b.dtype and torch.equal(a, b)


def _take_rows(batches: Any, twin: Any) -> None:
    batches.rows, batches.y = twin.rows, twin.y


def _stack_key(request: FitRequest) -> Hashable | None:
    """Return what networks trained together have in common; None trains alone."""
    estimator, ready = request.estimator, request.ready
    fit: Any = request.fit
    plan, batches = ready.plan, ready.batches
    named = isinstance(estimator.loss, str) and plan.optimizer.name in OPTIMIZERS
    listened = estimator.callbacks or getattr(estimator, "_skl_callbacks", None)
    fits = (
        fit.network.stacks
        and named
        and plan.optimizer.name != "lbfgs"
        and set(plan.optimizer.params) <= _HARMLESS
        and isinstance(batches.rows, TensorRows)
        and (ready.valid is None or estimator.scoring == "loss")
        and plan.weight_averaging is None
        and plan.autocast_dtype is None
        and plan.deadline is None
        and not plan.compile
        and not listened
    )
    if not fits:
        return None
    return (
        type(estimator),
        repr({k: v for k, v in fit.architecture.items() if k != "dropout"}),
        tuple(tuple(p.shape) for p in ready.module.parameters()),
        repr(replace(plan.optimizer, learning_rate=1.0, weight_decay=0.0)),
        tuple(batches.edges[:-1]),
        ready.valid is None,
        (fit.dtype, str(fit.device), estimator.n_threads),
        tuple((name, repr(getattr(estimator, name, None))) for name in _OF_THE_LOSS),
        type(ready.loss),
    )


def _chunks(group: list[FitRequest]) -> Iterator[list[FitRequest]]:
    """Cut a group into stacks that the caches of a processor hold."""
    ready = group[0].ready
    widths = sum(p.shape[0] for p in ready.module.parameters() if p.ndim == 1)
    numbers = ready.plan.batch_size * (ready.batches.rows.n_columns + widths)
    size = max(1, min(MOST_MEMBERS, STACK_NUMBERS // numbers))
    n_chunks = -(-len(group) // size)
    even = -(-len(group) // n_chunks)
    for start in range(0, len(group), even):
        yield group[start : start + even]


def _train(chunk: list[FitRequest]) -> None:
    if len(chunk) == 1:
        (request,) = chunk
        with _timed(request), _limited(request, 1):
            fit: Any = request.fit
            for _ in fit.train_phase(fit.phases[0], request.ready):
                pass
            request.estimator._adopt(fit.attributes())
        request.fit = request.ready = None
        return
    members = _run_stack(chunk)
    for request, member in zip(chunk, members, strict=True):
        request.seconds += member.seconds
        request.together = len(chunk)
        with _timed(request):
            fit = request.fit
            fit.finish(fit.phases[0], request.ready, member.trained())
            request.estimator._adopt(fit.attributes())
        request.fit = request.ready = None


def _run_stack(chunk: list[FitRequest]) -> list[Member]:
    """Train a stack to the end and return what came of its members."""
    fits: list[Any] = [request.fit for request in chunk]
    ready = [request.ready for request in chunk]
    members = [Member(r.plan, r.module, r.loss, r.penalty) for r in ready]
    network = fits[0].network.stack(
        [r.module for r in ready], [fit.generators["dropout"] for fit in fits]
    )
    like = next(ready[0].module.parameters()).detach()
    batches: Any = StackedBatches([r.batches for r in ready])
    valid: Any = None
    if ready[0].valid is not None:
        valid = StackedBatches([r.valid for r in ready])
    run = StackedRun(
        members,
        network,
        StackedLoss([r.loss for r in ready]).to(like.device),
        StackedPenalty([r.penalty for r in ready], like),
        batches,
        valid,
    )
    with _limited(chunk[0], len(chunk)):
        run.run()
    return members
