"""Both phases of a fit on a pretrained network, taken in steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from skdeep import ImageClassifier
from skdeep.base import StepwiseFit


@pytest.mark.parametrize("trainable_layers", [0, 1])
def test_steps_end_where_fit_does(
    tiny_images: Any, tiny_backbone: Any, trainable_layers: int
) -> None:
    """A head that learns for others' sake is not looked at, one for itself is."""
    X, y = tiny_images.X, tiny_images.labels
    net = ImageClassifier(
        tiny_backbone,
        trainable_layers=trainable_layers,
        head_epochs=3,
        max_epochs=2,
        random_state=0,
    )
    fitted = clone(net).fit(X, y)
    steps = StepwiseFit(clone(net), X, y)
    shown = []
    while not steps.done:
        steps.advance()
        with steps.look() as model:
            shown.append(model is not None)
            if model is not None:
                model.predict_proba(X)
    np.testing.assert_array_equal(
        steps.estimator.predict_proba(X), fitted.predict_proba(X)
    )
    assert steps.n_epochs == fitted.n_iter_ == 3 + 2 * trainable_layers
    # The last epoch of the head and the first of the whole are one step.
    assert shown == ([False, False, True, True] if trainable_layers else [True] * 3)
    assert steps.kept_epoch == (2 if trainable_layers else 3)


def test_last_epoch_is_one_of_the_whole(tiny_images: Any, tiny_backbone: Any) -> None:
    """The head has learnt before, for as long as ever."""
    X, y = tiny_images.X, tiny_images.labels
    net = ImageClassifier(
        tiny_backbone, trainable_layers=1, head_epochs=3, max_epochs=6, random_state=0
    )
    steps = StepwiseFit(net, X, y, last_epoch=2)
    while not steps.done:
        steps.advance()
    assert (net.n_head_epochs_, net.n_iter_) == (3, 5)
