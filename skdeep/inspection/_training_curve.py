"""How loss, score and learning rate went from epoch to epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skdeep.base import FittedView
from skdeep.inspection._canvas import BLUE, GRAY, GREEN, INK, ORANGE, panels, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skdeep._typing import Array

# Column of a history, panel, label and colour.
_CURVES = (
    ("train_loss", "loss", "training", BLUE),
    ("valid_loss", "loss", "validation", ORANGE),
    ("valid_score", "score", "validation", ORANGE),
    ("learning_rate", "learning_rate", "learning rate", GREEN),
)
_HEIGHTS = {"loss": 3.0, "score": 2.2, "learning_rate": 1.3}
PANELS = tuple(_HEIGHTS)


class TrainingCurveDisplay:
    """Loss, score and learning rate of every epoch of a fit, or of several.

    The best epoch, whose weights early stopping keeps, is marked. With several fits,
    the folds of a cross-validation for instance, lines are means over those that still
    train, and bands one standard deviation to either side.

    Use `from_estimator` or `from_cv_results` to make one. To see the score of learning
    with more and more rows, use scikit-learn's `LearningCurveDisplay`.

    Parameters
    ----------
    histories : sequence of dict of str to ndarray of shape (n_epochs,)
        `history_` of each fit.
    best_epochs : sequence of int
        `best_epoch_` of each fit, from 1.
    estimator_name : str
        For the title.
    head_epochs : int, default=0
        Epochs that only the head of a pretrained network was trained for.
    score_name : str, default="score"
        What the validation score is.

    Attributes
    ----------
    axes_ : dict of str to matplotlib Axes
        "loss", and "score" and "learning_rate" where they are drawn.
    ax_ : matplotlib Axes
        The panel of the loss, or the one given.
    figure_ : matplotlib Figure
        The figure of the axes.
    lines_ : dict of str to Line2D
        By column of the history: "train_loss", "valid_loss", "valid_score",
        "learning_rate".
    bands_ : dict of str to PolyCollection
        Likewise, where there are several fits.
    best_ : list of artists
        What marks the best epochs.

    See Also
    --------
    sklearn.model_selection.LearningCurveDisplay : Score by number of rows.
    sklearn.model_selection.ValidationCurveDisplay : Score by a parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, TrainingCurveDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = MLPClassifier(early_stopping=True, max_epochs=20, random_state=0)
    >>> classifier.fit(X, y)
    MLPClassifier(early_stopping=True, max_epochs=20, random_state=0)
    >>> display = TrainingCurveDisplay.from_estimator(classifier)  # doctest: +SKIP
    >>> sorted(display.lines_)  # doctest: +SKIP
    ['train_loss', 'valid_loss']
    """

    def __init__(
        self,
        *,
        histories: Sequence[Mapping[str, Array]],
        best_epochs: Sequence[int],
        estimator_name: str,
        head_epochs: int = 0,
        score_name: str = "score",
    ) -> None:
        self.histories = list(histories)
        self.best_epochs = list(best_epochs)
        self.estimator_name = estimator_name
        self.head_epochs = head_epochs
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        ax: Axes | None = None,
        show: Sequence[str] | None = None,
        log_loss_axis: bool = False,
    ) -> Self:
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : estimator instance
            A fitted estimator of skdeep, or a Pipeline that ends in one, or a search
            that found one.
        ax : matplotlib Axes or None, default=None
            Where to draw the first of the panels, and no other; None makes a figure.
        show : sequence of {"loss", "score", "learning_rate"} or None, default=None
            Panels. None shows the loss, the score where there is one, and the learning
            rate where it changes.
        log_loss_axis : bool, default=False
            Draw the loss on a logarithmic axis.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        TypeError
            If there is no estimator of skdeep.
        NotFittedError
            If it has not been fitted.
        """
        display = cls._of([estimator], "from_estimator")
        return display.plot(ax=ax, show=show, log_loss_axis=log_loss_axis)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Any],
        *,
        ax: Axes | None = None,
        show: Sequence[str] | None = None,
        log_loss_axis: bool = False,
    ) -> Self:
        """Draw the trainings of the folds of a cross-validation.

        Parameters
        ----------
        cv_results : dict
            From `cross_validate` with ``return_estimator=True``.
        ax : matplotlib Axes or None, default=None
            As in `from_estimator`.
        show : sequence of {"loss", "score", "learning_rate"} or None, default=None
            As in `from_estimator`.
        log_loss_axis : bool, default=False
            As in `from_estimator`.

        Returns
        -------
        display : TrainingCurveDisplay

        Raises
        ------
        ValueError
            If the results hold no estimators.
        """
        if "estimator" not in cv_results:
            raise ValueError(
                f"{cls.__name__}.from_cv_results needs the fitted estimators. Got "
                f"results with {sorted(cv_results)}. Pass return_estimator=True to "
                "cross_validate."
            )
        display = cls._of(list(cv_results["estimator"]), "from_cv_results")
        return display.plot(ax=ax, show=show, log_loss_axis=log_loss_axis)

    @classmethod
    def _of(cls, estimators: list[Any], method: str) -> Self:
        views = [FittedView(est, f"{cls.__name__}.{method}") for est in estimators]
        fitted: list[Any] = [view.estimator for view in views]
        scoring = fitted[0].scoring
        return cls(
            histories=[est.history_ for est in fitted],
            best_epochs=[int(est.best_epoch_) for est in fitted],
            estimator_name=views[0].name,
            head_epochs=int(getattr(fitted[0], "n_head_epochs_", 0)),
            score_name=scoring if isinstance(scoring, str) else "score",
        )

    def plot(
        self,
        ax: Axes | None = None,
        *,
        show: Sequence[str] | None = None,
        log_loss_axis: bool = False,
    ) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw the first of the panels, and no other; None makes a figure.
        show : sequence of {"loss", "score", "learning_rate"} or None, default=None
            Panels. None shows the loss, the score where there is one, and the learning
            rate where it changes.
        log_loss_axis : bool, default=False
            Draw the loss on a logarithmic axis.

        Returns
        -------
        display : TrainingCurveDisplay
            Itself, with the attributes that plotting adds.
        """
        shown = self._check(show) if show is not None else self._worth_showing()
        if ax is not None:
            shown = shown[:1]
            self.axes_, figure = {shown[0]: ax}, ax.figure
        else:
            heights = [_HEIGHTS[panel] for panel in shown]
            size = (6.4, sum(heights) + 0.5)
            _, figure, axes = panels(
                None, type(self).__name__, size, (len(shown), 1), height_ratios=heights
            )
            self.axes_ = dict(zip(shown, axes[:, 0], strict=True))
        self.figure_: Any = figure
        self.ax_: Axes = self.axes_[shown[0]]
        self.lines_: dict[str, Any] = {}
        self.bands_: dict[str, Any] = {}
        self.best_: list[Any] = []
        for panel, one in self.axes_.items():
            self._draw(one, panel)
        if "loss" in self.axes_ and log_loss_axis:
            self.axes_["loss"].set_yscale("log")
        self._label(shown)
        return self

    def _check(self, show: Sequence[str]) -> list[str]:
        shown = [show] if isinstance(show, str) else list(show)
        if not shown or not set(shown) <= set(PANELS):
            raise ValueError(
                f"The 'show' parameter of {type(self).__name__} must name panels among "
                f"{list(PANELS)}. Got {show!r}."
            )
        if "score" in shown and not self._has("valid_score"):
            raise ValueError(
                f"{self.estimator_name} kept no validation scores. Got show={show!r}. "
                "Fit it with early_stopping=True, or X_val, and a scoring other than "
                "'loss'."
            )
        return shown

    def _has(self, column: str) -> bool:
        return any(column in history for history in self.histories)

    def _worth_showing(self) -> list[str]:
        shown = ["loss"]
        if self._has("valid_score"):
            shown.append("score")
        rates = [history["learning_rate"] for history in self.histories]
        if any(np.ptp(rate) > 0 for rate in rates if len(rate)):
            shown.append("learning_rate")
        return shown

    def _draw(self, ax: Axes, panel: str) -> None:
        for column, where, label, colour in _CURVES:
            if where != panel or not self._has(column):
                continue
            epochs, values = self._stacked(column)
            with np.errstate(invalid="ignore"):
                mean, spread = _mean_and_spread(values)
            marker = "o" if len(epochs) == 1 else None
            (line,) = ax.plot(
                epochs, mean, color=colour, label=label, linewidth=1.8, marker=marker
            )
            self.lines_[column] = line
            if len(values) > 1:
                self.bands_[column] = ax.fill_between(
                    epochs,
                    mean - spread,
                    mean + spread,
                    color=colour,
                    alpha=0.22,
                    linewidth=0,
                )
        self._mark(ax, panel)
        tidy(ax)

    def _stacked(self, column: str) -> tuple[Array, Array]:
        """Return epochs, and values of shape (n_fits, n_epochs), NaN after an end."""
        longest = max(len(history["epoch"]) for history in self.histories)
        values = np.full((len(self.histories), longest), np.nan)
        for row, history in zip(values, self.histories, strict=True):
            if column in history:
                row[: len(history[column])] = history[column]
        return np.arange(1, longest + 1), values

    def _mark(self, ax: Axes, panel: str) -> None:
        """Mark the best epochs, and where more than the head began to learn."""
        if 0 < self.head_epochs < len(self.histories[0]["epoch"]):
            ax.axvline(
                self.head_epochs + 0.5,
                color=GRAY,
                linewidth=1.0,
                linestyle=":",
                label="head alone before" if panel == "loss" else None,
            )
        if panel == "learning_rate":
            return
        values = self._watched(panel)
        if len(self.histories) == 1:
            best = self.best_epochs[0]
            line = ax.axvline(best, color=INK, linewidth=0.9, linestyle="--")
            label = f"best epoch, {best}" if panel == "loss" else None
            (point,) = ax.plot(
                [best], [values[0, best - 1]], "o", color=INK, markersize=5, label=label
            )
            self.best_ += [line, point]
            return
        places = np.array(self.best_epochs)
        (points,) = ax.plot(
            places,
            values[np.arange(len(places)), places - 1],
            "o",
            color=INK,
            markersize=4,
            label="best epochs" if panel == "loss" else None,
        )
        self.best_.append(points)

    def _watched(self, panel: str) -> Array:
        """Return the values on which the best epochs are marked.

        Without early stopping the training loss is watched, rows held out or not.
        """
        columns = ("valid_score",) if panel == "score" else ("valid_loss", "train_loss")
        curves = [self._stacked(column)[1] for column in columns if self._has(column)]
        best = [epoch - 1 for epoch in self.best_epochs]
        for values in curves:
            lowest = np.nanmin(values, axis=1)
            if np.array_equal(values[np.arange(len(best)), best], lowest):
                return values
        return curves[0]

    def _label(self, shown: list[str]) -> None:
        names = {
            "loss": "loss",
            "score": self.score_name.replace("_", " "),
            "learning_rate": "learning rate",
        }
        from matplotlib.ticker import MaxNLocator

        first, last = self.axes_[shown[0]], self.axes_[shown[len(self.axes_) - 1]]
        for panel, ax in self.axes_.items():
            ax.set_ylabel(names[panel])
            ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            if ax is not last:
                ax.sharex(last)
                ax.tick_params(labelbottom=False)
            if panel != "learning_rate":
                ax.legend(frameon=False, fontsize="small")
        last.set_xlabel("epoch")
        folds = len(self.histories)
        tail = f", {folds} fits" if folds > 1 else ""
        first.set_title(f"{self.estimator_name}{tail}", fontsize="medium")


def _mean_and_spread(values: Array) -> tuple[Array, Array]:
    """Return mean and deviation over the fits that reached each epoch."""
    there = np.isfinite(values)
    n_fits = np.maximum(there.sum(axis=0), 1)
    filled = np.where(there, values, 0.0)
    mean = filled.sum(axis=0) / n_fits
    spread = np.sqrt((np.where(there, values - mean, 0.0) ** 2).sum(axis=0) / n_fits)
    mean[~there.any(axis=0)] = np.nan
    return mean, spread
