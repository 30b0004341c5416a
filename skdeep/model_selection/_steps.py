"""The fit of any estimator in steps: epochs where it has them, else one step."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from sklearn.pipeline import Pipeline
from sklearn.utils.multiclass import unique_labels

from skdeep.base import (
    CannotFollowError,
    StepwiseFit,
    fit_before_last,
    given_to_last,
    is_plain,
    takes_steps,
    untouched,
    with_last,
)


class Steps(Protocol):
    """What a search needs of a fit."""

    done: bool
    n_epochs: int
    # The epoch whose weights the fitted estimator has.
    kept_epoch: int

    def advance(self) -> None:
        """Take one step."""

    def look(self) -> AbstractContextManager[Any]:
        """Lend the estimator as it is now, fitted; None if that tells nothing."""

    def close(self) -> None:
        """Let go of a fit, finished or not."""


class PartialFits:
    """A fit by one `partial_fit` an epoch.

    Parameters
    ----------
    estimator : estimator object
        With a method `partial_fit`.
    X, y : array-like
        Training rows.
    resource : str
        The parameter with the number of passes.
    **params : dict
        Handed to every call.
    """

    def __init__(
        self, estimator: Any, X: Any, y: Any, resource: str, **params: Any
    ) -> None:
        self.estimator = estimator
        self._data, self._params = (X, y), params
        self._resource = resource
        self._n_passes = int(estimator.get_params()[resource])
        if "classes" in inspect.signature(estimator.partial_fit).parameters:
            self._params = {**params, "classes": unique_labels(y)}
        self.done = False
        self.n_epochs = self.kept_epoch = 0

    def advance(self) -> None:
        """Make one pass."""
        # Where a call makes as many passes as the parameter says, it is to make one.
        self.estimator.set_params(**{self._resource: 1})
        self.estimator.partial_fit(*self._data, **self._params)
        self.estimator.set_params(**{self._resource: self._n_passes})
        self.n_epochs = self.kept_epoch = self.n_epochs + 1
        self.done = self.n_epochs >= self._n_passes

    def look(self) -> AbstractContextManager[Any]:
        """Lend the estimator itself."""
        return nullcontext(self.estimator)

    def close(self) -> None:
        """Let go of the rows."""
        self._data, self._params = (None, None), {}


class WholeFit:
    """A fit in one step.

    Parameters
    ----------
    estimator : estimator object
        Any.
    X, y : array-like
        Training rows; `y` may be None.
    **params : dict
        Handed to `fit`.
    """

    def __init__(self, estimator: Any, X: Any, y: Any, **params: Any) -> None:
        self.estimator = estimator
        self._data: tuple[Any, ...] = (X,) if y is None else (X, y)
        self._params = params
        self.done = False
        self.n_epochs = self.kept_epoch = 0

    def advance(self) -> None:
        """Fit."""
        self.estimator.fit(*self._data, **self._params)
        self.done = True

    def look(self) -> AbstractContextManager[Any]:
        """Lend the estimator once it is fitted."""
        return nullcontext(self.estimator if self.done else None)

    def close(self) -> None:
        """Let go of the rows."""
        self._data, self._params = (), {}


def last_step(estimator: Any) -> Any:
    """Return what a Pipeline, or one inside another, ends in.

    Parameters
    ----------
    estimator : estimator object
        Any; what is no Pipeline is returned itself.
    """
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return estimator


def has_epochs(estimator: Any, resource: str | None) -> bool:
    """Tell whether `PipelineSteps` takes several steps with an estimator.

    Parameters
    ----------
    estimator : estimator object
        It may be a Pipeline.
    resource : str or None
        The parameter of another's estimator with the number of passes.
    """
    learner = last_step(estimator)
    if takes_steps(learner):
        return True
    return resource is not None and hasattr(learner, "partial_fit")


class PipelineSteps:
    """A fit of which the last step of a Pipeline is taken in steps.

    The steps before it are fitted once, by the Pipeline's own `fit`. A Pipeline of
    another library whose `fit` does more than that is fitted whole.

    Parameters
    ----------
    estimator : estimator object
        Not fitted; it need not be a Pipeline.
    X, y : array-like
        Training rows; `y` may be None.
    params : dict
        What its `fit` is given beside them.
    resource : str or None, default=None
        The parameter of another's last step with the number of passes.
    last_epoch : int or None, default=None
        The epoch to end with, for an estimator of skdeep.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        y: Any,
        params: dict[str, Any],
        *,
        resource: str | None = None,
        last_epoch: int | None = None,
    ) -> None:
        self.estimator = estimator
        self._chain: list[Pipeline] = []
        self._steps: Steps
        if not has_epochs(estimator, resource):
            self._steps = WholeFit(estimator, X, y, **params)
            return
        again = untouched(estimator)
        try:
            learner, given = self._fit_before_last(X, y, params)
        except CannotFollowError:
            if last_epoch is not None:
                raise ValueError(
                    "The 'refit_epochs' parameter of OptunaSearchCV counts epochs of "
                    f"the last step. Got a {type(estimator).__name__} of another "
                    "library that does more in fit than to fit its steps in turn. "
                    "Leave it None."
                ) from None
            self.estimator, self._chain = again, []
            self._steps = WholeFit(again, X, y, **params)
            return
        X, y, params = given
        if takes_steps(learner):
            self._steps = StepwiseFit(learner, X, y, last_epoch=last_epoch, **params)
        else:
            self._steps = PartialFits(learner, X, y, str(resource), **params)

    def _fit_before_last(
        self, X: Any, y: Any, params: dict[str, Any]
    ) -> tuple[Any, tuple[Any, Any, dict[str, Any]]]:
        """Fit all but the last step and return it with what it is to be given."""
        learner = self.estimator
        while isinstance(learner, Pipeline):
            X, y, params = fit_before_last(learner, X, y, params)
            self._chain.append(learner)
            learner = learner.steps[-1][1]
        return learner, (X, y, params)

    @property
    def done(self) -> bool:
        """Whether the estimator is fitted."""
        return self._steps.done

    @property
    def n_epochs(self) -> int:
        """Epochs trained so far."""
        return self._steps.n_epochs

    @property
    def kept_epoch(self) -> int:
        """The epoch whose weights the fitted estimator has."""
        return self._steps.kept_epoch

    def advance(self) -> None:
        """Take one step."""
        self._steps.advance()

    def look_at_last(self) -> AbstractContextManager[Any]:
        """Lend the last step alone as it is now; None if that tells nothing."""
        return self._steps.look()

    @contextmanager
    def look(self) -> Iterator[Any]:
        """Lend the whole estimator as it is now; None if that tells nothing."""
        with self._steps.look() as last:
            whole = last
            for pipeline in reversed(self._chain if last is not None else []):
                whole = with_last(pipeline, whole)
            yield whole

    @property
    def is_plain(self) -> bool:
        """Whether rows are transformed before the last step and nothing else."""
        return all(map(is_plain, self._chain))

    def transform(self, X: Any) -> Any:
        """Return rows as the last step takes them."""
        for pipeline in self._chain:
            X = given_to_last(pipeline, X)
        return X

    def close(self) -> None:
        """Let go of a fit, finished or not."""
        self._steps.close()
