"""When a training ends: at the last epoch of its plan, or in time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from skdeep.training import EpochHooks, train


@pytest.mark.parametrize(("last", "n_epochs"), [(None, 5), (3, 3), (1, 1), (9, 5)])
def test_training_ends_with_the_last_epoch_of_the_plan(
    make_run: Any, make_batches: Any, last: int | None, n_epochs: int
) -> None:
    """Schedules go on as if it did not: they stretch over all epochs."""
    plan: dict[str, Any] = {"lr_schedule": "cosine", "last_epoch": last}
    run = make_run(**plan)
    trained = train(run, make_batches(), None, EpochHooks())
    assert trained.n_epochs == n_epochs
    whole = train(make_run(lr_schedule="cosine"), make_batches(), None, EpochHooks())
    for name in ("train_loss", "learning_rate"):
        np.testing.assert_array_equal(
            trained.history[name], whole.history[name][:n_epochs]
        )


@pytest.mark.parametrize(
    ("deadline", "again", "n_epochs"),
    [
        (None, 0.0, 20),
        # An epoch takes a second; one more must end before the deadline.
        (0.5, 0.0, 1),
        (4.0, 0.0, 4),
        (4.9, 0.0, 4),
        (100.0, 0.0, 20),
        # The best epochs, here all and the next one, are trained again.
        (10.0, 1.0, 5),
        (10.0, 0.25, 8),
    ],
)
def test_no_epoch_is_begun_that_ends_after_the_deadline(
    make_run: Any,
    make_batches: Any,
    monkeypatch: pytest.MonkeyPatch,
    deadline: float | None,
    again: float,
    n_epochs: int,
) -> None:
    """After e epochs there must be time for one, and for all that is to be repeated."""
    now = [0.0]
    clock = SimpleNamespace(perf_counter=lambda: now[0])
    monkeypatch.setattr("skdeep.training._engine.time", clock)

    def tick() -> None:
        now[0] += 1.0

    run = make_run(
        max_epochs=20,
        deadline=deadline,
        again=again,
        optimizer={"learning_rate": 0.01},
    )
    trained = train(run, make_batches(), None, EpochHooks(begin=tick))
    assert trained.n_epochs == trained.best_epoch == n_epochs


def test_report_is_written_while_training(
    make_run: Any, make_batches: Any, capsys: Any
) -> None:
    """A line an epoch, with the figures of the history."""
    run = make_run(verbose=2, max_epochs=2)
    trained = train(run, make_batches(), make_batches(seed=1), EpochHooks())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line, loss in zip(lines, trained.history["valid_loss"], strict=True):
        assert f"valid_loss {loss:.4f}" in line


def test_compiled_forward_is_what_trains(
    make_run: Any, make_batches: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan's compile wraps the module once, and the result is the module itself."""
    wrapped: list[nn.Module] = []

    def compile_module(module: nn.Module) -> Any:
        wrapped.append(module)
        return module

    monkeypatch.setattr(torch, "compile", compile_module)
    run = make_run(compile=True)
    trained = train(run, make_batches(), None, EpochHooks())
    assert wrapped == [trained.net.module_]
