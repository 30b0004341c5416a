"""Devices for workers, without a device."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skdeep import MLPClassifier
from skdeep.model_selection._running import count_workers
from skdeep.model_selection._slots import device_slots, put_on_device

FOUR = ["cuda:0", "cuda:1", "cuda:2", "cuda:3", "cpu"]


@pytest.mark.parametrize(
    ("device", "slots_per_device", "slots"),
    [
        (None, 3, []),
        ("cuda:auto", 1, ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]),
        ("cuda:2", 2, ["cuda:2", "cuda:2"]),
        (["cuda:3", "cpu"], 2, ["cuda:3", "cpu", "cuda:3", "cpu"]),
    ],
)
def test_slots_go_round(
    device: str | list[str] | None, slots_per_device: int, slots: list[str]
) -> None:
    """Workers that are fewer than slots spread over all devices."""
    assert device_slots(device, FOUR, slots_per_device) == slots


@pytest.mark.parametrize("device", ["cuda:auto", "cuda:0", ["cpu", "mps"], []])
def test_absent_device_is_refused(device: str | list[str]) -> None:
    """With the devices that are there."""
    with pytest.raises(ValueError, match="but this process sees: cpu"):
        device_slots(device, ["cpu"], 1)


@pytest.mark.parametrize(
    ("n_jobs", "n_trials", "n_slots", "n_workers"),
    [(8, 100, 0, 8), (8, 3, 0, 3), (8, 100, 4, 4), (None, None, 4, 1), (2, None, 0, 2)],
)
def test_workers_are_no_more_than_trials_and_slots(
    n_jobs: int | None, n_trials: int | None, n_slots: int, n_workers: int
) -> None:
    """Each has a slot of its own."""
    assert count_workers(n_jobs, n_trials, n_slots) == n_workers


def test_device_is_set_wherever_there_is_one() -> None:
    """Inside a Pipeline, too; an estimator without is left alone."""
    net = put_on_device(make_pipeline(MLPClassifier()), "cuda:1")
    assert net[0].device == "cuda:1"
    assert put_on_device(MLPClassifier(device="cpu"), None).device == "cpu"
    linear = LogisticRegression()
    assert put_on_device(linear, "cuda:1").get_params() == linear.get_params()


def test_each_worker_trains_on_its_slot(make_search, iris, monkeypatch) -> None:
    """The best estimator has the device that the user gave it."""
    used = []
    worker: Any = importlib.import_module("skdeep.model_selection._worker")
    real = worker.evaluate

    def evaluate(evaluation, params, reporter, device):
        used.append(device)
        return real(evaluation, params, reporter, None)

    monkeypatch.setattr(worker, "evaluate", evaluate)
    monkeypatch.setattr(
        "skdeep.model_selection._search_fit.available_devices", lambda: FOUR
    )
    search = make_search(n_trials=3, device=["cuda:1", "cuda:2"]).fit(*iris)
    assert used == ["cuda:1"] * 3
    assert search.best_estimator_.device == "auto"
