"""A fit in steps ends where a fit in one go does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_regression
from sklearn.linear_model import LogisticRegression

from skdeep import (
    CNNClassifier,
    ImageAugmenter,
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
)
from skdeep.base import StepwiseFit, takes_steps
from skdeep.exceptions import DivergenceError

X, y = load_iris(return_X_y=True)
SMALL: dict[str, Any] = {
    "hidden_layer_sizes": (6,),
    "max_epochs": 5,
    "batch_size": 32,
    "learning_rate": 0.05,
    "random_state": 0,
}
NETS = {
    "plain": MLPClassifier(**SMALL),
    "stops early": MLPClassifier(
        **{**SMALL, "max_epochs": 40}, early_stopping=True, n_iter_no_change=2
    ),
    "schedule, dropout, average": MLPClassifier(
        **SMALL, lr_schedule="one_cycle", dropout=0.3, weight_averaging="ema"
    ),
    "foreign activation that draws": MLPClassifier(
        **SMALL, activation=torch.nn.RReLU, weight_averaging="swa"
    ),
    "batch norm, scored": MLPClassifier(
        **SMALL, normalization="batch", early_stopping=True, scoring="accuracy"
    ),
    "calibrated": TabularMLPClassifier(
        hidden_layer_sizes=(8,),
        n_ensemble=2,
        embedding_dim=4,
        max_epochs=4,
        early_stopping=True,
        calibration="temperature",
        random_state=0,
    ),
}


def take_all(steps: StepwiseFit) -> StepwiseFit:
    """Advance to the end."""
    while not steps.done:
        steps.advance()
    return steps


@pytest.mark.parametrize("kind", NETS)
def test_steps_end_where_fit_does(kind: str) -> None:
    """Weights, history and predictions agree to the last bit, looked at or not."""
    fitted = clone(NETS[kind]).fit(X, y)
    steps = StepwiseFit(clone(NETS[kind]), X, y)
    while not steps.done:
        steps.advance()
        with steps.look() as model:
            if model is not None:
                model.predict_proba(X)
    stepped = steps.estimator
    np.testing.assert_array_equal(stepped.predict_proba(X), fitted.predict_proba(X))
    assert stepped.loss_curve_ == fitted.loss_curve_
    assert steps.n_epochs == stepped.n_iter_ == fitted.n_iter_


def test_two_fits_in_turns_do_not_disturb_each_other() -> None:
    """Even where both lend torch's global generator from epoch to epoch."""
    net = NETS["foreign activation that draws"]
    alone = take_all(StepwiseFit(clone(net), X, y)).estimator
    pair = [StepwiseFit(clone(net), X, y) for _ in range(2)]
    while not pair[0].done:
        for steps in pair:
            steps.advance()
    for steps in pair:
        np.testing.assert_array_equal(
            steps.estimator.predict_proba(X), alone.predict_proba(X)
        )


def test_look_shows_what_fit_would_leave() -> None:
    """After k epochs a constant rate has made what max_epochs=k makes."""
    net = MLPClassifier(**SMALL, weight_averaging="ema")
    steps = StepwiseFit(clone(net), X, y)
    for _ in range(3):
        steps.advance()
    short = clone(net).set_params(max_epochs=3).fit(X, y)
    with steps.look() as model:
        np.testing.assert_array_equal(model.predict_proba(X), short.predict_proba(X))
        assert model.classes_.tolist() == [0, 1, 2]
    assert not hasattr(steps.estimator, "net_")


def test_look_shows_the_best_epoch_where_fit_restores_it() -> None:
    """Under early stopping the weights are those of the best epoch so far."""
    net = MLPRegressor(
        **{**SMALL, "learning_rate": 0.3, "max_epochs": 12},
        early_stopping=True,
        n_iter_no_change=20,
    )
    rows, values = make_regression(90, 4, noise=20.0, random_state=0)
    steps = StepwiseFit(clone(net), rows, values)
    looked = []
    while not steps.done:
        steps.advance()
        with steps.look() as model:
            looked.append(model.predict(rows))
    best = steps.estimator.best_epoch_
    assert 1 < best < 12, "the set is to have its best epoch in the middle"
    np.testing.assert_array_equal(looked[best - 1], looked[-2])
    np.testing.assert_array_equal(looked[-1], steps.estimator.predict(rows))
    assert steps.kept_epoch == best


