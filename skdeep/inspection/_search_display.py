"""Pictures of a search: its course, its parameters, its curves, its workers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from skdeep._compat import check_is_fitted
from skdeep._optional import optional_dependency
from skdeep.inspection._search_axes import (
    BLUE,
    GRAY,
    ORANGE,
    RED,
    leave_out_strays,
    legend,
    tidy,
    upright,
    whole_numbers,
)
from skdeep.inspection._search_trials import (
    Scale,
    SearchTrial,
    drawn_by_magnitude,
    is_numeric,
    levels_of,
    read_trial,
    short_name,
    word_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skdeep._typing import Array

OF_STATE: Final = {"COMPLETE": BLUE, "PRUNED": GRAY, "FAIL": RED}
# More parameters than this have their names side by side no more.
_UPRIGHT: Final = 4
KINDS: Final = ("history", "importance", "parallel", "slice", "curves", "timeline")


class SearchDisplay:
    """What a search has tried, and what came of it.

    Use `from_search` to make one.

    Parameters
    ----------
    kind : {"history", "importance", "parallel", "slice", "curves", "timeline"}
        "history": the score of every trial, and the best so far. "importance": the
        share of each parameter in the variance of the score. "parallel": a line for
        each finished trial through its parameters to its score. "slice": the score
        against each parameter. "curves": the score of each trial from step to step,
        to where it was pruned. "timeline": when each trial ran.
    trials : sequence of SearchTrial
        All trials that ended, by number.
    log_params : collection of str, default=()
        Parameters that were drawn from a logarithmic range.
    importances : dict of str to float or None, default=None
        For "importance".
    score_name : str, default="score"
        What the score is.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the picture; of "slice" the first one.
    axes_ : ndarray of matplotlib Axes of shape (n_axes,)
        All axes.
    figure_ : matplotlib Figure
        The figure of the axes.

    See Also
    --------
    skdeep.OptunaSearchCV : The search.
    sklearn.model_selection.ValidationCurveDisplay : Scores along one parameter.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import MLPClassifier, OptunaSearchCV, SearchDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPClassifier(max_epochs=5, random_state=0)
    >>> search = OptunaSearchCV(net, {"l2": [0.0, 0.1]}, n_trials=3, random_state=0)
    >>> display = SearchDisplay.from_search(search.fit(X, y))  # doctest: +SKIP
    >>> display.ax_.get_xlabel()  # doctest: +SKIP
    'trial'
    """

    def __init__(
        self,
        *,
        kind: str,
        trials: Sequence[SearchTrial],
        log_params: Collection[str] = (),
        importances: dict[str, float] | None = None,
        score_name: str = "score",
    ) -> None:
        self.kind = kind
        self.trials = list(trials)
        self.log_params = set(log_params)
        self.importances = importances
        self.score_name = score_name

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        kind: str = "history",
        params: Sequence[str] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw a fitted search.

        Parameters
        ----------
        search : OptunaSearchCV
            Fitted.
        kind : {"history", "importance", "parallel", "slice", "curves", "timeline"}, \
default="history"
            What to draw.
        params : sequence of str or None, default=None
            Parameters to draw in "parallel" and "slice"; None draws all.
        ax : matplotlib Axes, or sequence of them for "slice", or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SearchDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If there is no such kind or parameter, or no trial for it.
        NotFittedError
            If the search is not fitted.
        """
        check_is_fitted(search, ["cv_results_", "study_"])
        if kind not in KINDS:
            raise ValueError(
                "The 'kind' parameter of SearchDisplay.from_search must be one of "
                f"{', '.join(map(repr, KINDS))}. Got {kind!r}."
            )
        results = search.cv_results_
        names = [name for name in results if name.startswith("param_")]
        names = [name.removeprefix("param_") for name in names]
        for name in params or ():
            if name not in names:
                raise ValueError(
                    "The 'params' parameter of SearchDisplay.from_search must name "
                    f"parameters of the search: {', '.join(names)}. Got {name!r}."
                )
        stored = {trial.number: trial for trial in search.study_.trials}
        trials = []
        for number, state, given in zip(
            results["trial_number"], results["state"], results["params"], strict=True
        ):
            trial = stored[int(number)]
            kept = {name: given[name] for name in params or names if name in given}
            trials.append(read_trial(trial, str(state), kept))
        scoring = search.refit if isinstance(search.refit, str) else search.scoring
        display = cls(
            kind=kind,
            trials=trials,
            log_params=drawn_by_magnitude(search.study_.trials),
            importances=search.param_importances_ if kind == "importance" else None,
            score_name=scoring if isinstance(scoring, str) else "score",
        )
        return display.plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, or sequence of them for "slice", or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : SearchDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If no trial has what is to be drawn, or axes are missing.
        MissingDependencyError
            If matplotlib is not installed.
        """
        with optional_dependency("matplotlib", needed_by="SearchDisplay"):
            import matplotlib.pyplot as plt
        n_axes = max(1, len(self._names())) if self.kind == "slice" else 1
        if ax is None:
            width = 6.4 if n_axes == 1 else min(16.0, 3.2 * n_axes)
            _, ax = plt.subplots(
                1, n_axes, figsize=(width, 3.8), sharey=True, layout="constrained"
            )
        axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
        if len(axes) != n_axes:
            raise ValueError(
                f"SearchDisplay draws kind={self.kind!r} of {n_axes} parameters on as "
                f"many axes. Got {len(axes)}. Pass {n_axes}, or leave ax=None."
            )
        self.axes_: Array = axes
        self.ax_: Axes = axes[0]
        self.figure_: Figure = axes[0].figure
        getattr(self, f"_plot_{self.kind}")()
        return self

    def _names(self) -> list[str]:
        """Return the parameters of all trials, in the order of the first."""
        return list(dict.fromkeys(name for t in self.trials for name in t.params))

    def _of(self, state: str) -> list[SearchTrial]:
        return [trial for trial in self.trials if trial.state == state]

    def _plot_history(self) -> None:
        ax, complete = self.ax_, self._of("COMPLETE")
        pruned = self._of("PRUNED")
        tidy(ax)
        ax.plot(
            [t.number for t in pruned],
            [t.score for t in pruned],
            "x",
            color=GRAY,
            markersize=5,
            label="pruned",
        )
        ax.plot(
            [t.number for t in complete],
            [t.score for t in complete],
            "o",
            color=BLUE,
            markersize=5,
            label="finished",
        )
        best = np.maximum.accumulate([t.score for t in complete])
        numbers = [t.number for t in complete]
        # On to the last trial, which may not have been the best.
        numbers.append(self.trials[-1].number)
        ax.step(
            numbers,
            [*best, best[-1]],
            where="post",
            color=ORANGE,
            linewidth=2,
            label="best so far",
        )
        ax.set(xlabel="trial", ylabel=self._score_label())
        leave_out_strays(ax, [trial.score for trial in self.trials])
        whole_numbers(ax.xaxis)
        legend(ax)

    def _plot_importance(self) -> None:
        ax, shares = self.ax_, self.importances or {}
        tidy(ax)
        names = list(shares)[::-1]
        places = range(len(names))
        ax.barh(places, [shares[name] for name in names], color=BLUE, height=0.6)
        ax.set_yticks(places, list(map(short_name, names)))
        for place, name in enumerate(names):
            ax.annotate(
                f"{shares[name]:.2f}",
                (shares[name], place),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
            )
        ax.set(xlabel="share of the variance of the score", xlim=(0, 1.1))
        ax.grid(visible=False, axis="y")

    def _plot_parallel(self) -> None:
        from matplotlib import colormaps

        ax, complete = self.ax_, self._of("COMPLETE")
        names = self._names()
        scales = [
            Scale(self.trials, name, log=name in self.log_params) for name in names
        ]
        scores = np.array([trial.score for trial in complete])
        low, high = scores.min(), scores.max()
        heights = (scores - low) / (high - low) if high > low else 0.5 + 0.0 * scores
        # By rank: one that is far behind would make all others look alike.
        ranks = scores.argsort().argsort()
        colours = colormaps["viridis"](ranks / max(1, len(scores) - 1))
        for place in np.argsort(scores):
            points = [
                scale.at(complete[place].params[name])
                if name in complete[place].params
                # There the line breaks.
                else np.nan
                for scale, name in zip(scales, names, strict=True)
            ]
            ax.plot(
                range(len(names) + 1),
                [*points, heights[place]],
                color=colours[place],
                linewidth=2.5 if place == scores.argmax() else 1.2,
                alpha=0.9,
            )
        for place, scale in enumerate(scales):
            upright(ax, place, scale.ticks())
        ends = [(0.0, f"{low:.4g}"), (1.0, f"{high:.4g}")]
        upright(ax, len(names), ends if high > low else [(0.5, f"{low:.4g}")])
        labels = [short_name(name) for name in names]
        ax.set_xticks(range(len(names) + 1), [*labels, self._score_label()])
        if len(names) > _UPRIGHT:
            ax.tick_params(axis="x", rotation=30)
        ax.set(xlim=(-0.3, len(names) + 0.5), ylim=(-0.05, 1.05))
        ax.yaxis.set_visible(False)
        ax.tick_params(axis="x", length=0)
        for side in ax.spines.values():
            side.set_visible(False)

    def _plot_slice(self) -> None:
        names = self._names()
        if not names:
            raise ValueError("SearchDisplay finds no parameter to draw a slice of.")
        for ax, name in zip(self.axes_, names, strict=True):
            tidy(ax)
            numeric = is_numeric(self.trials, name)
            levels = [] if numeric else levels_of(self.trials, name)
            for state, marker in (("PRUNED", "x"), ("COMPLETE", "o")):
                drawn = [t for t in self._of(state) if name in t.params]
                values = [t.params[name] for t in drawn]
                x = values if numeric else [levels.index(word_of(v)) for v in values]
                label = "finished" if state == "COMPLETE" else "pruned"
                scores = [t.score for t in drawn]
                ax.plot(x, scores, marker, color=OF_STATE[state], label=label)
            if numeric and name in self.log_params:
                ax.set_xscale("log")
            if levels:
                ax.set_xticks(range(len(levels)), levels)
                ax.margins(x=0.3 / len(levels) + 0.05)
            ax.set_xlabel(short_name(name))
        self.ax_.set_ylabel(self._score_label())
        legend(self.ax_)

    def _plot_curves(self) -> None:
        ax, complete = self.ax_, self._of("COMPLETE")
        tidy(ax)
        best = max(complete, key=lambda trial: trial.score)
        drawn = [trial for trial in self.trials if trial.curve]
        if not drawn:
            raise ValueError(
                "SearchDisplay finds no steps to draw curves of: with pruning='off' a "
                "search notes none."
            )
        for trial in [*self._of("PRUNED"), *complete, best]:
            steps, scores = list(trial.curve), list(trial.curve.values())
            if not steps:
                continue
            line: dict[str, Any] = {"color": OF_STATE[trial.state], "alpha": 0.6}
            if trial is best:
                line = {"color": ORANGE, "linewidth": 2.5}
            ax.plot(steps, scores, **{"linewidth": 1.0, **line})
            if trial.state == "PRUNED":
                ax.plot(steps[-1], scores[-1], "x", color=GRAY, markersize=5)
        for label, colour in {"best": ORANGE, "finished": BLUE, "pruned": GRAY}.items():
            ax.plot([], [], color=colour, label=label)
        ax.set(xlabel="step", ylabel=self._score_label())
        leave_out_strays(ax, [v for trial in drawn for v in trial.curve.values()])
        whole_numbers(ax.xaxis)
        legend(ax)

    def _plot_timeline(self) -> None:
        ax = self.ax_
        tidy(ax)
        start = min(trial.began for trial in self.trials)
        for state, colour in OF_STATE.items():
            drawn = self._of(state)
            if not drawn:
                continue
            begins = [(t.began - start).total_seconds() for t in drawn]
            lengths = [(t.ended - t.began).total_seconds() for t in drawn]
            label = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
            ax.barh(
                [t.number for t in drawn],
                lengths,
                left=begins,
                height=0.8,
                color=colour,
                label=label[state],
            )
        ax.set(xlabel="seconds", ylabel="trial")
        whole_numbers(ax.yaxis)
        ax.invert_yaxis()
        legend(ax)

    def _score_label(self) -> str:
        words = self.score_name.removeprefix("neg_").replace("_", " ")
        return f"negative {words}" if self.score_name.startswith("neg_") else words
