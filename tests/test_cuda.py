"""What runs on a GPU, and goes from it to a CPU and back: run by ``tox -e gpu``."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import check_estimator

import skdeep
from tests.checks import WEIGHTS_AND_REPETITION
from tests.placed import (
    PLACED,
    answers,
    assert_same_answers,
    fit,
    make,
    on_gpu,
)

pytestmark = pytest.mark.gpu


@pytest.fixture
def numpys_generator() -> Iterator[None]:
    """Put NumPy's state back after the one check of scikit-learn that draws from it."""
    state = np.random.get_state(legacy=False)
    yield
    np.random.set_state(state)


PLACES = [name for name in PLACED if hasattr(make(name), "to")]

# Matrix products and convolutions in float32 keep about six digits on either device,
# convolutions on a GPU three: cuDNN computes them in TF32.
RTOL, ATOL = 1e-2, 5e-3

# Reads a pickle where no GPU is to be seen, and prints what it predicts.
WITHOUT_GPU = """
import pickle, sys, warnings
import numpy as np
from tests.placed import PLACED
with open(sys.argv[1], "rb") as file, warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    estimator = pickle.load(file)
assert [w.category.__name__ for w in caught] == ["DeviceWarning"], caught
assert estimator.device_ == "cpu"
np.save(sys.argv[2], estimator.predict_proba(PLACED[sys.argv[3]].X))
"""


@pytest.mark.parametrize("name", PLACES)
def test_moved_estimator_answers_alike(name: str) -> None:
    """From the CPU to the GPU, up to rounding; and back, to the bit."""
    before = fit(make(name, device="cpu"), name)
    X = PLACED[name].X
    moved = pickle.loads(pickle.dumps(before)).to("cuda")
    assert moved.device_ == "cuda:0"
    for ours, theirs in zip(answers(moved, X), answers(before, X), strict=True):
        assert ours.dtype == theirs.dtype
        if ours.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=RTOL, atol=ATOL)
    assert_same_answers(moved.to("cpu"), before, X)


@pytest.mark.parametrize("name", PLACES)
def test_file_goes_from_device_to_device(name: str, tmp_path: Any) -> None:
    """What was trained on a GPU loads there, and on the CPU."""
    estimator, X = on_gpu(name), PLACED[name].X
    skdeep.save(estimator, tmp_path / "file")
    back = skdeep.load(tmp_path / "file")
    assert back.device_ == "cuda:0"
    assert_same_answers(back, estimator, X)
    assert pickle.loads(pickle.dumps(estimator)).device_ == "cuda:0"
    there = skdeep.load(tmp_path / "file", device="cpu")
    assert there.device_ == "cpu"
    for ours, theirs in zip(answers(there, X), answers(estimator, X), strict=True):
        if ours.dtype.kind == "f":
            np.testing.assert_allclose(ours, theirs, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize("name", ["MLPClassifier", "CNNClassifier", "TextClassifier"])
def test_pickle_opens_where_there_is_no_gpu(name: str, tmp_path: Any) -> None:
    """With one warning, and the same probabilities."""
    estimator = on_gpu(name, precision="full")
    (tmp_path / "pickle").write_bytes(pickle.dumps(estimator))
    files = [str(tmp_path / "pickle"), str(tmp_path / "proba.npy"), name]
    subprocess.run(
        [sys.executable, "-c", WITHOUT_GPU, *files],
        check=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )
    there = np.load(tmp_path / "proba.npy")
    here = estimator.predict_proba(PLACED[name].X)
    np.testing.assert_allclose(there, here, rtol=RTOL, atol=ATOL)


@pytest.mark.parametrize(
    "estimator",
    [
        skdeep.MLPClassifier(max_epochs=50, device="cuda"),
        skdeep.MLPRegressor(max_epochs=50, device="cuda"),
        skdeep.TabularMLPClassifier(max_epochs=10, device="cuda"),
        skdeep.CNNClassifier(max_epochs=20, device="cuda"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_checks_of_scikit_learn_pass(estimator: Any, numpys_generator: None) -> None:
    """All of them, in float32, but for those that want more digits than it has."""
    reason = "sums in float32 agree to six digits, the check wants seven"
    rounded = (*WEIGHTS_AND_REPETITION, "check_methods_subset_invariance")
    check_estimator(
        estimator,
        expected_failed_checks=dict.fromkeys(rounded, reason),
        on_skip=None,
    )


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_search_trains_in_slots_of_the_gpu(n_jobs: int, tmp_path: Any) -> None:
    """Workers share the one that is there, and the best estimator is on it."""
    X, y = load_iris(return_X_y=True)
    search = skdeep.OptunaSearchCV(
        skdeep.MLPClassifier((8,), max_epochs=5),
        {"learning_rate": [1e-2, 1e-3]},
        n_trials=4,
        cv=2,
        n_jobs=n_jobs,
        device="cuda:auto",
        slots_per_device=2,
        random_state=0,
    ).fit(X, y)
    assert list(search.cv_results_["state"]).count("COMPLETE") >= 1
    assert search.best_estimator_.device_ == "cuda:0"


def test_forward_pass_and_summary_of_a_fit_on_the_gpu() -> None:
    """What is shown are arrays, and those of the prediction."""
    for name in ("MLPClassifier", "CNNClassifier", "TextClassifier"):
        estimator, X = on_gpu(name, precision="full"), PLACED[name].X[:5]
        steps = skdeep.forward_pass(estimator, X)
        np.testing.assert_allclose(
            steps["probabilities"], estimator.predict_proba(X), rtol=1e-4, atol=1e-6
        )
        assert "parameters" in str(skdeep.summary(estimator))


def test_tools_of_practice_on_the_gpu() -> None:
    """Range test, largest losses and Grad-CAM."""
    placed = PLACED["CNNClassifier"]
    estimator = on_gpu("CNNClassifier")
    maps = skdeep.grad_cam(estimator, placed.X[:3])
    assert np.isfinite(np.asarray(maps)).all()
    losses = skdeep.top_losses(estimator, placed.X, placed.y, n=4)
    assert len(losses.indices) == 4
    model = make("CNNClassifier", device="cuda")
    tried = skdeep.lr_range_test(model, placed.X, placed.y)
    assert len(tried.learning_rates) == len(tried.losses) > 5


@pytest.mark.parametrize("name", ["MLPClassifier", "CNNClassifier", "ImageClassifier"])
def test_exports_answer_as_the_estimator(name: str, tmp_path: Any) -> None:
    """A plain module is on its device; ONNX, which is checked by itself, on none."""
    estimator, X = on_gpu(name, precision="full"), PLACED[name].X[:4]
    inputs = torch.from_numpy(X)
    if X.ndim > 2:
        inputs = inputs.view(len(X), *X.shape[1:3], -1).permute(0, 3, 1, 2)
    said = skdeep.to_torch(estimator)(inputs.cuda())
    assert said.device.type == "cuda"
    np.testing.assert_allclose(
        said.cpu().detach(), estimator.predict_proba(X), rtol=RTOL, atol=ATOL
    )
    pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    skdeep.to_onnx(estimator, X, tmp_path / "model.onnx")
    assert estimator.device_ == "cuda:0"
    assert {p.device.type for p in estimator.module_.parameters()} == {"cuda"}
