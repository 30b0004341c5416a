"""Tests that what a caller has switched torch to changes no estimator."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from skdeep import Checkpoint, NetworkDisplay, load, save, summary, to_torch
from tests.placed import (
    PLACED,
    answers,
    assert_same_answers,
    fit,
    fitted,
    make,
    those_that,
)


@contextmanager
def default_device(device: str) -> Iterator[None]:
    """Set a device for the whole process."""
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Set a dtype for the whole process."""
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def deterministic() -> Iterator[None]:
    """Allow no algorithm whose order of sums is open."""
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(mode=False)


MODES: dict[str, Any] = {
    "device": lambda: default_device("meta"),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "inference": torch.inference_mode,
    "device of a block": lambda: torch.device("meta"),
    "float64": lambda: default_dtype(torch.float64),
    "no gradients": torch.no_grad,
    "deterministic": deterministic,
    "anomalies": lambda: torch.autograd.detect_anomaly(check_nan=True),
}
QUICK = {
    ("device", "CNNClassifier"),
    ("device", "ImageFeatureExtractor"),
    ("device", "MLPClassifier"),
    ("device", "TabularMLPRegressor"),
    ("device", "TextRegressor"),
    ("bfloat16", "CNNRegressor"),
    ("bfloat16", "ImageFeatureExtractor"),
    ("float64", "ImageFeatureExtractor"),
    ("inference", "ImageFeatureExtractor"),
    ("deterministic", "MLPRegressor"),
    ("no gradients", "VectorizedSearchCV"),
}
CASES = [
    pytest.param(mode, name, marks=() if (mode, name) in QUICK else pytest.mark.slow)
    for mode in MODES
    for name in those_that(lambda placed: placed.onnx or not placed.saves)
    if name != "ImageAugmenter"
] + [
    pytest.param(mode, name, marks=() if (mode, name) in QUICK else pytest.mark.slow)
    for mode in MODES
    for name in ("TextClassifier", "TextRegressor")
]


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize(("mode", "name"), CASES)
def test_mode_of_the_caller_changes_nothing(mode, name, tmp_path):
    """A fit, predictions, files, pickles and modules are what they are without it."""
    expected, placed = fitted(name), PLACED[name]
    with MODES[mode]():
        found = answers(expected, placed.X)
        again = [fit(make(name), name), pickle.loads(pickle.dumps(expected))]
        if placed.saves:
            save(expected, tmp_path / "file")
            again.append(load(tmp_path / "file"))
        if placed.resumes:
            again.append(resumed(name, tmp_path / "checkpoint"))
        module = to_torch(expected) if placed.onnx else None
    for one, two in zip(found, answers(expected, placed.X), strict=True):
        np.testing.assert_array_equal(one, two)
    for estimator in again:
        assert_same_answers(estimator, expected, placed.X)
    if module is not None:
        assert {p.dtype for p in module.parameters()} <= {torch.float32, torch.float64}
        assert all(p.device.type == "cpu" for p in module.parameters())
        assert not any(p.is_inference() for p in module.parameters())


def resumed(name: str, path: Path) -> Any:
    """Return a fit that was kept at its end, and taken up there."""
    fit(make(name), name, checkpoint=Checkpoint(path))
    return fit(make(name), name, checkpoint=Checkpoint(path, resume=True))


def test_network_loaded_in_inference_mode_can_be_trained(tmp_path):
    """Tensors made in that mode cannot take part in a gradient."""
    placed = PLACED["MLPRegressor"]
    net = make("MLPRegressor").partial_fit(placed.X, placed.y)
    save(net, tmp_path / "file")
    with torch.inference_mode():
        copies = [load(tmp_path / "file"), pickle.loads(pickle.dumps(net))]
    net.partial_fit(placed.X, placed.y)
    for copied in copies:
        copied.partial_fit(placed.X, placed.y)
        assert_same_answers(copied, net, placed.X)


@pytest.mark.parametrize("name", ["MLPClassifier", "CNNClassifier", "TextRegressor"])
def test_default_device_does_not_reach_what_is_drawn_of_a_network(name):
    """The row that is run through it is made where the network is."""
    net = fitted(name)
    expected = summary(net)
    with default_device("meta"):
        assert summary(net) == expected
        assert NetworkDisplay.from_estimator(net).figure_ is not None
