"""Regression: one number a row, several numbers, or several quantiles of one."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skdeep.data import NumberTarget, float_dtype
from skdeep.losses import make_regression_loss
from skdeep.tasks._task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from skdeep._typing import Array


class Regression(Task):
    """Numbers in, numbers of the same units out.

    Parameters
    ----------
    owner : str
        Name of the estimator, for errors.
    loss, quantile, huber_delta, target_scaling, clip_predictions
        Parameters of the estimator.
    """

    checks: ClassVar[Mapping[str, bool]] = {"multi_output": True, "y_numeric": True}
    labels = False
    target: NumberTarget

    def __init__(
        self,
        owner: str,
        *,
        loss: Any = "squared_error",
        quantile: Any = 0.5,
        huber_delta: float = 1.0,
        target_scaling: str | None = "standard",
        clip_predictions: bool = False,
    ) -> None:
        super().__init__(owner)
        self.name = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
        self.target_scaling = target_scaling
        self.clip_predictions = clip_predictions
        self.third_party = not isinstance(loss, str)

    def find(
        self, y: Any, *, before: Any, partial: bool = False, classes: Any = None
    ) -> None:
        """Find out how many numbers a row has.

        Raises
        ------
        ValueError
            If the fit to go on with had another scale or other quantiles.
        """
        scaling = self.target_scaling
        if scaling is not None and self.name == "poisson":
            # A log link takes a factor, not a shift.
            scaling = "mean"
        n_quantiles = len(self._quantiles(y.shape))
        if before is not None:
            self.target = copy.deepcopy(before)
            self._check_same_scaling(self.target.scaling, scaling)
            self._check_same_quantiles(self.target.n_quantiles, n_quantiles)
            self.target.clip = self.clip_predictions
        else:
            self.target = NumberTarget(
                scaling,
                one_dimensional=y.ndim == 1,
                n_columns=1 if y.ndim == 1 else y.shape[1],
                n_quantiles=n_quantiles,
                clip=self.clip_predictions,
            )
        self.target.log_link = self.name == "poisson"

    def _quantiles(self, shape: tuple[int, ...] = ()) -> tuple[float, ...]:
        """Return the quantiles to predict, or one that no loss will look at."""
        levels = tuple(float(level) for level in np.atleast_1d(self.quantile))
        if self.name != "quantile":
            return levels[:1]
        if len(levels) > 1 and len(shape) > 1:
            raise ValueError(
                f"{self.owner} predicts several quantiles of one target. Got y of "
                f"shape {shape} for quantile={self.quantile!r}. Fit one estimator a "
                "target."
            )
        return levels

    def _check_same_scaling(self, before: str | None, now: str | None) -> None:
        if now != before:
            raise ValueError(
                f"{self.owner} can only go on with the target on the scale it began "
                f"with, {before!r}. Got {now!r} by target_scaling="
                f"{self.target_scaling!r} and loss={self.name!r}. Set warm_start=False "
                "and call fit to start afresh."
            )

    def _check_same_quantiles(self, before: int, now: int) -> None:
        if now != before:
            raise ValueError(
                f"{self.owner} can only go on with as many quantiles as it began with, "
                f"{before}. Got {now} by quantile={self.quantile!r} and loss="
                f"{self.name!r}. Set warm_start=False and call fit to start afresh."
            )

    def codes(self, y: Any, *, validation: bool = False) -> Array:
        """Return the numbers in float64, with two axes.

        Raises
        ------
        ValueError
            If they are out of the range of the loss.
        """
        values = self.target.columns(y, self.owner)
        if self.target.log_link and values.size and values.min() < 0:
            raise ValueError(
                f"{self.owner} with loss='poisson' needs y of at least 0. Got "
                f"{float(values.min())!r}. Shift the target or choose another loss."
            )
        return values

    def widen(self, codes: Array) -> None:
        """Widen the range that predictions keep within."""
        self.target.widen(codes)

    def learn(self, codes: Array, weight: Array | None) -> None:
        """Take the numbers into their mean and deviation."""
        self.target.update(codes, weight)

    def tensor(self, codes: Array, dtype: torch.dtype) -> torch.Tensor:
        """Return the numbers on the scale of the network."""
        return self.target.encode(codes, dtype)

    def loss(self) -> torch.nn.Module:
        """Return the loss on scaled numbers."""
        quantiles = self._quantiles()
        return make_regression_loss(
            self.name,
            quantile=quantiles if len(quantiles) > 1 else quantiles[0],
            huber_delta=self.huber_delta,
        )

    def link(self, output: torch.Tensor) -> torch.Tensor:
        """Return what outputs stand for, on the scale of the network."""
        if not self.target.log_link:
            return output
        # Of the fit: the parameter may have been set to another loss since.
        return make_regression_loss("poisson").inverse_link(output)

    def predictions(self, output: torch.Tensor, dtype: np.dtype[Any]) -> Array:
        """Return numbers in the units of the target."""
        numbers = self.target.decode(self.link(output).cpu().numpy())
        return np.asarray(numbers, dtype=dtype)

    def attributes(self) -> dict[str, Any]:
        """Return the number of outputs."""
        return {"n_outputs_": self.target.n_outputs}

    def answer_dtype(self, inputs: np.dtype[Any], y: Any) -> np.dtype[Any]:
        """Return float64 unless inputs and targets are float32.

        A target in float64 may have digits that float32 does not hold, whatever the
        dtype of the inputs: time stamps, sums of money.
        """
        dtype: np.dtype[Any] = np.result_type(inputs, float_dtype(y))
        return dtype
