"""Temperature scaling: one number that makes probabilities as sure as they may be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from scipy.optimize import minimize_scalar

if TYPE_CHECKING:
    from skdeep.data import Batches

# A temperature beyond these says that the network has learnt nothing, or all by heart.
COLDEST, HOTTEST = 0.1, 10.0


def fit_temperature(net: Any, batches: Batches) -> float:
    """Return the temperature with the smallest loss on rows that were held out.

    Parameters
    ----------
    net : skorch.NeuralNet
        Trained; its module puts out logits, its criterion takes them.
    batches : Batches
        Validation rows with their targets and weights.

    Returns
    -------
    temperature : float
        Between 0.1 and 10: what logits are to be divided by.

    References
    ----------
    .. [1] Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks",
       ICML 2017, :arxiv:`1706.04599`
    """
    criterion = net.criterion_.eval()
    # That of an ensemble takes what its members say, not what is to be divided.
    plain, pool = criterion, None
    if hasattr(criterion, "combine"):
        plain, pool = criterion.criterion, criterion.combine
    parts: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]] = []
    with torch.inference_mode():
        for batch in batches:
            output = net.module_(batch.X)
            logits = output if pool is None else pool(output)
            parts.append((logits, batch.y, batch.weight))

        def loss(log_temperature: float) -> float:
            temperature = math.exp(log_temperature)
            total = sum(
                float(plain(logits / temperature, y, weight)) * len(y)
                for logits, y, weight in parts
            )
            return total / batches.n_rows

        bounds = (math.log(COLDEST), math.log(HOTTEST))
        found = minimize_scalar(loss, bounds=bounds, method="bounded")
    return math.exp(found.x)
