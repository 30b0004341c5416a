"""Steps at several learning rates in place of a training."""

from __future__ import annotations

import numpy as np
import pytest

from skdeep import MLPClassifier
from skdeep.base import try_rates


def test_steps_at_one_rate_are_those_of_a_training(tiny_table):
    """As many epochs at a constant rate have the same losses."""
    X, y = tiny_table.X, tiny_table.labels
    mlp = MLPClassifier(
        (4,), learning_rate=0.01, l2=0.0, max_epochs=6, tol=None, random_state=0
    )
    losses, parameter, batch_size = try_rates(
        mlp, X, y, None, [0.01] * 6, lambda _losses: False
    )
    np.testing.assert_allclose(losses, mlp.fit(X, y).loss_curve_, rtol=1e-6)
    assert (parameter, batch_size) == ("learning_rate", 90)


def test_steps_end_when_enough_is_seen(tiny_table):
    """The caller says when, by the losses so far."""
    losses, _, _ = try_rates(
        MLPClassifier((4,)),
        tiny_table.X,
        tiny_table.labels,
        None,
        [0.1] * 50,
        lambda losses: len(losses) == 7,
    )
    assert len(losses) == 7


def test_rates_that_blow_up_raise_nothing(tiny_table):
    """A loss that is not finite is a result here."""
    losses, _, _ = try_rates(
        MLPClassifier((4,), optimizer="sgd", dtype="float32", random_state=0),
        tiny_table.X,
        tiny_table.labels,
        None,
        [1e30] * 5,
        lambda losses: not np.isfinite(losses[-1]),
    )
    assert not np.isfinite(losses[-1])


def test_broken_parameters_are_refused(tiny_table):
    """The sentence is that of fit."""
    with pytest.raises(ValueError, match="'l2' parameter of MLPClassifier"):
        try_rates(
            MLPClassifier(l2=-1),
            tiny_table.X,
            tiny_table.labels,
            None,
            [0.1],
            lambda _losses: False,
        )
