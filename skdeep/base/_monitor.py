"""The score of the validation rows after each epoch."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from skdeep._compat import accepts_sample_weight, looks_for_positives, scorer_with
from skdeep._told_once import warn
from skdeep.data import ClassTarget, in_memory
from skdeep.exceptions import ScoringError, SkdeepError

if TYPE_CHECKING:
    from skdeep.base._fit import Rows

_STANDS_IN = {"valid_loss": "validation loss", "train_loss": "training loss"}


class Monitor:
    """Score the validation rows with the network as it is.

    Metrics of scikit-learn are told the classes of `fit`, of which validation rows may
    lack some. Where rows lack classes, or all have the same target, a metric may be
    undefined on them: then the score is NaN.

    Parameters
    ----------
    view : DeepEstimator
        Predicts with the network that is trained.
    scorer : callable
        As `sklearn.metrics.check_scoring` returns it.
    valid : Rows
        The validation rows.
    target : ClassTarget or NumberTarget
        What the targets are.

    Attributes
    ----------
    lacks : str
        What makes metrics undefined on the rows; empty where nothing does.
    """

    def __init__(
        self, view: Any, scorer: Callable[..., Any], valid: Rows, target: Any
    ) -> None:
        self.view = view
        self.owner = type(view).__name__
        self.X = in_memory(valid.X)
        self.y = valid.y
        self.lacks = lacking(valid, target)
        single = isinstance(target, ClassTarget) and target.kind != "multilabel"
        self.one_value = bool(self.lacks) and len(np.unique(valid.codes)) == 1
        if self.lacks and single:
            scorer = scorer_with(scorer, labels=target.classes)
        if self.one_value and not isinstance(target, ClassTarget):
            # Or R² is zero for every prediction.
            scorer = scorer_with(scorer, force_finite=False)
        self.scorer = scorer
        weighted = valid.weight is not None and accepts_sample_weight(scorer)
        self.extra = {"sample_weight": valid.weight} if weighted else {}
        # D² compares with the best constant prediction, which has no error here.
        metric = getattr(scorer, "_score_func", None)
        positive = looks_for_positives(scorer) if single else None
        self.blind = self.one_value and (
            getattr(metric, "__name__", "").startswith("d2_")
            or (positive is not None and positive not in valid.y)
        )

    def __call__(self) -> float:
        """Return the score of the network as it is; NaN where it has none."""
        try:
            value = self._undefined() if self.lacks else self._score()
        except SkdeepError:
            raise
        except Exception as error:
            # Of rows without a class a metric may say so.
            if self.lacks and isinstance(error, ValueError):
                return math.nan
            reason = f"{type(error).__name__}: {error}".rstrip(".")
            raise ScoringError(
                f"The 'scoring' parameter of {self.owner} must score every epoch. "
                f"{_named(self.view.scoring)} raised {reason}. Choose another scoring, "
                "or scoring='loss'."
            ) from error
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The 'scoring' parameter of {self.owner} must return a number. Got "
                f"{value!r}."
            ) from error

    def _score(self) -> Any:
        try:
            return self.scorer(self.view, self.X, self.y, **self.extra)
        except ValueError:
            if not self.extra:
                raise
            # Some metrics take weights in some of their modes only.
            value = self.scorer(self.view, self.X, self.y)
            self.extra = {}
            return value

    def _undefined(self) -> Any:
        """Return the score of rows on which a metric may be undefined.

        What it would say about that at every epoch is said once, after the training.
        """
        if self.blind:
            return math.nan
        with (
            warnings.catch_warnings(record=True) as caught,
            np.errstate(divide="ignore", invalid="ignore"),
        ):
            warnings.simplefilter("always")
            value = self._score()
        undefined = False
        for warning in caught:
            if warning.category in (UserWarning, UndefinedMetricWarning):
                undefined = True
            else:
                warnings.warn_explicit(
                    warning.message, warning.category, warning.filename, warning.lineno
                )
        # Of a single value, metrics that warn return zero whatever was predicted.
        return math.nan if undefined and self.one_value else value


def _named(scoring: Any) -> str:
    """Return how the user wrote what scores."""
    if isinstance(scoring, str):
        return repr(scoring)
    return str(getattr(scoring, "__qualname__", repr(scoring)))


def lacking(valid: Rows, target: Any) -> str:
    """Return what makes metrics undefined on validation rows, empty where nothing."""
    if valid.n_rows < 2 and not isinstance(target, ClassTarget):
        return "are a single row"
    codes = valid.codes
    if codes.ndim == 1:
        absent = np.setdiff1d(np.arange(len(target.classes)), codes)
        if not absent.size:
            return ""
        return f"lack the class {target.classes[absent].tolist()[0]!r}"
    constant = (codes == codes[0]).all(axis=0)
    if isinstance(target, ClassTarget):
        label = int(np.argmax(constant))
        which = "lack" if codes[0, label] == 0 else "all have"
        return f"{which} the label {label}" if constant.any() else ""
    return "all have the same target" if constant.all() else ""


def warn_of_substitute(
    estimator: Any, valid: Rows, target: Any, watched: str, monitor: str
) -> None:
    """Warn where the monitor never had a value, and another one stood in for it.

    Parameters
    ----------
    estimator : DeepEstimator
        That was trained.
    valid : Rows
        The validation rows.
    target : ClassTarget or NumberTarget
        What the targets are.
    watched : str
        What told the best epoch.
    monitor : str
        What was to tell it.
    """
    if watched == monitor:
        return
    why = lacking(valid, target)
    reason = f", which {why}" if why else ""
    owner, scoring = type(estimator).__name__, _named(estimator.scoring)
    warn(
        f"{owner} got no score from scoring={scoring} on the validation rows{reason}. "
        f"The {_STANDS_IN[watched]} told the best epoch instead. Pass other rows as "
        "X_val and y_val, or choose another scoring."
    )
