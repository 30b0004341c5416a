"""What a fit is made of: phases, each a training by parameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from skdeep.data import Rows

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Phase:
    """One training of a fit, in the words of the parameters.

    Attributes
    ----------
    name : str
        Tells it from the other phases of the same fit.
    settings : mapping of str to object
        Parameters of the estimator that have another value in this phase.
    rows : {"train", "all"}
        Whether rows that were held out are left out, or are trained on as well.
    start : {"fresh", "previous"}
        Whether it begins as the fit began, or with what the phase before has ended
        with.
    prepare : callable
        Called with the network before the phase, to freeze what is not to be trained.
    make_rows : callable or None
        From the network, rows, a `RowSetting` and ``training=`` to what batches are
        gathered from, where these are not the rows themselves. Such rows take the room
        of few numbers.
    mixes : bool
        Whether the rows of a batch are mixed, if the parameters say so.
    last_epoch : int, "best" or None
        The epoch to end with, which nothing else may stop earlier. "best" is the best
        epoch of the phase of the same name on the training rows.
    report : bool
        Whether callbacks of scikit-learn hear of its epochs.
    keep_state : bool
        Whether optimizer and generators are kept for a training that goes on.
    title : callable or None
        From the network to what a progress bar calls the phase.
    rate_name : str
        The parameter that its learning rate comes from.
    rate_factors : callable or None
        From the network to what the rate is multiplied by, by names of parameters.
    """

    name: str = "main"
    settings: Mapping[str, Any] = field(default_factory=dict)
    rows: Literal["train", "all"] = "train"
    start: Literal["fresh", "previous"] = "fresh"
    prepare: Callable[[Any], object] | None = None
    make_rows: Callable[..., Rows] | None = None
    mixes: bool = True
    last_epoch: int | Literal["best"] | None = None
    report: bool = True
    keep_state: bool = False
    title: Callable[[Any], str] | None = None
    rate_name: str = "learning_rate"
    rate_factors: Callable[[Any], Mapping[str, float]] | None = None


def again_on_all_rows(phases: Sequence[Phase]) -> list[Phase]:
    """Return phases that repeat others on all rows, to their best epochs."""
    return [
        replace(phase, rows="all", last_epoch="best", report=False) for phase in phases
    ]


def one_pass(phase: Phase) -> Phase:
    """Return a phase that goes once over the rows of a call of partial_fit."""
    plain = {
        "max_epochs": 1,
        "tol": None,
        "lr_schedule": None,
        "warmup_fraction": 0.0,
        "dropout_schedule": None,
        "weight_decay_schedule": None,
        "weight_averaging": None,
    }
    return replace(phase, settings={**phase.settings, **plain}, keep_state=True)


def up_to(phases: Sequence[Phase], last_epoch: int) -> list[Phase]:
    """Return phases that nothing stops early, the last of them up to an epoch."""
    endless = {"early_stopping": False, "tol": None}
    longer = [
        replace(phase, settings={**phase.settings, **endless}) for phase in phases
    ]
    longer[-1] = replace(longer[-1], last_epoch=last_epoch)
    return longer


def without_schedule(phase: Phase) -> Phase:
    """Return a phase whose learning rate is somebody else's to set."""
    plain = {"lr_schedule": None, "warmup_fraction": 0.0, "weight_averaging": None}
    return replace(phase, settings={**phase.settings, **plain})


class Settings:
    """The parameters of an estimator as they are in a phase.

    Parameters
    ----------
    estimator : estimator instance
        Has the parameters as attributes.
    settings : mapping of str to object, default={}
        Those that have another value.
    """

    def __init__(self, estimator: Any, settings: Mapping[str, Any] = _NOTHING) -> None:
        self._estimator = estimator
        self._settings = settings

    def __getattr__(self, name: str) -> Any:
        if name in self._settings:
            return self._settings[name]
        return getattr(self._estimator, name)