def test_second_training_on_all_rows_is_not_looked_at() -> None:
    """Its first epochs would look worse than the first training's last."""
    net = TabularMLPClassifier(
        hidden_layer_sizes=(8,),
        n_ensemble=2,
        max_epochs=3,
        early_stopping=True,
        refit=True,
        random_state=0,
    )
    steps = StepwiseFit(clone(net), X, y)
    shown = []
    while not steps.done:
        steps.advance()
        with steps.look() as model:
            shown.append(model is not None)
    assert shown == [*sorted(shown[:-1], reverse=True), True]
    fitted = clone(net).fit(X, y)
    np.testing.assert_array_equal(
        steps.estimator.predict_proba(X), fitted.predict_proba(X)
    )
    assert steps.n_epochs == fitted.n_iter_
    assert steps.kept_epoch == fitted.best_epoch_


def test_last_epoch_ends_a_training_on_all_rows() -> None:
    """Nothing is held out, and the schedule is that of the whole training."""
    net = MLPClassifier(
        **{**SMALL, "max_epochs": 8}, early_stopping=True, lr_schedule="cosine"
    )
    steps = take_all(StepwiseFit(clone(net), X, y, last_epoch=3))
    whole = clone(net).set_params(early_stopping=False, tol=None).fit(X, y)
    assert steps.estimator.n_iter_ == steps.kept_epoch == 3
    assert steps.estimator.loss_curve_ == whole.loss_curve_[:3]


def test_augmented_network_takes_steps() -> None:
    """Images are made harder as in fit."""
    images, digits = load_digits(n_class=3, return_X_y=True)
    net = CNNClassifier(
        conv_channels=(4,),
        hidden_layer_sizes=(),
        max_epochs=2,
        augmenter=ImageAugmenter(rotation=10),
        random_state=0,
    )
    steps = take_all(StepwiseFit(clone(net), images[:90], digits[:90]))
    fitted = clone(net).fit(images[:90], digits[:90])
    np.testing.assert_array_equal(
        steps.estimator.predict_proba(images[:90]), fitted.predict_proba(images[:90])
    )


def test_steps_take_weights_and_validation_rows() -> None:
    """What fit takes beside X and y is taken likewise."""
    weight = np.linspace(0, 2, 150)
    given = {"X_val": X[::3], "y_val": y[::3], "sample_weight_val": weight[::3]}
    net = MLPClassifier(**SMALL, early_stopping=True)
    steps = take_all(StepwiseFit(clone(net), X, y, weight, **given))
    fitted = clone(net).fit(X, y, weight, **given)
    assert steps.estimator.validation_loss_curve_ == fitted.validation_loss_curve_


def test_failing_step_leaves_the_estimator_as_it_was() -> None:
    """A network that diverges fits nothing, and letting go afterwards is fine."""
    net = MLPClassifier(**{**SMALL, "learning_rate": 1e30}, optimizer="sgd")
    steps = StepwiseFit(net, X, y)
    with pytest.raises(DivergenceError, match="learning_rate"):
        take_all(steps)
    steps.close()
    assert not [name for name in vars(net) if name.endswith("_")]


def test_wrong_parameter_has_the_sentence_of_scikit_learn() -> None:
    """Parameters are checked before the first step."""
    net = MLPClassifier(dropout=1.5)
    with pytest.raises(ValueError, match=r"The 'dropout' parameter of MLPClassifier"):
        StepwiseFit(net, X, y)


def test_steps_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """Several fits side by side cannot each draw a bar."""
    take_all(StepwiseFit(MLPClassifier(**SMALL, verbose=2), X, y))
    assert capsys.readouterr().out == ""


def test_estimator_with_a_fit_of_its_own_takes_no_steps() -> None:
    """What such a fit does besides would be left out."""

    class Own(MLPClassifier):
        def fit(self, X: Any, y: Any) -> Any:
            return super().fit(X, y)

    assert takes_steps(MLPClassifier())
    assert not takes_steps(Own())
    assert not takes_steps(LogisticRegression())


def test_fit_that_is_let_go_of_takes_no_further_step() -> None:
    """It holds on to nothing that a search would have to wait for."""
    steps = StepwiseFit(MLPClassifier(**SMALL), X, y)
    steps.advance()
    steps.close()
    with pytest.raises(StopIteration):
        next(steps._steps)
