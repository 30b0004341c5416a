"""The mean loss of an epoch, read at once or in groups."""

from __future__ import annotations

import pytest
import torch

from skdeep.training._mean_loss import READ_AT_ONCE, MeanLoss

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("device", [CPU, CUDA], ids=str)
def test_mean_is_over_rows(device: torch.device) -> None:
    """A batch of three counts three times."""
    losses = MeanLoss(device)
    for loss, n_rows in ((1.0, 1), (5.0, 3)):
        losses.add(torch.tensor(loss), n_rows)
    assert losses.mean() == 4.0
    losses.add(torch.tensor(0.0), 4)
    assert losses.mean() == 2.0


@pytest.mark.parametrize(("device", "at_once"), [(CPU, 1), (CUDA, READ_AT_ONCE)])
def test_losses_are_checked_in_order(device: torch.device, at_once: int) -> None:
    """As they come on a CPU, and in groups elsewhere, each with its number."""
    seen: list[tuple[float, int]] = []
    losses = MeanLoss(device, lambda value, batch: seen.append((value, batch)))
    n_batches = READ_AT_ONCE + 2
    for batch in range(n_batches):
        losses.add(torch.tensor(float(batch), requires_grad=True), 2)
        assert len(seen) == (batch + 1) // at_once * at_once
    assert losses.mean() == (n_batches - 1) / 2
    assert seen == [(float(batch), batch + 1) for batch in range(n_batches)]


def test_check_that_raises_is_heard() -> None:
    """At the batch it raises at, though more were waiting."""

    def check(value: float, batch: int) -> None:
        if value > 1:
            raise ArithmeticError(f"batch {batch}")

    losses = MeanLoss(CUDA, check)
    for loss in (0.0, 2.0, 0.5):
        losses.add(torch.tensor(loss), 1)
    with pytest.raises(ArithmeticError, match="batch 2"):
        losses.mean()
