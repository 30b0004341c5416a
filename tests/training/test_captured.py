"""Tests of what a training is compared with before it is taken up again."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from skdeep import Checkpoint, MLPRegressor
from skdeep.exceptions import PersistenceError
from tests.placed import NUMBERS, ROWS, Cut

SHORT: dict[str, Any] = {
    "hidden_layer_sizes": (4,),
    "batch_size": 16,
    "max_epochs": 3,
    "random_state": 0,
}


class InMemory(Checkpoint):
    """A store that keeps the training as it is, and cuts the first fit off."""

    def __init__(self) -> None:
        super().__init__("nowhere")
        self.kept: dict[str, Any] | None = None

    def read(self) -> dict[str, Any] | None:
        """Return what was kept."""
        return copy.deepcopy(self.kept)

    def write(self, training: dict[str, Any], estimator: Any) -> None:
        """Keep it, and cut."""
        if self.kept is None:
            self.kept = copy.deepcopy(training)
            raise Cut


def change(name: str, value: Any, *path: Any) -> Any:
    """Return a change of one place of a phase."""

    def apply(phase: dict[str, Any]) -> None:
        place: Any = phase
        for key in path:
            place = place[key]
        place[name] = value

    return apply


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs", "adagrad", "radam"])
@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (change("epoch", 0), "the number of epochs is no count"),
        (change("seconds", float("nan")), "the duration is no finite number"),
        (change("weights", torch.zeros(3), "stepper"), "weights is of another shape"),
        (change("kind", "Other", "stepper"), "the optimizer is another"),
        (change("steps_done", -1, "stepper"), "the number of steps is no count"),
        (change("plateau", [0.0], "stepper"), "the schedule has more or fewer parts"),
        (change("best_epoch", 9, "stopper"), "no epoch is the best"),
        (change("level", 1.0, "stopper"), "the best epoch is no count"),
        (change("level", 3, "stopper"), "what was watched is unknown"),
        (change("waited", True, "stopper"), "the best epoch is no count"),
        (change("n_rows", 7, "net"), "epochs lack"),
        (change("epoch", [1.5], "net", "columns"), "the column epoch holds no figures"),
        (lambda phase: phase.pop("stopper"), "the training has other parts"),
        (
            lambda phase: phase["generators"].pop("dropout"),
            "the state of a generator has other parts",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_is_refused(optimizer, edit, sentence):
    """By every optimizer, in a sentence; and what does fit is taken up."""
    store = InMemory()
    net = MLPRegressor(**SHORT, optimizer=optimizer)
    with pytest.raises(Cut):
        net.fit(ROWS, NUMBERS, checkpoint=store)
    assert store.kept is not None
    net.fit(ROWS, NUMBERS, checkpoint=store)
    edit(store.kept["phases"][0])
    with pytest.raises(PersistenceError, match=f"does not hold what it .*{sentence}"):
        MLPRegressor(**SHORT, optimizer=optimizer).fit(ROWS, NUMBERS, checkpoint=store)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda slot: slot.update(exp_avg=torch.zeros(2)), "weights of several sizes"),
        (lambda slot: slot["exp_avg_sq"].neg_(), "a sum of squares is below 0"),
        (lambda slot: slot["exp_avg"].fill_(float("nan")), "keeps no finite numbers"),
        (lambda slot: slot.update(exp_avg=slot["exp_avg"].double()), "no weights"),
        (lambda slot: slot.pop("exp_avg"), "the optimizer keeps less"),
        (lambda slot: slot.update(other=1), "the optimizer keeps something else"),
        (lambda slot: slot.update(step="many"), "keeps is no number"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_slots_of_an_optimizer_are_looked_at(edit, sentence):
    """Each is of the size and dtype of the weights, and each is there."""
    store = InMemory()
    with pytest.raises(Cut):
        MLPRegressor(**SHORT, dtype="float32").fit(ROWS, NUMBERS, checkpoint=store)
    assert store.kept is not None
    edit(store.kept["phases"][0]["stepper"]["optimizer"]["state"][0])
    with pytest.raises(PersistenceError, match=sentence):
        MLPRegressor(**SHORT, dtype="float32").fit(ROWS, NUMBERS, checkpoint=store)
