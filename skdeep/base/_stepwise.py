"""A fit that is advanced an epoch at a time and looked at in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from skdeep._compat import callback_management
from skdeep.base._estimator import DeepEstimator
from skdeep.base._fit import Fit

if TYPE_CHECKING:
    from skdeep._typing import MatrixLike


class StepwiseFit:
    """One call of `fit`, taken in steps.

    All steps taken, the estimator is what `fit` would have made of it, to the last
    bit. Of a fit in two phases a step may be one epoch of each: the last of the first
    phase and the first of the second.

    Parameters
    ----------
    estimator : DeepEstimator
        Not fitted yet; it is left alone until the last step.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training inputs.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Training targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.
    X_val, y_val, sample_weight_val : array-like, default=None
        Validation rows, as `fit` takes them.
    last_epoch : int or None, default=None
        The epoch to end with, counted from 1: no row is held out and nothing else
        stops the training, while schedules stretch over `max_epochs` as ever.

    Attributes
    ----------
    estimator : DeepEstimator
        As passed to the constructor.
    done : bool
        Whether the last step was taken.
    n_epochs : int
        Epochs trained so far; while a step is missing, those of two phases may be one
        short.
    kept_epoch : int
        After the last step, the epoch whose weights were kept, counted in the phase
        that `last_epoch` is about.
    """

    def __init__(
        self,
        estimator: Any,
        X: MatrixLike,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: MatrixLike = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        last_epoch: int | None = None,
    ) -> None:
        # Two things that fit leaves to scikit-learn's decorator.
        estimator._validate_params()
        self._cleanup = ExitStack()
        self._cleanup.enter_context(callback_management(estimator))
        validation = (X_val, y_val, sample_weight_val)
        self._fit = Fit(
            estimator,
            X,
            y,
            sample_weight,
            validation,
            last_epoch=last_epoch,
            quiet=True,
        )
        self._steps = self._fit.steps()
        self._as_it_is: Callable[[], AbstractContextManager[Any]] | None = None
        self.estimator = estimator
        self.done = False
        self.n_epochs = 0
        self.kept_epoch = 0

    def advance(self) -> None:
        """Train one epoch; with the last one the estimator is fitted."""
        fit = self._fit
        with fit.conditions():
            try:
                self._as_it_is = next(self._steps)
            except StopIteration:
                pass
            else:
                self.n_epochs += 1
                return
        self.estimator._adopt(fit.attributes())
        self.done = True
        self.close()
        self.n_epochs = int(self.estimator.n_iter_)
        last = [done for done in fit.done if done.phase.rows == "train"][-1]
        restored = last is not fit.done[-1] or last.plan.stopping.restore_best
        trained = last.trained
        self.kept_epoch = trained.best_epoch if restored else trained.n_epochs

    @contextmanager
    def look(self) -> Iterator[Any]:
        """Lend a model that predicts as if `fit` had ended with this epoch.

        Yields
        ------
        model : DeepEstimator or None
            A copy that shares the network, without a history, or after the last step
            the estimator itself. None in a phase that tells nothing of the end.
        """
        if self.done:
            yield self.estimator
        elif self._as_it_is is None:
            yield None
        else:
            with self._as_it_is() as model:
                yield model

    def close(self) -> None:
        """Let go of a fit, finished or not."""
        self._steps.close()
        self._cleanup.close()


def takes_steps(estimator: Any) -> bool:
    """Tell whether the estimator's own `fit` is the one that `StepwiseFit` takes.

    Parameters
    ----------
    estimator : object
        Any estimator.
    """
    return (
        isinstance(estimator, DeepEstimator)
        and type(estimator).fit is DeepEstimator.fit
    )
