"""Tests of the loss of mixed rows against the two losses it is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from skdeep.losses import (
    MixedLoss,
    MixedTargets,
    make_classification_loss,
    make_regression_loss,
)

PARTNER = torch.tensor([2, 0, 1])
SHARE = torch.tensor([0.8, 0.5, 1.0])


def test_shares_weigh_both_targets():
    """Row i counts its own class by its share, its partner's by the rest."""
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    y = torch.tensor([0, 3, 1])
    loss = MixedLoss(make_classification_loss("cross_entropy", kind="multiclass"))
    log_p = torch.log_softmax(logits, dim=1)
    rows = torch.arange(3)
    expected = -(SHARE * log_p[rows, y] + (1 - SHARE) * log_p[rows, y[PARTNER]]).mean()
    got = loss(logits, MixedTargets.of(y, None, PARTNER, SHARE), None)
    torch.testing.assert_close(got, expected)


def test_loss_is_that_of_blended_probabilities():
    """Cross-entropy is linear in its target: soft labels give the same number."""
    logits = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    y = torch.tensor([2, 0, 1])
    soft = (
        SHARE[:, None] * torch.eye(4)[y]
        + (1 - SHARE[:, None]) * torch.eye(4)[y[PARTNER]]
    )
    loss = MixedLoss(make_classification_loss("cross_entropy", kind="multiclass"))
    got = loss(logits, MixedTargets.of(y, None, PARTNER, SHARE), None)
    torch.testing.assert_close(got, torch.nn.functional.cross_entropy(logits, soft))


def test_weights_go_with_the_rows_they_belong_to():
    """The partner's part of a row has the partner's weight."""
    weight = torch.tensor([1.0, 2.0, 0.0])
    targets = MixedTargets.of(torch.zeros(3, 1), weight, PARTNER, SHARE)
    np.testing.assert_allclose(targets.own_weight, [0.8, 1.0, 0.0])
    np.testing.assert_allclose(targets.other_weight, [0.0, 0.5, 0.0])
    assert (len(targets), targets.shape) == (3, (3, 1))


def test_predictions_have_the_link_of_the_loss_inside():
    """Under a logarithmic link they are exponentials, mixed training or not."""
    loss = MixedLoss(make_regression_loss("poisson"))
    output = torch.tensor([[0.0], [1.0]])
    torch.testing.assert_close(loss.inverse_link(output), output.exp())


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 1.5])])
def test_rows_that_are_not_mixed_are_measured_as_ever(weight):
    """Validation rows go through to the loss inside."""
    criterion = make_regression_loss("squared_error")
    output, y = torch.tensor([[1.0], [4.0]]), torch.tensor([[0.0], [2.0]])
    assert MixedLoss(criterion)(output, y, weight) == criterion(output, y, weight)
