"""Which learning rate to take: a range test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdeep.base import DeepEstimator, try_rates
from skdeep.inspection._canvas import BLUE, GRAY, INK, new_axes, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skdeep._typing import Array, FloatArray, MatrixLike

# The moving average is behind by the steps of the test over this number.
LAGS = 20


@dataclass(frozen=True)
class LRRange:
    """What came out of `lr_range_test`.

    Attributes
    ----------
    learning_rates : ndarray of shape (n_steps,)
        Those that were tried, ascending.
    losses : ndarray of shape (n_steps,)
        Of the batch at each step, before the step.
    smoothed : ndarray of shape (n_steps,)
        Their moving average, which is some steps behind.
    suggestion : float or None
        The rate at which the loss falls fastest; None where it never fell.
    at_minimum : float
        The rate at which it is lowest: too large for training, which was about to
        diverge.
    parameter : str
        The parameter to set, "learning_rate" or "head_learning_rate".
    """

    learning_rates: FloatArray
    losses: FloatArray
    smoothed: FloatArray
    suggestion: float | None
    at_minimum: float
    parameter: str

    def plot(self, ax: Axes | None = None) -> LRRangeDisplay:
        """Draw the losses by learning rate.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LRRangeDisplay
        """
        return LRRangeDisplay(result=self).plot(ax=ax)


def lr_range_test(
    estimator: Any,
    X: MatrixLike,
    y: Any,
    sample_weight: Any = None,
    *,
    min_learning_rate: float = 1e-6,
    max_learning_rate: float = 10.0,
    n_steps: int = 150,
    stop_factor: float = 4.0,
) -> LRRange:
    """Find a learning rate by one short training at ever larger ones.

    The range test of [1]_, with rates that grow by the same factor from step to step:
    too small ones change nothing, good ones let the loss fall, too large ones make it
    explode. Elsewhere it is known as the learning-rate finder. Take the suggestion, or
    up to three times as much for short trainings, as the `learning_rate`; schedules
    take it as their largest.

    Parameters
    ----------
    estimator : estimator instance
        Of skdeep, fitted or not; it is left as it is. Of a pretrained network with a
        frozen backbone the head is tried, else all that is trainable, with a head that
        has been trained before.
    X : {array-like, sparse matrix} of n_samples rows
        Training inputs.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Training targets.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the rows.
    min_learning_rate : float, default=1e-6
        The first rate, above 0.
    max_learning_rate : float, default=10.0
        The last one, above the first.
    n_steps : int, default=150
        Steps, at least 10, one batch each; rows are gone through again where they are
        too few.
    stop_factor : float, default=4.0
        The test ends when the smoothed loss is so many times its smallest.

    Returns
    -------
    result : LRRange
        With `learning_rates`, `losses` and `smoothed` of shape (n_steps,), `suggestion`
        and `at_minimum`, and the `parameter` to set; ``result.plot()`` draws them.

    Raises
    ------
    TypeError
        If the estimator is none of skdeep.
    ValueError
        If a parameter or the data break a rule, or the optimizer is "lbfgs", which
        searches its steps itself.

    See Also
    --------
    LRRangeDisplay : The losses as a picture.
    ScheduleDisplay : How rates change in training.

    References
    ----------
    .. [1] L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", WACV
       2017, :arxiv:`1506.01186`

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeep import MLPClassifier, lr_range_test
    >>> X, y = load_digits(return_X_y=True)
    >>> result = lr_range_test(MLPClassifier(random_state=0), X, y)
    >>> 1e-4 < result.suggestion < 1e-1
    True
    """
    _check(estimator, min_learning_rate, max_learning_rate, n_steps, stop_factor)
    rates = np.geomspace(min_learning_rate, max_learning_rate, n_steps)
    lag = max(1, n_steps // LAGS)

    def enough(losses: list[float]) -> bool:
        if not np.isfinite(losses[-1]):
            return True
        smoothed = _smooth(np.array(losses), lag)
        # From a loss of about zero, as regressors may have, some times zero is nothing.
        limit = smoothed.min() + (stop_factor - 1.0) * abs(smoothed.min())
        return bool(smoothed[-1] > max(limit, smoothed[0]))

    losses, parameter, _ = try_rates(
        estimator, X, y, sample_weight, rates.tolist(), enough
    )
    kept = np.array(losses)[np.isfinite(losses)]
    if len(kept) < 2:
        raise ValueError(
            f"lr_range_test of {type(estimator).__name__} found no finite loss at "
            f"learning rates from {min_learning_rate!r}. Begin with a smaller one."
        )
    smoothed = _smooth(kept, lag)
    tried = rates[: len(kept)]
    return LRRange(
        learning_rates=tried,
        losses=kept,
        smoothed=smoothed,
        suggestion=_steepest(tried, smoothed, lag),
        at_minimum=float(tried[np.argmin(smoothed)]),
        parameter=parameter,
    )


def _check(
    estimator: Any, first: float, last: float, n_steps: int, stop_factor: float
) -> None:
    if not isinstance(estimator, DeepEstimator):
        raise TypeError(
            "lr_range_test takes an estimator of skdeep; inside a Pipeline give it the "
            "last step, and X as the steps before it make it. Got "
            f"{type(estimator).__name__}."
        )
    if estimator.optimizer == "lbfgs":
        raise ValueError(
            f"lr_range_test has nothing to find for {type(estimator).__name__} with "
            "optimizer='lbfgs', whose steps are searched for. Choose another optimizer."
        )
    if not 0 < first < last < np.inf:
        raise ValueError(
            "lr_range_test needs 0 < min_learning_rate < max_learning_rate. Got "
            f"{first!r} and {last!r}."
        )
    if n_steps < 10 or not stop_factor > 1:
        raise ValueError(
            "lr_range_test needs n_steps of at least 10 and a stop_factor above 1. Got "
            f"{n_steps!r} and {stop_factor!r}."
        )


def _smooth(losses: FloatArray, lag: int) -> FloatArray:
    """Return an average with weights that fade, not drawn towards zero at the start."""
    kept = lag / (lag + 1)
    smoothed = np.empty_like(losses)
    mean = 0.0
    for step, loss in enumerate(losses):
        mean = kept * mean + (1.0 - kept) * loss
        smoothed[step] = mean / (1.0 - kept ** (step + 1))
    return smoothed


def _steepest(rates: FloatArray, smoothed: FloatArray, lag: int) -> float | None:
    """Return the rate where the loss falls fastest before it is lowest.

    The first steps are left out, where the average is one of a few batches. It falls as
    the loss did `lag` steps before.
    """
    lowest, first = int(np.argmin(smoothed)), 2 * lag
    if lowest <= first or smoothed[lowest] >= smoothed[first]:
        return None
    slope = np.gradient(smoothed, np.log(rates))
    steepest = first + int(np.argmin(slope[first : lowest + 1]))
    return float(rates[steepest - lag])


class LRRangeDisplay:
    """Loss by learning rate, from a range test.

    Use `from_estimator`, or `plot` of what `lr_range_test` returns.

    Parameters
    ----------
    result : LRRange
        From `lr_range_test`.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of the axes.
    line_ : Line2D
        The smoothed losses.
    raw_line_ : Line2D
        The losses of single batches.
    suggestion_ : Line2D or None
        What marks the suggestion.

    See Also
    --------
    lr_range_test : The numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdeep import LRRangeDisplay, MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> display = LRRangeDisplay.from_estimator(
    ...     MLPClassifier(random_state=0), X, y
    ... )  # doctest: +SKIP
    """

    def __init__(self, *, result: LRRange) -> None:
        self.result = result

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: MatrixLike, y: Any, *, ax: Axes | None = None
    ) -> Self:
        """Run the test with its defaults and draw it.

        Parameters
        ----------
        estimator : estimator instance
            Of skdeep, fitted or not.
        X : {array-like, sparse matrix} of n_samples rows
            Training inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Training targets.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LRRangeDisplay
        """
        return cls(result=lr_range_test(estimator, X, y)).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the losses and the suggestion.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LRRangeDisplay
            Itself, with the attributes that plotting adds.
        """
        self.ax_, figure = new_axes(ax, type(self).__name__, (6.0, 3.6))
        self.figure_: Figure = figure
        result = self.result
        (self.raw_line_,) = self.ax_.plot(
            result.learning_rates,
            result.losses,
            color=GRAY,
            linewidth=0.8,
            alpha=0.6,
            label="of a batch",
        )
        (self.line_,) = self.ax_.plot(
            result.learning_rates,
            result.smoothed,
            color=BLUE,
            linewidth=2.0,
            label="smoothed",
        )
        self.suggestion_: Any = None
        if result.suggestion is not None:
            self.suggestion_ = self.ax_.axvline(
                result.suggestion,
                color=INK,
                linestyle="--",
                linewidth=1.0,
                label=f"suggestion, {result.suggestion:.2g}",
            )
        self.ax_.set_xscale("log")
        # An explosion at the end would hide the valley.
        self.ax_.set_ylim(*_visible(result.smoothed))
        self.ax_.set_xlabel(result.parameter.replace("_", " "))
        self.ax_.set_ylabel("loss")
        tidy(self.ax_)
        self.ax_.legend(frameon=False, fontsize="small")
        return self


def _visible(smoothed: Array) -> tuple[float, float]:
    low, start = float(smoothed.min()), float(smoothed[0])
    height = max(start - low, 1e-12)
    return low - 0.15 * height, max(start, low) + 0.6 * height
