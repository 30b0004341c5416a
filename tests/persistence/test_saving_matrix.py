"""Every public estimator, by every way of keeping it."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from skdeep import Checkpoint, load, save
from skdeep.exceptions import PersistenceError
from tests.placed import (
    PLACED,
    ROWS,
    Cut,
    CuttingCheckpoint,
    assert_same_answers,
    assert_same_fit,
    fit,
    fitted,
    make,
    public_estimators,
    those_that,
)

NAMES = public_estimators()
ROOM = 20_000


def by_pickle(value: Any, folder: Path) -> Any:
    """Go through pickle."""
    return pickle.loads(pickle.dumps(value))


def by_joblib(value: Any, folder: Path) -> Any:
    """Go through a file of joblib."""
    joblib.dump(value, folder / "file")
    return joblib.load(folder / "file")


def by_memory_map(value: Any, folder: Path) -> Any:
    """Go through a file of joblib whose arrays stay on the disk."""
    joblib.dump(value, folder / "file")
    return joblib.load(folder / "file", mmap_mode="r")


def by_deepcopy(value: Any, folder: Path) -> Any:
    """Go through a deep copy."""
    return copy.deepcopy(value)


def by_save(value: Any, folder: Path) -> Any:
    """Go through a file without pickle."""
    save(value, folder / "file")
    return load(folder / "file")


TRIPS = [by_pickle, by_joblib, by_memory_map, by_deepcopy, by_save]


def skip_what_is_not_saved(name: str, trip: Any) -> None:
    """Skip the one way that searches do not go."""
    if trip is by_save and not PLACED[name].saves:
        pytest.skip("of a search the best estimator is saved")


@pytest.mark.parametrize("name", those_that(lambda placed: not placed.saves))
def test_search_is_refused_and_its_best_estimator_saved(name, tmp_path):
    """The sentence says what to save instead."""
    search = fitted(name)
    with pytest.raises(PersistenceError, match="Save its best_estimator_"):
        save(search, tmp_path / "search")
    back = by_save(search.best_estimator_, tmp_path)
    assert_same_answers(back, search.best_estimator_, ROWS)


def test_every_estimator_is_placed():
    """One that is added later stands in tests/placed.py, or here it fails."""
    assert sorted(PLACED) == sorted(NAMES)


@pytest.mark.parametrize("trip", TRIPS)
@pytest.mark.parametrize("name", NAMES)
def test_trip_keeps_answers_and_attributes(name, trip, tmp_path):
    """What comes back is what went in, and says the same."""
    skip_what_is_not_saved(name, trip)
    estimator = fitted(name)
    back = trip(estimator, tmp_path)
    assert type(back) is type(estimator)
    assert set(vars(back)) == set(vars(estimator))
    assert repr(back.get_params()) == repr(estimator.get_params())
    assert_same_answers(back, estimator, PLACED[name].X)


@pytest.mark.parametrize("trip", [by_pickle, by_save])
@pytest.mark.parametrize("name", NAMES)
def test_trip_of_an_unfitted_estimator(name, trip, tmp_path):
    """It has its parameters, and no more."""
    skip_what_is_not_saved(name, trip)
    estimator = make(name)
    back = trip(estimator, tmp_path)
    assert set(vars(back)) == set(vars(estimator))
    assert repr(back) == repr(estimator)


@pytest.mark.parametrize("name", those_that(lambda placed: placed.resumes))
def test_saved_network_is_the_same(name, tmp_path):
    """Its history, its modes and what of it is frozen come back."""
    estimator = fitted(name)
    back = by_save(estimator, tmp_path)
    assert_same_fit(back, estimator)
    assert back.module_ is back.net_.module_
    assert repr(back.module_) == repr(estimator.module_)
    for row, same in zip(back.net_.history, estimator.net_.history, strict=True):
        assert {**row, "batches": None} == {**same, "batches": None}
    ours, theirs = list(back.module_.modules()), list(estimator.module_.modules())
    assert [part.training for part in ours] == [part.training for part in theirs]
    needs = [
        [p.requires_grad for p in module.parameters()]
        for module in (back.module_, estimator.module_)
    ]
    assert needs[0] == needs[1]
    assert all(p.device.type == "cpu" for p in back.module_.parameters())


@pytest.mark.parametrize("name", those_that(lambda placed: placed.partial_fit))
def test_partial_fit_goes_on_from_a_file(name, tmp_path):
    """Optimizer, generators and statistics are kept to the last bit."""
    placed, estimator = PLACED[name], make(name, early_stopping=False)
    first = {"classes": np.unique(placed.y)} if "Classifier" in name else {}
    estimator.partial_fit(placed.X, placed.y, **first)
    back = by_save(estimator, tmp_path).partial_fit(placed.X, placed.y)
    estimator.partial_fit(placed.X, placed.y)
    assert_same_fit(back, estimator)
    assert_same_answers(back, estimator, placed.X)


@pytest.mark.parametrize("name", those_that(lambda placed: placed.resumes))
def test_warm_start_goes_on_from_a_file(name, tmp_path):
    """A second fit begins where the first ended, with or without a file between."""
    estimator = copy.deepcopy(fitted(name)).set_params(warm_start=True)
    back = by_save(estimator, tmp_path)
    assert_same_fit(fit(back, name), fit(estimator, name))


@pytest.mark.parametrize("name", those_that(lambda placed: placed.saves))
def test_file_is_hardly_larger_than_the_weights(name, tmp_path):
    """A tenth more and 20 kB, by joblib and by save."""
    estimator = fitted(name)
    module = getattr(estimator, "module_", torch.nn.Identity())
    weights = sum(tensor.nbytes for tensor in module.state_dict().values())
    save(estimator, tmp_path / "saved")
    joblib.dump(estimator, tmp_path / "dumped")
    for file in ("saved", "dumped"):
        assert weights <= (tmp_path / file).stat().st_size <= 1.1 * weights + ROOM


@pytest.mark.parametrize("name", those_that(lambda placed: placed.resumes))
def test_fit_resumes_to_the_same_bits(name, tmp_path):
    """Cut off after any epoch, it ends as if nothing had happened."""
    whole, path = fitted(name), tmp_path / "checkpoint"
    n_epochs = len(whole.history_["epoch"])
    for after in range(1, n_epochs + 1):
        with pytest.raises(Cut):
            fit(make(name), name, checkpoint=CuttingCheckpoint(path, after))
        resumed = fit(make(name), name, checkpoint=Checkpoint(path, resume=True))
        assert_same_fit(resumed, whole)
    assert_same_answers(load(path), whole, PLACED[name].X)


@pytest.mark.parametrize("name", NAMES)
def test_pickle_holds_no_data_and_no_optimizer(name):
    """Neither rows nor slots of Adam can be found after a fit."""
    written = pickle.dumps(fitted(name))
    placed = PLACED[name]
    for values in (placed.X, placed.y):
        values = np.asarray(values)  # noqa: PLW2901
        if values.dtype.kind in "fu":
            assert values[:3].tobytes() not in written
    assert b"exp_avg" not in written
    buffer = io.BytesIO()
    joblib.dump(fitted(name), buffer)
    assert b"exp_avg" not in buffer.getvalue()
