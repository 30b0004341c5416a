"""Activation functions and learning-rate schedules, drawn by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import torch

from skdeep.base import SCHEDULES, schedule_factor
from skdeep.inspection._canvas import CYCLE, INK, new_axes, panels, tidy
from skdeep.networks import ACTIVATIONS, activation_name, make_activation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skdeep._typing import Array

# Colours run out before lines do.
STYLES = ("-", "--", ":", "-.")
N_POINTS = 401
# Where a legend hides no line.
BESIDE: Final[dict[str, Any]] = {
    "frameon": False,
    "fontsize": "small",
    "loc": "upper left",
    "bbox_to_anchor": (1.0, 1.0),
}


class ActivationDisplay:
    """Activation functions and their slopes.

    The slope is what a gradient is multiplied by on its way back: where it is zero, or
    nearly so, nothing is learnt.

    Use `from_names` to make one.

    Parameters
    ----------
    x : ndarray of shape (n_points,)
        Weighted sums.
    values : dict of str to ndarray of shape (n_points,)
        By name, the activations.
    slopes : dict of str to ndarray of shape (n_points,)
        By name, the derivatives.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The invisible axes around the panels.
    axes_ : ndarray of matplotlib Axes of shape (2,)
        Functions, and slopes.
    figure_ : matplotlib Figure
        The figure of the axes.
    lines_ : dict of str to list of Line2D
        By name, the function and its slope.

    See Also
    --------
    ScheduleDisplay : Learning-rate schedules likewise.

    Examples
    --------
    >>> from skdeep import ActivationDisplay
    >>> display = ActivationDisplay.from_names(["relu", "gelu"])  # doctest: +SKIP
    >>> sorted(display.values)  # doctest: +SKIP
    ['gelu', 'relu']
    """

    def __init__(
        self, *, x: Array, values: Mapping[str, Array], slopes: Mapping[str, Array]
    ) -> None:
        self.x = x
        self.values = dict(values)
        self.slopes = dict(slopes)

    @classmethod
    def from_names(
        cls,
        activations: Any = None,
        *,
        limits: tuple[float, float] = (-4.0, 4.0),
        ax: Axes | None = None,
    ) -> Self:
        """Draw activation functions.

        Parameters
        ----------
        activations : str, torch.nn.Module class, function, sequence of these, or None
            What the `activation` parameter takes. None draws all that have a name.
        limits : tuple of float, default=(-4.0, 4.0)
            From where to where on the axis of the weighted sums.
        ax : matplotlib Axes or None, default=None
            Axes to divide into two panels; None makes a figure.

        Returns
        -------
        display : ActivationDisplay

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        if activations is None:
            activations = [name for name in ACTIVATIONS if name != "logistic"]
        if isinstance(activations, str) or callable(activations):
            activations = [activations]
        x = torch.linspace(*limits, N_POINTS, dtype=torch.float64, device="cpu")
        values, slopes = {}, {}
        for activation in activations:
            name = activation_name(activation)
            with torch.enable_grad():
                point = x.clone().requires_grad_()
                y = make_activation(activation).to(torch.float64)(point)
                (slope,) = torch.autograd.grad(y.sum(), point)
            values[name], slopes[name] = y.detach().numpy(), slope.numpy()
        return cls(x=x.numpy(), values=values, slopes=slopes).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the functions and their slopes.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Axes to divide into two panels; None makes a figure.

        Returns
        -------
        display : ActivationDisplay
            Itself, with the attributes that plotting adds.
        """
        self.ax_, figure, axes = panels(ax, type(self).__name__, (9.2, 3.6), (1, 2))
        self.figure_: Figure = figure
        self.axes_: Array = axes[0]
        self.lines_: dict[str, list[Any]] = {}
        for place, name in enumerate(self.values):
            style: dict[str, Any] = _style(place)
            self.lines_[name] = [
                panel.plot(self.x, curve, label=name, **style)[0]
                for panel, curve in zip(
                    self.axes_, (self.values[name], self.slopes[name]), strict=True
                )
            ]
        for panel, title in zip(self.axes_, ("activation", "slope"), strict=True):
            tidy(panel)
            panel.axhline(0.0, color=INK, linewidth=0.6)
            panel.set_title(title, fontsize="medium")
            panel.set_xlabel("weighted sum")
        self.axes_[1].legend(**BESIDE)
        return self


class ScheduleDisplay:
    """Learning rates from the first epoch to the last, by schedule.

    Use `from_names` or `from_estimator` to make one.

    Parameters
    ----------
    epochs : ndarray of shape (n_points,)
        Epochs done.
    rates : dict of str to ndarray of shape (n_points,)
        By name of a schedule, the learning rates.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of the axes.
    lines_ : dict of str to Line2D
        By name of a schedule.

    See Also
    --------
    lr_range_test : What the largest of these rates should be.
    TrainingCurveDisplay : The rates that a fit had.

    Examples
    --------
    >>> from skdeep import ScheduleDisplay
    >>> display = ScheduleDisplay.from_names("one_cycle")  # doctest: +SKIP
    >>> display.rates["one_cycle"].max()  # doctest: +SKIP
    1.0
    """

    def __init__(self, *, epochs: Array, rates: Mapping[str, Array]) -> None:
        self.epochs = epochs
        self.rates = dict(rates)

    @classmethod
    def from_names(
        cls,
        schedules: str | Sequence[str] | None = None,
        *,
        learning_rate: float = 1.0,
        max_epochs: int = 100,
        warmup_fraction: float = 0.0,
        ax: Axes | None = None,
    ) -> Self:
        """Draw learning-rate schedules.

        Parameters
        ----------
        schedules : str, sequence of str, or None, default=None
            What the `lr_schedule` parameter takes, but for "plateau", which goes by the
            loss. None draws all.
        learning_rate : float, default=1.0
            The largest rate.
        max_epochs : int, default=100
            Length of the training.
        warmup_fraction : float, default=0.0
            Share of it, in [0, 1), over which the rate rises from zero.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ScheduleDisplay

        Raises
        ------
        ValueError
            If a name is unknown, or "plateau".
        """
        known = [name for name in SCHEDULES if name != "plateau"]
        names = known if schedules is None else schedules
        listed = [names] if isinstance(names, str) else list(names)
        for name in listed:
            if name not in known:
                raise ValueError(
                    f"{cls.__name__}.from_names draws schedules among {known}. Got "
                    f"{name!r}."
                )
        # Steps short enough for a curve, and a last one at the end.
        steps = range(N_POINTS)
        rates = {
            name: learning_rate
            * np.array(
                [schedule_factor(name, s, N_POINTS - 1, warmup_fraction) for s in steps]
            )
            for name in listed
        }
        return cls(epochs=np.linspace(0.0, max_epochs, N_POINTS), rates=rates).plot(
            ax=ax
        )

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Axes | None = None) -> Self:
        """Draw the schedule that an estimator's parameters ask for.

        Parameters
        ----------
        estimator : estimator instance
            Of skdeep, fitted or not.
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ScheduleDisplay

        Raises
        ------
        ValueError
            If its schedule is "plateau".
        """
        return cls.from_names(
            estimator.lr_schedule or "constant",
            learning_rate=estimator.learning_rate,
            max_epochs=estimator.max_epochs,
            warmup_fraction=estimator.warmup_fraction,
            ax=ax,
        )

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the schedules.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ScheduleDisplay
            Itself, with the attributes that plotting adds.
        """
        self.ax_, figure = new_axes(ax, type(self).__name__, (6.4, 3.6))
        self.figure_: Figure = figure
        self.lines_: dict[str, Any] = {}
        for place, (name, rates) in enumerate(self.rates.items()):
            style: dict[str, Any] = _style(place)
            (self.lines_[name],) = self.ax_.plot(
                self.epochs, rates, label=name, **style
            )
        tidy(self.ax_)
        self.ax_.set_xlabel("epoch")
        self.ax_.set_ylabel("learning rate")
        self.ax_.set_ylim(bottom=0.0)
        self.ax_.legend(**BESIDE)
        return self


def _style(place: int) -> dict[str, Any]:
    """Return a colour, and another dash when the colours begin again."""
    dash = STYLES[(place // len(CYCLE)) % len(STYLES)]
    return {"color": CYCLE[place % len(CYCLE)], "linestyle": dash, "linewidth": 1.8}
