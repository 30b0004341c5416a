"""Temperature scaling: one number that makes probabilities as sure as they may be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from scipy.optimize import minimize_scalar

from skdeep.losses import make_classification_loss

if TYPE_CHECKING:
    from skdeep.data import Batches
    from skdeep.losses import ClassificationKind

# A temperature beyond these says that the network has learnt nothing, or all by heart.
COLDEST, HOTTEST = 0.1, 10.0


def fit_temperature(
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    batches: Batches,
    kind: ClassificationKind,
) -> float:
    """Return the temperature with the smallest log-loss on rows that were held out.

    Parameters
    ----------
    logits_of : callable
        From encoded rows to logits of shape (n_samples, n_outputs).
    batches : Batches
        Validation rows with their targets and weights.
    kind : {"binary", "multiclass", "multilabel"}
        What the logits mean.

    Returns
    -------
    temperature : float
        Between 0.1 and 10: what logits are to be divided by.

    References
    ----------
    .. [1] Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks",
       ICML 2017, :arxiv:`1706.04599`
    """
    criterion = make_classification_loss("cross_entropy", kind=kind)
    with torch.inference_mode():
        parts = [(logits_of(batch.X), batch.y, batch.weight) for batch in batches]

        def loss(log_temperature: float) -> float:
            temperature = math.exp(log_temperature)
            total = sum(
                float(criterion(logits / temperature, y, weight)) * len(y)
                for logits, y, weight in parts
            )
            return total / batches.n_rows

        bounds = (math.log(COLDEST), math.log(HOTTEST))
        found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return math.exp(found.x)
