"""A fit that leaves at every epoch what it takes to go on from there.

What was decided before the first epoch (the rows held out, the order of batches, the
first weights) follows from data, parameters and seeds: a fit that is resumed goes
through the same steps again and only then takes up what was kept.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator

from skdeep._compat import CALLBACK_ATTRIBUTES
from skdeep._seeding import Streams
from skdeep.base._digest import digest
from skdeep.exceptions import PersistenceError
from skdeep.training import EpochHooks, check_generators

if TYPE_CHECKING:
    import torch

    from skdeep.base._fit import Fit, Rows
    from skdeep.training import TrainingRun

# Parameters that may be others when a fit is resumed: they do not change its outcome,
# or are looked at by themselves.
_FREE = frozenset(
    {
        "cache_features",
        "callbacks",
        "device",
        "n_threads",
        "random_state",
        "time_limit",
        "verbose",
    }
)


class CheckpointStore(Protocol):
    """Where a fit leaves what it takes to go on, and finds it again.

    Attributes
    ----------
    every : int
        After how many epochs it wants to be given something.
    """

    every: int

    def read(self) -> dict[str, Any] | None:
        """Return what was written last, or None to begin afresh."""
        ...

    def write(self, training: dict[str, Any], estimator: Any) -> None:
        """Keep the state of a training, and the estimator as of that epoch."""
        ...


class TrainingKeeper:
    """Keep the state of a fit, phase by phase, and take it up again.

    A phase is one training; some fits have two, of which the second builds on what the
    first one ended with.

    Parameters
    ----------
    store : CheckpointStore
        The user's.
    estimator : DeepEstimator
        Being fitted.
    fit : Fit
        Validated. Its seeds become those of the fit that is resumed.

    Raises
    ------
    PersistenceError
        If what was kept belongs to other data or parameters.
    """

    def __init__(self, store: CheckpointStore, estimator: Any, fit: Fit) -> None:
        self.store = store
        self.estimator = estimator
        self.identity = _identity(estimator, fit)
        self.finished: list[dict[str, Any]] = []
        self.waiting: list[dict[str, Any]] = []
        kept = store.read()
        if kept is not None:
            owner = type(estimator).__name__
            with _of_a_file():
                _check_kept(kept, fit)
                _compare(owner, kept["identity"], self.identity)
            fit.streams = Streams(**kept["streams"])
            self.waiting = list(kept["phases"])
            if fit.deadline is not None:
                fit.deadline -= sum(phase["seconds"] for phase in self.waiting)
        self.streams = asdict(fit.streams)

    def follow(self, fit: Fit, run: TrainingRun, hooks: EpochHooks) -> EpochHooks:
        """Return hooks that keep the next phase of the fit, and take it up.

        Parameters
        ----------
        fit : Fit
            Built.
        run : TrainingRun
            Of the phase, fresh.
        hooks : EpochHooks
            Whatever else is to be done around an epoch.

        Returns
        -------
        hooks : EpochHooks
        """
        kept = self.waiting.pop(0) if self.waiting else None
        if kept is not None:
            fresh = {n: g.get_state() for n, g in fit.generators.items()}
            check_generators(kept["generators"], fresh)
            with _of_a_file():
                for name, state in kept["generators"].items():
                    fit.generators[name].set_state(state)
            if kept["over"]:
                self.finished.append(kept)
            kept = {n: value for n, value in kept.items() if n != "generators"}

        def keep(over: bool) -> None:
            if not over and run.epoch % self.store.every:
                return
            phase = run.capture(over=over)
            phase["generators"] = {
                name: generator.get_state()
                for name, generator in fit.generators.items()
            }
            training = {
                "identity": self.identity,
                "streams": self.streams,
                "phases": [*self.finished, phase],
            }
            self.store.write(training, self._as_of_now(fit, run))
            if over:
                self.finished.append(phase)

        return replace(hooks, keep=keep, kept=kept)

    def _as_of_now(self, fit: Fit, run: TrainingRun) -> Any:
        """Return the estimator that training would leave if it ended here."""
        estimator = copy.copy(self.estimator)
        for name in CALLBACK_ATTRIBUTES:
            vars(estimator).pop(name, None)
        vars(estimator).update(fit.attributes(run.snapshot()))
        return estimator


@contextmanager
def _of_a_file() -> Iterator[None]:
    """Turn what values of another kind make code raise into an error."""
    try:
        yield
    except PersistenceError:
        raise
    # There is no list of what forged values lead to.
    except Exception as error:
        raise PersistenceError(
            "The checkpoint does not hold what it should: "
            f"{type(error).__name__}: {' '.join(str(error).split())[:200]}. Begin "
            "afresh with resume=False, or take another copy."
        ) from error


def _check_kept(kept: Any, fit: Fit) -> None:
    """Raise where a checkpoint lacks something, or holds it in another kind."""
    identity, streams, phases = kept["identity"], kept["streams"], kept["phases"]
    texts = (
        identity["estimator"],
        *identity["parameters"].values(),
        *identity["data"].values(),
        *([] if identity["start"] is None else [identity["start"]]),
    )
    seeds = asdict(fit.streams)
    good = (
        all(type(text) is str for text in texts)
        and streams.keys() == seeds.keys()
        and all(type(streams[name]) is type(seeds[name]) for name in seeds)
        and all(0 <= seed < 2**64 for seed in streams.values())
        and type(phases) is list
        and len(phases) > 0
        and all(type(phase["over"]) is bool for phase in phases)
        and all(type(phase["seconds"]) in (int, float) for phase in phases)
        and all({"generators", "stepper"} <= phase.keys() for phase in phases)
    )
    if not good:
        raise PersistenceError(
            "The checkpoint does not hold what it should: it lacks what identifies the "
            "fit. Begin afresh with resume=False, or take another copy."
        )


def check_store(owner: str, store: Any, callbacks: Any) -> None:
    """Raise on what is no store, and on callbacks, whose state nobody knows.

    Parameters
    ----------
    owner : str
        Name of the estimator, for the error.
    store : object
        Given as `checkpoint`.
    callbacks : list or None
        The parameter.
    """
    if not all(hasattr(store, name) for name in ("every", "read", "write")):
        raise TypeError(
            f"{owner}.fit takes an instance of skdeep.Checkpoint as checkpoint. Got "
            f"{store!r}. Pass Checkpoint({store!r})."
            if isinstance(store, str)
            else f"{owner}.fit takes an instance of skdeep.Checkpoint as checkpoint. "
            f"Got {store!r}."
        )
    if callbacks:
        raise ValueError(
            f"{owner}.fit cannot keep what callbacks have learnt, so that a fit could "
            "not be resumed exactly. Got callbacks and a checkpoint. Leave one of "
            "them out."
        )


def _identity(estimator: Any, fit: Fit) -> dict[str, Any]:
    """Return what must be the same for a fit to be resumed."""
    parameters = estimator.get_params(deep=False)
    seed = estimator.random_state
    return {
        "estimator": type(estimator).__name__,
        "parameters": {
            **{n: _spelled(v) for n, v in parameters.items() if n not in _FREE},
            "random_state": repr(int(seed)) if isinstance(seed, Integral) else "drawn",
            "device": fit.device.type,
        },
        "data": {
            "X": digest(fit.train.X),
            "y": digest(fit.train.y),
            "sample_weight": digest(fit.train.weight),
            "the validation rows": digest(_of_part(fit.valid)),
        },
        "start": None if fit.before is None else _digest_of(estimator.module_),
    }


def _of_part(part: Rows | None) -> Any:
    return None if part is None else [part.X, part.y, part.weight]


def _digest_of(module: torch.nn.Module) -> str:
    return digest([tensor.cpu().numpy() for tensor in module.state_dict().values()])


def _spelled(value: Any) -> str:
    """Return a value of a parameter as another process would spell it too."""
    if isinstance(value, BaseEstimator):
        inside = value.get_params(deep=False)
        return f"{type(value).__name__}({_spelled(inside)})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k!r}: {_spelled(v)}' for k, v in value.items())}}}"
    if isinstance(value, np.ndarray):
        return digest(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_spelled, value))}]"
    if callable(value):
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return repr(value)


def _compare(owner: str, kept: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise where a training that was kept is not the one that is to be resumed."""
    reason = None
    if kept["estimator"] != now["estimator"]:
        reason = f"it belongs to {kept['estimator']}"
    elif kept["parameters"] != now["parameters"]:
        before, after = kept["parameters"], now["parameters"]
        name = next(n for n in {**before, **after} if before.get(n) != after.get(n))
        reason = f"{name} was {before.get(name)}, and is {after.get(name)}"
    elif kept["data"] != now["data"]:
        other = [
            name for name, value in now["data"].items() if kept["data"][name] != value
        ]
        reason = f"{' and '.join(other)} were others"
    elif kept["start"] != now["start"]:
        reason = "it began from another fitted network"
    if reason is not None:
        raise PersistenceError(
            f"{owner}.fit can only resume the fit that a checkpoint was made by: "
            f"{reason}. Restore it, or begin afresh with resume=False."
        )
